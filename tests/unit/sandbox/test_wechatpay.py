"""WeChat Pay of the sandbox: signatures, states, codes, notices with their probes, bills, and both key modes."""

from __future__ import annotations

import gzip
import hashlib
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from mingqu.sandbox.notices import RETRY_SECONDS
from mingqu.sandbox.wechatpay_sign import seal
from tests.unit.sandbox.house import House, opened, playing, receiving

NUMBER = "R" * 32
SECONDS_MAX = 60.0


@pytest.fixture
def house() -> Iterator[House]:
    with playing() as house:
        yield house


def state(house: House, number: str = NUMBER) -> Any:
    mchid = house.sandbox.credentials["wechatpay"]["mchid"]
    return house.wechatpay("GET", f"/v3/pay/transactions/out-trade-no/{number}?mchid={mchid}").json()


def test_the_published_vector_of_the_seal_comes_out() -> None:
    sealed = seal(
        '{"out_trade_no":"R1"}',
        api_v3_key="0123456789abcdef0123456789abcdef",
        associated_data="transaction",
        nonce="fdasflkja484",
    )
    assert sealed["ciphertext"] == "DUcclrHBE5NffFMk6pzEyhUIzEut7J8Snwq2376egEzqBqkvQw=="


def test_a_trade_goes_from_not_paid_to_paid_to_refunded(house: House) -> None:
    answer = house.prepay(NUMBER)
    assert house.verify_wechatpay(answer.content, answer.headers)
    assert state(house)["trade_state"] == "NOTPAY"
    assert house.client.get(answer.json()["h5_url"]).status_code == 200
    house.client.post(answer.json()["h5_url"], data={"choice": "cancel"})
    assert state(house)["trade_state"] == "NOTPAY"
    house.client.post(answer.json()["h5_url"], data={"choice": "pay"})
    paid = state(house)
    assert (paid["trade_state"], paid["amount"]["payer_total"]) == ("SUCCESS", 100)
    assert paid["success_time"] == "2026-08-15T10:00:00+08:00"
    refund = {"out_trade_no": NUMBER, "out_refund_no": "B1", "amount": {"refund": 60, "total": 100, "currency": "CNY"}}
    first = house.wechatpay("POST", "/v3/refund/domestic/refunds", refund).json()
    assert first == house.wechatpay("POST", "/v3/refund/domestic/refunds", refund).json()
    assert first["status"] == "SUCCESS"
    more = {**refund, "out_refund_no": "B2"}
    assert house.wechatpay("POST", "/v3/refund/domestic/refunds", more).json()["code"] == "PARAM_ERROR"
    assert state(house)["trade_state"] == "REFUND"


def test_errors_are_those_of_the_document(house: House) -> None:
    house.prepay(NUMBER)
    close = f"/v3/pay/transactions/out-trade-no/{NUMBER}/close"
    given = house.sandbox.credentials["wechatpay"]
    said = [
        house.wechatpay("GET", f"/v3/pay/transactions/out-trade-no/nothing?mchid={given['mchid']}"),
        house.prepay(NUMBER, total=200),
        house.prepay("R" * 33),
        house.prepay("R" * 20, total=0),
        house.prepay("R" * 21, appid="wx0"),
        house.prepay("R" * 22, notify_url="http://127.0.0.1/n?a=1"),
        house.wechatpay("GET", f"/v3/pay/transactions/out-trade-no/{NUMBER}?mchid={given['mchid']}", stamp=1),
        house.wechatpay("GET", "/v3/certificates"),
        house.wechatpay("POST", close, {"mchid": given["mchid"]}),
        house.prepay(NUMBER),
    ]
    assert [(one.status_code, one.json()["code"] if one.content else None) for one in said] == [
        (404, "ORDER_NOT_EXIST"),
        (400, "INVALID_REQUEST"),
        (400, "PARAM_ERROR"),
        (400, "PARAM_ERROR"),
        (400, "APPID_MCHID_NOT_MATCH"),
        (400, "PARAM_ERROR"),
        (401, "SIGN_ERROR"),
        (500, "SYSTEM_ERROR"),
        (204, None),
        (400, "ORDER_CLOSED"),
    ]
    assert all(house.verify_wechatpay(one.content, one.headers) for one in said), "an empty body as well"


def test_time_closes_what_nobody_pays(house: House) -> None:
    house.prepay(NUMBER, time_expire=(house.clock.now + timedelta(minutes=5)).isoformat())
    house.clock.advance(timedelta(minutes=6))
    assert house.sandbox.control.wechatpay.pay(out_trade_no=NUMBER) == "CLOSED"
    assert house.sandbox.control.moved() == {}


def test_a_notice_comes_again_until_it_is_taken_and_probes_come_before() -> None:
    with playing(tells=False) as house, receiving() as (address, heard, answers):
        house.sandbox.control.wechatpay.probe_every = 2
        answers += [500, 401, 204]
        house.prepay(NUMBER, notify_url=address)
        house.sandbox.control.wechatpay.pay(out_trade_no=NUMBER)
        assert house.sandbox.tell() == 0
        assert house.sandbox.control.notices.open() == 1
        house.clock.advance(timedelta(seconds=RETRY_SECONDS[0]))
        assert house.sandbox.tell() == 1
        (first, body), (probe, _), (last, again) = heard
        assert house.verify_wechatpay(body, first)
        assert not house.verify_wechatpay(body, probe)
        assert house.verify_wechatpay(again, last)
        assert body == again, "the same notice, with the same id"
        event, words = opened(house, body)
        assert (event, words["out_trade_no"]) == ("TRANSACTION.SUCCESS", NUMBER)
        assert house.sandbox.control.notices.open() == 0
        assert house.sandbox.control.notices.probes_taken == 0


def test_a_sandbox_tells_by_itself_unless_it_is_told_not_to(house: House) -> None:
    house.sandbox.control.wechatpay.probe_every = 0
    with receiving() as (address, heard, _):
        house.prepay(NUMBER, notify_url=address)
        house.sandbox.control.wechatpay.pay(out_trade_no=NUMBER)
        until = time.monotonic() + SECONDS_MAX
        while not heard:
            assert time.monotonic() < until, "no notice came"
            time.sleep(0.02)


def test_the_bill_of_a_day_adds_up_to_its_book(house: House) -> None:
    for index in range(3):
        house.prepay(f"order{index:04d}", total=1_000 + index)
        house.sandbox.control.wechatpay.pay(out_trade_no=f"order{index:04d}")
    target = "/v3/bill/tradebill?bill_date=2026-08-15&bill_type=ALL&tar_type=GZIP"
    assert house.wechatpay("GET", target).json()["code"] == "NO_STATEMENT_EXIST"
    house.clock.advance(timedelta(days=1))
    told = house.wechatpay("GET", target).json()
    path = told["download_url"].removeprefix(house.sandbox.credentials["wechatpay"]["base_url"])
    file = house.wechatpay("GET", path)
    assert "wechatpay-signature" not in file.headers
    content = gzip.decompress(file.content)
    assert hashlib.sha1(content).hexdigest() == told["hash_value"]
    lines = content.decode().splitlines()
    rows = [line.split(",") for line in lines[1:-2]]
    assert all(field.startswith("`") for row in rows for field in row)
    assert [row[24] for row in rows] == ["`10.00", "`10.01", "`10.02"]
    assert lines[-1].split(",")[1] == "`30.03"


def test_a_rotated_key_signs_and_the_old_one_stays_known(house: House) -> None:
    merchant = house.sandbox.control.wechatpay.merchant
    merchant.rotate(now=house.clock.now, key_id="PUB_KEY_ID_02")
    answer = house.prepay(NUMBER)
    assert answer.headers["wechatpay-serial"] == "PUB_KEY_ID_02"
    assert not house.verify_wechatpay(answer.content, answer.headers)
    assert [key.serial for key in merchant.keys] == [
        house.sandbox.credentials["wechatpay"]["platform_key_id"],
        "PUB_KEY_ID_02",
    ]
