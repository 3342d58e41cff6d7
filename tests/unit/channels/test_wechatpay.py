"""Payments, refunds and bills of WeChat Pay: what is sent, and which answers are words."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from mingqu.channels.wechatpay.bill import fen_of, read_bill
from mingqu.channels.wechatpay.payment import WechatPay
from mingqu.channels.wechatpay.refund import WechatRefunds
from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.collection import HostedPage, HostedPaymentRequest
from mingqu.ports.payout import Direction
from mingqu.ports.refund import RefundRequest
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import START, number
from tests.unit.channels.wechatpay_party import KEY_ID, Platform, rsa_key

PAGE = HostedPaymentRequest(
    order_number=number(1), amount_fen=30_000, currency="CNY", expires_at=START + timedelta(hours=1)
)
INSIDE = replace(PAGE, payer_login=Personal("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"))
TRADE = {
    "appid": "wx0000000000000001",
    "mchid": "1900000001",
    "out_trade_no": number(1),
    "transaction_id": "4200002000202608150000000001",
    "trade_type": "MWEB",
    "trade_state": "SUCCESS",
    "success_time": "2026-08-15T10:05:00+08:00",
    "payer": {"openid": "o1"},
    "amount": {"total": 30_000, "payer_total": 29_000, "currency": "CNY", "payer_currency": "CNY"},
}
PAID = Paid(
    at=START + timedelta(minutes=5), amount_fen=30_000, currency="CNY", reference="4200002000202608150000000001"
)
REFUND = RefundRequest(
    refund_number=number(2), order_number=number(1), amount_fen=100, total_fen=30_000, currency="CNY"
)
REFUNDED = {
    "refund_id": "50000000382019052709732678859",
    "out_refund_no": number(2),
    "status": "PROCESSING",
    "amount": {"refund": 100, "total": 30_000, "currency": "CNY"},
}


def answering(*answers: tuple[int, object]) -> Platform:
    """A platform that gives these answers in turn, and the last one for ever."""
    waiting = list(answers)
    return Platform(say=lambda request: waiting.pop(0) if len(waiting) > 1 else waiting[0])


def pay(*answers: tuple[int, object]) -> WechatPay:
    return WechatPay(merchant=answering(*answers).merchant())


def silence_of(call: Callable[[], object]) -> str:
    with pytest.raises(ChannelSilent) as silence:
        call()
    return silence.value.reason


def signed_message(request: httpx.Request) -> tuple[bytes, bytes]:
    fields = dict(part.split("=", 1) for part in request.headers["authorization"].split(" ", 1)[1].split(","))
    told = {name: value.strip('"') for name, value in fields.items()}
    lines = [request.method.encode(), request.url.raw_path, told["timestamp"].encode(), told["nonce_str"].encode()]
    return b"\n".join([*lines, request.content, b""]), base64.b64decode(told["signature"])


def test_the_bytes_sent_are_the_bytes_signed() -> None:
    there = answering((200, {"h5_url": "https://wx.example/h5?prepay_id=1"}))
    WechatPay(merchant=there.merchant()).create(PAGE)
    message, signature = signed_message(there.heard[0])
    rsa_key("merchant").public_key().verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    assert "还款".encode() in message
    assert there.heard[0].headers["wechatpay-serial"] == KEY_ID


def test_a_page_in_the_browser_names_the_payers_address() -> None:
    there = answering((200, {"h5_url": "https://wx.example/h5?prepay_id=1"}))
    page = WechatPay(merchant=there.merchant()).create(replace(PAGE, payer_address=Personal("203.0.113.9")))
    assert page == HostedPage(address="https://wx.example/h5?prepay_id=1")
    (request,) = there.heard
    assert request.url.path == "/v3/pay/transactions/h5"
    assert json.loads(request.content) == {
        "appid": "wx0000000000000001",
        "mchid": "1900000001",
        "description": "还款",
        "out_trade_no": number(1),
        "time_expire": "2026-08-15T11:00:00+08:00",
        "notify_url": "https://house.example/notices/hosted",
        "amount": {"total": 30_000, "currency": "CNY"},
        "scene_info": {"payer_client_ip": "203.0.113.9", "h5_info": {"type": "Wap"}},
    }


def test_inside_wechat_the_door_gets_parameters_signed_by_us() -> None:
    there = answering((200, {"prepay_id": "wx201410272009395522657a690389285100"}))
    page = WechatPay(merchant=there.merchant()).create(INSIDE)
    assert isinstance(page, HostedPage)
    call = dict(page.handover)
    lines = "\n".join([call["appId"], call["timeStamp"], call["nonceStr"], call["package"], ""])
    signature = base64.b64decode(call.pop("paySign"))
    rsa_key("merchant").public_key().verify(signature, lines.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert call == {
        "appId": "wx0000000000000001",
        "timeStamp": str(int(START.timestamp())),
        "nonceStr": f"{2:032x}",
        "package": "prepay_id=wx201410272009395522657a690389285100",
        "signType": "RSA",
    }
    (request,) = there.heard
    assert request.url.path == "/v3/pay/transactions/jsapi"
    assert json.loads(request.content)["payer"] == {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}


@pytest.mark.parametrize(
    ("trade", "word"),
    [
        (TRADE, PAID),
        ({**TRADE, "trade_state": "REFUND"}, PAID),
        ({**TRADE, "trade_state": "CLOSED", "amount": None}, Failed(code="closed")),
        ({**TRADE, "trade_state": "REVOKED"}, Failed(code="revoked")),
        ({**TRADE, "trade_state": "NOTPAY"}, InProgress()),
        ({**TRADE, "trade_state": "USERPAYING"}, InProgress()),
        ({**TRADE, "trade_state": "PAYERROR"}, InProgress()),
    ],
)
def test_each_state_of_a_trade_is_one_word(trade: object, word: object) -> None:
    there = answering((200, trade))
    assert WechatPay(merchant=there.merchant()).ask(number(1)) == word
    assert there.heard[0].url.raw_path == f"/v3/pay/transactions/out-trade-no/{number(1)}?mchid=1900000001".encode()


@pytest.mark.parametrize(
    ("status", "value", "reason"),
    [
        (200, {**TRADE, "trade_state": "DREAMING"}, "unreadable"),
        (200, {**TRADE, "out_trade_no": number(2)}, "unreadable"),
        (200, {**TRADE, "mchid": "1900000002"}, "unreadable"),
        (200, {**TRADE, "appid": "wx2"}, "unreadable"),
        (200, {**TRADE, "amount": {}}, "unreadable"),
        (200, {**TRADE, "success_time": "yesterday"}, "unreadable"),
        (200, {key: value for key, value in TRADE.items() if key != "transaction_id"}, "unreadable"),
        (200, b"", "unreadable"),
        (400, {"code": "PARAM_ERROR"}, "rejected"),
        (403, {"code": "NO_AUTH"}, "rejected"),
        (429, {"code": "FREQUENCY_LIMITED"}, "busy"),
        (500, {"code": "SYSTEM_ERROR"}, "server_error"),
    ],
)
def test_what_is_not_final_word_for_word_is_silence(status: int, value: object, reason: str) -> None:
    assert silence_of(lambda: pay((status, value)).ask(number(1))) == reason


@pytest.mark.parametrize(
    "spoil",
    [
        lambda there: replace(there, signs=False),
        lambda there: replace(there, key="stranger"),
        lambda there: replace(there, key_id="PUB_KEY_ID_2"),
        lambda there: replace(there, age=timedelta(seconds=301)),
        lambda there: replace(there, meddle=lambda said: httpx.Response(200, headers=said.headers, content=b"{}")),
    ],
    ids=["bare", "stranger", "unknown key", "old", "other body"],
)
@pytest.mark.parametrize("status", [200, 404])
def test_an_answer_that_is_not_signed_is_no_answer(spoil: Callable[[Platform], Platform], status: int) -> None:
    there = spoil(answering((status, TRADE)))
    assert silence_of(lambda: WechatPay(merchant=there.merchant()).ask(number(1))) == "unsigned"


def test_an_unknown_number_is_not_found() -> None:
    assert pay((404, {"code": "ORDER_NOT_EXIST"})).ask(number(1)) == NotFound()


@pytest.mark.parametrize(
    ("answers", "word"),
    [
        ([(400, {"code": "OUT_TRADE_NO_USED"}), (200, {**TRADE, "trade_state": "NOTPAY"})], NumberTaken()),
        ([(400, {"code": "ORDER_CLOSED"})], Refused(code="order_closed")),
        ([(400, {"code": "INVALID_REQUEST"}), (200, {**TRADE, "trade_state": "NOTPAY"})], NumberTaken()),
        ([(400, {"code": "INVALID_REQUEST"}), (200, {**TRADE, "trade_state": "CLOSED"})], Refused(code="closed")),
    ],
)
def test_a_page_is_refused_only_in_words_that_say_so(answers: list[tuple[int, object]], word: object) -> None:
    assert pay(*answers).create(PAGE) == word


@pytest.mark.parametrize(
    "answers",
    [
        [(400, {"code": "INVALID_REQUEST"}), (404, {"code": "ORDER_NOT_EXIST"})],
        [(400, {"code": "INVALID_REQUEST"}), (200, TRADE)],  # paid meanwhile: its own question will tell
        [(400, {"code": "OUT_TRADE_NO_USED"}), (200, TRADE)],
        [(400, {"code": "PARAM_ERROR"})],
        [(403, {"code": "RULE_LIMIT"})],
    ],
)
def test_a_page_that_was_not_made_may_be_made_yet(answers: list[tuple[int, object]]) -> None:
    assert silence_of(lambda: pay(*answers).create(PAGE)) == "rejected"


def test_a_page_is_closed_whatever_became_of_it_and_silence_is_told() -> None:
    there = answering((204, b""))
    WechatPay(merchant=there.merchant()).close_page(number(1))
    (request,) = there.heard
    assert request.url.path == f"/v3/pay/transactions/out-trade-no/{number(1)}/close"
    assert json.loads(request.content) == {"mchid": "1900000001"}
    pay((400, {"code": "ORDER_CLOSED"})).close_page(number(1))
    assert silence_of(lambda: pay((500, b"")).close_page(number(1))) == "server_error"


@pytest.mark.parametrize(
    ("changed", "said", "asked"),
    [
        ({}, Accepted(reference="50000000382019052709732678859"), InProgress()),
        ({"status": "ABNORMAL"}, Accepted(reference="50000000382019052709732678859"), InProgress()),
        ({"status": "CLOSED"}, Refused(code="closed"), Failed(code="closed")),
        (
            {"status": "SUCCESS", "success_time": "2026-08-15T10:05:00+08:00"},
            Paid(
                at=START + timedelta(minutes=5),
                amount_fen=100,
                currency="CNY",
                reference="50000000382019052709732678859",
            ),
            None,
        ),
    ],
)
def test_each_state_of_a_refund_is_one_word(changed: dict[str, str], said: object, asked: object) -> None:
    refunds = WechatRefunds(merchant=answering((200, {**REFUNDED, **changed})).merchant())
    assert refunds.refund(REFUND) == said
    assert refunds.ask_refund(number(2), order_number=number(1)) == (asked or said)


def test_a_refund_that_was_not_made_may_be_made_yet() -> None:
    for answers in (
        [(403, {"code": "NOT_ENOUGH"})],
        [(400, {"code": "INVALID_REQUEST"}), (404, {"code": "RESOURCE_NOT_EXISTS"})],
        [(200, {**REFUNDED, "status": "SUCCESS"})],  # without its time
        [(200, {**REFUNDED, "out_refund_no": number(3)})],
    ):
        refunds = WechatRefunds(merchant=answering(*answers).merchant())
        assert silence_of(lambda refunds=refunds: refunds.refund(REFUND)) in ("rejected", "unreadable")
    taken = WechatRefunds(merchant=answering((400, {"code": "INVALID_REQUEST"}), (200, REFUNDED)).merchant())
    assert taken.refund(REFUND) == NumberTaken()
    unknown = WechatRefunds(merchant=answering((404, {"code": "X"})).merchant())
    assert unknown.ask_refund(number(2), order_number=number(1)) == NotFound()


HEADER = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
TOTALS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"


def detail(**changed: str) -> str:
    row = dict.fromkeys(HEADER.split(","), "")
    row |= {"交易时间": "2026-08-15 10:05:00", "商户号": "1900000001", "货币种类": "CNY", "交易状态": "SUCCESS"}
    row |= {"微信订单号": "W1", "商户订单号": number(1), "订单金额": "300.00", "商品名称": "还款, 三期"}
    return ",".join(f"`{value}" for value in {**row, **changed}.values())


YUAN = re.compile(r"\d+\.\d\d")


GONE_BACK = detail(
    交易状态="REFUND",
    交易时间="2026-08-15 09:00:00",
    微信退款单号="R1",
    商户退款单号=number(2),
    订单金额="0.00",
    申请退款金额="0.07",
    退款状态="SUCCESS",
)


def bill(*details: str, count: int | None = None) -> bytes:
    told = count if count is not None else len(details)
    rows = [dict(zip(HEADER.split(","), each[1:].split(",`"), strict=False)) for each in details]
    paid, back = (sum(Decimal(row[name]) for row in rows if YUAN.fullmatch(row[name]))
                  for name in ("订单金额", "申请退款金额"))  # fmt: skip
    return "\n".join(["\ufeff" + HEADER, *details, TOTALS, f"`{told},`0,`0,`0,`0,`{paid},`{back}", ""]).encode()


def test_a_bill_is_fetched_under_its_hash_and_read_in_fen() -> None:
    file = bill(
        detail(), GONE_BACK, detail(交易状态="REFUND", 退款状态="PROCESSING", 订单金额="0.00", 申请退款金额="0.05")
    )

    def say(request: httpx.Request) -> tuple[int, object]:
        if request.url.path == "/v3/bill/tradebill":
            assert request.url.raw_path.endswith(b"?bill_date=2026-08-15&bill_type=ALL")
            return 200, ready
        assert signed_message(request)[0].startswith(b"GET\n/v3/billdownload/file?token=t1\n")
        return 200, file

    ready = {
        "hash_type": "SHA1",
        "hash_value": hashlib.sha1(file).hexdigest(),
        "download_url": "https://pay.example/v3/billdownload/file?token=t1",
    }
    channel = WechatPay(merchant=Platform(say=say).merchant())
    lines = channel.statement(date(2026, 8, 15))
    assert [(each.order_number, each.direction, each.amount_fen, each.reference) for each in lines] == [
        (number(2), Direction.OUT, 7, "R1"),
        (number(1), Direction.IN, 30_000, "W1"),
    ]
    assert lines[1].succeeded_at == START + timedelta(minutes=5)
    file = file.replace(b"300.00", b"301.00")
    assert silence_of(lambda: channel.statement(date(2026, 8, 15))) == "unreadable", "the hash does not fit"


def test_a_bill_is_not_fetched_from_elsewhere() -> None:
    for elsewhere in ("https://thief.example/v3/bill", "http://pay.example/v3/bill", "https://pay.example@thief/x"):
        ready = {"hash_type": "SHA1", "hash_value": "0" * 40, "download_url": elsewhere}
        there = answering((200, ready))
        assert silence_of(lambda there=there: WechatPay(merchant=there.merchant()).statement(date(2026, 8, 15)))
        assert len(there.heard) == 1


def test_a_day_without_trades_has_no_bill() -> None:
    there = answering((400, {"code": "NO_STATEMENT_EXIST"}))
    channel = WechatPay(merchant=there.merchant())
    assert silence_of(lambda: channel.statement(date(2026, 8, 15))) == "rejected", "it may come yet"
    there.clock.advance_to(START + timedelta(days=1))
    assert channel.statement(date(2026, 8, 15)) == []
    assert silence_of(lambda: pay((400, {"code": "STATEMENT_CREATING"})).statement(date(2026, 8, 15))) == "rejected"


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"\xff\xfe",
        bill(detail(), count=2),
        bill(detail(商户号="1900000002")),
        bill(detail(交易时间="2026-08-16 00:00:00")),
        bill(detail(交易时间="today")),
        bill(detail(订单金额="3e2")),
        bill(detail(订单金额="-1.00")),
        bill(detail(交易状态="DREAMING")),
        bill(detail() + ",`one too many"),
        bill(detail()).replace("订单金额".encode(), "金额".encode()),
        b"\n".join(bill(detail()).split(b"\n")[:2]),
    ],
)
def test_a_bill_that_is_not_understood_to_the_last_line_is_not_used(file: bytes) -> None:
    assert silence_of(lambda: read_bill(file, mchid="1900000001", business_date=date(2026, 8, 15))) == "unreadable"


@pytest.mark.parametrize(
    ("yuan", "fen"), [("0.07", 7), ("12.3", 1_230), ("5", 500), ("0.00", 0), ("123456.78", 12_345_678)]
)
def test_yuan_become_whole_fen(yuan: str, fen: int) -> None:
    assert fen_of(yuan) == fen
