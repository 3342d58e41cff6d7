"""Tell an account's owner what became of the deduction of a bill: that it came in, or that it did not, once a bill."""

from __future__ import annotations

from typing import Final

from mingqu.domain.order import Order
from mingqu.domain.spend import Statement as Bill
from mingqu.services.house import House
from mingqu.services.revolving.tell_account import promise_notice
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.server.database import Transaction

DEDUCTED: Final = "spend.deducted"
NOT_DEDUCTED: Final = "spend.not_deducted"


def tell_deducted(tx: Transaction, house: House, *, account: SpendAccount, paid: Order) -> None:
    """Write the work of telling that a deduction came in. The caller commits."""
    promise_notice(
        tx,
        house,
        account=account,
        template=DEDUCTED,
        amount_fen=paid.amount_fen,
        on=paid.value_date,
        mark=paid.order_id.hex,
    )


def tell_not_deducted(tx: Transaction, house: House, *, account: SpendAccount, bill: Bill, amount_fen: int) -> None:
    """Write the work of telling that a bill's deduction did not succeed; of each bill once. The caller commits."""
    promise_notice(
        tx, house, account=account, template=NOT_DEDUCTED, amount_fen=amount_fen, on=bill.due, mark=str(bill.number)
    )
