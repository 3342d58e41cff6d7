"""What moved on an account, told as a bill of orders: the bank's statement of ours, the fund-flow bill at WeChat Pay.

A bill of orders says what a channel did; the account says what became of the money. Both are compared with the same
orders, so that a movement which a channel told and its account never had is a break, and the other way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from mingqu.channels.wechatpay.bill import fund_flow_of
from mingqu.channels.wechatpay.speech import Merchant
from mingqu.ports.bank_statement import BankLineKind, BankStatementSource
from mingqu.ports.payout import StatementLine

FEE: Final = "扣除交易手续费"  # a movement of its own beside the trade it was taken for
# Between our own accounts, and what the bank takes for itself: no orders, and nobody's but the house's.
_OWN: Final = frozenset({BankLineKind.FEE, BankLineKind.TRANSFER})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBill:
    """Implements `BillChannel` with the statement of our account at the bank.

    Money that came by no order of ours stands under the bank's own reference, so that it is a break for people; a
    payout that came back stands again under its number.
    """

    source: BankStatementSource

    def statement(self, business_date: date) -> Sequence[StatementLine]:
        """Return what moved by orders, or by nobody's. Errors: ChannelSilent, also when balances do not add up."""
        return [
            StatementLine(
                order_number=line.order_number or line.reference,
                direction=line.direction,
                amount_fen=line.amount_fen,
                currency=line.currency,
                succeeded_at=line.at,
                reference=line.reference,
            )
            for line in self.source.account_statement(business_date).lines
            if line.kind not in _OWN
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class FundFlowBill:
    """Implements `BillChannel` with WeChat Pay's bill of the merchant's account.

    Fees stand beside their trades and are the other bill's; what has no number of ours is a withdrawal by ourselves.
    """

    merchant: Merchant

    def statement(self, business_date: date) -> Sequence[StatementLine]:
        """Return what moved by orders. Errors: ChannelSilent, BillUnreadable."""
        return [
            StatementLine(
                order_number=flow.voucher,
                direction=flow.direction,
                amount_fen=flow.amount_fen,
                currency="CNY",  # the account's
                succeeded_at=flow.booked_at,
                reference=flow.business_number,
            )
            for flow in fund_flow_of(merchant=self.merchant, business_date=business_date)
            if flow.voucher and flow.business_type != FEE
        ]
