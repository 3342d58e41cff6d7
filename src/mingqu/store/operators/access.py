"""The access log: which operator saw what of whom, when and why. Rows are only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.rows import TupleRow

from mingqu.store.server.database import Transaction

# A screen is read by a person; who needs more narrows it to a customer or asks the database.
ROWS_MAX: Final = 200
CUSTOMER, LOAN, DECISION, UNMASK, PROOF, ASK_AGAIN = "customer", "loan", "decision", "unmask", "proof", "ask_again"
ORDER, PROPOSAL, PROPOSE, APPROVE, DECLINE = "order", "proposal", "propose", "approve", "decline"
REVIEW, ANSWER, NOTE, FREEZE = "review", "answer", "note", "freeze"

_SELECT: Final[LiteralString] = """
    SELECT a.access_id, a.person_id, a.operator_id, a.session_id, a.what, a.subject_id, a.reason, a.at, a.expires_at,
           o.name
    FROM access_log a JOIN operator o ON o.operator_id = a.operator_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One look at a person. `subject_id` is the loan, decision or order, or the person; `operator` is their name."""

    access_id: UUID
    person_id: UUID
    operator_id: UUID
    session_id: UUID
    what: str
    subject_id: UUID
    reason: str | None
    at: datetime
    expires_at: datetime | None = None
    operator: str = ""


def note(tx: Transaction, *, access: Access) -> None:
    """Add one row."""
    tx.execute(
        """
        INSERT INTO access_log (cell, access_id, person_id, operator_id, session_id, what, subject_id, reason, at,
                                expires_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            tx.cell_of(access.person_id),
            access.access_id,
            access.person_id,
            access.operator_id,
            access.session_id,
            access.what,
            access.subject_id,
            access.reason,
            access.at,
            access.expires_at,
        ),
    )


def forget_reasons(tx: Transaction, *, person_id: UUID) -> None:
    """Forget why a person who was erased was looked at, in operators' words; that they were stays."""
    tx.execute(
        "UPDATE access_log SET reason = '' WHERE cell = %s AND person_id = %s AND reason <> ''",
        (tx.cell_of(person_id), person_id),
    )


def unmasked_until(tx: Transaction, *, person_id: UUID, session_id: UUID, at: datetime) -> datetime | None:
    """Return until when a session sees a person unmasked, or None."""
    row = tx.execute(
        """
        SELECT max(expires_at) FROM access_log
        WHERE cell = %s AND person_id = %s AND session_id = %s AND what = 'unmask' AND expires_at > %s
        """,
        (tx.cell_of(person_id), person_id, session_id, at),
    ).fetchone()
    found: datetime | None = None if row is None else row[0]
    return found


def of_person(tx: Transaction, *, person_id: UUID, limit: int = ROWS_MAX) -> list[Access]:
    """Return the latest looks at a person, the newest first."""
    rows = tx.execute(
        _SELECT + " WHERE a.cell = %s AND a.person_id = %s ORDER BY a.at DESC, a.access_id DESC LIMIT %s",
        (tx.cell_of(person_id), person_id, limit),
    )
    return [_access(row) for row in rows]


def latest(tx: Transaction, *, operator_id: UUID | None = None, only: Sequence[str] = ()) -> list[Access]:
    """Return the latest looks in the whole book, by one operator or of some kinds if that is asked for."""
    rows: list[TupleRow] = []
    for cell in range(tx.cells):  # each cell has its own index by time; together they are sorted here
        rows += tx.execute(
            _SELECT
            + """ WHERE a.cell = %(cell)s
                AND (%(operator_id)s::uuid IS NULL OR a.operator_id = %(operator_id)s)
                AND (%(only)s::text[] = '{}' OR a.what = ANY (%(only)s))
                ORDER BY a.at DESC, a.access_id DESC LIMIT %(limit)s""",
            {"cell": cell, "operator_id": operator_id, "only": list(only), "limit": ROWS_MAX},
        ).fetchall()
    return sorted((_access(row) for row in rows), key=lambda one: (one.at, one.access_id), reverse=True)[:ROWS_MAX]


def _access(row: TupleRow) -> Access:
    return Access(
        access_id=row[0],
        person_id=row[1],
        operator_id=row[2],
        session_id=row[3],
        what=row[4],
        subject_id=row[5],
        reason=row[6],
        at=row[7],
        expires_at=row[8],
        operator=row[9],
    )
