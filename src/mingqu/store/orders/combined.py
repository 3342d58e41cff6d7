"""Which orders are the parts of one payment by hand for several lenders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from mingqu.domain.order import Order
from mingqu.store.orders.order import COLUMNS, order_in
from mingqu.store.server.database import Transaction

_PARTS: Final = f"""
    SELECT o.*, c.receiver FROM combined_payment c
    CROSS JOIN LATERAL (
        SELECT {COLUMNS} FROM channel_order WHERE cell = c.cell AND order_id = c.order_id
    ) o
    WHERE c.cell = %s AND c.combined_id = %s ORDER BY c.place"""  # noqa: S608  Our own columns.


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """An order that is a part of a combined payment, and the lender's account at the channel that it goes to."""

    order: Order
    receiver: str


def insert(tx: Transaction, *, combined_id: UUID, parts: Sequence[Part]) -> None:
    """Store which orders are paid together, in this turn; the orders are stored before."""
    for place, part in enumerate(parts, start=1):
        tx.execute(
            "INSERT INTO combined_payment (cell, order_id, combined_id, place, receiver) VALUES (%s, %s, %s, %s, %s)",
            (tx.cell_of(combined_id), part.order.order_id, combined_id, place, part.receiver),
        )


def parts_of(tx: Transaction, *, combined_id: UUID) -> list[Part]:
    """Return the parts of a combined payment in their turn; none of what is no such payment."""
    rows = tx.execute(_PARTS, (tx.cell_of(combined_id), combined_id))
    return [Part(order=order_in(row), receiver=str(row[-1])) for row in rows]


def combined_of(tx: Transaction, *, order_id: UUID) -> UUID | None:
    """Return the combined payment that an order is a part of, or None."""
    row = tx.execute(
        "SELECT combined_id FROM combined_payment WHERE cell = %s AND order_id = %s", (tx.cell_of(order_id), order_id)
    ).fetchone()
    return None if row is None else row[0]
