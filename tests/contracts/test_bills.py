"""Bills of WeChat Pay as they are read from the sandbox: with their fees, or refused whole with the place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from mingqu.domain.moment import business_date_of
from mingqu.domain.personal import Personal
from mingqu.ports.bill import BillChannel
from mingqu.ports.collection import HostedPaymentRequest
from tests.contracts.people import START
from tests.contracts.sandbox import Played, played

NUMBER = "0198f3d5a1b27c4d8e9f00112233aabb"
DAY = business_date_of(START)


@pytest.fixture(scope="module")
def paid() -> Iterator[Played]:
    """A merchant at WeChat Pay whose one payment of the day before is 123.45 yuan."""
    with played("wechatpay") as here:
        request = HostedPaymentRequest(
            order_number=NUMBER, amount_fen=12_345, currency="CNY", expires_at=START + timedelta(hours=1),
            payer_address=Personal("203.0.113.9"),
        )  # fmt: skip
        here.there.hosted.create(request)
        assert here.sandbox.control.wechatpay.pay(out_trade_no=NUMBER) == "SUCCESS"
        here.clock.advance(timedelta(days=1, hours=12))
        yield here


def bills(here: Played) -> BillChannel:
    return here.there.bills["wechatpay"]


def test_a_bill_says_what_the_channel_keeps(paid: Played) -> None:
    paid.sandbox.control.wechatpay.bills.set_fee(6_000)
    (line,) = bills(paid).statement(DAY)
    assert (line.order_number, line.amount_fen, line.fee_fen) == (NUMBER, 12_345, 74)  # 74.07, half up


def test_another_amount_reads_well_and_is_for_whoever_compares(paid: Played) -> None:
    paid.sandbox.control.wechatpay.bills.spoil("wrong_amount")
    (line,) = bills(paid).statement(DAY)
    paid.sandbox.control.wechatpay.bills.spoil(None)
    assert line.amount_fen == 12_346
