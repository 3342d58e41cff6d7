"""Sessions in the book: found by the id in their token, proven by the hash of its secret."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from mingqu.domain.session import Door, Session
from mingqu.store.database import Transaction


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
    row = tx.execute(
        """
        SELECT s.person_id, s.secret_hash, s.door, s.opened_at, s.seen_at, s.ended_at, p.merged_into
        FROM session s JOIN person p ON p.cell = s.cell AND p.person_id = s.person_id
        WHERE s.cell = %s AND s.session_id = %s
        """,
        (tx.cell_of(session_id), session_id),
    ).fetchone()
    if row is None:
        return None
    found = Session(
        session_id=session_id,
        person_id=row[0],
        secret_hash=bytes(row[1]),
        door=Door(row[2]),
        opened_at=row[3],
        seen_at=row[4],
        ended_at=row[5],
    )
    return found, row[6]


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
