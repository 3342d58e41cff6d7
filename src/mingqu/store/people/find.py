"""Find what somebody typed: an id of a loan, order, contract, person or decision, wherever it lies.

Every id routes itself, so each question is one row of one cell. What a lender may not see is not found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.rows import TupleRow

from mingqu.store.server.database import Transaction

ROWS_MAX: Final = 50  # of a list that begins with what is most urgent


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What an id names: `kind` is loan, order, contract, person, decision, offer or event."""

    kind: str
    person_id: UUID
    loan_id: UUID | None
    subject_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanLine:
    """One loan of a list. Amounts in fen."""

    loan_id: UUID
    person_id: UUID
    product_id: str
    lender_id: UUID
    stage: str
    principal_fen: int
    payable_fen: int
    overdue_since: date | None
    next_event: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionLine:
    """One decision of a list."""

    decision_id: UUID
    person_id: UUID
    decided_at: datetime
    outcome: str
    requested_fen: int


# Each answers (person, loan or null) for (cell, id).
_PLACES: Final[Sequence[tuple[str, LiteralString]]] = (
    ("loan", "SELECT person_id, loan_id FROM loan WHERE cell = %s AND loan_id = %s"),
    ("person", "SELECT person_id, NULL::uuid FROM person WHERE cell = %s AND person_id = %s"),
    ("order", "SELECT person_id, loan_id FROM channel_order WHERE cell = %s AND order_id = %s"),
    ("contract", "SELECT person_id, loan_id FROM contract WHERE cell = %s AND contract_id = %s"),
    ("decision", "SELECT person_id, NULL::uuid FROM decision WHERE cell = %s AND decision_id = %s"),
    ("offer", "SELECT person_id, NULL::uuid FROM offer WHERE cell = %s AND offer_id = %s"),
    ("leaf", "SELECT person_id, NULL::uuid FROM evidence_leaf WHERE cell = %s AND subject_id = %s LIMIT 1"),
)


_LOANS: Final[LiteralString] = """
    SELECT loan_id, person_id, product_id, lender_id, stage, principal_unbilled_fen + payable_principal_fen,
           payable_principal_fen + payable_interest_fen + payable_penalty_fen + payable_fee_fen,
           overdue_since, next_event
    FROM loan WHERE (%(lender_id)s::uuid IS NULL OR lender_id = %(lender_id)s)
"""


def by_id(tx: Transaction, *, subject_id: UUID) -> Found | None:
    """Return what an id names, or None."""
    cell = tx.cell_of(subject_id)
    for kind, sql in _PLACES:
        row = tx.execute(sql, (cell, subject_id)).fetchone()
        if row is not None:
            return Found(kind=kind, person_id=row[0], loan_id=row[1], subject_id=subject_id)
    return None


def lends_to(tx: Transaction, *, lender_id: UUID, person_id: UUID) -> bool:
    """Return whether a lender has, or had, a loan to a person."""
    row = tx.execute(
        "SELECT FROM loan WHERE cell = %s AND person_id = %s AND lender_id = %s LIMIT 1",
        (tx.cell_of(person_id), person_id, lender_id),
    ).fetchone()
    return row is not None


def loans(tx: Transaction, *, lender_id: UUID | None) -> list[LoanLine]:
    """Return loans, the longest overdue first, then the newest; at most ROWS_MAX."""
    scope: dict[str, object] = {"lender_id": lender_id, "limit": ROWS_MAX}
    rows = tx.execute(
        _LOANS + " AND overdue_since IS NOT NULL ORDER BY overdue_since, loan_id LIMIT %(limit)s", scope
    ).fetchall()
    late = [_loan(row) for row in rows]
    others: list[LoanLine] = []
    for cell in range(tx.cells):
        newest = " AND cell = %(cell)s AND overdue_since IS NULL ORDER BY loan_id DESC LIMIT %(limit)s"
        others += [_loan(row) for row in tx.execute(_LOANS + newest, {**scope, "cell": cell})]
    return [*late, *sorted(others, key=lambda one: one.loan_id, reverse=True)][:ROWS_MAX]


def decisions(tx: Transaction, *, person_id: UUID | None = None) -> list[DecisionLine]:
    """Return the latest decisions, of everybody or about one person, the newest first."""
    found: list[DecisionLine] = []
    for cell in range(tx.cells) if person_id is None else (tx.cell_of(person_id),):
        rows = tx.execute(
            """
            SELECT d.decision_id, d.person_id, d.decided_at, d.outcome, a.requested_amount_fen
            FROM decision d JOIN application a ON a.cell = d.cell AND a.application_id = d.application_id
            WHERE d.cell = %(cell)s AND (%(person_id)s::uuid IS NULL OR d.person_id = %(person_id)s)
            ORDER BY d.decision_id DESC LIMIT %(limit)s
            """,
            {"cell": cell, "person_id": person_id, "limit": ROWS_MAX},
        )
        found += [
            DecisionLine(decision_id=row[0], person_id=row[1], decided_at=row[2], outcome=row[3], requested_fen=row[4])
            for row in rows
        ]
    return sorted(found, key=lambda one: (one.decided_at, one.decision_id), reverse=True)[:ROWS_MAX]


def people(tx: Transaction, *, lender_id: UUID | None) -> list[tuple[UUID, int, datetime, int]]:
    """Return the newest people as (person, identity level, since, loans), at most ROWS_MAX."""
    found: list[tuple[UUID, int, datetime, int]] = []
    for cell in range(tx.cells):
        rows = tx.execute(
            """
            SELECT p.person_id, p.identity_level, p.created_at,
                   (SELECT count(*) FROM loan l WHERE l.cell = p.cell AND l.person_id = p.person_id)
            FROM person p
            WHERE p.cell = %(cell)s AND p.merged_into IS NULL AND (%(lender_id)s::uuid IS NULL OR EXISTS (
                SELECT FROM loan l WHERE l.cell = p.cell AND l.person_id = p.person_id AND l.lender_id = %(lender_id)s))
            ORDER BY p.person_id DESC LIMIT %(limit)s
            """,
            {"cell": cell, "lender_id": lender_id, "limit": ROWS_MAX},
        )
        found += [(row[0], row[1], row[2], row[3]) for row in rows]
    return sorted(found, key=lambda one: one[0], reverse=True)[:ROWS_MAX]


def _loan(row: TupleRow) -> LoanLine:
    return LoanLine(
        loan_id=row[0],
        person_id=row[1],
        product_id=row[2],
        lender_id=row[3],
        stage=row[4],
        principal_fen=row[5],
        payable_fen=row[6],
        overdue_since=row[7],
        next_event=row[8],
    )
