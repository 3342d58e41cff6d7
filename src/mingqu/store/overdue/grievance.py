"""Complaints and credit disputes in the book. The caller holds the lock of the person's cell for every write."""

from __future__ import annotations

from typing import Final, LiteralString
from uuid import UUID

from psycopg.rows import TupleRow

from mingqu.domain.grievance import Grievance, GrievanceKind, GrievanceOutcome
from mingqu.domain.ownership import NotFound
from mingqu.store.server.database import Transaction

ROWS_MAX: Final = 200  # read by people, who begin with what is due first
_SELECT: Final[LiteralString] = """
    SELECT grievance_id, person_id, kind, loan_id, opened_at, due_on, document, extended_at, escalated_at, answered_by,
           answered_at, outcome, account_id
    FROM grievance
"""


def insert(tx: Transaction, *, grievance: Grievance) -> None:
    """Add what was raised."""
    tx.execute(
        """
        INSERT INTO grievance (cell, grievance_id, person_id, kind, loan_id, account_id, opened_at, due_on, document)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            tx.cell_of(grievance.person_id),
            grievance.grievance_id,
            grievance.person_id,
            grievance.kind.value,
            grievance.loan_id,
            grievance.account_id,
            grievance.opened_at,
            grievance.due_on,
            grievance.document,
        ),
    )


def load(tx: Transaction, *, grievance_id: UUID) -> Grievance:
    """Return one. Errors: NotFound."""
    row = tx.execute(
        _SELECT + " WHERE cell = %s AND grievance_id = %s", (tx.cell_of(grievance_id), grievance_id)
    ).fetchone()
    if row is None:
        raise NotFound
    return _grievance(row)


def of_person(tx: Transaction, *, person_id: UUID) -> list[Grievance]:
    """Return what a person raised, the newest first."""
    rows = tx.execute(
        _SELECT + " WHERE cell = %s AND person_id = %s ORDER BY opened_at DESC, grievance_id DESC LIMIT %s",
        (tx.cell_of(person_id), person_id, ROWS_MAX),
    )
    return [_grievance(row) for row in rows]


def disputed(tx: Transaction, *, person_id: UUID, debt_id: UUID) -> int:
    """Return how many disputes about what is reported of a debt wait for an answer: while they do, it is marked."""
    row = tx.execute(
        """
        SELECT count(*) FROM grievance WHERE cell = %s AND person_id = %s AND coalesce(loan_id, account_id) = %s
          AND kind = 'credit_dispute' AND answered_at IS NULL
        """,
        (tx.cell_of(person_id), person_id, debt_id),
    ).fetchone()
    assert row is not None
    return int(row[0])


def waiting(tx: Transaction) -> list[Grievance]:
    """Return what is not answered, what is due first before the others."""
    rows = tx.execute(
        _SELECT + " WHERE cell = ANY (%s) AND answered_at IS NULL ORDER BY due_on, opened_at, grievance_id LIMIT %s",
        (list(range(tx.cells)), ROWS_MAX),
    )
    return [_grievance(row) for row in rows]


def answered(tx: Transaction) -> list[Grievance]:
    """Return what was answered last, the newest first."""
    rows = tx.execute(
        _SELECT + " WHERE cell = ANY (%s) AND answered_at IS NOT NULL ORDER BY answered_at DESC, grievance_id LIMIT %s",
        (list(range(tx.cells)), ROWS_MAX),
    )
    return [_grievance(row) for row in rows]


def save(tx: Transaction, *, grievance: Grievance) -> None:
    """Store what became of it: a later day, that it was escalated, an answer."""
    tx.execute(
        """
        UPDATE grievance SET due_on = %s, document = %s, extended_at = %s, escalated_at = %s, answered_by = %s,
               answered_at = %s, outcome = %s
        WHERE cell = %s AND grievance_id = %s
        """,
        (
            grievance.due_on,
            grievance.document,
            grievance.extended_at,
            grievance.escalated_at,
            grievance.answered_by,
            grievance.answered_at,
            None if grievance.outcome is None else grievance.outcome.value,
            tx.cell_of(grievance.person_id),
            grievance.grievance_id,
        ),
    )


def _grievance(row: TupleRow) -> Grievance:
    return Grievance(
        grievance_id=row[0],
        person_id=row[1],
        kind=GrievanceKind(row[2]),
        loan_id=row[3],
        opened_at=row[4],
        due_on=row[5],
        document=row[6],
        extended_at=row[7],
        escalated_at=row[8],
        answered_by=row[9],
        answered_at=row[10],
        outcome=None if row[11] is None else GrievanceOutcome(row[11]),
        account_id=row[12],
    )
