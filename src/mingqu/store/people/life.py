"""What two people recorded of somebody's life: rows that are only added to."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from mingqu.domain.life import LifeEvent, LifeKind, PersonDeceased
from mingqu.store.server.database import Transaction

ROWS_MAX: Final = 50  # of a person; read by people


def insert(tx: Transaction, *, event: LifeEvent) -> None:
    """Add an event."""
    tx.execute(
        """
        INSERT INTO life_event (cell, event_id, person_id, kind, happened_on, paper, proposal_id, recorded_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            tx.cell_of(event.person_id),
            event.event_id,
            event.person_id,
            event.kind.value,
            event.happened_on,
            event.paper,
            event.proposal_id,
            event.recorded_at,
        ),
    )


def of_person(tx: Transaction, *, person_id: UUID) -> list[LifeEvent]:
    """Return what was recorded of a person, the newest first."""
    rows = tx.execute(
        """
        SELECT event_id, person_id, kind, happened_on, paper, proposal_id, recorded_at FROM life_event
        WHERE cell = %s AND person_id = %s ORDER BY recorded_at DESC, event_id DESC LIMIT %s
        """,
        (tx.cell_of(person_id), person_id, ROWS_MAX),
    )
    return [
        LifeEvent(
            event_id=row[0],
            person_id=row[1],
            kind=LifeKind(row[2]),
            happened_on=row[3],
            paper=row[4],
            proposal_id=row[5],
            recorded_at=row[6],
        )
        for row in rows
    ]


def forget_papers(tx: Transaction, *, person_id: UUID) -> None:
    """Forget by which papers events of an erased person's life were recorded; the caller holds the cell's lock."""
    tx.execute(
        "UPDATE life_event SET paper = '' WHERE cell = %s AND person_id = %s AND paper <> ''",
        (tx.cell_of(person_id), person_id),
    )


def is_deceased(tx: Transaction, *, person_id: UUID) -> bool:
    """Return whether the last word about a person is that they died."""
    row = tx.execute(
        """
        SELECT kind FROM life_event WHERE cell = %s AND person_id = %s AND kind IN ('deceased', 'alive')
        ORDER BY recorded_at DESC, event_id DESC LIMIT 1
        """,
        (tx.cell_of(person_id), person_id),
    ).fetchone()
    return row is not None and row[0] == LifeKind.DECEASED.value


def require_living(tx: Transaction, *, person_id: UUID) -> None:
    """Return unless a person is recorded as deceased. Errors: PersonDeceased."""
    if is_deceased(tx, person_id=person_id):
        raise PersonDeceased("This person is recorded as deceased.")
