"""What channels settled: orders that a bill bears out, some at a time, and what of them a lender gets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """A paid order that a bill bears out and that is not settled. In: above zero; a return: below. Fen."""

    order_id: UUID
    lender_id: UUID
    currency: str
    amount_fen: int
    fee_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """One posting of a settlement: `gross_fen` of `orders` orders, of which the channel keeps `fee_fen`."""

    settlement_id: UUID
    source: str
    on: date
    lender_id: UUID
    currency: str
    gross_fen: int
    fee_fen: int
    orders: int
    posted_on: date


def unsettled(tx: Transaction, *, cell: int, source: str, on: date, after: UUID, limit: int) -> list[Unsettled]:
    """Return orders of a cell that the bill of a day bears out to the fen, in order of their ids. Under its lock.

    An order is its loan's or its revolving account's, and settled with the lender of that. A day's difference is no
    reason to wait: the money is there. Money of which the two sides say different amounts is.
    """
    rows = tx.execute(
        """
        SELECT DISTINCT ON (o.order_id) o.order_id, coalesce(l.lender_id, a.lender_id), o.currency,
               CASE WHEN o.kind = 'return' THEN -o.amount_fen ELSE o.amount_fen END, b.fee_fen
        FROM bill_line b
        JOIN channel_order o ON o.cell = b.cell AND o.order_id = b.order_key AND o.state = 'PAID'
         AND o.amount_fen = b.amount_fen AND o.currency = b.currency
         AND o.value_date BETWEEN b.on_date - 1 AND b.on_date + 1
         AND b.direction = CASE WHEN o.kind = 'collection' THEN 'in' ELSE 'out' END
        LEFT JOIN loan l ON l.cell = o.cell AND l.loan_id = o.loan_id
        LEFT JOIN (
            spend_order w JOIN spend_account a ON a.cell = w.cell AND a.account_id = w.account_id
        ) ON w.cell = o.cell AND w.order_id = o.order_id
        WHERE b.cell = %(cell)s AND b.source = %(source)s AND b.on_date = %(on)s AND o.kind IN ('collection', 'return')
          AND o.order_id > %(after)s AND (l.loan_id IS NOT NULL OR a.account_id IS NOT NULL)
          AND NOT EXISTS (SELECT FROM settled_order s WHERE s.cell = o.cell AND s.order_id = o.order_id)
        ORDER BY o.order_id, b.line LIMIT %(limit)s
        """,
        {"cell": cell, "source": source, "on": on, "after": after, "limit": limit},
    )
    return [
        Unsettled(order_id=row[0], lender_id=row[1], currency=row[2], amount_fen=row[3], fee_fen=row[4]) for row in rows
    ]


def insert(tx: Transaction, *, cell: int, settlement: Settlement, orders: list[Unsettled]) -> None:
    """Store a settlement with its orders; none of them was settled before, which the caller has seen under the lock."""
    tx.execute(
        """INSERT INTO settlement (cell, settlement_id, source, on_date, lender_id, currency, gross_fen, fee_fen,
               orders, posted_on) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            cell,
            settlement.settlement_id,
            settlement.source,
            settlement.on,
            settlement.lender_id,
            settlement.currency,
            settlement.gross_fen,
            settlement.fee_fen,
            settlement.orders,
            settlement.posted_on,
        ),
    )
    tx.executemany(
        "INSERT INTO settled_order (cell, order_id, settlement_id, amount_fen, fee_fen) VALUES (%s, %s, %s, %s, %s)",
        [(cell, one.order_id, settlement.settlement_id, one.amount_fen, one.fee_fen) for one in orders],
    )


def posted_on(tx: Transaction, *, on: date, lender_id: UUID) -> list[Settlement]:
    """Return what was settled with a lender on a day, of whichever bills, over all cells, by source and id."""
    rows = tx.execute(
        """SELECT settlement_id, source, on_date, lender_id, currency, gross_fen, fee_fen, orders, posted_on
           FROM settlement WHERE cell = ANY (%s) AND posted_on = %s AND lender_id = %s
           ORDER BY source, on_date, settlement_id""",
        (list(range(tx.cells)), on, lender_id),
    )
    return [
        Settlement(
            settlement_id=row[0],
            source=row[1],
            on=row[2],
            lender_id=row[3],
            currency=row[4],
            gross_fen=row[5],
            fee_fen=row[6],
            orders=row[7],
            posted_on=row[8],
        )
        for row in rows
    ]


def without_line(tx: Transaction, *, source: str, on: date) -> int:
    """Return how many settled orders of a bill its lines do not bear out: none, unless the bill became another one."""
    row = tx.execute(
        """SELECT count(*) FROM settlement s
           JOIN settled_order o ON o.cell = s.cell AND o.settlement_id = s.settlement_id
           WHERE s.cell = ANY (%(cells)s) AND s.source = %(source)s AND s.on_date = %(on)s AND NOT EXISTS (
               SELECT FROM bill_line b
               WHERE b.cell = o.cell AND b.source = %(source)s AND b.on_date = %(on)s
                 AND b.order_number = replace(o.order_id::text, '-', '')
                 AND b.amount_fen = abs(o.amount_fen) AND b.fee_fen = o.fee_fen)""",
        {"cells": list(range(tx.cells)), "source": source, "on": on},
    ).fetchone()
    assert row is not None
    return int(row[0])
