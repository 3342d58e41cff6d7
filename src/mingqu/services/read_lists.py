"""Which lists a person is on: by phone, ID number, cards, device or network, in one round trip."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.decision.field import LIST_SOURCE, Fields
from mingqu.domain.signal import KeyKind
from mingqu.domain.watch_list import ListedKind, ListName
from mingqu.services.house import House
from mingqu.services.note_signals import Origin, known_of_origin, known_of_person
from mingqu.store import watch_list
from mingqu.store.database import Transaction

# What is listed, by what a person or their request is known by; their own id stands on no list.
_LISTED: Final = {
    KeyKind.PHONE: ListedKind.PHONE,
    KeyKind.ID_NUMBER: ListedKind.ID_NUMBER,
    KeyKind.CARD: ListedKind.CARD,
    KeyKind.DEVICE: ListedKind.DEVICE,
    KeyKind.ADDRESS: ListedKind.ADDRESS,
}
# What a field of source "list" asks, by its name.
LIST_FIELDS: Final = {"on_black_list": ListName.BLACK, "on_white_list": ListName.WHITE}


def read_lists(
    tx: Transaction, house: House, *, person_id: UUID, fields: Fields, origin: Origin, on: date
) -> Mapping[str, bool]:
    """Return the declared fields of source "list": is anything of the person, or of where they ask from, on it.

    A device counts only while its person allows that it is recognized. An entry that ended by `on` counts no more.
    """
    asked = [field.name for field in fields.fields if field.source == LIST_SOURCE]
    if not asked:
        return {}
    known = [
        *known_of_person(tx, house, person_id=person_id),
        *known_of_origin(tx, house, person_id=person_id, origin=origin),
    ]
    hashes = [
        watch_list.hash_of(keyring=house.keyring, kind=_LISTED[kind], value=value)
        for kind, value in known
        if kind in _LISTED
    ]
    found = watch_list.lists_of(tx, hashes=hashes, on=on).values()
    return {name: any(LIST_FIELDS[name] in lists for lists in found) for name in asked}
