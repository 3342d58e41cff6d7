"""A control character in what a channel calls a thing is no name: its word or its bill is not as the document says."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import pytest

from mingqu.channels.alipay import trade as alipay
from mingqu.channels.gateway import order as gateway
from mingqu.channels.wechatpay import trade as wechatpay
from mingqu.ports.bill import BillFault, BillUnreadable
from mingqu.ports.payout import Direction, StatementLine
from mingqu.services.reconciliation.fetch_bill import lines_of


@pytest.mark.parametrize("name", ["R\x001", "\n", "1\x7f"])
@pytest.mark.parametrize("of", [alipay.Text, gateway.Text, wechatpay.Text], ids=["alipay", "gateway", "wechatpay"])
def test_a_name_with_a_control_character_is_not_read(of: type[str], name: str) -> None:
    assert msgspec.json.decode(msgspec.json.encode("流水 R1"), type=of) == "流水 R1"
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(name), type=of)


@pytest.mark.parametrize("spoilt", ["order_number", "reference", "currency"])
def test_a_bill_with_such_a_name_is_refused_with_its_row(spoilt: str) -> None:
    said = {"order_number": "0" * 32, "reference": "R1", "currency": "CNY", spoilt: "R\x001"}
    line = StatementLine(
        direction=Direction.IN, amount_fen=1, fee_fen=0, succeeded_at=datetime(2026, 8, 15, 4, tzinfo=UTC), **said
    )
    with pytest.raises(BillUnreadable) as broken:
        lines_of([line], on=date(2026, 8, 15))
    assert (broken.value.fault, broken.value.row) == (BillFault.BROKEN_ROW, 1)
