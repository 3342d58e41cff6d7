"""A person whose cell is locked, with what must be known to write about them: read in one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.store.people import vault
from mingqu.store.server import column
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

_LOCK: Final = "SELECT last_closed_on, leaf_count FROM cell WHERE cell = $1::smallint FOR UPDATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonAtHand:
    """A person under the lock of their cell: its last closed day, how many leaves it has, and the person's data key.

    The count is of that moment: whoever appends a leaf asks again before the next.
    """

    person_id: UUID
    cell: int
    last_closed_on: date
    leaf_count: int
    key: bytes = field(repr=False)


def locked(
    tx: Transaction,
    *,
    keyring: Keyring,
    person_id: UUID,
    first: Sequence[Statement] = (),
    beside: Sequence[Statement] = (),
) -> tuple[PersonAtHand, list[Answer], list[Answer]]:
    """Wait for the lock of the person's cell and return them, with the answers to `first` and to `beside`.

    In the same round trip `first` is run before the lock and `beside` under it. Errors: NotFound, PersonErased.
    """
    cell = tx.cell_of(person_id)
    own = [Statement(_LOCK, (column.smallint(cell),)), vault.key_asked(cell=cell, person_id=person_id)]
    answers = tx.together([*first, *own, *beside])
    lock, wrapped = answers[len(first) : len(first) + len(own)]
    row = lock.fetchone()
    assert row is not None, "a cell is locked that the book does not have"
    key = vault.key_in(wrapped, keyring=keyring, person_id=person_id)
    if key is None:
        raise vault.absent(tx, person_id=person_id)
    at_hand = PersonAtHand(person_id=person_id, cell=cell, last_closed_on=row[0], leaf_count=row[1], key=key)
    return at_hand, answers[: len(first)], answers[len(first) + len(own) :]
