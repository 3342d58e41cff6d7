"""Which lists a person is on: by phone, ID number, cards, device or network, in one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from mingqu.domain.decision.field import LIST_SOURCE, Fields
from mingqu.domain.personal import Personal
from mingqu.domain.signal import KeyKind
from mingqu.domain.watch_list import ListedKind, ListName
from mingqu.services.house import House
from mingqu.services.people.note_signals import Origin, origin_known
from mingqu.store.decisions import watch_list

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


def hashes_listed(house: House, *, known: Iterable[tuple[KeyKind, Personal[str]]], origin: Origin) -> list[bytes]:
    """Return the hashes by which somebody, or where they ask from, would stand on a list.

    The device of `origin` is left out by who may not recognize it.
    """
    return [
        watch_list.hash_of(keyring=house.keyring, kind=_LISTED[kind], value=value)
        for kind, value in (*known, *origin_known(origin))
        if kind in _LISTED
    ]


def listed_fields(*, fields: Fields) -> list[str]:
    """Return the declared fields of source "list"."""
    return [field.name for field in fields.fields if field.source == LIST_SOURCE]


def on_lists(*, found: Mapping[bytes, frozenset[ListName]], fields: Fields) -> dict[str, bool]:
    """Return the declared fields of source "list": is anything that was looked up on it."""
    return {name: any(LIST_FIELDS[name] in lists for lists in found.values()) for name in listed_fields(fields=fields)}
