"""Orders that pay what is the owner's own on a revolving account to their card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from mingqu.domain.order import Order
from mingqu.store.orders import order as orders
from mingqu.store.server.database import Transaction

SHOWN_MAX: Final = 50  # the newest: what somebody looks for on their own page


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditReturn:
    """One of them. What was paid and `came_back` is credit again; the order stays PAID, for so it was."""

    order: Order
    came_back: bool


def of_account(tx: Transaction, *, account_id: UUID) -> list[CreditReturn]:
    """Return an account's last returns, the newest first."""
    rows = tx.execute(
        f"""SELECT {orders.COLUMNS}, EXISTS (
                SELECT FROM spend_event e WHERE e.cell = s.cell AND e.account_id = s.account_id
                   AND e.target = s.order_id AND e.kind = 'came_back')
            FROM channel_order JOIN spend_order s USING (cell, order_id)
            WHERE cell = %s AND s.account_id = %s AND kind = 'return'
            ORDER BY order_id DESC LIMIT %s""",  # noqa: S608  Only our own list of columns is put in.
        (tx.cell_of(account_id), account_id, SHOWN_MAX),
    )
    return [CreditReturn(order=orders.order_in(row), came_back=row[-1]) for row in rows]


def open_orders(tx: Transaction, *, account_id: UUID) -> list[Order]:
    """Return the orders of those whose end is not known, the newest first."""
    return [one.order for one in of_account(tx, account_id=account_id) if one.order.open]
