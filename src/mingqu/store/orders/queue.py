"""What waits for people: orders whose end is not known, orders in dispute, money that belongs to no loan.

Each list is bounded: it is read by a person, who works from the oldest; the count beside it is of all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.rows import TupleRow

from mingqu.domain.ledger import AccountCode
from mingqu.store.server.database import Transaction

ROWS_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingOrder:
    """An order that waits, with what was last heard of it."""

    order_id: UUID
    kind: str
    state: str
    person_id: UUID
    loan_id: UUID | None
    lender_id: UUID | None
    product_id: str | None
    amount_fen: int
    currency: str
    channel: str
    sent_at: datetime | None
    asks: int
    next_at: datetime
    conflict_code: str | None
    last_word: str
    last_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """Money that came and belongs to no loan: the order that brought it, if a channel did."""

    transfer_id: UUID
    lender_id: UUID
    amount_fen: int
    value_date: date
    posted_on: date
    reference: UUID
    person_id: UUID | None
    loan_id: UUID | None


_ORDERS: Final[LiteralString] = """
    SELECT o.order_id, o.kind, o.state, o.person_id, o.loan_id, coalesce(l.lender_id, a.lender_id),
           coalesce(l.product_id, a.product_id), o.amount_fen, o.currency,
           o.channel, o.sent_at, o.asks, o.next_at,
           CASE WHEN o.decided_at IS NULL THEN o.conflict_code END, w.word, w.at
    FROM channel_order o
    LEFT JOIN loan l ON l.cell = o.cell AND l.loan_id = o.loan_id
    LEFT JOIN spend_order s ON s.cell = o.cell AND s.order_id = o.order_id
    LEFT JOIN spend_account a ON a.cell = s.cell AND a.account_id = s.account_id
    LEFT JOIN LATERAL (
        SELECT word, at FROM channel_word
        WHERE cell = o.cell AND order_id = o.order_id AND direction = 'heard' ORDER BY seq DESC LIMIT 1
    ) w ON true
    WHERE (%(lender_id)s::uuid IS NULL OR coalesce(l.lender_id, a.lender_id) = %(lender_id)s)
"""


def unknown_orders(tx: Transaction, *, lender_id: UUID | None = None) -> list[WaitingOrder]:
    """Return orders that were said and whose channel fell silent, the one that waits longest first."""
    rows = tx.execute(
        _ORDERS
        + """ AND o.state IN ('RESERVED', 'SENT', 'UNKNOWN') AND o.state = 'UNKNOWN'
            AND (o.conflict_code IS NULL OR o.decided_at IS NOT NULL)
            ORDER BY o.sent_at, o.order_id LIMIT %(limit)s""",
        {"lender_id": lender_id, "limit": ROWS_MAX},
    )
    return [_order(row) for row in rows]


def disputed_orders(tx: Transaction, *, lender_id: UUID | None = None) -> list[WaitingOrder]:
    """Return orders of which a channel said what cannot be; machines leave them alone."""
    rows = tx.execute(
        _ORDERS
        + " AND o.conflict_code IS NOT NULL AND o.decided_at IS NULL ORDER BY o.sent_at, o.order_id LIMIT %(limit)s",
        {"lender_id": lender_id, "limit": ROWS_MAX},
    )
    return [_order(row) for row in rows]


def unknown_totals(tx: Transaction, *, lender_id: UUID | None = None) -> dict[str, tuple[int, int]]:
    """Return, for each kind of order whose end is not known, how many there are and how much they move in fen."""
    rows = tx.execute(
        """
        SELECT o.kind, count(*), sum(o.amount_fen) FROM channel_order o
        WHERE o.state IN ('RESERVED', 'SENT', 'UNKNOWN') AND o.state = 'UNKNOWN'
          AND (o.conflict_code IS NULL OR o.decided_at IS NOT NULL)
          AND (%(lender_id)s::uuid IS NULL OR EXISTS (SELECT FROM loan l
               WHERE l.cell = o.cell AND l.loan_id = o.loan_id AND l.lender_id = %(lender_id)s
               UNION ALL SELECT FROM spend_order s
               JOIN spend_account a ON a.cell = s.cell AND a.account_id = s.account_id
               WHERE s.cell = o.cell AND s.order_id = o.order_id AND a.lender_id = %(lender_id)s))
        GROUP BY o.kind
        """,
        {"lender_id": lender_id},
    )
    return {row[0]: (row[1], int(row[2])) for row in rows}


def parked_receipts(tx: Transaction, *, lender_id: UUID | None = None) -> list[Parked]:
    """Return money that is parked, the oldest first; a lender whose account of it is empty has none."""
    rows = tx.execute(
        """
        SELECT t.id, t.credit_owner, t.amount_fen, t.value_date, t.posted_on, t.reference, o.person_id, o.loan_id
        FROM transfer t
        JOIN account a ON a.cell = t.cell AND a.owner = t.credit_owner AND a.code = t.credit_code
             AND a.currency = t.currency AND a.credits_posted_fen > a.debits_posted_fen
        LEFT JOIN channel_order o ON o.cell = t.cell AND o.order_id = t.reference
        WHERE t.credit_code = 2002 AND (%(lender_id)s::uuid IS NULL OR t.credit_owner = %(lender_id)s)
          AND NOT EXISTS (SELECT FROM placed_receipt p WHERE p.cell = t.cell AND p.order_id = t.reference)
        ORDER BY t.posted_on, t.id LIMIT %(limit)s
        """,
        {"lender_id": lender_id, "limit": ROWS_MAX},
    )
    assert int(AccountCode.UNMATCHED_RECEIPT) == 2002, "the index names the number"
    return [
        Parked(
            transfer_id=row[0],
            lender_id=row[1],
            amount_fen=row[2],
            value_date=row[3],
            posted_on=row[4],
            reference=row[5],
            person_id=row[6],
            loan_id=row[7],
        )
        for row in rows
    ]


def last_asked_at(tx: Transaction, *, order_id: UUID) -> datetime | None:
    """Return when something was last said to a channel about an order, or None."""
    row = tx.execute(
        "SELECT max(at) FROM channel_word WHERE cell = %s AND order_id = %s AND direction = 'said'",
        (tx.cell_of(order_id), order_id),
    ).fetchone()
    found: datetime | None = None if row is None else row[0]
    return found


def _order(row: TupleRow) -> WaitingOrder:
    return WaitingOrder(
        order_id=row[0],
        kind=row[1],
        state=row[2],
        person_id=row[3],
        loan_id=row[4],
        lender_id=row[5],
        product_id=row[6],
        amount_fen=row[7],
        currency=row[8],
        channel=row[9],
        sent_at=row[10],
        asks=row[11],
        next_at=row[12],
        conflict_code=row[13],
        last_word=row[14] or "",
        last_at=row[15],
    )
