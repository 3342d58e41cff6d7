"""Ids from the machine's clock and randomness."""

from __future__ import annotations

import secrets
from typing import Final
from uuid import UUID

from mingqu.domain import identifier
from mingqu.domain.moment import milliseconds_of
from mingqu.ports.clock import Clock

_ENTROPY_BITS: Final = 56  # as many as an id holds


class SystemIdentifiers:
    """Makes ids whose time part is the clock's; 56 random bits keep ids of one millisecond apart."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    def fresh(self, slot: int) -> UUID:
        """Return a new id for the person in `slot`."""
        milliseconds = milliseconds_of(self._clock.now())
        return identifier.fresh(milliseconds=milliseconds, slot=slot, entropy=secrets.randbits(_ENTROPY_BITS))

    def slot(self) -> int:
        """Return the slot of a new person, evenly spread over all slots."""
        return secrets.randbelow(identifier.SLOTS)
