"""Write a note about a customer: only ever added, with its author and time, sealed under the customer's own key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.operator import Permission
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.access.note_access import note_access
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.house import House
from mingqu.services.once import Response, once
from mingqu.store.operators import access, operator
from mingqu.store.people import note, vault
from mingqu.store.people.note import Note
from mingqu.store.server.database import Transaction

NOTE_LENGTH_MIN: Final = 2
NOTE_LENGTH_MAX: Final = 1_000


class NoteMalformed(Refusal):
    """A note has 2 to 1,000 characters."""

    code: ClassVar[str] = "note_malformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteView:
    """A note as the customer page shows it."""

    author: str
    written_at: datetime
    text: str


def write_note(house: House, *, seat: Seat, person_id: UUID, text: Personal[str], key: str) -> UUID:
    """Add a note about a customer, and return its id; sent twice it is one note.

    Errors: OperatorForbidden, NoteMalformed, NotFound, PersonErased, and those of the key.
    """
    seat.operator.require(Permission.NOTE)
    said = Personal(text.reveal().replace("\r\n", "\n").strip())
    if not NOTE_LENGTH_MIN <= len(said.reveal()) <= NOTE_LENGTH_MAX:
        raise NoteMalformed(f"A note has {NOTE_LENGTH_MIN} to {NOTE_LENGTH_MAX} characters.")

    def work(tx: Transaction) -> Response:
        now = house.clock.now()
        made = Note(
            note_id=house.id_for(person_id),
            person_id=person_id,
            written_by=seat.operator.operator_id,
            written_at=now,
        )
        vault.seal(tx, keyring=house.keyring, person_id=person_id, field=made.field, value=said, at=now)
        note.insert(tx, note=made)
        note_access(tx, house, seat=seat, person_id=person_id, what=access.NOTE, subject_id=made.note_id)
        return {"note_id": made.note_id.hex}

    # By a keyed hash the same note is known again, and a dump cannot be tried for what it says.
    request = {
        "operator": seat.operator.operator_id.hex,
        "text": house.keyring.lookup_hash(kind="note", value=said).hex(),
    }
    answer = once(house, person_id=person_id, command="write_note", key=key, request=request, work=work)
    return UUID(str(answer["note_id"]))


def notes_of(tx: Transaction, house: House, *, person_id: UUID) -> list[NoteView]:
    """Return the notes about a customer, the newest first; of one who was erased there are none."""
    found = note.of_person(tx, person_id=person_id)
    wanted = [(person_id, one.field) for one in found]
    opened = vault.open_many(tx, keyring=house.keyring, cell=tx.cell_of(person_id), fields=wanted)
    names = {one.operator_id: one.name for one in operator.every(tx)}
    return [
        NoteView(author=names.get(one.written_by, "?"), written_at=one.written_at, text=words.reveal())
        for one in found
        if (words := opened.get((person_id, one.field))) is not None
    ]
