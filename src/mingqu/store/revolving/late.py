"""Revolving accounts that are late, for collection, and when their owners were told of it.

Days count from the due day of the bill whose least payment was not paid: the account itself keeps the day after it.
Bills that fall due soon (M0) are reminded of by their own notices and are no case.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, LiteralString
from uuid import UUID

from mingqu.domain.batch.revolving_columns import HEAD
from mingqu.domain.collection import Bucket
from mingqu.store.overdue.collection import DAYS, ROWS_MAX, Overdue
from mingqu.store.server.database import Transaction

assert HEAD.fields is not None
assert HEAD.fields["lacking"][1] == 102, "the expression below reads eight bytes behind that many"
# What is lacking of least payments, in fen: read where an account keeps it, so that a bill's night writes no column.
_LACKING: Final[LiteralString] = "('x' || encode(substr(state, 103, 8), 'hex'))::bit(64)::bigint"
_IN: Final[LiteralString] = "cell = ANY (%s) AND overdue_since BETWEEN %s::date - %s AND %s::date - %s"


def counts(tx: Transaction, *, on: date) -> dict[Bucket, tuple[int, int]]:
    """Return of each bucket how many accounts it has, and what is lacking of their least payments in fen."""
    found: dict[Bucket, tuple[int, int]] = {}
    for bucket, (least, most) in DAYS.items():
        row = tx.execute(
            f"SELECT count(*), coalesce(sum({_LACKING}), 0) FROM spend_account WHERE {_IN}",  # noqa: S608  Our own text.
            (list(range(tx.cells)), on, most - 1, on, least - 1),
        ).fetchone()
        assert row is not None
        found[bucket] = (int(row[0]), int(row[1]))
    return found


def worklist(tx: Transaction, *, bucket: Bucket, on: date, rows_max: int | None = ROWS_MAX) -> list[Overdue]:
    """Return the accounts of a bucket on a day, the longest overdue first. None: all of them."""
    if bucket not in DAYS:
        return []
    least, most = DAYS[bucket]
    rows = tx.execute(
        f"""
        SELECT account_id, person_id, product_id, lender_id, overdue_since - 1, {_LACKING}, used_fen, product_version
        FROM spend_account WHERE {_IN} ORDER BY overdue_since, account_id LIMIT %s
        """,  # noqa: S608  Our own text.
        (list(range(tx.cells)), on, most - 1, on, least - 1, rows_max),
    )
    return [
        Overdue(
            debt_id=row[0],
            person_id=row[1],
            product_id=row[2],
            lender_id=row[3],
            overdue_since=row[4],
            payable_fen=int(row[5]),
            principal_fen=row[6],
            next_event=None,
            product_version=row[7],
            is_account=True,
        )
        for row in rows
    ]


def note_told(tx: Transaction, *, account_id: UUID, number: int, at: datetime) -> None:
    """Note that a late bill, and what follows from it, was told of; the first time counts."""
    tx.execute(
        "INSERT INTO late_bill_told (cell, account_id, number, told_at) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (tx.cell_of(account_id), account_id, number, at),
    )


def told_since(tx: Transaction, *, account_id: UUID, since: datetime) -> list[datetime]:
    """Return when the owner of an account was told of late bills since a moment, the first first."""
    rows = tx.execute(
        "SELECT told_at FROM late_bill_told WHERE cell = %s AND account_id = %s AND told_at >= %s ORDER BY told_at",
        (tx.cell_of(account_id), account_id, since),
    )
    return [row[0] for row in rows]


def paid_of(tx: Transaction, *, account_id: UUID) -> list[tuple[datetime, date, int]]:
    """Return the payments of an account that stand, as (when booked, its day, fen): those that bounced are left out."""
    rows = tx.execute(
        """
        SELECT e.posted_at, e.on_date, e.amount_fen FROM spend_event e
        WHERE e.cell = %(cell)s AND e.account_id = %(account)s AND e.kind = 'repaid' AND NOT EXISTS (
            SELECT FROM spend_event r WHERE r.cell = %(cell)s AND r.account_id = %(account)s AND r.target = e.event_id
                AND r.kind IN ('reversed', 'reversed_interest', 'reversed_fee', 'reversed_penalty'))
        ORDER BY e.number
        """,
        {"cell": tx.cell_of(account_id), "account": account_id},
    )
    return [(row[0], row[1], int(row[2])) for row in rows]
