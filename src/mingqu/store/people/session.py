"""Sessions in the book: found by the id in their token, proven by the hash of its secret."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from mingqu.domain.session import Door, Session
from mingqu.store.server import column
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Transaction

_FIND: Final = """
    SELECT s.session_id, s.person_id, s.secret_hash, s.door, s.opened_at, s.seen_at, s.ended_at, p.merged_into
    FROM session s JOIN person p ON p.cell = s.cell AND p.person_id = s.person_id
    WHERE s.cell = $1::smallint AND s.session_id = $2::uuid"""


def insert(tx: Transaction, *, session: Session) -> None:
    """Store a new session; the person is in the same cell, because both ids carry one slot."""
    tx.execute(
        """
        INSERT INTO session (cell, session_id, person_id, secret_hash, door, opened_at, seen_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        """,
        (
            tx.cell_of(session.person_id),
            session.session_id,
            session.person_id,
            session.secret_hash,
            session.door.value,
            session.opened_at,
            session.seen_at,
        ),
    )


def find(tx: Transaction, *, session_id: UUID) -> tuple[Session, UUID | None] | None:
    """Return the session of an id, ended or not, and whom its person was merged into, if into anybody; or None."""
    return found_in(tx.together([asked(cell=tx.cell_of(session_id), session_id=session_id)])[0])


def asked(*, cell: int, session_id: UUID) -> Statement:
    """Return the statement of `find`, whose answer `found_in` reads."""
    return Statement(_FIND, (column.smallint(cell), session_id.bytes))


def found_in(answer: Answer) -> tuple[Session, UUID | None] | None:
    """Return what `find` does from the answer to `asked`."""
    row = answer.fetchone()
    if row is None:
        return None
    found = Session(
        session_id=row[0],
        person_id=row[1],
        secret_hash=bytes(row[2]),
        door=Door(row[3]),
        opened_at=row[4],
        seen_at=row[5],
        ended_at=row[6],
    )
    return found, row[7]


def touch(tx: Transaction, *, session_id: UUID, at: datetime) -> None:
    """Note that a session was used."""
    tx.execute(
        "UPDATE session SET seen_at = greatest(seen_at, %s) WHERE cell = %s AND session_id = %s AND ended_at IS NULL",
        (at, tx.cell_of(session_id), session_id),
    )


def end(tx: Transaction, *, session_id: UUID, at: datetime) -> None:
    """End a session; ended again it stays as it ended."""
    tx.execute(
        "UPDATE session SET ended_at = %s WHERE cell = %s AND session_id = %s AND ended_at IS NULL",
        (at, tx.cell_of(session_id), session_id),
    )


def end_all(tx: Transaction, *, person_id: UUID, at: datetime) -> None:
    """End every session of a person, at every door."""
    tx.execute(
        "UPDATE session SET ended_at = %s WHERE cell = %s AND person_id = %s AND ended_at IS NULL",
        (at, tx.cell_of(person_id), person_id),
    )
