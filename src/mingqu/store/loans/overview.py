"""The book at a glance: what is outstanding, late, moved and waiting. Sums are made by the database, cell by cell.

`lender_id` limits everything to one lender's loans; None is the whole book.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import fresh
from mingqu.domain.ledger import AccountCode, Reason
from mingqu.domain.moment import milliseconds_of, start_of
from mingqu.store.server.database import Transaction

# A loan is late from the day after its oldest unpaid due date; the classes are those of the monthly reports.
BUCKETS: Final = (("current", 0, 0), ("1-30", 1, 30), ("31-60", 31, 60), ("61-90", 61, 90), ("90+", 91, 1_000_000))
_BILLS: Final = [int(reason) for reason in (Reason.BILL_PRINCIPAL, Reason.BILL_INTEREST, Reason.BILL_FEE)]
_PRINCIPAL: Final = [int(code) for code in (AccountCode.LOAN_PRINCIPAL, AccountCode.LOAN_PRINCIPAL_DUE)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Loans that are late by so many days, and the principal they still have."""

    name: str
    loans: int
    principal_fen: int
    overdue_fen: int  # billed and unpaid, all components


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderTotal:
    """What one lender has out."""

    lender_id: UUID
    loans: int
    principal_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Money that channels moved on one value date."""

    on: date
    paid_out_fen: int
    paid_out: int
    collected_fen: int
    collected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CellDay:
    """How far a cell has closed its days: `left` loans have an event on the next day to close.

    `done` of that day's loans have had it, in `busy` of work so far; both are nothing before it begins.
    """

    cell: int
    last_closed_on: date
    left: int
    stuck: int  # loans that were set aside, or whose next event lies on a closed day: there must be none
    done: int
    busy: timedelta

    @property
    def a_second(self) -> int:
        """How many loans a second the day's close has done so far; 0 before anything can be said."""
        seconds = self.busy.total_seconds()
        return int(self.done / seconds) if seconds > 0 else 0

    @property
    def time_left(self) -> timedelta | None:
        """How long the rest of the day will take at this pace, or None before anything can be said."""
        return timedelta(seconds=self.left // self.a_second) if self.a_second else None


def buckets(tx: Transaction, *, on: date, lender_id: UUID | None = None) -> list[Bucket]:
    """Return running and charged-off loans by how late they are, every class, empty ones too."""
    rows = tx.execute(
        """
        SELECT b.name, count(l.loan_id), coalesce(sum(l.principal_unbilled_fen + l.payable_principal_fen), 0),
               coalesce(sum(CASE WHEN b.least > 0 THEN l.payable_principal_fen + l.payable_interest_fen
                                 + l.payable_penalty_fen + l.payable_fee_fen ELSE 0 END), 0)
        FROM unnest(%(names)s::text[], %(least)s::int[], %(most)s::int[])
             WITH ORDINALITY AS b (name, least, most, place)
        LEFT JOIN loan l ON l.stage IN ('active', 'charged_off')
            AND (%(lender_id)s::uuid IS NULL OR l.lender_id = %(lender_id)s)
            AND greatest(0, %(on)s - coalesce(l.overdue_since, %(on)s)) BETWEEN b.least AND b.most
        GROUP BY b.name, b.place ORDER BY b.place
        """,
        {
            "names": [name for name, _, _ in BUCKETS],
            "least": [least for _, least, _ in BUCKETS],
            "most": [most for _, _, most in BUCKETS],
            "on": on,
            "lender_id": lender_id,
        },
    )
    return [Bucket(name=row[0], loans=row[1], principal_fen=int(row[2]), overdue_fen=int(row[3])) for row in rows]


def lender_totals(tx: Transaction, *, lender_id: UUID | None = None) -> list[LenderTotal]:
    """Return what each lender has out."""
    rows = tx.execute(
        """
        SELECT lender_id, count(*), sum(principal_unbilled_fen + payable_principal_fen) FROM loan
        WHERE stage IN ('active', 'charged_off') AND (%(lender_id)s::uuid IS NULL OR lender_id = %(lender_id)s)
        GROUP BY lender_id ORDER BY 3 DESC, lender_id
        """,
        {"lender_id": lender_id},
    )
    return [LenderTotal(lender_id=row[0], loans=row[1], principal_fen=int(row[2])) for row in rows]


def ledger_principal_fen(tx: Transaction) -> int:
    """Return what the ledger says is lent out in the whole book: the sum of all principal accounts."""
    row = tx.execute(
        "SELECT coalesce(sum(debits_posted_fen - credits_posted_fen), 0) FROM account WHERE code = ANY (%s)",
        (_PRINCIPAL,),
    ).fetchone()
    assert row is not None
    return int(row[0])


def flows(tx: Transaction, *, first: date, last: date, lender_id: UUID | None = None) -> list[Flow]:
    """Return what channels paid out and collected on each date from `first` to `last`, days without any as well."""
    rows = tx.execute(
        """
        SELECT d.on_date, coalesce(sum(o.amount_fen) FILTER (WHERE o.kind = 'payout'), 0),
               count(*) FILTER (WHERE o.kind = 'payout'),
               coalesce(sum(o.amount_fen) FILTER (WHERE o.kind = 'collection'), 0),
               count(*) FILTER (WHERE o.kind = 'collection')
        FROM generate_series(%(first)s::date, %(last)s::date, interval '1 day') AS d (on_date)
        LEFT JOIN (
            SELECT p.value_date, p.kind, p.amount_fen FROM channel_order p
            WHERE p.state = 'PAID' AND p.cell = ANY (%(cells)s) AND p.value_date BETWEEN %(first)s AND %(last)s
              AND (%(lender_id)s::uuid IS NULL OR EXISTS (SELECT FROM loan l
                   WHERE l.cell = p.cell AND l.loan_id = p.loan_id AND l.lender_id = %(lender_id)s))
        ) o ON o.value_date = d.on_date
        GROUP BY d.on_date ORDER BY d.on_date
        """,
        {"first": first, "last": last, "lender_id": lender_id, "cells": list(range(tx.cells))},
    )
    return [
        Flow(on=row[0].date(), paid_out_fen=int(row[1]), paid_out=row[2], collected_fen=int(row[3]), collected=row[4])
        for row in rows
    ]


def billed_on(tx: Transaction, *, on: date, lender_id: UUID | None = None) -> tuple[int, int]:
    """Return how many loans were billed on the morning of a date, and how much in fen.

    A morning's transfers have ids of that day (UTC), so only a day's part of each cell's transfers is read.
    """
    midnight = milliseconds_of(start_of(on)) + 8 * 3_600_000  # as `identifier.dated` counts
    count = total = 0
    for cell in range(tx.cells):
        row = tx.execute(
            """
            SELECT count(DISTINCT t.debit_owner), coalesce(sum(t.amount_fen), 0) FROM transfer t
            JOIN loan l ON l.cell = t.cell AND l.loan_id = t.debit_owner
            WHERE t.cell = %(cell)s AND t.id >= %(first)s AND t.id < %(behind)s AND t.posted_on = %(on)s
              AND t.reason = ANY (%(bills)s) AND (%(lender_id)s::uuid IS NULL OR l.lender_id = %(lender_id)s)
            """,
            {
                "cell": cell,
                "first": fresh(milliseconds=midnight, slot=0, entropy=0),
                "behind": fresh(milliseconds=midnight + 86_400_000, slot=0, entropy=0),
                "on": on,
                "bills": _BILLS,
                "lender_id": lender_id,
            },
        ).fetchone()
        assert row is not None
        count, total = count + row[0], total + int(row[1])
    return count, total


def cell_days(tx: Transaction) -> list[CellDay]:
    """Return how far each cell has closed its days."""
    rows = tx.execute(
        """
        SELECT c.cell, c.last_closed_on,
               (SELECT count(*) FROM loan_diary d JOIN loan l USING (cell, loan_id)
                WHERE d.cell = c.cell AND d.on_date = c.last_closed_on + 1 AND l.next_event = d.on_date),
               (SELECT count(*) FROM loan_diary d JOIN loan l USING (cell, loan_id)
                WHERE d.cell = c.cell AND d.on_date <= c.last_closed_on AND l.next_event = d.on_date)
               + (SELECT count(*) FROM loan_set_aside a WHERE a.cell = c.cell),
               coalesce(n.loans, 0), coalesce(n.touched_at - n.began_at, interval '0')
        FROM cell c LEFT JOIN closing n ON n.cell = c.cell AND n.on_date = c.last_closed_on + 1 ORDER BY c.cell
        """
    )
    return [
        CellDay(cell=row[0], last_closed_on=row[1], left=row[2], stuck=row[3], done=row[4], busy=row[5]) for row in rows
    ]


def decided_on(tx: Transaction, *, on: date) -> tuple[int, int]:
    """Return how many decisions were made on a business date, and how many of them approved."""
    made = approved = 0
    midnight = milliseconds_of(start_of(on))
    for cell in range(tx.cells):
        row = tx.execute(
            """
            SELECT count(*), count(*) FILTER (WHERE outcome = 'approved') FROM decision
            WHERE cell = %s AND decision_id >= %s AND business_date = %s
            """,
            # A decision's id is made when it is decided, so it is not of an earlier moment than its day.
            (cell, fresh(milliseconds=midnight - 86_400_000, slot=0, entropy=0), on),
        ).fetchone()
        assert row is not None
        made, approved = made + row[0], approved + row[1]
    return made, approved
