"""In which province people are registered, by the first two digits of the ID number that they proved."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from mingqu.services.house import House
from mingqu.store.parties import party
from mingqu.store.people import vault
from mingqu.store.server.database import Transaction


def find_regions(tx: Transaction, house: House, *, person_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return people's provinces, such as "CN-31"; who was erased or never proved a number is left out.

    The number stays sealed where it lies, and the province is not kept either: it is a part of the number.
    Source: GB 11643-1999 (the number begins with the place), GB/T 2260 (its first two digits are the province).
    """
    found: dict[UUID, str] = {}
    by_cell: dict[int, list[UUID]] = {}
    for person_id in person_ids:
        by_cell.setdefault(tx.cell_of(person_id), []).append(person_id)
    for cell, ids in sorted(by_cell.items()):
        wanted = [(person_id, party.FIELD_ID_NUMBER) for person_id in ids]
        for (person_id, _), number in vault.open_many(tx, keyring=house.keyring, cell=cell, fields=wanted).items():
            if number is not None:
                found[person_id] = f"CN-{number.reveal()[:2]}"
    return found
