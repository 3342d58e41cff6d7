"""Notes about customers: who wrote one and when; the words lie sealed in the vault."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from mingqu.store.server.database import Transaction

ROWS_MAX: Final = 50  # the newest; a card is read by a person


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One note, without its words."""

    note_id: UUID
    person_id: UUID
    written_by: UUID
    written_at: datetime

    @property
    def field(self) -> str:
        """The name under which the words are sealed."""
        return f"note.{self.note_id.hex}"


def insert(tx: Transaction, *, note: Note) -> None:
    """Add a note."""
    tx.execute(
        "INSERT INTO customer_note (cell, note_id, person_id, written_by, written_at) VALUES (%s, %s, %s, %s, %s)",
        (tx.cell_of(note.person_id), note.note_id, note.person_id, note.written_by, note.written_at),
    )


def of_person(tx: Transaction, *, person_id: UUID) -> list[Note]:
    """Return the notes about a person, the newest first, at most ROWS_MAX."""
    rows = tx.execute(
        """
        SELECT note_id, person_id, written_by, written_at FROM customer_note
        WHERE cell = %s AND person_id = %s ORDER BY written_at DESC, note_id DESC LIMIT %s
        """,
        (tx.cell_of(person_id), person_id, ROWS_MAX),
    )
    return [Note(note_id=row[0], person_id=row[1], written_by=row[2], written_at=row[3]) for row in rows]
