"""Deductions from a WeChat wallet against the sandbox: WeChat's loan repayment and classic withholding, one suite."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import httpx
import pytest

from mingqu.channels.wechatpay.repayment import WechatRepayments
from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.collection import (
    Agreed,
    DeductionAnnouncement,
    DeductionRequest,
    HostedAgreementChannel,
    HostedAgreementRequest,
    HostedPage,
)
from mingqu.ports.payout import Direction
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import ID_NUMBER, NAME, number
from tests.contracts.sandbox import Played, played

OPENID = "o-13800008801-of-nobody"
STRANGER = "o-of-a-stranger"
WANTED = HostedAgreementRequest(
    agreement_number=number(1),
    holder_name=NAME,
    id_number=ID_NUMBER,
    amount_fen_max=50_000,
    back="https://us.test/back",
)
KINDS = ("credit", "papay")


@dataclass(frozen=True)
class Wallet:
    """A channel, its sandbox, and the names that faults know its calls by."""

    channel: HostedAgreementChannel
    here: Played
    deduct: str

    def holds(self, balance_fen: int | None, *, openid: str = OPENID) -> None:
        wallets = self.here.sandbox.control.wechatpay.contracts.wallets
        wallets.know(openid=openid, id_number=ID_NUMBER.reveal(), balance_fen=balance_fen)

    def follow(self, openid: str = OPENID, choice: str = "sign") -> httpx.Response:
        page = self.channel.agreement_page(WANTED)
        assert isinstance(page, HostedPage)
        with httpx.Client() as browser:
            browser.get(page.address).raise_for_status()
            return browser.post(page.address, data={"choice": choice, "openid": openid})

    def signed(self) -> Personal[str]:
        assert self.follow().headers["location"] == WANTED.back
        agreed = self.channel.ask_agreement(number(1))
        assert isinstance(agreed, Agreed)
        return agreed.token

    def settled(self, request: DeductionRequest) -> object:
        """The word of a deduction once it was asked for, where the answer does not bear it."""
        said = self.channel.deduct(request)
        return self.channel.ask(request.order_number) if isinstance(said, Accepted) else said


@pytest.fixture(scope="module")
def playing() -> Iterator[Played]:
    """One sandbox for all of them; `fresh` forgets what the last one did, only the days go on."""
    with played("wechatpay") as here:
        here.sandbox.control.wechat.know(openid=OPENID, nickname="林知夏")
        yield here


def fresh(here: Played, kind: str) -> Wallet:
    book = here.sandbox.control.wechatpay.book
    for table in ("wechat_contract", "wechat_schedule", "wechat_deduction", "trade", "kept", "notice"):
        book.write(f"DELETE FROM {table}")
    here.sandbox.control.heal()
    here.clock.advance(timedelta(days=1))
    there = here.there.wechatpay
    assert there is not None
    channel = there.repayments if kind == "credit" else there.papay
    assert channel is not None
    made = Wallet(channel=channel, here=here, deduct=f"wechatpay.{'deduct' if kind == 'credit' else 'papay_apply'}")
    made.holds(100_000)
    return made


@pytest.fixture(params=KINDS)
def wallet(playing: Played, request: pytest.FixtureRequest) -> Wallet:
    return fresh(playing, request.param)


@pytest.fixture
def loans(playing: Played) -> Wallet:
    """What loan repayment alone has."""
    return fresh(playing, "credit")


def a_deduction(token: Personal[str], *, amount_fen: int = 30_000, count: int = 2) -> DeductionRequest:
    return DeductionRequest(order_number=number(count), amount_fen=amount_fen, currency="CNY", agreement_token=token)


def today(wallet: Wallet) -> date:
    return wallet.here.clock.business_date()


def moved(wallet: Wallet) -> dict[str, int]:
    return wallet.here.sandbox.control.wechatpay.moved()


def test_an_agreement_is_signed_on_a_page_and_ends_once(wallet: Wallet) -> None:
    channel = wallet.channel
    assert channel.ask_agreement(number(1)) == NotFound()
    wallet.follow(choice="cancel")
    assert isinstance(channel.ask_agreement(number(1)), InProgress | NotFound), "nothing is signed"
    token = wallet.signed()
    assert channel.cancel_agreement(agreement_token=token) == Accepted()
    assert channel.cancel_agreement(agreement_token=token) == Accepted()
    assert channel.ask_agreement(number(1)) == Failed(code="agreement_ended")
    assert channel.deduct(a_deduction(token)) == Refused(code="agreement_ended")
    assert moved(wallet) == {}


def test_a_deduction_takes_the_money_once(wallet: Wallet) -> None:
    token = wallet.signed()
    first = wallet.settled(a_deduction(token))
    assert isinstance(first, Paid)
    assert first.amount_fen == 30_000
    assert wallet.settled(a_deduction(token)) == first == wallet.channel.ask(number(2))
    assert wallet.channel.deduct(a_deduction(token, amount_fen=1)) == NumberTaken()
    assert moved(wallet) == {number(2): 30_000}
    wallet.here.clock.advance(timedelta(days=1, hours=3))
    lines = wallet.channel.statement(today(wallet) - timedelta(days=1))
    assert [(line.order_number, line.direction, line.amount_fen) for line in lines] == [
        (number(2), Direction.IN, 30_000)
    ]


def test_a_no_to_a_deduction_is_for_good(wallet: Wallet) -> None:
    token = wallet.signed()
    wallet.holds(29_999)
    assert wallet.settled(a_deduction(token)) in (Refused(code="insufficient_funds"), Failed(code="insufficient_funds"))
    wallet.holds(100_000)
    assert isinstance(wallet.settled(a_deduction(token)), Refused | Failed), "also when there is money again"
    wallet.here.sandbox.control.plan("wechatpay", wallet.deduct, "refuse")
    said = wallet.settled(a_deduction(token, count=3))
    assert said in (Refused(code="payment_failed"), Failed(code="payment_failed"))
    assert moved(wallet) == {}


@pytest.mark.parametrize(
    ("fault", "done"),
    [("lose_reply", True), ("wrong_signature", True), ("server_error", True), ("lose_request", False), ("late", False)],
)
def test_a_silent_deduction_is_cleared_up_by_asking(wallet: Wallet, fault: str, done: bool) -> None:
    token = wallet.signed()
    wallet.here.sandbox.control.plan("wechatpay", wallet.deduct, fault)
    with pytest.raises(ChannelSilent):
        wallet.channel.deduct(a_deduction(token))
    assert isinstance(wallet.channel.ask(number(2)), Paid if done else NotFound)
    assert isinstance(wallet.settled(a_deduction(token)), Paid)
    wallet.here.sandbox.control.deliver_late()
    assert moved(wallet) == {number(2): 30_000}


def test_a_deduction_that_takes_its_time_is_in_progress_until_it_is_paid(wallet: Wallet) -> None:
    token = wallet.signed()
    wallet.here.sandbox.control.wechatpay.contracts.set_seconds(60)
    assert wallet.channel.deduct(a_deduction(token)) == Accepted()
    assert wallet.channel.ask(number(2)) == InProgress()
    wallet.here.clock.advance(timedelta(minutes=1))
    assert isinstance(wallet.channel.ask(number(2)), Paid)


def test_nobody_repays_from_somebody_elses_wallet(loans: Wallet) -> None:
    loans.here.sandbox.control.wechatpay.contracts.wallets.know(openid=STRANGER, id_number="110101199001011237")
    assert loans.follow(openid=STRANGER).status_code == 400
    assert loans.channel.ask_agreement(number(1)) == InProgress()


def test_a_page_is_good_for_ten_minutes_and_a_number_that_was_signed_is_taken(loans: Wallet) -> None:
    page = loans.channel.agreement_page(WANTED)
    assert isinstance(page, HostedPage)
    assert page.handover["presignToken"] in page.address
    loans.here.clock.advance(timedelta(minutes=11))
    with httpx.Client() as browser:
        assert browser.get(page.address).status_code == 410
    loans.signed()
    assert loans.channel.agreement_page(WANTED) == NumberTaken()
    assert loans.channel.agreement_page(replace(WANTED, amount_fen_max=1)) == NumberTaken()


def test_less_is_taken_down_to_the_minimum_and_no_further(loans: Wallet) -> None:
    token = loans.signed()
    loans.holds(12_000)
    part = replace(a_deduction(token), amount_fen_min=12_001)
    assert loans.channel.deduct(part) == Refused(code="insufficient_funds")
    part = replace(a_deduction(token, count=3), amount_fen_min=1_500)
    paid = loans.channel.deduct(part)
    assert isinstance(paid, Paid)
    assert paid.amount_fen == 12_000
    assert loans.channel.deduct(part) == paid
    assert moved(loans) == {number(3): 12_000}


def test_above_the_agreed_amount_nothing_is_taken(loans: Wallet) -> None:
    token = loans.signed()
    assert loans.channel.deduct(a_deduction(token, amount_fen=50_001)) == Refused(code="over_limit")
    assert moved(loans) == {}


@pytest.mark.parametrize(("days", "is_taken"), [(0, False), (1, True), (14, True), (15, False)])
def test_a_deduction_is_announced_for_tomorrow_at_the_earliest(loans: Wallet, days: int, is_taken: bool) -> None:
    assert isinstance(loans.channel, WechatRepayments)
    on = today(loans) + timedelta(days=days)
    told = announced(loans.signed(), on=on)
    if is_taken:
        assert loans.channel.announce(told) == Accepted() == loans.channel.announce(told)
    else:
        with pytest.raises(ChannelSilent, match="rejected"):
            loans.channel.announce(told)


def test_an_announced_deduction_is_made_on_its_day_for_no_more_than_was_announced(loans: Wallet) -> None:
    assert isinstance(loans.channel, WechatRepayments)
    token = loans.signed()
    loans.here.sandbox.control.wechatpay.repayments.need_schedule(True)
    assert loans.channel.announce(announced(token, on=today(loans) + timedelta(days=1))) == Accepted()
    wanted = replace(a_deduction(token), announced_as=number(7))
    for too_soon in (wanted, a_deduction(token)):
        with pytest.raises(ChannelSilent, match="rejected"):
            loans.channel.deduct(too_soon)
    loans.here.clock.advance(timedelta(days=1))
    with pytest.raises(ChannelSilent, match="rejected"):
        loans.channel.deduct(replace(wanted, amount_fen=30_001))
    assert isinstance(loans.channel.deduct(wanted), Paid)
    assert moved(loans) == {number(2): 30_000}
    loans.here.sandbox.control.wechatpay.contracts.end(code=number(1))
    assert loans.channel.announce(
        replace(announced(token, on=today(loans) + timedelta(days=2)), number=number(8))
    ) == Refused(code="agreement_ended")


def announced(token: Personal[str], *, on: date) -> DeductionAnnouncement:
    return DeductionAnnouncement(
        number=number(7), agreement_token=token, amount_fen=30_000, amount_fen_min=1_500, on=on
    )


def test_personal_fields_are_sealed_to_a_certificate_that_was_not_known_before() -> None:
    with played("wechatpay", mode="certificate") as here:
        assert here.there.wechatpay is not None
        assert here.there.wechatpay.repayments is not None
        made = Wallet(channel=here.there.wechatpay.repayments, here=here, deduct="wechatpay.deduct")
        made.holds(100_000)
        made.signed()
