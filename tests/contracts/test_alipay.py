"""What of Alipay no other channel has: agreements signed on a page, its bills with their flaws, sign-in, new keys."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import httpx
import pytest

from mingqu.channels.alipay.bill import ACCOUNT, TRADES, bill_of
from mingqu.counterparties.channels import AlipayChannels, connect
from mingqu.counterparties.credentials import ChannelCredentialsMalformed, check_credentials
from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.bill import BillFault, BillUnreadable
from mingqu.ports.collection import (
    Agreed,
    DeductionRequest,
    HostedAgreementRequest,
    HostedPage,
    HostedPaymentRequest,
)
from mingqu.ports.login import LoggedIn, LoginRefused
from mingqu.ports.payout import Direction
from mingqu.ports.refund import RefundRequest
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import ID_NUMBER, NAME, PHONE, START, number
from tests.contracts.sandbox import Played, played

BALANCE_FEN = 100_000
WANTED = HostedAgreementRequest(
    agreement_number=number(1),
    holder_name=NAME,
    id_number=ID_NUMBER,
    amount_fen_max=50_000,
    back="https://loans.test/back",
)
PAGE = HostedPaymentRequest(
    order_number=number(3), amount_fen=30_000, currency="CNY", expires_at=START + timedelta(hours=1)
)


@pytest.fixture
def here() -> Iterator[Played]:
    with played("alipay", balance_fen=BALANCE_FEN, mode="certificate") as opened:
        yield opened


@pytest.fixture
def alipay(here: Played) -> AlipayChannels:
    assert here.there.alipay is not None
    return here.there.alipay


def follow(page: HostedPage, **form: str) -> httpx.Response:
    """Open a page of Alipay's and press its button; the browser is not followed back to us."""
    with httpx.Client(follow_redirects=True) as browser:
        shown = browser.get(page.address).raise_for_status()
        return browser.post(shown.url, data=form, follow_redirects=False)


def user_id(here: Played) -> str:
    account = here.sandbox.control.alipay.trades.account(PHONE.reveal())
    assert account is not None
    return str(account["user_id"])


def balance_fen(here: Played) -> int:
    account = here.sandbox.control.alipay.trades.account(PHONE.reveal())
    assert account is not None
    return int(account["balance_fen"])


def agreement_page(alipay: AlipayChannels) -> HostedPage:
    page = alipay.deductions.agreement_page(WANTED)
    assert isinstance(page, HostedPage)
    return page


def signed(here: Played, alipay: AlipayChannels) -> Personal[str]:
    answer = follow(agreement_page(alipay), choice="sign", account=user_id(here))
    assert answer.headers["location"] == WANTED.back
    agreed = alipay.deductions.ask_agreement(number(1))
    assert isinstance(agreed, Agreed)
    return agreed.token


def a_deduction(token: Personal[str], *, amount_fen: int = 30_000, count: int = 2) -> DeductionRequest:
    return DeductionRequest(order_number=number(count), amount_fen=amount_fen, currency="CNY", agreement_token=token)


def test_an_agreement_is_signed_on_a_page_and_ends_once(here: Played, alipay: AlipayChannels) -> None:
    deductions = alipay.deductions
    assert deductions.ask_agreement(number(1)) == NotFound()
    follow(agreement_page(alipay), choice="cancel")
    here.sandbox.control.alipay.trades.open_account(user_id="2088000000000777", name="别人", logon_id="13900000777")
    follow(agreement_page(alipay), choice="sign", account="2088000000000777")
    assert deductions.ask_agreement(number(1)) == InProgress()
    token = signed(here, alipay)
    assert deductions.cancel_agreement(agreement_token=token) == Accepted()
    assert deductions.cancel_agreement(agreement_token=token) == Accepted()
    assert deductions.ask_agreement(number(1)) == Failed(code="agreement_ended")
    assert isinstance(deductions.deduct(a_deduction(token)), Refused)
    assert isinstance(deductions.deduct(a_deduction(Personal("nobody's"))), Refused)
    assert balance_fen(here) == BALANCE_FEN


def test_a_deduction_takes_the_money_once(here: Played, alipay: AlipayChannels) -> None:
    token = signed(here, alipay)
    first = alipay.deductions.deduct(a_deduction(token))
    assert isinstance(first, Paid)
    assert alipay.deductions.deduct(a_deduction(token)) == first == alipay.deductions.ask(number(2))
    assert alipay.deductions.deduct(a_deduction(token, amount_fen=1)) == NumberTaken()
    assert balance_fen(here) == BALANCE_FEN - 30_000


def test_a_deduction_beyond_the_balance_or_refused_ends_closed_and_takes_nothing(
    here: Played, alipay: AlipayChannels
) -> None:
    token = signed(here, alipay)
    here.sandbox.control.alipay.trades.deposit(identity=user_id(here), amount_fen=-BALANCE_FEN)
    assert alipay.deductions.deduct(a_deduction(token)) == Refused(code="insufficient_funds")
    assert alipay.deductions.ask(number(2)) == Failed(code="closed")
    here.sandbox.control.alipay.trades.deposit(identity=user_id(here), amount_fen=BALANCE_FEN)
    assert isinstance(alipay.deductions.deduct(a_deduction(token)), Refused), "for good, though there is money now"
    here.sandbox.control.plan("alipay", "alipay.deduct", "refuse")
    assert alipay.deductions.deduct(a_deduction(token, count=4)) == Refused(code="payment_failed")
    assert alipay.deductions.ask(number(4)) == Failed(code="closed")
    assert balance_fen(here) == BALANCE_FEN


@pytest.mark.parametrize(("fault", "done"), [("lose_reply", True), ("wrong_signature", True), ("lose_request", False)])
def test_a_silent_deduction_is_cleared_up_by_asking(
    here: Played, alipay: AlipayChannels, fault: str, done: bool
) -> None:
    token = signed(here, alipay)
    here.sandbox.control.plan("alipay", "alipay.deduct", fault)
    with pytest.raises(ChannelSilent):
        alipay.deductions.deduct(a_deduction(token))
    assert isinstance(alipay.deductions.ask(number(2)), Paid if done else NotFound)
    assert isinstance(alipay.deductions.deduct(a_deduction(token)), Paid)
    assert balance_fen(here) == BALANCE_FEN - 30_000


@pytest.fixture
def a_day(here: Played, alipay: AlipayChannels) -> Played:
    """A day on which something was paid, in part given back, and its bill is there."""
    page = alipay.payments.create(PAGE)
    assert isinstance(page, HostedPage)
    follow(page, choice="pay", account=user_id(here))
    refund = RefundRequest(
        refund_number=number(4), order_number=number(3), amount_fen=10_001, total_fen=30_000, currency="CNY"
    )
    assert isinstance(alipay.refunds.refund(refund), Paid)
    here.clock.advance(timedelta(days=1, hours=3))
    return here


def test_both_bills_say_what_was_moved(a_day: Played, alipay: AlipayChannels) -> None:
    application = alipay.payments._application
    expected = [(number(3), Direction.IN, 30_000), (number(4), Direction.OUT, 10_001)]
    for kind in (TRADES, ACCOUNT):
        lines = bill_of(application=application, business_date=date(2026, 8, 15), kind=kind)
        assert [(line.order_number, line.direction, line.amount_fen) for line in lines] == expected
        assert {line.succeeded_at for line in lines} == {START}
    assert bill_of(application=application, business_date=date(2026, 8, 14), kind=TRADES) == []


@pytest.mark.parametrize("kind", [TRADES, ACCOUNT])
def test_a_bill_with_a_flaw_is_refused_by_its_name(a_day: Played, alipay: AlipayChannels, kind: str) -> None:
    application = alipay.payments._application
    flaws = {
        "wrong_amount": BillFault.WRONG_SUM,
        "lost_row": BillFault.WRONG_SUM,
        "wrong_sum": BillFault.WRONG_SUM,
        "broken_row": BillFault.BROKEN_ROW,
        "wrong_encoding": BillFault.WRONG_ENCODING,
        "not_a_zip": BillFault.NOT_A_ZIP,
    }
    for flaw, fault in flaws.items():
        a_day.sandbox.control.alipay.bills.spoil(flaw)
        with pytest.raises(BillUnreadable) as refused:
            bill_of(application=application, business_date=date(2026, 8, 15), kind=kind)
        assert refused.value.fault is fault, flaw
    a_day.sandbox.control.alipay.bills.spoil(None)
    a_day.sandbox.control.plan("alipay", "alipay.bill_file", "server_error")
    with pytest.raises(ChannelSilent):
        bill_of(application=application, business_date=date(2026, 8, 15), kind=kind)


def test_somebody_signs_in_once_with_a_code(here: Played, alipay: AlipayChannels) -> None:
    link = alipay.login.address(back="https://loans.test/back?x=1", state="s&1")
    with httpx.Client() as browser:
        assert NAME.reveal() in browser.get(link).text
        back = httpx.URL(browser.get(f"{link}&as={user_id(here)}").headers["location"])
    assert (back.params["state"], back.params["x"]) == ("s&1", "1")
    code = Personal(back.params["auth_code"])
    said = alipay.login.exchange(code=code)
    account = here.sandbox.control.alipay.trades.account(PHONE.reveal())
    assert account is not None
    assert said == LoggedIn(subject=Personal(account["open_id"]))
    assert alipay.login.exchange(code=code) == LoginRefused(code="code_wrong")
    here.sandbox.control.plan("alipay", "alipay.token", "server_error")
    with pytest.raises(ChannelSilent):
        alipay.login.exchange(code=code)


def test_a_new_certificate_is_fetched_if_the_root_vouches_for_it_and_it_is_valid(
    here: Played, alipay: AlipayChannels
) -> None:
    control = here.sandbox.control
    assert alipay.payments.ask(number(9)) == NotFound()
    control.rotate_alipay()
    control.plan("alipay", "alipay.certificate", "lose_reply")
    with pytest.raises(ChannelSilent):
        alipay.payments.ask(number(9))
    here.clock.advance(timedelta(minutes=2))
    assert alipay.payments.ask(number(9)) == NotFound()
    control.rotate_alipay(ends=START)
    here.clock.advance(timedelta(minutes=2))
    with pytest.raises(ChannelSilent, match="unsigned"):
        alipay.payments.ask(number(9))


def test_in_key_mode_both_keys_count_while_alipay_changes_them() -> None:
    with played("alipay", mode="public_key") as here:
        assert here.there.alipay is not None
        assert here.there.alipay.transfers is None, "transfers take certificate mode"
        here.sandbox.control.rotate_alipay()
        with pytest.raises(ChannelSilent, match="unsigned"):
            here.there.alipay.payments.ask(number(9))
        given = here.sandbox.credentials
        given = {**given, "alipay": {**given["alipay"], "mode": "public_key"}}
        told = connect(credentials=check_credentials(value=given), public_url="http://127.0.0.1:1", clock=here.clock)
        assert told.alipay is not None
        assert told.alipay.payments.ask(number(9)) == NotFound()
        told.close()


def test_credentials_that_are_not_whole_are_refused_before_anything_is_said(here: Played) -> None:
    given = here.sandbox.credentials
    for change in (
        {"app_private_key": "no key"},
        {"app_certificate": "no certificate"},
        {"app_certificate": None},
        {"app_certificate": given["alipay"]["alipay_certificate"]},
        {"alipay_certificate": None},
        {"root_certificates": given["alipay"]["app_certificate"]},
        {"mode": "public_key", "alipay_public_key": None},
        {"mode": "public_key", "alipay_public_key": "no key"},
        {"bill_url": "http://bills.test"},
        {"unknown": "x"},
    ):
        wrong = {**given, "alipay": {**given["alipay"], **change}}
        with pytest.raises(ChannelCredentialsMalformed):
            connect(credentials=check_credentials(value=wrong), public_url="http://127.0.0.1:1", clock=here.clock)
