"""What every channel must do that pays a merchant whom a contract names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest

from mingqu.channels.fake.bank import FakeBank
from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.fake.faults import Fault
from mingqu.channels.fake.rails import FakeRails
from mingqu.channels.fake.sms import FakeSms
from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, Failed, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.entrusted import EntrustedPaymentChannel, EntrustedRequest
from mingqu.ports.payout import Direction
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import CARD, ID_NUMBER, NAME, PHONE, START, number
from tests.contracts.sandbox import Played, played

DEALER = Personal("6200000000009990001")
DEALER_NAME = Personal("清平汽车销售有限公司")
REQUEST = EntrustedRequest(
    order_number=number(1),
    amount_fen=20_000_000,
    currency="CNY",
    payee_account=DEALER,
    payee_name=DEALER_NAME,
    payee_bank="QPBK",
    contract_number=number(70),
    purpose="car_purchase",
)


@dataclass(frozen=True)
class EntrustedWorld:
    """A channel, and what the suite must be able to do to its surroundings."""

    channel: EntrustedPaymentChannel
    clock: SettableClock
    meet: Callable[[Fault], None]
    received_fen: Callable[[], int]  # what has arrived at the dealer


@contextmanager
def fake_bank() -> Iterator[EntrustedWorld]:
    clock = SettableClock(start=START)
    bank = FakeBank(clock=clock, sms=FakeSms())
    for account, name in ((DEALER, DEALER_NAME), (CARD, NAME)):
        bank.open_card(card_number=account, holder_name=name, id_number=ID_NUMBER, phone=PHONE)
    yield EntrustedWorld(
        channel=FakeRails(bank=bank),
        clock=clock,
        meet=lambda fault: bank.faults.plan("payout.entrust", fault),
        received_fen=lambda: bank.balance_fen(card_number=DEALER),
    )


def sandbox_world(here: Played, *, channel: EntrustedPaymentChannel) -> EntrustedWorld:
    control = here.sandbox.control
    control.bank.open_card(
        number=DEALER.reveal(), holder_name=DEALER_NAME.reveal(), id_number="company", phone="02100000000"
    )
    return EntrustedWorld(
        channel=channel,
        clock=here.clock,
        meet=lambda fault: control.plan("bank", "payout.entrust", fault.value),
        received_fen=lambda: control.bank.balance_fen(number=DEALER.reveal()),
    )


@contextmanager
def gateway_bank() -> Iterator[EntrustedWorld]:
    with played("bank") as here:
        assert here.there.entrusted is not None
        yield sandbox_world(here, channel=here.there.entrusted)


@contextmanager
def clearing_bank() -> Iterator[EntrustedWorld]:
    with played("bank") as here:
        assert here.there.clearing is not None
        yield sandbox_world(here, channel=here.there.clearing)


WORLDS = [
    pytest.param(fake_bank, id="fake"),
    pytest.param(gateway_bank, id="gateway"),
    pytest.param(clearing_bank, id="clearing"),
]


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> Iterator[EntrustedWorld]:
    with request.param() as made:
        yield made


def test_the_dealer_gets_the_money_once(world: EntrustedWorld) -> None:
    first = world.channel.entrust(REQUEST)
    assert isinstance(first, Accepted | Paid)
    assert world.channel.entrust(REQUEST) == first
    said = world.channel.ask(number(1))
    assert isinstance(said, Paid)
    assert (said.amount_fen, world.received_fen()) == (20_000_000, 20_000_000)
    world.clock.advance(timedelta(hours=1))
    (line,) = world.channel.statement(date(2026, 8, 15))
    assert (line.order_number, line.direction, line.amount_fen) == (number(1), Direction.OUT, 20_000_000)


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, amount_fen=1),
        replace(REQUEST, payee_account=CARD),
        replace(REQUEST, payee_name=NAME),
        replace(REQUEST, contract_number=number(71)),
        replace(REQUEST, payee_bank="OTHER"),
        replace(REQUEST, purpose="furniture"),
    ],
)
def test_the_same_number_for_another_payee_or_contract_is_not_done(
    world: EntrustedWorld, other: EntrustedRequest
) -> None:
    world.channel.entrust(REQUEST)
    assert world.channel.entrust(other) == NumberTaken()
    assert world.received_fen() == 20_000_000


def test_an_account_of_another_name_is_refused_for_good(world: EntrustedWorld) -> None:
    wrong = replace(REQUEST, payee_name=Personal("别的公司"))
    assert isinstance(world.channel.entrust(wrong), Refused)
    assert isinstance(world.channel.ask(number(1)), Failed)
    assert isinstance(world.channel.entrust(wrong), Refused)
    assert world.received_fen() == 0


def test_silence_is_asked_about(world: EntrustedWorld) -> None:
    world.meet(Fault.LOSE_REPLY)
    with pytest.raises(ChannelSilent) as silence:
        world.channel.entrust(REQUEST)
    assert DEALER.reveal() not in f"{silence.value!r} {REQUEST!r}"
    assert isinstance(world.channel.ask(number(1)), Paid)
    world.meet(Fault.LOSE_REQUEST)
    with pytest.raises(ChannelSilent):
        world.channel.entrust(replace(REQUEST, order_number=number(2)))
    assert world.channel.ask(number(2)) == NotFound()
