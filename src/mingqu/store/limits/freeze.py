"""Freezes of drawing in the book. The caller holds the lock of the person's cell for every write."""

from __future__ import annotations

from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.rows import TupleRow

from mingqu.domain.freeze import Freeze, FreezeCause, FrozenAlready
from mingqu.domain.ownership import NotFound
from mingqu.store.server.database import Transaction

_SELECT: Final[LiteralString] = """
    SELECT freeze_id, person_id, cause, reason, frozen_by, frozen_at, thawed_at FROM drawing_freeze WHERE cell = %s"""


def forget_reasons(tx: Transaction, *, person_id: UUID) -> None:
    """Forget why drawing of a person who was erased was stopped, in operators' words; its cause stays."""
    tx.execute(
        "UPDATE drawing_freeze SET reason = '' WHERE cell = %s AND person_id = %s AND reason <> ''",
        (tx.cell_of(person_id), person_id),
    )


def insert(tx: Transaction, *, freeze: Freeze) -> None:
    """Store a freeze. Errors: FrozenAlready."""
    added = tx.execute(
        """
        INSERT INTO drawing_freeze (cell, freeze_id, person_id, cause, reason, frozen_by, frozen_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (cell, person_id) WHERE thawed_at IS NULL DO NOTHING
        """,
        (
            tx.cell_of(freeze.person_id),
            freeze.freeze_id,
            freeze.person_id,
            freeze.cause.value,
            freeze.reason,
            freeze.frozen_by,
            freeze.frozen_at,
        ),
    )
    if added.rowcount == 0:
        raise FrozenAlready("Drawing is stopped already.")


def standing(tx: Transaction, *, person_id: UUID) -> Freeze | None:
    """Return the freeze that stands, or None."""
    row = tx.execute(
        _SELECT + " AND person_id = %s AND thawed_at IS NULL", (tx.cell_of(person_id), person_id)
    ).fetchone()
    return None if row is None else _freeze(row)


def load(tx: Transaction, *, freeze_id: UUID) -> Freeze:
    """Return a freeze. Errors: NotFound."""
    row = tx.execute(_SELECT + " AND freeze_id = %s", (tx.cell_of(freeze_id), freeze_id)).fetchone()
    if row is None:
        raise NotFound
    return _freeze(row)


def thaw(tx: Transaction, *, freeze_id: UUID, proposal_id: UUID, at: datetime) -> None:
    """Store that a freeze ended; the caller has seen that it stands."""
    ended = tx.execute(
        """
        UPDATE drawing_freeze SET thawed_at = %s, thawed_by = %s
        WHERE cell = %s AND freeze_id = %s AND thawed_at IS NULL
        """,
        (at, proposal_id, tx.cell_of(freeze_id), freeze_id),
    )
    assert ended.rowcount == 1, "a freeze ends under the lock of its cell"


def _freeze(row: TupleRow) -> Freeze:
    return Freeze(
        freeze_id=row[0],
        person_id=row[1],
        cause=FreezeCause(row[2]),
        reason=row[3],
        frozen_by=row[4],
        frozen_at=row[5],
        thawed_at=row[6],
    )
