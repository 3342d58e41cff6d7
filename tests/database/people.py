"""People for tests: ids that route to a chosen cell, and a keyring made once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from mingqu.domain import identifier
from mingqu.store.parties import party
from mingqu.store.server import keyring as keyring_module
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

AT = datetime(2026, 8, 15, 2, 0, tzinfo=UTC)
CELLS = 4
_entropy = count(1)


def fresh_id(*, cell: int = 0) -> UUID:
    """Return a new id that routes to a cell of a book of four."""
    return identifier.fresh(
        milliseconds=int(AT.timestamp() * 1000), slot=cell * (identifier.SLOTS // CELLS), entropy=next(_entropy)
    )


def fresh_person(tx: Transaction, *, keyring: Keyring, cell: int = 0) -> UUID:
    """Create a person in a cell and return the id."""
    person_id = fresh_id(cell=cell)
    party.create_person(tx, keyring=keyring, person_id=person_id, at=AT)
    return person_id


def later(**passed: int) -> datetime:
    """Return a moment after AT."""
    return AT + timedelta(**passed)


def fresh_keyring() -> Keyring:
    """Return new keys."""
    return keyring_module.fresh()
