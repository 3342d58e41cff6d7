"""The sandbox's Alipay as somebody else's client meets it: python-alipay-sdk, which knows nothing of this house."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from alipay import AliPay, DCAliPay
from alipay.exceptions import AliPayValidationError

from mingqu.sandbox.alipay import RETRY_SECONDS
from tests.unit.sandbox.house import NAME, PHONE, House, playing

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the library's own library
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # it leaves its answers open
]
NUMBER = "R2026081500000000000000000000001"
REFUND = "R2026081500000000000000000000002"
TRANSFER = "P2026081500000000000000000000001"


@pytest.fixture
def house() -> Iterator[House]:
    with playing(tells=False) as house:
        house.clock.now = datetime.now(UTC)  # the library asks the machine's clock
        yield house


def in_key_mode(house: House, *, notify_url: str | None = None) -> AliPay:
    given = house.sandbox.credentials["alipay"]
    client = AliPay(
        appid=given["app_id"], app_notify_url=notify_url, app_private_key_string=given["app_private_key"],
        alipay_public_key_string=given["alipay_public_key"],
    )  # fmt: skip
    client._gateway = given["base_url"]
    return client


def in_certificate_mode(house: House) -> DCAliPay:
    given = house.sandbox.credentials["alipay"]
    client = DCAliPay(
        appid=given["app_id"], app_private_key_string=given["app_private_key"],
        app_public_key_cert_string=given["app_certificate"],
        alipay_public_key_cert_string=given["alipay_certificate"],
        alipay_root_cert_string=given["root_certificates"],
    )  # fmt: skip
    client._gateway = given["base_url"]
    return client


def pay(house: House, client: AliPay) -> None:
    """Open the page that the library signed, and press its button."""
    query = client.api_alipay_trade_wap_pay("借款 & 还款", NUMBER, "12.30", return_url="http://shop.test/back")
    with httpx.Client(follow_redirects=True) as browser:
        cashier = browser.get(f"{house.sandbox.credentials['alipay']['base_url']}?{query}")
        assert ("借款 &amp; 还款" in cashier.text, "¥12.30" in cashier.text) == (True, True)
        account = house.sandbox.control.alipay.trades.account(PHONE)
        assert account is not None
        form = {"choice": "pay", "account": account["user_id"]}
        paid = browser.post(cashier.url, data=form, follow_redirects=False)
    assert paid.headers["location"] == "http://shop.test/back"


@pytest.mark.parametrize("mode", [in_key_mode, in_certificate_mode])
def test_the_library_pays_asks_refunds_and_transfers(house: House, mode: Any) -> None:
    client = mode(house)
    assert client.api_alipay_trade_query(NUMBER)["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    pay(house, client)
    asked = client.api_alipay_trade_query(NUMBER)
    assert (asked["code"], asked["trade_status"], asked["total_amount"]) == ("10000", "TRADE_SUCCESS", "12.30")
    for fund_change in ("Y", "N"):
        refunded = client.api_alipay_trade_refund("2.30", out_trade_no=NUMBER, out_request_no=REFUND)
        assert (refunded["fund_change"], refunded["refund_fee"]) == (fund_change, "2.30")
    told = client.api_alipay_trade_fastpay_refund_query(REFUND, out_trade_no=NUMBER)
    assert (told["refund_status"], told["refund_amount"]) == ("REFUND_SUCCESS", "2.30")
    refused = client.api_alipay_trade_refund("10.01", out_trade_no=NUMBER, out_request_no="other")
    assert refused["sub_code"] == "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
    assert client.api_alipay_trade_close(out_trade_no=NUMBER)["sub_code"] == "ACQ.TRADE_STATUS_ERROR"
    if mode is in_certificate_mode:
        transfer(house, client)


def transfer(house: House, client: DCAliPay) -> None:
    account = house.sandbox.control.alipay.trades.account(PHONE)
    assert account is not None
    before = account["balance_fen"]
    for _ in range(2):
        sent = client.api_alipay_fund_trans_uni_transfer(TRANSFER, "ALIPAY_LOGON_ID", PHONE, "5.00", name=NAME)
        assert (sent["status"], sent["out_biz_no"]) == ("SUCCESS", TRANSFER)
    asked = client.server_api("alipay.fund.trans.common.query", {"out_biz_no": TRANSFER})
    assert (asked["status"], asked["trans_amount"]) == ("SUCCESS", "5.00")
    other = client.api_alipay_fund_trans_uni_transfer(TRANSFER, "ALIPAY_LOGON_ID", PHONE, "5.01", name=NAME)
    assert other["sub_code"] == "PAYMENT_INFO_INCONSISTENCY"
    account = house.sandbox.control.alipay.trades.account(PHONE)
    assert account is not None
    assert account["balance_fen"] == before + 500


def test_transfers_are_refused_without_certificates(house: House) -> None:
    content = {"out_biz_no": TRANSFER, "trans_amount": "5.00", "product_code": "TRANS_ACCOUNT_NO_PWD"}
    assert in_key_mode(house).server_api("alipay.fund.trans.uni.transfer", content)["code"] == "40006"


def test_the_library_notices_an_answer_that_another_key_signed(house: House) -> None:
    house.sandbox.control.plan("alipay", "alipay.query", "wrong_signature")
    with pytest.raises(AliPayValidationError):
        in_key_mode(house).api_alipay_trade_query(NUMBER)


def test_a_request_that_is_not_signed_by_the_application_does_nothing(house: House) -> None:
    client, given = in_key_mode(house), house.sandbox.credentials["alipay"]
    query = client.sign_data(client.build_body("alipay.trade.query", {"out_trade_no": NUMBER}))
    for wrong, code in (
        (query.replace(NUMBER, "R" * 32), "isv.invalid-signature"),
        (query.replace("RSA2", "RSA"), "isv.invalid-signature"),
        (query.replace(given["app_id"], "2021000000000000"), "isv.invalid-app-id"),
        (query.replace("charset=utf-8&", ""), "isv.missing-charset"),
    ):
        said = house.client.get(f"{given['base_url']}?{wrong}").json()["error_response"]
        assert (said["code"][:2], said["sub_code"]) == ("40", code)


class Ear(BaseHTTPRequestHandler):
    """Hears notices, and answers what the test put there."""

    heard: list[dict[str, str]]
    answers: list[bytes]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.heard.append(dict(parse_qsl(body.decode(), keep_blank_values=True)))
        said = self.answers.pop(0) if self.answers else b"success"
        self.send_response(200)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def hearing(*answers: bytes) -> Iterator[tuple[str, list[dict[str, str]]]]:
    heard: list[dict[str, str]] = []
    ear = type("Ears", (Ear,), {"heard": heard, "answers": list(answers)})
    with ThreadingHTTPServer(("127.0.0.1", 0), ear) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/notify", heard
        server.shutdown()


def test_a_notice_comes_again_until_success_is_said_and_the_library_verifies_each(house: House) -> None:
    with hearing(b"SUCCESS!", b"<html>ok</html>") as (url, heard):
        client = in_key_mode(house, notify_url=url)
        pay(house, client)
        for wait in (0, *RETRY_SECONDS):
            house.clock.advance(timedelta(seconds=wait))
            house.sandbox.tell()
    assert len(heard) == 3, "two answers were not the word"
    assert len({said["notify_id"] for said in heard}) == 1
    assert len({said["notify_time"] for said in heard}) == 3
    for said in heard:
        assert (said["trade_status"], said["total_amount"], said["out_trade_no"]) == ("TRADE_SUCCESS", "12.30", NUMBER)
        signature = said.pop("sign")
        assert client.verify(dict(said), signature)
        assert not client.verify({**said, "total_amount": "12.31"}, signature)


def test_every_knob_of_alipays_page_turns(house: House) -> None:
    at = house.sandbox.credentials["control"]["alipay"]

    def turn(knob: str, /, **asked: Any) -> Any:
        answer = house.client.post(f"{at}/{knob}", json=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()

    turn("alipay-account", user_id="2088000000000007", name="周听澜", logon_id="z@example.com")
    turn("alipay-deposit", identity="z@example.com", amount_fen=5)
    turn("transfers", seconds=60)
    turn("bill-flaw", flaw="wrong_amount")
    turn("faults", call="alipay.bill_file", fault="slow", seconds=0)
    turn("rotate")
    assert len(house.sandbox.credentials["alipay"]["next_keys"]) == 1
    turn("end-rotation")
    assert house.sandbox.credentials["alipay"]["next_keys"] == []
    assert turn("pay", order_number=NUMBER) == {"said": "ACQ.TRADE_NOT_EXIST"}
    assert house.client.post(f"{at}/bill-flaw", json={"flaw": "other"}).status_code == 400
    page = house.client.get(at).text
    assert ("alipay.transfer" in page, "周听澜" in page) == (True, True)


def test_an_alipay_that_was_killed_knows_its_keys_and_its_trades(tmp_path: Any) -> None:
    with playing(folder=tmp_path, tells=False) as house:
        house.clock.now = datetime.now(UTC)
        house.sandbox.control.rotate_alipay()
        given = dict(house.sandbox.credentials["alipay"])
        pay(house, in_key_mode(house))
    with playing(folder=tmp_path, tells=False) as again:
        again.clock.now = datetime.now(UTC)
        assert again.sandbox.credentials["alipay"] == given
        client = in_key_mode(again)
        client._alipay_public_key_string = given["next_keys"][0]
        client._load_key()
        assert client.api_alipay_trade_query(NUMBER)["trade_status"] == "TRADE_SUCCESS"
