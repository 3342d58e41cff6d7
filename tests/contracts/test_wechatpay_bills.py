"""Both bills of WeChat Pay against the sandbox: every kind, what they say, and each flaw by its name and place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from mingqu.channels.wechatpay.bill import BillFault, BillUnreadable, bill_of, fund_flow_of
from mingqu.channels.wechatpay.payment import WechatPay
from mingqu.channels.wechatpay.speech import Merchant
from mingqu.domain.word import Paid
from mingqu.ports.collection import HostedPage, HostedPaymentRequest
from mingqu.ports.payout import Direction
from mingqu.ports.refund import RefundRequest
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import START, number
from tests.contracts.sandbox import Played, played

DAY = date(2026, 8, 15)
IN, OUT = Direction.IN, Direction.OUT


@pytest.fixture(scope="module")
def here() -> Iterator[Played]:
    """A day on which two were paid, one of them in part given back; its bills are there, and WeChat keeps 0.6 %."""
    with played("wechatpay") as opened:
        there, control = opened.there, opened.sandbox.control
        control.wechatpay.bills.set_fee(6_000)
        for index, amount_fen in ((1, 30_000), (2, 12_345)):
            asked = HostedPaymentRequest(
                order_number=number(index), amount_fen=amount_fen, currency="CNY", expires_at=START + timedelta(hours=1)
            )
            assert isinstance(there.hosted.create(asked), HostedPage)
            assert control.wechatpay.pay(out_trade_no=number(index)) == "SUCCESS"
            opened.clock.advance(timedelta(minutes=1))
        assert there.refunds is not None
        refund = RefundRequest(
            refund_number=number(4), order_number=number(1), amount_fen=10_001, total_fen=30_000, currency="CNY"
        )
        assert isinstance(there.refunds.refund(refund), Paid)
        opened.clock.advance(timedelta(days=1, hours=3))
        yield opened


@pytest.fixture
def merchant(here: Played) -> Merchant:
    assert isinstance(here.there.hosted, WechatPay)
    return here.there.hosted._merchant


def test_a_bill_of_each_kind_says_what_was_moved(merchant: Merchant) -> None:
    paid = [(number(1), IN, 30_000), (number(2), IN, 12_345)]
    back = [(number(4), OUT, 10_001)]
    for kind, expected in (("ALL", paid + back), ("SUCCESS", paid), ("REFUND", back)):
        lines = bill_of(merchant=merchant, business_date=DAY, kind=kind)  # type: ignore[arg-type]
        assert [(line.order_number, line.direction, line.amount_fen) for line in lines] == expected, kind


def test_the_bill_of_the_account_has_fees_as_lines_and_balances_that_run_on(merchant: Merchant) -> None:
    flows = fund_flow_of(merchant=merchant, business_date=DAY)
    assert [
        (flow.voucher, flow.business_type, flow.direction, flow.amount_fen, flow.balance_fen) for flow in flows
    ] == [
        (number(1), "交易", IN, 30_000, 30_000),
        (number(1), "扣除交易手续费", OUT, 180, 29_820),
        (number(2), "交易", IN, 12_345, 42_165),
        (number(2), "扣除交易手续费", OUT, 74, 42_091),  # 74.07 fen, half up
        (number(4), "退款", OUT, 10_001, 32_090),
    ]
    assert len({flow.flow_number for flow in flows}) == len(flows)
    assert fund_flow_of(merchant=merchant, business_date=DAY, account="FEES") == []
    assert fund_flow_of(merchant=merchant, business_date=date(2026, 8, 14)) == []


@pytest.mark.parametrize("of_account", [False, True])
def test_a_bill_with_a_flaw_is_refused_by_its_name_and_place(
    here: Played, merchant: Merchant, of_account: bool
) -> None:
    def read() -> object:
        if of_account:
            return fund_flow_of(merchant=merchant, business_date=DAY)
        return bill_of(merchant=merchant, business_date=DAY)

    bills = here.sandbox.control.wechatpay.bills
    count = "资金流水总笔数" if of_account else "总交易单数"
    for flaw, fault, row in (
        ("wrong_hash", BillFault.WRONG_HASH, None),
        ("wrong_encoding", BillFault.WRONG_ENCODING, 1),
        ("broken_row", BillFault.BROKEN_ROW, 2),
        ("wrong_sum", BillFault.WRONG_SUM, None),
    ):
        bills.spoil(flaw)
        with pytest.raises(BillUnreadable) as refused:
            read()
        said = refused.value
        assert (said.fault, said.row) == (fault, row), flaw
        assert said.column == count or fault is not BillFault.WRONG_SUM
        assert said.column or fault is not BillFault.BROKEN_ROW
        assert "2026-08-15" in said.file
    bills.spoil(None)
    assert read()
    here.sandbox.control.plan("wechatpay", "wechatpay.bill_file", "lose_reply")
    with pytest.raises(ChannelSilent):
        read()


def test_a_wrong_amount_or_a_lost_row_reads_well_and_differs_from_the_orders(here: Played, merchant: Merchant) -> None:
    bills = here.sandbox.control.wechatpay.bills
    bills.spoil("wrong_amount")
    assert [line.amount_fen for line in bill_of(merchant=merchant, business_date=DAY)] == [30_001, 12_345, 10_001]
    bills.spoil("lost_row")
    assert [flow.voucher for flow in fund_flow_of(merchant=merchant, business_date=DAY)][:2] == [number(1), number(2)]
    bills.spoil(None)
