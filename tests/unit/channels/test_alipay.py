"""Which of Alipay's words end an order: a table of what may be heard. All else leaves it open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from mingqu.channels.alipay.agreement import AlipayDeductions
from mingqu.channels.alipay.payment import AlipayPayments
from mingqu.channels.alipay.refund import AlipayRefunds
from mingqu.channels.alipay.transfer import AlipayTransfers, identity_type
from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.collection import DeductionRequest, HostedPage, HostedPaymentRequest
from mingqu.ports.payout import PayoutRequest
from mingqu.ports.refund import RefundRequest
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import CARD, NAME, START, number
from tests.unit.channels.alipay_party import PAID, answering, certified, enveloped, saying

QUERY = "alipay.trade.query"
NO = {"code": "40004", "msg": "Business Failed"}
PAGE = HostedPaymentRequest(
    order_number=number(1), amount_fen=30_000, currency="CNY", expires_at=START + timedelta(hours=1)
)
DEDUCTION = DeductionRequest(
    order_number=number(1), amount_fen=30_000, currency="CNY", agreement_token=Personal("20261")
)
REFUND = RefundRequest(
    refund_number=number(2), order_number=number(1), amount_fen=10_000, total_fen=30_000, currency="CNY"
)
OPEN = {**PAID, "trade_status": "WAIT_BUYER_PAY", "send_pay_date": None}
CLOSED = {**OPEN, "trade_status": "TRADE_CLOSED"}


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (PAID, Paid(at=START, amount_fen=30_000, currency="CNY", reference="2026081522001")),
        ({**PAID, "trade_status": "TRADE_FINISHED"}, Paid(at=START, amount_fen=30_000, currency="CNY",
                                                          reference="2026081522001")),
        ({**PAID, "trade_status": "TRADE_CLOSED"}, Paid(at=START, amount_fen=30_000, currency="CNY",
                                                        reference="2026081522001")),
        (CLOSED, Failed(code="closed")),
        (OPEN, InProgress()),
        ({**NO, "sub_code": "ACQ.TRADE_NOT_EXIST"}, NotFound()),
    ],
)  # fmt: skip
def test_an_explicit_word_is_taken(value: dict[str, Any], word: object) -> None:
    assert AlipayPayments(application=saying(value)).ask(number(1)) == word


NEVER_AN_END = [
    pytest.param({"code": "20000", "sub_code": "isp.unknow-error"}, "server_error", id="unknown error"),
    pytest.param({"code": "20000", "sub_code": "aop.unknow-error"}, "server_error", id="unavailable"),
    pytest.param({**NO, "sub_code": "ACQ.SYSTEM_ERROR"}, "server_error", id="system error"),
    pytest.param({**NO, "sub_code": "SYSTEM_ERROR"}, "server_error", id="bare system error"),
    pytest.param({**NO, "sub_code": "ACQ.SOMETHING_NEW"}, "rejected", id="a code nobody knows"),
    pytest.param({"code": "20001", "sub_code": "aop.invalid-auth-token"}, "rejected", id="token"),
    pytest.param({"code": "40002", "sub_code": "isv.invalid-signature"}, "rejected", id="our signature"),
    pytest.param({"code": "40005", "sub_code": "isv.app-call-limited"}, "busy", id="too often"),
    pytest.param({"code": "40006", "sub_code": "isv.insufficient-isv-permissions"}, "rejected", id="permission"),
    pytest.param({**PAID, "out_trade_no": number(9)}, "unreadable", id="another order"),
    pytest.param({**PAID, "trade_status": "TRADE_PENDING"}, "unreadable", id="a status nobody knows"),
    pytest.param({**PAID, "total_amount": "3e2"}, "unreadable", id="an amount that is none"),
    pytest.param({**PAID, "total_amount": "0.00"}, "unreadable", id="nothing paid"),
    pytest.param({**PAID, "trade_no": None}, "unreadable", id="no number of theirs"),
    pytest.param({**PAID, "send_pay_date": None}, "unreadable", id="no moment"),
    pytest.param({**PAID, "out_trade_no": 7}, "unreadable", id="a number for a text"),
]


@pytest.mark.parametrize(("value", "reason"), NEVER_AN_END)
def test_anything_else_is_silence(value: dict[str, Any], reason: str) -> None:
    with pytest.raises(ChannelSilent) as silence:
        AlipayPayments(application=saying(value)).ask(number(1))
    assert silence.value.reason == reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.ReadTimeout("late"), "timeout"),
        (httpx.ConnectError("nobody"), "connection"),
        (httpx.Response(502), "server_error"),
        (httpx.Response(302, headers={"location": "https://elsewhere.test"}), "unreadable"),
        (b"<html>busy</html>", "unreadable"),
        (b'{"alipay_trade_query_response":{"code":"10000"}}', "unsigned"),
        (b'{"error_response":{"code":"40002","sub_code":"isv.invalid-signature"}}', "rejected"),
        (b'{"alipay_trade_close_response":{"code":"10000"},"sign":"x"}', "unreadable"),
        pytest.param(
            enveloped(PAID, method="alipay.trade.close"), "unreadable", id="of another call"
        ),  # freshly signed
    ],
)
def test_an_answer_that_is_none_is_silence(answer: bytes | httpx.Response | Exception, reason: str) -> None:
    with pytest.raises(ChannelSilent) as silence:
        AlipayPayments(application=answering(lambda *_: answer)).ask(number(1))
    assert silence.value.reason == reason


def test_a_page_is_signed_and_says_when_it_ends() -> None:
    page = AlipayPayments(application=saying({**NO, "sub_code": "ACQ.TRADE_NOT_EXIST"})).create(PAGE)
    assert isinstance(page, HostedPage)
    asked = httpx.URL(page.address).params
    assert (asked["method"], asked["sign_type"]) == ("alipay.trade.wap.pay", "RSA2")
    assert '"total_amount":"300.00"' in asked["biz_content"]
    assert '"time_expire":"2026-08-15 11:00:00"' in asked["biz_content"]


@pytest.mark.parametrize(
    ("known", "word"),
    [
        (OPEN, HostedPage),
        ({**OPEN, "total_amount": "300.01"}, NumberTaken),
        (CLOSED, Refused),
        ({**PAID, "total_amount": "1.00"}, NumberTaken),
        (PAID, ChannelSilent),
    ],
)
def test_a_number_that_alipay_knows_gets_a_page_only_if_it_is_the_same_payment_and_open(
    known: dict[str, Any], word: type
) -> None:
    payments = AlipayPayments(application=saying(known))
    try:
        assert isinstance(payments.create(PAGE), word)
    except ChannelSilent:
        assert word is ChannelSilent


def test_inside_alipays_app_a_trade_is_handed_over() -> None:
    created = {"code": "10000", "out_trade_no": number(1), "trade_no": "2026081522001"}
    page = AlipayPayments(application=saying(created)).create(replace(PAGE, payer_login=Personal("openid-of-payer")))
    assert page == HostedPage(address="", handover={"tradeNO": "2026081522001"})


def test_another_currency_is_not_said_to_alipay() -> None:
    application = answering(lambda *_: AssertionError("nothing is sent"))
    with pytest.raises(ChannelSilent, match="rejected"):
        AlipayPayments(application=application).create(replace(PAGE, currency="HKD"))
    with pytest.raises(ChannelSilent, match="rejected"):
        AlipayDeductions(application=application).deduct(replace(DEDUCTION, currency="HKD"))


def by_method(*, certified: bool = False, **values: dict[str, Any]) -> Callable[[str, dict[str, Any]], bytes]:
    """Answer by the last word of the method."""
    return lambda method, _: enveloped(values[method.rsplit(".", 1)[1]], method=method, in_certificate_mode=certified)


TAKEN = {"code": "10000", "out_trade_no": number(1)}


@pytest.mark.parametrize(
    ("pay", "query", "close", "word"),
    [
        (TAKEN, PAID, {}, Paid),
        (TAKEN, OPEN, {}, Accepted),
        ({**TAKEN, "code": "10003"}, OPEN, {}, Accepted),
        (TAKEN, {**NO, "sub_code": "ACQ.TRADE_NOT_EXIST"}, {}, Accepted),
        (TAKEN, {**PAID, "total_amount": "1.00"}, {}, NumberTaken),
        ({**NO, "sub_code": "ACQ.AGREEMENT_NOT_EXIST"}, {}, {}, Refused),
        ({**NO, "sub_code": "ACQ.TRADE_HAS_SUCCESS"}, PAID, {}, Paid),
        ({**NO, "sub_code": "ACQ.TRADE_HAS_CLOSE"}, CLOSED, {}, Refused),
        ({**NO, "sub_code": "ACQ.CONTEXT_INCONSISTENT"}, OPEN, {}, NumberTaken),
        # A no of today is an end only once the trade is closed for good.
        ({**NO, "sub_code": "ACQ.BUYER_BALANCE_NOT_ENOUGH"}, {}, TAKEN, Refused),
        ({**NO, "sub_code": "ACQ.BUYER_BALANCE_NOT_ENOUGH"}, {}, {**NO, "sub_code": "ACQ.TRADE_NOT_EXIST"},
         ChannelSilent),
        ({**NO, "sub_code": "ACQ.BUYER_BALANCE_NOT_ENOUGH"}, {}, {**NO, "sub_code": "ACQ.SYSTEM_ERROR"},
         ChannelSilent),
        ({**NO, "sub_code": "ACQ.SYSTEM_ERROR"}, {}, {}, ChannelSilent),
    ],
)  # fmt: skip
def test_a_deduction_ends_by_words_that_stay_true(
    pay: dict[str, Any], query: dict[str, Any], close: dict[str, Any], word: type
) -> None:
    deductions = AlipayDeductions(application=answering(by_method(pay=pay, query=query, close=close)))
    try:
        assert isinstance(deductions.deduct(DEDUCTION), word)
    except ChannelSilent:
        assert word is ChannelSilent


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ({"code": "10000"}, NotFound()),
        ({"code": "10000", "out_request_no": number(2), "refund_status": ""}, InProgress()),
        (
            {
                "code": "10000", "out_request_no": number(2), "trade_no": "2026", "refund_status": "REFUND_SUCCESS",
                "refund_amount": "100.00", "gmt_refund_pay": "2026-08-15 10:00:00",
            },
            Paid(at=START, amount_fen=10_000, currency="CNY", reference="2026"),
        ),
    ],
)  # fmt: skip
def test_a_refund_is_done_when_the_question_says_so(told: dict[str, Any], word: object) -> None:
    assert AlipayRefunds(application=saying(told)).ask_refund(number(2), order_number=number(1)) == word
    said = AlipayRefunds(application=answering(by_method(refund={"code": "10000"}, query=told))).refund(REFUND)
    assert said == (word if isinstance(word, Paid) else Accepted())


SENT = {"code": "10000", "out_biz_no": number(1), "order_id": "2026081511"}
MOVED = {**SENT, "status": "SUCCESS", "trans_amount": "300.00", "pay_date": "2026-08-15 10:00:00"}
UNKNOWN_ORDER = {**NO, "sub_code": "ORDER_NOT_EXIST"}
REFUSAL = {**NO, "sub_code": "PAYEE_NOT_EXIST"}
TRANSFER = PayoutRequest(order_number=number(1), amount_fen=30_000, currency="CNY", card_number=CARD, holder_name=NAME)


@pytest.mark.parametrize(
    ("sent", "told", "word"),
    [
        ({**SENT, "status": "SUCCESS"}, MOVED, Paid),
        ({**SENT, "status": "SUCCESS"}, UNKNOWN_ORDER, Accepted),
        ({**SENT, "status": "DEALING"}, {}, Accepted),
        ({**SENT, "out_biz_no": number(9), "status": "SUCCESS"}, MOVED, ChannelSilent),
        # A no is an end only where the question tells of a failure.
        (REFUSAL, {**SENT, "status": "FAIL", "error_code": "PAYEE_NOT_EXIST"}, Refused),
        (REFUSAL, UNKNOWN_ORDER, ChannelSilent),
        (REFUSAL, {**SENT, "status": "DEALING"}, Accepted),
        (REFUSAL, MOVED, Paid),
        ({**NO, "sub_code": "PAYMENT_INFO_INCONSISTENCY"}, {}, NumberTaken),
        ({**NO, "sub_code": "SYSTEM_ERROR"}, {}, ChannelSilent),
        ({"code": "20000", "sub_code": "isp.unknow-error"}, {}, ChannelSilent),
    ],
)
def test_a_transfer_ends_by_what_the_question_says(sent: dict[str, Any], told: dict[str, Any], word: type) -> None:
    transfers = AlipayTransfers(
        application=answering(by_method(certified=True, transfer=sent, query=told), platform=certified())
    )
    try:
        assert isinstance(transfers.send(TRANSFER), word)
    except ChannelSilent:
        assert word is ChannelSilent


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("SUCCESS", Paid),
        ("FAIL", Failed),
        ("CLOSED", Failed),
        ("REFUND", Failed),
        ("DEALING", InProgress),
        ("WAIT_PAY", InProgress),
        ("SOMETHING_NEW", ChannelSilent),
    ],
)
def test_a_transfer_is_as_its_status_says(status: str, word: type) -> None:
    transfers = AlipayTransfers(application=saying({**MOVED, "status": status}, platform=certified()))
    try:
        assert isinstance(transfers.ask(number(1)), word)
    except ChannelSilent:
        assert word is ChannelSilent


def test_an_account_is_named_by_its_kind() -> None:
    assert identity_type("2088123412341234") == "ALIPAY_USER_ID"
    assert identity_type("13800138000") == identity_type("a@b.cn") == "ALIPAY_LOGON_ID"
    assert identity_type("074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5") == "ALIPAY_OPEN_ID"
