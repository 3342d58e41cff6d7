"""What every payout channel must do. A new channel joins by adding its world to `WORLDS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest

from mingqu.channels.fake.bank import FakeBank
from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.fake.faults import Fault
from mingqu.channels.fake.sms import FakeSms
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.payout import Direction, PayoutChannel, PayoutRequest
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import CARD, ID_NUMBER, NAME, OTHER_CARD, OTHER_NAME, PHONE, START, number
from tests.contracts.sandbox import played


@dataclass(frozen=True)
class PayoutWorld:
    """A channel, and what the suite must be able to do to its surroundings."""

    channel: PayoutChannel
    clock: SettableClock
    meet: Callable[[Fault], None]  # the next send meets this fault
    deliver_late: Callable[[], int]
    received_fen: Callable[[], int]  # what has arrived on CARD
    refuses_currencies: bool = False  # takes a request in another currency than CNY for a malformed one
    statement_after: timedelta = timedelta(0)  # how long the statement of a day is waited for


@contextmanager
def fake_bank(processing: timedelta) -> Iterator[PayoutWorld]:
    clock = SettableClock(start=START)
    bank = FakeBank(clock=clock, sms=FakeSms(), processing=processing)
    bank.open_card(card_number=CARD, holder_name=NAME, id_number=ID_NUMBER, phone=PHONE)
    yield PayoutWorld(
        channel=bank,
        clock=clock,
        meet=lambda fault: bank.faults.plan("payout.send", fault),
        deliver_late=bank.faults.deliver_late,
        received_fen=lambda: bank.balance_fen(card_number=CARD),
    )


@contextmanager
def gateway_bank(processing: timedelta) -> Iterator[PayoutWorld]:
    with played("bank") as here:
        control = here.sandbox.control
        control.bank.processing_seconds = int(processing.total_seconds())
        yield PayoutWorld(
            channel=here.there.payout,
            clock=here.clock,
            meet=lambda fault: control.plan("bank", "payout.send", fault.value),
            deliver_late=control.deliver_late,
            received_fen=lambda: control.bank.balance_fen(number=CARD.reveal()),
            refuses_currencies=True,
        )


@contextmanager
def clearing_bank(processing: timedelta) -> Iterator[PayoutWorld]:
    with played("bank") as here:
        control, channel = here.sandbox.control, here.there.clearing
        assert channel is not None
        control.bank.processing_seconds = int(processing.total_seconds())
        yield PayoutWorld(
            channel=channel,
            clock=here.clock,
            meet=lambda fault: control.plan("bank", "payout.send", fault.value),
            deliver_late=control.deliver_late,
            received_fen=lambda: control.bank.balance_fen(number=CARD.reveal()),
            refuses_currencies=True,
        )


@contextmanager
def alipay(processing: timedelta) -> Iterator[PayoutWorld]:
    """Transfers to an account whose name at Alipay happens to be CARD's number."""
    with played("alipay", mode="certificate") as here:
        control, channels = here.sandbox.control, here.there.alipay
        assert channels is not None
        assert channels.transfers is not None
        trades = control.alipay.trades
        trades.open_account(user_id=CARD.reveal(), name=NAME.reveal(), logon_id="a@example.com")
        control.alipay.transfers.set_seconds(int(processing.total_seconds()))
        yield PayoutWorld(
            channel=channels.transfers,
            clock=here.clock,
            meet=lambda fault: control.plan("alipay", "alipay.transfer", fault.value),
            deliver_late=control.deliver_late,
            received_fen=lambda: sum(
                one["balance_fen"] for one in trades.accounts() if one["user_id"] == CARD.reveal()
            ),
            refuses_currencies=True,
            statement_after=timedelta(days=2, hours=12),
        )


WORLDS = [
    pytest.param(lambda: alipay(timedelta(0)), id="alipay"),
    pytest.param(lambda: alipay(timedelta(minutes=2)), id="alipay, slow"),
    pytest.param(lambda: clearing_bank(timedelta(0)), id="clearing"),
    pytest.param(lambda: clearing_bank(timedelta(minutes=2)), id="clearing, slow"),
    pytest.param(lambda: fake_bank(timedelta(0)), id="fake"),
    pytest.param(lambda: fake_bank(timedelta(minutes=2)), id="fake, slow"),
    pytest.param(lambda: gateway_bank(timedelta(0)), id="gateway"),
    pytest.param(lambda: gateway_bank(timedelta(minutes=2)), id="gateway, slow"),
]
REQUEST = PayoutRequest(
    order_number=number(1), amount_fen=1_050_000, currency="CNY", card_number=CARD, holder_name=NAME
)


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> Iterator[PayoutWorld]:
    with request.param() as made:
        yield made


def ended(world: PayoutWorld, order_number: str) -> Paid | Failed | InProgress | NotFound:
    """What the channel says of an order once it had time."""
    world.clock.advance(timedelta(hours=1))
    return world.channel.ask(order_number)


def test_a_payout_arrives_once_and_is_told_with_its_success_time(world: PayoutWorld) -> None:
    assert isinstance(world.channel.send(REQUEST), Accepted | Paid)
    said = ended(world, number(1))
    assert isinstance(said, Paid)
    assert (said.amount_fen, said.currency) == (1_050_000, "CNY")
    assert START <= said.at <= START + timedelta(hours=1)
    assert world.received_fen() == 1_050_000


def test_the_same_number_with_the_same_body_moves_no_money_again(world: PayoutWorld) -> None:
    first, second = world.channel.send(REQUEST), world.channel.send(REQUEST)
    assert first == second
    said = ended(world, number(1))
    assert world.channel.send(REQUEST) == said, "a send after the end is answered with the end"
    assert world.received_fen() == 1_050_000


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, amount_fen=1_050_001),
        replace(REQUEST, currency="HKD"),
        replace(REQUEST, card_number=OTHER_CARD),
        replace(REQUEST, holder_name=OTHER_NAME),
    ],
)
def test_the_same_number_with_another_body_is_neither_done_nor_taken_for_a_failure(
    world: PayoutWorld, other: PayoutRequest
) -> None:
    world.channel.send(REQUEST)
    if other.currency != "CNY" and world.refuses_currencies:
        with pytest.raises(ChannelSilent, match="rejected"):
            world.channel.send(other)
    else:
        assert world.channel.send(other) == NumberTaken()
    assert isinstance(ended(world, number(1)), Paid)
    assert world.received_fen() == 1_050_000


@pytest.mark.parametrize("wrong", [replace(REQUEST, card_number=OTHER_CARD), replace(REQUEST, holder_name=OTHER_NAME)])
def test_a_refused_number_stays_refused(world: PayoutWorld, wrong: PayoutRequest) -> None:
    world.channel.send(wrong)
    said = ended(world, number(1))
    assert isinstance(said, Failed)
    assert world.channel.send(wrong) == Refused(code=said.code)
    assert world.channel.ask(number(1)) == said
    assert world.received_fen() == 0


def test_a_number_never_heard_of_is_not_found(world: PayoutWorld) -> None:
    assert world.channel.ask(number(9)) == NotFound()


@pytest.mark.parametrize("fault", [Fault.LOSE_REPLY, Fault.SERVER_ERROR])
def test_a_lost_reply_is_silence_and_the_money_moved(world: PayoutWorld, fault: Fault) -> None:
    world.meet(fault)
    with pytest.raises(ChannelSilent):
        world.channel.send(REQUEST)
    assert isinstance(ended(world, number(1)), Paid)
    assert world.received_fen() == 1_050_000


def test_a_lost_request_is_silence_and_the_number_is_not_found(world: PayoutWorld) -> None:
    world.meet(Fault.LOSE_REQUEST)
    with pytest.raises(ChannelSilent):
        world.channel.send(REQUEST)
    assert ended(world, number(1)) == NotFound()
    assert isinstance(world.channel.send(REQUEST), Accepted | Paid)
    assert isinstance(ended(world, number(1)), Paid)


def test_a_request_that_comes_late_after_it_was_sent_again_pays_once(world: PayoutWorld) -> None:
    world.meet(Fault.LATE)
    with pytest.raises(ChannelSilent):
        world.channel.send(REQUEST)
    assert world.channel.ask(number(1)) == NotFound()
    world.channel.send(REQUEST)
    assert world.deliver_late() == 1
    assert isinstance(ended(world, number(1)), Paid)
    assert world.received_fen() == 1_050_000


def test_a_request_that_comes_late_after_a_refusal_is_not_paid(world: PayoutWorld) -> None:
    world.meet(Fault.LATE)
    with pytest.raises(ChannelSilent):
        world.channel.send(REQUEST)
    world.meet(Fault.REFUSE)
    world.channel.send(REQUEST)
    world.deliver_late()
    assert isinstance(ended(world, number(1)), Failed)
    assert world.received_fen() == 0


def test_a_request_carried_twice_pays_once(world: PayoutWorld) -> None:
    world.meet(Fault.DUPLICATE)
    world.channel.send(REQUEST)
    assert isinstance(ended(world, number(1)), Paid)
    assert world.received_fen() == 1_050_000


def test_the_statement_has_each_payout_on_the_shanghai_date_of_its_success(world: PayoutWorld) -> None:
    world.channel.send(REQUEST)
    world.channel.send(replace(REQUEST, order_number=number(2), holder_name=OTHER_NAME))
    world.clock.advance_to_date(date(2026, 8, 16))
    world.channel.send(replace(REQUEST, order_number=number(3), amount_fen=70))
    world.clock.advance(timedelta(hours=1) + world.statement_after)
    lines = {
        day: [
            (line.order_number, line.direction, line.amount_fen, line.currency)
            for line in world.channel.statement(date(2026, 8, day))
        ]
        for day in (14, 15, 16, 17)
    }
    assert lines == {
        14: [],
        15: [(number(1), Direction.OUT, 1_050_000, "CNY")],
        16: [(number(3), Direction.OUT, 70, "CNY")],
        17: [],
    }


def test_no_silence_carries_what_was_in_the_request(world: PayoutWorld) -> None:
    world.meet(Fault.LOSE_REPLY)
    with pytest.raises(ChannelSilent) as silence:
        world.channel.send(REQUEST)
    for personal in (CARD, NAME):
        assert personal.reveal() not in f"{silence.value!r} {silence.value} {REQUEST!r}"
