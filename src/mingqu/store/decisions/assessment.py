"""Assessments and what they made of limits, at rest. The caller holds the lock of the person's cell for every write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from mingqu.domain.limit import LimitChange, Standing
from mingqu.store.server import column
from mingqu.store.server.connection import Statement
from mingqu.store.server.database import Transaction

_INSERT: Final = """
    INSERT INTO assessment (cell, decision_id, person_id, decided_at, valid_until)
    VALUES ($1::smallint, $2::uuid, $3::uuid, $4::timestamptz, $5::date)"""


def inserted(*, cell: int, standing: Standing) -> Statement:
    """Return the statement that stores for how long an assessment lets its person draw."""
    values = (
        standing.decision_id.bytes,
        standing.person_id.bytes,
        column.moment(standing.decided_at),
        None if standing.valid_until is None else column.day(standing.valid_until),
    )
    return Statement(_INSERT, (column.smallint(cell), *values))


def standing_of(tx: Transaction, *, person_id: UUID) -> Standing | None:
    """Return the last assessment that gave or replaced limits; None when it was made before this was written down."""
    row = tx.execute(
        """SELECT decision_id, decided_at, valid_until FROM assessment WHERE cell = %s AND person_id = %s
           ORDER BY decided_at DESC, decision_id DESC LIMIT 1""",
        (tx.cell_of(person_id), person_id),
    ).fetchone()
    if row is None:
        return None
    return Standing(decision_id=row[0], person_id=person_id, decided_at=row[1], valid_until=row[2])


def insert_changes(tx: Transaction, *, changes: Sequence[LimitChange]) -> None:
    """Store what an assessment made of a person's limits."""
    for change in changes:  # one for each line and one for the person
        tx.execute(
            """INSERT INTO limit_change (cell, decision_id, owner, person_id, product_version, rate_year_ppm,
                   before_fen, after_fen, standing_fen, usable_at, changed_at)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            (
                tx.cell_of(change.person_id),
                change.decision_id,
                change.owner,
                change.person_id,
                change.product_version,
                change.rate_year_ppm,
                change.before_fen,
                change.after_fen,
                change.standing_fen,
                change.usable_at,
                change.changed_at,
            ),
        )


def last_changes(tx: Transaction, *, person_id: UUID) -> dict[UUID, LimitChange]:
    """Return the last change of each of a person's limits, by owner; a limit that was never changed is left out."""
    rows = tx.execute(
        """SELECT DISTINCT ON (owner) decision_id, owner, product_version, rate_year_ppm, before_fen, after_fen,
                  standing_fen, usable_at, changed_at
           FROM limit_change WHERE cell = %s AND person_id = %s ORDER BY owner, changed_at DESC, decision_id DESC""",
        (tx.cell_of(person_id), person_id),
    )
    return {
        row[1]: LimitChange(
            decision_id=row[0],
            person_id=person_id,
            owner=row[1],
            product_version=row[2],
            rate_year_ppm=row[3],
            before_fen=row[4],
            after_fen=row[5],
            standing_fen=row[6],
            usable_at=row[7],
            changed_at=row[8],
        )
        for row in rows
    }
