"""Which payment a return gives back on: an overpayment that goes back the way it came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A return of a part of a payment; `total_fen` is what was paid."""

    order_id: UUID
    paid_by: UUID
    total_fen: int


def insert(tx: Transaction, *, refund: Refund) -> None:
    """Store of which payment a return is; its order is stored before."""
    tx.execute(
        "INSERT INTO refund_of (cell, order_id, paid_by, total_fen) VALUES (%s, %s, %s, %s)",
        (tx.cell_of(refund.order_id), refund.order_id, refund.paid_by, refund.total_fen),
    )


def load(tx: Transaction, *, order_id: UUID) -> Refund | None:
    """Return the payment of a return, or None when it goes to a card."""
    row = tx.execute(
        "SELECT order_id, paid_by, total_fen FROM refund_of WHERE cell = %s AND order_id = %s",
        (tx.cell_of(order_id), order_id),
    ).fetchone()
    return None if row is None else Refund(order_id=row[0], paid_by=row[1], total_fen=row[2])


def newest_payment(
    tx: Transaction, *, loan_id: UUID, channels: list[str], since: datetime, amount_fen: int
) -> tuple[UUID, str, int] | None:
    """Return the newest payment of a loan by one of `channels`, paid since a moment, of which `amount_fen` can go back.

    It is given as (order id, channel, amount). Of one that was given back on in part only the rest counts.
    """
    row = tx.execute(
        """
        SELECT o.order_id, o.channel, o.amount_fen FROM channel_order o
        WHERE o.cell = %s AND o.loan_id = %s AND o.kind = 'collection' AND o.state = 'PAID'
          AND o.channel = ANY (%s) AND o.paid_at >= %s AND o.conflict_code IS NULL
          AND o.amount_fen - coalesce((
              SELECT sum(b.amount_fen) FROM refund_of f
              JOIN channel_order b ON b.cell = f.cell AND b.order_id = f.order_id AND b.state <> 'FAILED'
              WHERE f.cell = o.cell AND f.paid_by = o.order_id), 0) >= %s
        ORDER BY o.paid_at DESC, o.order_id DESC LIMIT 1
        """,
        (tx.cell_of(loan_id), loan_id, channels, since, amount_fen),
    ).fetchone()
    return None if row is None else (row[0], row[1], row[2])
