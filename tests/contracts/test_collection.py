"""What every collection channel must do: agreements, deductions, pages to pay on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from urllib.parse import parse_qsl

import httpx
import pytest

from mingqu.channels.alipay.payment import AlipayPayments
from mingqu.channels.fake.bank import FakeBank
from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.fake.faults import Fault
from mingqu.channels.fake.sms import FakeSms
from mingqu.channels.wechatpay.payment import WechatPay
from mingqu.domain.moment import start_of
from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.collection import (
    Agreed,
    AgreementRequest,
    CodeSent,
    CodeWrong,
    CollectionChannel,
    DeductionRequest,
    HostedPage,
    HostedPaymentChannel,
    HostedPaymentRequest,
)
from mingqu.ports.payout import Direction
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import (
    CARD,
    ID_NUMBER,
    NAME,
    OTHER_CARD,
    OTHER_NAME,
    OTHER_PHONE,
    PHONE,
    START,
    number,
)
from tests.contracts.sandbox import Played, played

BALANCE_FEN = 100_000
REQUEST = AgreementRequest(
    agreement_number=number(1), card_number=CARD, holder_name=NAME, id_number=ID_NUMBER, phone=PHONE
)
PAGE = HostedPaymentRequest(
    order_number=number(3), amount_fen=30_000, currency="CNY", expires_at=START + timedelta(minutes=30)
)


@dataclass(frozen=True)
class CollectionWorld:
    """A channel, a card with 1,000.00 yuan on it, and what the suite must be able to do to its surroundings."""

    channel: CollectionChannel
    page: HostedPaymentChannel
    clock: SettableClock
    code: Callable[[], Personal[str] | None]  # the newest code on PHONE
    meet: Callable[[Fault], None]  # the next deduction meets this fault
    pay_by_hand: Callable[[str], object]
    left_fen: Callable[[], int]  # what is left on CARD, or would be, had WeChat taken it from there
    same_page: Callable[[HostedPage], str] = lambda page: page.address  # what a page has in common with itself
    open_page: Callable[[HostedPage], object] = lambda page: None  # the person follows the link


@contextmanager
def fake_bank() -> Iterator[CollectionWorld]:
    clock, sms = SettableClock(start=START), FakeSms()
    bank = FakeBank(clock=clock, sms=sms)
    bank.open_card(card_number=CARD, holder_name=NAME, id_number=ID_NUMBER, phone=PHONE, balance_fen=BALANCE_FEN)
    yield CollectionWorld(
        channel=bank,
        page=bank,
        clock=clock,
        code=lambda: sms.latest_code(phone=PHONE),
        meet=lambda fault: bank.faults.plan("collection.deduct", fault),
        pay_by_hand=lambda order: bank.pay_by_hand(order_number=order, card_number=CARD),
        left_fen=lambda: bank.balance_fen(card_number=CARD),
    )


@contextmanager
def gateway_bank() -> Iterator[CollectionWorld]:
    with played("bank", balance_fen=BALANCE_FEN) as here:
        bank = here.sandbox.control.bank
        yield replace(
            gateway_world(here),
            pay_by_hand=lambda order: bank.pay_by_hand(order_number=order, card_number=CARD.reveal()),
        )


@contextmanager
def wechatpay() -> Iterator[CollectionWorld]:
    """Pages of WeChat Pay; deductions are the bank's."""
    with played("bank", "wechatpay", balance_fen=BALANCE_FEN) as here:
        control = here.sandbox.control
        yield replace(
            gateway_world(here),
            pay_by_hand=lambda order: control.wechatpay.pay(out_trade_no=order),
            left_fen=lambda: control.bank.balance_fen(number=CARD.reveal()) - sum(control.wechatpay.moved().values()),
            same_page=lambda page: page.address.split("&package=")[0],
        )


@contextmanager
def alipay(mode: str) -> Iterator[CollectionWorld]:
    """Pages of Alipay; deductions are the bank's."""
    with played("bank", "alipay", balance_fen=BALANCE_FEN, mode=mode) as here, httpx.Client() as browser:
        control, channels = here.sandbox.control, here.there.alipay
        assert channels is not None
        yield replace(
            gateway_world(here),
            page=channels.payments,
            pay_by_hand=lambda order: control.alipay.trades.pay(out_trade_no=order),
            left_fen=lambda: control.bank.balance_fen(number=CARD.reveal()) - sum(control.alipay.moved().values()),
            same_page=lambda page: dict(parse_qsl(page.address))["biz_content"],
            open_page=lambda page: browser.get(page.address, follow_redirects=True).raise_for_status(),
        )


def gateway_world(here: Played) -> CollectionWorld:
    control = here.sandbox.control

    def code() -> Personal[str] | None:
        sent = control.inbox.latest_code(phone=PHONE.reveal())
        return None if sent is None else Personal(sent)

    return CollectionWorld(
        channel=here.there.collection,
        page=here.there.hosted,
        clock=here.clock,
        code=code,
        meet=lambda fault: control.plan("bank", "collection.deduct", fault.value),
        pay_by_hand=lambda order: None,
        left_fen=lambda: control.bank.balance_fen(number=CARD.reveal()),
    )


WORLDS = [
    pytest.param(fake_bank, id="fake"),
    pytest.param(gateway_bank, id="gateway"),
    pytest.param(wechatpay, id="wechatpay"),
    pytest.param(lambda: alipay("public_key"), id="alipay, key"),
    pytest.param(lambda: alipay("certificate"), id="alipay, certificate"),
]


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> Iterator[CollectionWorld]:
    with request.param() as made:
        yield made


def opened(world: CollectionWorld) -> None:
    page = world.page.create(PAGE)
    assert isinstance(page, HostedPage)
    world.open_page(page)


def agreed(world: CollectionWorld) -> Personal[str]:
    assert world.channel.request_agreement(REQUEST) == CodeSent()
    code = world.code()
    assert code is not None
    answer = world.channel.confirm_agreement(agreement_number=number(1), code=code)
    assert isinstance(answer, Agreed)
    return answer.token


def a_deduction(token: Personal[str], amount_fen: int = 30_000) -> DeductionRequest:
    return DeductionRequest(order_number=number(2), amount_fen=amount_fen, currency="CNY", agreement_token=token)


def wrong_code(world: CollectionWorld) -> Personal[str]:
    code = world.code()
    assert code is not None
    return Personal("000000" if code.reveal() != "000000" else "000001")


def test_an_agreement_takes_the_code_sent_to_the_cards_phone(world: CollectionWorld) -> None:
    token = agreed(world)
    again = world.channel.confirm_agreement(agreement_number=number(1), code=world.code() or token)
    assert again == Agreed(token=token), "the same code again gives the same agreement"


@pytest.mark.parametrize(
    "wrong",
    [
        replace(REQUEST, card_number=OTHER_CARD),
        replace(REQUEST, holder_name=OTHER_NAME),
        replace(REQUEST, phone=OTHER_PHONE),
    ],
)
def test_no_agreement_begins_for_elements_that_do_not_belong_together(
    world: CollectionWorld, wrong: AgreementRequest
) -> None:
    assert isinstance(world.channel.request_agreement(wrong), Refused)
    assert world.code() is None


def test_an_agreement_number_is_not_used_for_another_request(world: CollectionWorld) -> None:
    agreed(world)
    assert world.channel.request_agreement(replace(REQUEST, phone=OTHER_PHONE)) == NumberTaken()


def test_a_wrong_code_counts_down_and_the_fifth_ends_the_request(world: CollectionWorld) -> None:
    world.channel.request_agreement(REQUEST)
    wrong, right = wrong_code(world), world.code()
    assert right is not None
    answers = [world.channel.confirm_agreement(agreement_number=number(1), code=wrong) for _ in range(5)]
    assert answers == [CodeWrong(tries_left=left) for left in (4, 3, 2, 1, 0)]
    assert isinstance(world.channel.confirm_agreement(agreement_number=number(1), code=right), Refused)


def test_a_code_expires(world: CollectionWorld) -> None:
    world.channel.request_agreement(REQUEST)
    world.clock.advance(timedelta(minutes=6))
    code = world.code()
    assert code is not None
    assert isinstance(world.channel.confirm_agreement(agreement_number=number(1), code=code), Refused)


def test_a_deduction_takes_the_money_once(world: CollectionWorld) -> None:
    request = a_deduction(agreed(world))
    first = world.channel.deduct(request)
    assert isinstance(first, Paid)
    assert world.channel.deduct(request) == first
    assert world.channel.ask(number(2)) == first
    assert world.channel.deduct(replace(request, amount_fen=1)) == NumberTaken()
    assert world.left_fen() == BALANCE_FEN - 30_000


def test_a_deduction_beyond_the_balance_fails_for_good_and_takes_nothing(world: CollectionWorld) -> None:
    request = a_deduction(agreed(world), BALANCE_FEN + 1)
    assert world.channel.deduct(request) == Refused(code="insufficient_funds")
    assert world.channel.ask(number(2)) == Failed(code="insufficient_funds")
    assert world.left_fen() == BALANCE_FEN


def test_nothing_is_deducted_without_an_agreement_or_after_its_end(world: CollectionWorld) -> None:
    assert isinstance(world.channel.deduct(a_deduction(Personal("no such token"))), Refused)
    token = agreed(world)
    assert world.channel.cancel_agreement(agreement_token=token) == Accepted()
    assert world.channel.cancel_agreement(agreement_token=token) == Accepted()
    assert isinstance(world.channel.deduct(replace(a_deduction(token), order_number=number(8))), Refused)
    assert world.left_fen() == BALANCE_FEN


@pytest.mark.parametrize(
    ("fault", "left_fen"), [(Fault.LOSE_REPLY, BALANCE_FEN - 30_000), (Fault.LOSE_REQUEST, BALANCE_FEN)]
)
def test_a_silent_deduction_is_cleared_up_by_asking(world: CollectionWorld, fault: Fault, left_fen: int) -> None:
    request = a_deduction(agreed(world))
    world.meet(fault)
    with pytest.raises(ChannelSilent):
        world.channel.deduct(request)
    assert isinstance(world.channel.ask(number(2)), Paid if left_fen < BALANCE_FEN else NotFound)
    assert world.left_fen() == left_fen
    assert isinstance(world.channel.deduct(request), Paid)
    assert world.left_fen() == BALANCE_FEN - 30_000


def test_a_page_waits_until_the_person_pays_and_takes_the_money_once(world: CollectionWorld) -> None:
    page = world.page.create(PAGE)
    assert isinstance(page, HostedPage)
    again = world.page.create(PAGE)
    assert isinstance(again, HostedPage)
    assert world.same_page(again) == world.same_page(page)
    world.open_page(page)
    assert world.page.ask(number(3)) == InProgress()
    world.clock.advance(timedelta(minutes=3))
    world.pay_by_hand(number(3))
    world.pay_by_hand(number(3))
    said = world.page.ask(number(3))
    assert isinstance(said, Paid)
    assert said.at == START + timedelta(minutes=3)
    assert world.left_fen() == BALANCE_FEN - 30_000


def test_a_page_nobody_paid_on_expires_and_cannot_be_paid_afterwards(world: CollectionWorld) -> None:
    opened(world)
    world.clock.advance(timedelta(minutes=30))
    world.page.close_page(number(3))
    assert isinstance(world.page.ask(number(3)), Failed)
    world.pay_by_hand(number(3))
    assert isinstance(world.page.ask(number(3)), Failed)
    world.page.close_page(number(3))
    assert world.left_fen() == BALANCE_FEN


def test_closing_a_page_that_is_paid_or_unknown_changes_nothing(world: CollectionWorld) -> None:
    world.page.close_page(number(3))
    opened(world)
    world.pay_by_hand(number(3))
    said = world.page.ask(number(3))
    world.page.close_page(number(3))
    assert isinstance(said, Paid)
    assert world.page.ask(number(3)) == said


def test_a_page_is_not_made_twice_for_one_number(world: CollectionWorld) -> None:
    opened(world)
    assert world.page.create(replace(PAGE, amount_fen=1)) == NumberTaken()


def test_a_page_that_nobody_opened_is_a_payment_only_where_the_channel_says_so(world: CollectionWorld) -> None:
    page = world.page.create(PAGE)
    assert isinstance(page, HostedPage)
    assert world.page.ask(number(3)) == (NotFound() if world.page.unopened_page_ends else InProgress())
    world.clock.advance(timedelta(minutes=30))
    with contextlib.suppress(httpx.HTTPStatusError):  # a page that is over says so
        world.open_page(page)
    world.pay_by_hand(number(3))
    assert isinstance(world.page.ask(number(3)), NotFound if world.page.unopened_page_ends else InProgress | Failed)
    assert world.left_fen() == BALANCE_FEN


def test_the_statement_has_deductions_and_pages_that_were_paid(world: CollectionWorld) -> None:
    world.channel.deduct(a_deduction(agreed(world)))
    opened(world)
    world.page.create(replace(PAGE, order_number=number(4)))
    world.clock.advance(timedelta(minutes=1))
    world.pay_by_hand(number(3))
    lines = list(world.channel.statement(date(2026, 8, 15)))
    if isinstance(world.page, WechatPay | AlipayPayments):
        world.clock.advance_to(start_of(date(2026, 8, 16)) + timedelta(hours=10))
        lines += world.page.statement(date(2026, 8, 15))
    assert [(line.order_number, line.direction, line.amount_fen) for line in lines] == [
        (number(2), Direction.IN, 30_000),
        (number(3), Direction.IN, 30_000),
    ]
