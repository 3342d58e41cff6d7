"""Ids that come out the same in every run with the same seed and the same clock."""

from __future__ import annotations

from uuid import UUID

from mingqu.channels.fake.chance import Chance
from mingqu.domain import identifier
from mingqu.domain.moment import milliseconds_of
from mingqu.ports.clock import Clock


class SeededIdentifiers:
    """Makes ids from a clock and a seed."""

    def __init__(self, *, seed: int, clock: Clock) -> None:
        self._chance = Chance(seed=seed)
        self._clock = clock

    def fresh(self, slot: int) -> UUID:
        """Return the next id for the person in `slot`."""
        milliseconds = milliseconds_of(self._clock.now())
        return identifier.fresh(milliseconds=milliseconds, slot=slot, entropy=self._chance.bits())

    def slot(self) -> int:
        """Return the next new person's slot."""
        return self._chance.below(identifier.SLOTS)
