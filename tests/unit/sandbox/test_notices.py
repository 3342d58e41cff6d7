"""What counterparties tell by themselves: when, how often, signed how, and until when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mingqu.sandbox.notices import RETRY_SECONDS
from tests.unit.sandbox.house import CARD, NAME, House, playing, receiving

NUMBER = "a" * 32
PAYOUT = {"order_number": NUMBER, "amount_fen": 100, "currency": "CNY", "card_number": CARD, "holder_name": NAME}


@pytest.fixture
def house() -> Iterator[House]:
    with playing(tells=False) as house:
        yield house


def make_page(house: House, number: str) -> None:
    expires_at = (house.clock.now + timedelta(minutes=30)).isoformat()
    asked = {"order_number": number, "amount_fen": 300, "currency": "CNY", "expires_at": expires_at}
    assert house.gateway("bank", "POST", "/gateway/v1/pages", asked).json()["state"] == "created"


def test_a_notice_keeps_to_its_schedule_and_is_given_up_after_sixteen_tries(house: House) -> None:
    with receiving() as (address, heard, answers):
        house.sandbox.control.send_notices_to("bank", address)
        answers += [500] * 99
        house.gateway("bank", "POST", "/gateway/v1/payouts", PAYOUT)
        for tries, wait in enumerate(RETRY_SECONDS, start=1):
            house.sandbox.tell()
            assert len(heard) == tries
            house.clock.advance(timedelta(seconds=wait - 1))
            house.sandbox.tell()
            assert len(heard) == tries, "not a second too early"
            house.clock.advance(timedelta(seconds=1))
        house.sandbox.tell()
        house.clock.advance(timedelta(days=9))
        house.sandbox.tell()
        assert len(heard) == len(RETRY_SECONDS) + 1 == 16
        assert house.sandbox.control.notices.open() == 0
    assert len({body for _, body in heard}) == 1, "the same notice each time"
    assert len({headers["signature-input"] for headers, _ in heard}) == 16, "signed anew each time"
    assert all(house.verify_notice("bank", address, headers, body) for headers, body in heard)


@pytest.mark.parametrize("status", [200, 204])
def test_a_notice_that_was_taken_does_not_come_again(house: House, status: int) -> None:
    with receiving() as (address, heard, answers):
        house.sandbox.control.send_notices_to("bank", address)
        answers.append(status)
        house.gateway("bank", "POST", "/gateway/v1/payouts", PAYOUT)
        assert house.sandbox.tell() == 1
        house.clock.advance(timedelta(days=1))
        assert house.sandbox.tell() == 0
        assert len(heard) == 1


def test_the_bank_tells_what_was_paid_what_failed_later_and_what_nobody_paid(house: House) -> None:
    control = house.sandbox.control
    with receiving() as (address, heard, _):
        control.send_notices_to("bank", address)
        control.plan("bank", "payout.send", "refuse")
        house.gateway("bank", "POST", "/gateway/v1/payouts", {**PAYOUT, "order_number": "1" * 32})
        house.sandbox.tell()
        assert heard == [], "a refusal at once was the answer"
        control.bank.processing_seconds = 60
        control.plan("bank", "payout.send", "refuse")
        house.gateway("bank", "POST", "/gateway/v1/payouts", PAYOUT)
        make_page(house, "c" * 32)
        make_page(house, "d" * 32)
        control.bank.pay_by_hand(order_number="c" * 32, card_number=CARD)
        for minutes in (0, 1, 29):
            house.clock.advance(timedelta(minutes=minutes))
            house.sandbox.tell()
    told = [json.loads(body) for _, body in heard]
    assert [(one["order_number"][0], one["state"], one.get("code")) for one in told] == [
        ("c", "paid", None),
        ("a", "failed", "refused_by_bank"),
        ("d", "failed", "expired"),
    ]
    assert told[0]["amount_fen"] == 300


def test_where_the_bank_tells_things_and_what_waits_to_be_told_outlive_the_process(tmp_path: Path) -> None:
    with receiving() as (address, heard, _):
        with playing(folder=tmp_path, tells=False) as house:
            knobs = house.sandbox.credentials["control"]["bank"]
            assert house.client.post(f"{knobs}/notices", json={"url": address}).status_code == 200
            house.gateway("bank", "POST", "/gateway/v1/payouts", PAYOUT)
        with playing(folder=tmp_path, tells=False) as house:
            house.gateway("bank", "POST", "/gateway/v1/payouts", {**PAYOUT, "order_number": "b" * 32})
            assert house.sandbox.tell() == 2
        assert len(heard) == 2


def test_a_probe_that_is_taken_is_counted_against_the_house(house: House) -> None:
    control = house.sandbox.control
    control.wechatpay.probe_every = 1
    with receiving() as (address, heard, answers):
        house.prepay("R" * 32, notify_url=address)
        control.wechatpay.pay(out_trade_no="R" * 32)
        answers += [204, 204]
        house.sandbox.tell()
        assert [headers["wechatpay-signature"].startswith("WECHATPAY/SIGNTEST/") for headers, _ in heard] == [
            True,
            False,
        ]
    assert [house.verify_wechatpay(body, headers) for headers, body in heard] == [False, True]
    assert control.notices.probes_taken == 1
