"""Identifiers that route themselves: UUIDv7 with the person's slot inside.

Layout of the 128 bits, from the left (RFC 9562, section 5.7, leaves the random parts to us):

    48  milliseconds since 1970, UTC
     4  version, 7
    10  slot of the person, 0 … 1,023, fixed for ever
     2  random
     2  variant, binary 10
    54  random
     8  index: 0 in an id made fresh, 1 … 255 in the ids derived from it

A number that comes back from a channel therefore finds its cell without a look-up, and the transfers
of an event have ids that a second run makes again, so that a replay is seen as one.
"""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.refusal import Refusal

SLOTS: Final = 1024
DERIVED_MAX: Final = 255
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_DAY_MS: Final = 86_400_000
_MINUTE_MS: Final = 60_000


class MalformedIdentifier(Refusal):
    """The text is not an identifier made here."""

    code = "identifier_malformed"
    status = 404


def fresh(*, milliseconds: int, slot: int, entropy: int) -> UUID:
    """Return a new id. `milliseconds` since 1970 UTC, `slot` 0 … 1,023, `entropy` at least 56 random bits."""
    return UUID(int=_fresh(milliseconds, slot, entropy))


def fresh_text(*, milliseconds: int, slot: int, entropy: int) -> str:
    """Return what `fresh` does, in hexadecimal: for millions of ids that are only written down."""
    return f"{_fresh(milliseconds, slot, entropy):032x}"


def _fresh(milliseconds: int, slot: int, entropy: int) -> int:
    assert 0 <= slot < SLOTS
    assert 0 <= milliseconds < 1 << 48
    high = (milliseconds << 16) | (0x7 << 12) | (slot << 2) | (entropy & 0b11)
    low = (0b10 << 62) | (((entropy >> 2) & ((1 << 54) - 1)) << 8)
    return (high << 64) | low


def slot_of(identifier: UUID) -> int:
    """Return the slot, 0 … 1,023, that an id carries."""
    return (identifier.int >> 66) & (SLOTS - 1)


def slot_of_text(text: str) -> int:
    """Return the slot of an id in hexadecimal."""
    return int(text[13:16], 16) >> 2


def cell_of(identifier: UUID, *, cells: int) -> int:
    """Return the cell of an id in a book of `cells` cells; cells are contiguous ranges of slots."""
    return cell_of_slot(slot_of(identifier), cells=cells)


def cell_of_slot(slot: int, *, cells: int) -> int:
    """Return the cell that holds a slot. Example: of 4 cells, slots 0 … 255 are cell 0, slot 256 begins cell 1."""
    return slot * cells // SLOTS


def derived(identifier: UUID, index: int) -> UUID:
    """Return the `index`-th id derived from one (1 … 255): the same each time, in order after its parent."""
    assert 1 <= index <= DERIVED_MAX
    assert identifier.int & 0xFF == 0, "an id is derived from a fresh one only"
    return UUID(int=identifier.int | index)


def slot_of_reference(reference: str) -> int:
    """Return the slot of another system's reference, and of the person who comes by it: the same each time."""
    return int.from_bytes(hashlib.blake2b(reference.encode(), digest_size=2).digest(), "big") % SLOTS


def beside(identifier: UUID, *, purpose: str) -> UUID:
    """Return another parent of ids, of the same moment and slot as one: the same each time it is asked for.

    For what belongs to `identifier` without being counted among the ids derived from it.
    """
    digest = hashlib.blake2b(f"{identifier.hex}:{purpose}".encode(), digest_size=8).digest()
    return fresh(milliseconds=identifier.int >> 80, slot=slot_of(identifier), entropy=int.from_bytes(digest, "big"))


def dated(parent: UUID, *, on: date, purpose: str, minute: int = 0) -> UUID:
    """Return the id of what happens to `parent` on a date for a purpose: the same each time it is asked for.

    It lies at a `minute` of the date (UTC, 0 … 1,439) in the order of ids and carries the parent's slot.
    """
    assert 0 <= minute < _DAY_MS // _MINUTE_MS
    digest = hashlib.blake2b(f"{parent.hex}:{on.isoformat()}:{purpose}".encode(), digest_size=8).digest()
    return fresh(
        milliseconds=(on.toordinal() - _EPOCH_ORDINAL) * _DAY_MS + minute * _MINUTE_MS,
        slot=slot_of(parent),
        entropy=int.from_bytes(digest, "big"),
    )


def parse(text: str) -> UUID:
    """Return the id written as text (32 hex digits, hyphens allowed). Errors: MalformedIdentifier."""
    try:
        identifier = UUID(text)
    except (ValueError, AttributeError, TypeError):
        raise MalformedIdentifier("This is not an identifier: it takes 32 hexadecimal digits.") from None
    if identifier.version != 7:
        raise MalformedIdentifier("This is not an identifier made here.")
    return identifier
