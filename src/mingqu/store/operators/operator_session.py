"""Sessions of operators: found by the id in their token, proven by the hash of its secret."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from mingqu.domain.operator import OperatorSession
from mingqu.store.server.database import Transaction


def insert(tx: Transaction, *, session: OperatorSession) -> None:
    """Store a new session."""
    tx.execute(
        """
        INSERT INTO operator_session (session_id, operator_id, secret_hash, opened_at, seen_at)
        VALUES (%s, %s, %s, %s, %s)
        """,
        (session.session_id, session.operator_id, session.secret_hash, session.opened_at, session.seen_at),
    )


def find(tx: Transaction, *, session_id: UUID) -> OperatorSession | None:
    """Return the session of an id, ended or not, or None."""
    row = tx.execute(
        "SELECT operator_id, secret_hash, opened_at, seen_at, ended_at FROM operator_session WHERE session_id = %s",
        (session_id,),
    ).fetchone()
    if row is None:
        return None
    return OperatorSession(
        session_id=session_id,
        operator_id=row[0],
        secret_hash=bytes(row[1]),
        opened_at=row[2],
        seen_at=row[3],
        ended_at=row[4],
    )


def touch(tx: Transaction, *, session_id: UUID, at: datetime) -> None:
    """Note that a session was used."""
    tx.execute(
        "UPDATE operator_session SET seen_at = greatest(seen_at, %s) WHERE session_id = %s AND ended_at IS NULL",
        (at, session_id),
    )


def end(tx: Transaction, *, session_id: UUID, at: datetime) -> None:
    """End a session; ended again it stays as it ended."""
    tx.execute("UPDATE operator_session SET ended_at = %s WHERE session_id = %s AND ended_at IS NULL", (at, session_id))


def end_others(tx: Transaction, *, operator_id: UUID, kept: UUID | None, at: datetime) -> None:
    """End every session of an operator but one, or all of them."""
    tx.execute(
        """
        UPDATE operator_session SET ended_at = %s
        WHERE operator_id = %s AND ended_at IS NULL AND session_id IS DISTINCT FROM %s
        """,
        (at, operator_id, kept),
    )
