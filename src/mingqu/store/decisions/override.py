"""Refusals set aside, in the book, and how the loans that followed went: what the lab learns from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from mingqu.store.server.database import Transaction

ROWS_MAX: Final = 100_000  # overrides are made by hand; a file of more was made by a mistake


@dataclass(frozen=True, slots=True, kw_only=True)
class Overridden:
    """A refusal that was set aside: by which decision and proposal, and why."""

    decision_id: UUID
    overridden_id: UUID
    person_id: UUID
    proposal_id: UUID
    cause: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """An override and what became of it: loans paid out, their principal in fen, overdue now, lost."""

    decision_id: UUID
    overridden_id: UUID
    business_date: date
    cause: str
    loans: int
    overdue: int
    lost: int


def insert(tx: Transaction, *, overridden: Overridden) -> None:
    """Store that a refusal was set aside."""
    tx.execute(
        """
        INSERT INTO override (cell, decision_id, overridden_id, person_id, proposal_id, cause, decided_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        """,
        (
            tx.cell_of(overridden.person_id),
            overridden.decision_id,
            overridden.overridden_id,
            overridden.person_id,
            overridden.proposal_id,
            overridden.cause,
            overridden.decided_at,
        ),
    )


def of(tx: Transaction, *, overridden_id: UUID) -> UUID | None:
    """Return the decision by which a refusal was set aside, or None."""
    row = tx.execute(
        "SELECT decision_id FROM override WHERE cell = %s AND overridden_id = %s",
        (tx.cell_of(overridden_id), overridden_id),
    ).fetchone()
    return None if row is None else row[0]


def performances(tx: Transaction) -> list[Performance]:
    """Return each override with how its person's loans stand today, the oldest first."""
    rows = tx.execute(
        """
        SELECT o.decision_id, o.overridden_id, d.business_date, o.cause,
               count(l.loan_id) FILTER (WHERE l.stage NOT IN ('planned', 'cancelled')),
               count(l.loan_id) FILTER (WHERE l.overdue_since IS NOT NULL),
               count(l.loan_id) FILTER (WHERE l.stage IN ('charged_off', 'written_off'))
        FROM override o JOIN decision d ON d.cell = o.cell AND d.decision_id = o.decision_id
        LEFT JOIN loan l ON l.cell = o.cell AND l.person_id = o.person_id
        GROUP BY 1, 2, 3, 4, o.decided_at ORDER BY o.decided_at, o.decision_id LIMIT %s
        """,
        (ROWS_MAX,),
    )
    return [
        Performance(
            decision_id=row[0],
            overridden_id=row[1],
            business_date=row[2],
            cause=row[3],
            loans=row[4],
            overdue=row[5],
            lost=row[6],
        )
        for row in rows
    ]
