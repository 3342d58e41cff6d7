"""What every channel must do that takes many orders in one message. A new channel joins by adding its world."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from mingqu.channels.fake.bank import FakeBank
from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.fake.faults import Fault
from mingqu.channels.fake.rails import FakeRails
from mingqu.channels.fake.sms import FakeSms
from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.batch import Batch, BatchChannel, BatchTaken, BatchTold
from mingqu.ports.collection import Agreed, AgreementRequest, CollectionChannel, DeductionRequest
from mingqu.ports.payout import PayoutChannel, PayoutRequest
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import CARD, ID_NUMBER, NAME, OTHER_NAME, PHONE, START, number
from tests.contracts.sandbox import Played, played

BALANCE_FEN = 100_000


@dataclass(frozen=True)
class BatchWorld:
    """A channel, the same bank's single orders, and what the suite must be able to do to its surroundings."""

    channel: BatchChannel
    single: PayoutChannel
    clock: SettableClock
    meet: Callable[[Fault], None]  # the next batch meets this fault
    deliver_late: Callable[[], int]
    balance_fen: Callable[[], int]  # of CARD
    agree: Callable[[], Personal[str]]


def agreed(bank: CollectionChannel, code: Callable[[], Personal[str]]) -> Personal[str]:
    request = AgreementRequest(
        agreement_number=number(90), card_number=CARD, holder_name=NAME, id_number=ID_NUMBER, phone=PHONE
    )
    bank.request_agreement(request)
    said = bank.confirm_agreement(agreement_number=number(90), code=code())
    assert isinstance(said, Agreed)
    return said.token


@contextmanager
def fake_bank() -> Iterator[BatchWorld]:
    clock, sms = SettableClock(start=START), FakeSms()
    bank = FakeBank(clock=clock, sms=sms, processing=timedelta(minutes=2))
    bank.open_card(card_number=CARD, holder_name=NAME, id_number=ID_NUMBER, phone=PHONE, balance_fen=BALANCE_FEN)

    def code() -> Personal[str]:
        found = sms.latest_code(phone=PHONE)
        assert found is not None
        return found

    yield BatchWorld(
        channel=FakeRails(bank=bank),
        single=bank,
        clock=clock,
        meet=lambda fault: bank.faults.plan("batch.send", fault),
        deliver_late=bank.faults.deliver_late,
        balance_fen=lambda: bank.balance_fen(card_number=CARD),
        agree=lambda: agreed(bank, code),
    )


def sandbox_world(here: Played, *, channel: BatchChannel, single: PayoutChannel) -> BatchWorld:
    control = here.sandbox.control
    control.bank.processing_seconds = 120

    def code() -> Personal[str]:
        found = control.inbox.latest_code(phone=PHONE.reveal())
        assert found is not None
        return Personal(found)

    return BatchWorld(
        channel=channel,
        single=single,
        clock=here.clock,
        meet=lambda fault: control.plan("bank", "batch.send", fault.value),
        deliver_late=control.deliver_late,
        balance_fen=lambda: control.bank.balance_fen(number=CARD.reveal()),
        agree=lambda: agreed(here.there.collection, code),
    )


@contextmanager
def gateway_bank() -> Iterator[BatchWorld]:
    with played("bank", balance_fen=BALANCE_FEN) as here:
        assert here.there.batch is not None
        yield sandbox_world(here, channel=here.there.batch, single=here.there.payout)


@contextmanager
def clearing_bank() -> Iterator[BatchWorld]:
    with played("bank", balance_fen=BALANCE_FEN) as here:
        assert here.there.clearing is not None
        yield sandbox_world(here, channel=here.there.clearing, single=here.there.clearing)


WORLDS = [
    pytest.param(fake_bank, id="fake"),
    pytest.param(gateway_bank, id="gateway"),
    pytest.param(clearing_bank, id="clearing"),
]


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> Iterator[BatchWorld]:
    with request.param() as made:
        yield made


def payout(place: int, amount_fen: int = 1_000, *, name: Personal[str] = NAME) -> PayoutRequest:
    return PayoutRequest(
        order_number=number(place), amount_fen=amount_fen, currency="CNY", card_number=CARD, holder_name=name
    )


PAYOUTS = Batch(batch_number=number(50), items=(payout(1), payout(2, 500, name=OTHER_NAME), payout(3, 70)))


def told(world: BatchWorld, batch_number: str) -> dict[str, type]:
    """What the channel says of a batch once it had time."""
    world.clock.advance(timedelta(hours=1))
    said = world.channel.ask_batch(batch_number)
    assert isinstance(said, BatchTold)
    return {order_number: type(word) for order_number, word in said.words.items()}


def test_each_item_of_a_batch_has_its_own_end(world: BatchWorld) -> None:
    said = world.channel.send_batch(PAYOUTS)
    assert isinstance(said, BatchTaken)
    assert {type(word) for word in said.words.values()} <= {Accepted, Paid, Refused}
    assert told(world, number(50)) == {number(1): Paid, number(2): Failed, number(3): Paid}
    assert world.balance_fen() == BALANCE_FEN + 1_070
    assert isinstance(world.single.ask(number(1)), Paid), "an item is asked for by itself as well"
    assert isinstance(world.single.ask(number(2)), Failed)


def test_a_batch_that_is_said_again_moves_no_money_again(world: BatchWorld) -> None:
    world.channel.send_batch(PAYOUTS)
    world.clock.advance(timedelta(hours=1))
    again = world.channel.send_batch(PAYOUTS)
    assert isinstance(again, BatchTaken)
    assert isinstance(again.words[number(1)], Paid)
    assert isinstance(again.words[number(2)], Refused)
    assert world.balance_fen() == BALANCE_FEN + 1_070


def test_a_batch_number_with_other_items_is_not_done(world: BatchWorld) -> None:
    world.channel.send_batch(PAYOUTS)
    other = replace(PAYOUTS, items=(payout(1), payout(4)))
    assert world.channel.send_batch(other) == NumberTaken()
    assert world.single.ask(number(4)) == NotFound()


@pytest.mark.parametrize("fault", [Fault.LOSE_REPLY, Fault.SERVER_ERROR])
def test_a_batch_whose_answer_is_lost_is_unknown_item_by_item(world: BatchWorld, fault: Fault) -> None:
    world.meet(fault)
    with pytest.raises(ChannelSilent):
        world.channel.send_batch(PAYOUTS)
    world.clock.advance(timedelta(hours=1))
    assert isinstance(world.single.ask(number(1)), Paid)
    assert world.single.send(payout(1)) == world.single.ask(number(1)), "said again by itself, it is the same order"
    assert world.balance_fen() == BALANCE_FEN + 1_070


def test_a_batch_that_never_came_is_not_found_and_its_items_may_be_said_by_themselves(world: BatchWorld) -> None:
    world.meet(Fault.LOSE_REQUEST)
    with pytest.raises(ChannelSilent):
        world.channel.send_batch(PAYOUTS)
    assert world.channel.ask_batch(number(50)) == NotFound()
    assert world.single.ask(number(1)) == NotFound()
    assert isinstance(world.single.send(payout(1)), Accepted | Paid)
    world.clock.advance(timedelta(hours=1))
    assert world.balance_fen() == BALANCE_FEN + 1_000


def test_a_batch_that_comes_late_pays_nothing_twice(world: BatchWorld) -> None:
    world.meet(Fault.LATE)
    with pytest.raises(ChannelSilent):
        world.channel.send_batch(PAYOUTS)
    world.single.send(payout(1))
    assert world.deliver_late() == 1
    assert told(world, number(50)) == {number(1): Paid, number(2): Failed, number(3): Paid}
    assert world.balance_fen() == BALANCE_FEN + 1_070


def test_an_item_whose_number_is_known_with_another_body_is_left_alone(world: BatchWorld) -> None:
    world.single.send(payout(1, 999))
    said = world.channel.send_batch(PAYOUTS)
    assert isinstance(said, BatchTaken)
    assert said.words[number(1)] == NumberTaken()
    world.clock.advance(timedelta(hours=1))
    assert world.balance_fen() == BALANCE_FEN + 999 + 70


def test_a_batch_collects_as_far_as_there_is_money(world: BatchWorld) -> None:
    token = world.agree()
    items = tuple(
        DeductionRequest(order_number=number(place), amount_fen=amount_fen, currency="CNY", agreement_token=token)
        for place, amount_fen in ((1, 60_000), (2, 60_000), (3, 40_000))
    )
    said = world.channel.send_batch(Batch(batch_number=number(51), items=items))
    assert isinstance(said, BatchTaken)
    assert told(world, number(51)) == {number(1): Paid, number(2): Failed, number(3): Paid}
    assert world.balance_fen() == 0


def test_a_batch_in_progress_says_so(world: BatchWorld) -> None:
    world.channel.send_batch(PAYOUTS)
    said = world.channel.ask_batch(number(50))
    assert isinstance(said, BatchTold)
    assert isinstance(said.words[number(1)], InProgress)
    assert world.channel.ask_batch(number(99)) == NotFound()


def test_a_refused_batch_is_refused_item_by_item_and_for_good(world: BatchWorld) -> None:
    world.meet(Fault.REFUSE)
    said = world.channel.send_batch(PAYOUTS)
    assert isinstance(said, BatchTaken)
    assert set(told(world, number(50)).values()) == {Failed}
    assert isinstance(world.single.send(payout(1)), Refused)
    assert world.balance_fen() == BALANCE_FEN
