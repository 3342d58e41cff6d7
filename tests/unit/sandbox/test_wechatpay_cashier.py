"""Where the payer pays, refunds and their notices, bills that are good once: what surrounds a trade of WeChat Pay."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tests.unit.sandbox.house import House, opened, playing, receiving

NUMBER = "R" * 32
BACK = "http://127.0.0.1:9/back?loan=1"


@pytest.fixture
def house() -> Iterator[House]:
    with playing(tells=False) as house:
        yield house


def state(house: House) -> Any:
    mchid = house.sandbox.credentials["wechatpay"]["mchid"]
    return house.wechatpay("GET", f"/v3/pay/transactions/out-trade-no/{NUMBER}?mchid={mchid}").json()["trade_state"]


def test_a_request_of_before_is_refused_and_changes_nothing(house: House) -> None:
    mchid = house.sandbox.credentials["wechatpay"]["mchid"]
    house.prepay(NUMBER)
    target = f"/v3/pay/transactions/out-trade-no/{NUMBER}"
    assert house.wechatpay("GET", f"{target}?mchid={mchid}", nonce="n" * 32).status_code == 200
    again = house.wechatpay("POST", f"{target}/close", {"mchid": mchid}, nonce="n" * 32)
    assert (again.status_code, again.json()["code"]) == (401, "SIGN_ERROR")
    assert state(house) == "NOTPAY"


@pytest.mark.parametrize("when", ["tomorrow", "2026-08-15T10:00:00+08:00", "2026-08-15T10:05:00", 5])
def test_a_time_at_which_nobody_can_pay_is_a_wrong_parameter(house: House, when: object) -> None:
    answer = house.prepay(NUMBER, time_expire=when)
    assert (answer.status_code, answer.json()["code"]) == (400, "PARAM_ERROR")
    assert house.verify_wechatpay(answer.content, answer.headers)


def test_the_h5_page_sends_the_payer_back_and_opens_for_five_minutes(house: House) -> None:
    address = house.prepay(NUMBER).json()["h5_url"]
    target = f"{address}&{urlencode({'redirect_url': BACK})}"
    house.clock.advance(timedelta(minutes=5, seconds=1))
    assert house.client.get(target).status_code == 410
    target = f"{house.prepay(NUMBER).json()['h5_url']}&{urlencode({'redirect_url': BACK})}"
    assert "还款" in house.client.get(target).text
    answer = house.client.post(target, data={"choice": "pay"})
    assert (answer.status_code, answer.headers["location"]) == (303, BACK)
    assert state(house) == "SUCCESS"


def jsapi(house: House, prepay_id: str, *, total: str = "") -> str:
    """Return the address of what opens inside WeChat, as the merchant's page would ask for it."""
    given = house.sandbox.credentials["wechatpay"]
    key = serialization.load_pem_private_key(given["merchant_private_key"].encode(), password=None)
    assert isinstance(key, RSAPrivateKey)
    words = {"appId": given["appid"], "timeStamp": "1786752000", "nonceStr": "n1", "package": f"prepay_id={prepay_id}"}
    text = "".join(f"{word}\n" for word in words.values()).encode()
    signature = base64.b64encode(key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()
    words["package"] += total
    return f"{given['base_url']}/jsapi?{urlencode({**words, 'signType': 'RSA', 'paySign': signature})}"


def test_inside_wechat_a_payment_needs_the_merchants_signature(house: House) -> None:
    given = house.sandbox.credentials["wechatpay"]
    asked = {
        "appid": given["appid"],
        "mchid": given["mchid"],
        "description": "还款",
        "out_trade_no": NUMBER,
        "notify_url": "http://127.0.0.1:9/notify",
        "amount": {"total": 100},
        "payer": {"openid": "o1"},
    }
    prepay_id = house.wechatpay("POST", "/v3/pay/transactions/jsapi", asked).json()["prepay_id"]
    assert house.client.post(jsapi(house, prepay_id, total="0"), data={"choice": "pay"}).status_code == 400
    assert (
        house.client.post(f"{given['base_url']}/pay?prepay_id={prepay_id}", data={"choice": "pay"}).status_code == 404
    )
    assert state(house) == "NOTPAY"
    assert house.client.get(jsapi(house, prepay_id)).status_code == 200
    house.client.post(jsapi(house, prepay_id), data={"choice": "pay"})
    assert state(house) == "SUCCESS"


def test_a_refund_takes_its_time_and_is_told_when_it_went_through(house: House) -> None:
    house.sandbox.control.wechatpay.probe_every = 0
    house.sandbox.control.wechatpay.refunds.set_seconds(60)
    with receiving() as (address, heard, _):
        house.prepay(NUMBER)
        house.sandbox.control.wechatpay.pay(out_trade_no=NUMBER)
        refund = {
            "out_trade_no": NUMBER,
            "out_refund_no": "B1",
            "notify_url": address,
            "amount": {"refund": 60, "total": 100, "currency": "CNY"},
        }
        path = "/v3/refund/domestic/refunds"
        assert house.wechatpay("POST", path, refund).json()["status"] == "PROCESSING"
        house.sandbox.tell()
        assert heard == []
        house.clock.advance(timedelta(seconds=60))
        house.sandbox.tell()
        assert house.wechatpay("GET", f"{path}/B1").json()["status"] == "SUCCESS"
        ((headers, body),) = heard
    assert house.verify_wechatpay(body, headers)
    event, words = opened(house, body)
    assert (event, words["refund_status"], words["amount"]["refund"]) == ("REFUND.SUCCESS", "SUCCESS", 60)


def test_a_bill_is_fetched_once_within_minutes_and_has_what_the_book_has(house: House) -> None:
    house.prepay(NUMBER, total=1_050)
    house.sandbox.control.wechatpay.pay(out_trade_no=NUMBER)
    refund = {
        "out_trade_no": NUMBER,
        "out_refund_no": "B1",
        "amount": {"refund": 50, "total": 1_050, "currency": "CNY"},
    }
    house.wechatpay("POST", "/v3/refund/domestic/refunds", refund)
    house.clock.advance(timedelta(days=1))
    target = "/v3/bill/tradebill?bill_date=2026-08-15&bill_type=ALL&tar_type=GZIP"
    base_url = house.sandbox.credentials["wechatpay"]["base_url"]
    links = [house.wechatpay("GET", target).json() for _ in range(2)]
    paths = [link["download_url"].removeprefix(base_url) for link in links]
    content = gzip.decompress(house.wechatpay("GET", paths[0]).content)
    assert hashlib.sha1(content).hexdigest() == links[0]["hash_value"]
    assert content.decode().splitlines()[-1].split(",")[:3] == ["`2", "`10.50", "`0.50"]
    house.clock.advance(timedelta(minutes=6))
    assert [house.wechatpay("GET", path).status_code for path in paths] == [404, 403]
    house.clock.advance(timedelta(days=93))
    assert house.wechatpay("GET", target).json()["code"] == "PARAM_ERROR"
