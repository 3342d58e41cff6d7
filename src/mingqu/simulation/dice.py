"""Dice that follow from a seed: the same throws in every run and on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from mingqu.channels.fake.chance import Chance

PPM: Final = 1_000_000
Thing = TypeVar("Thing")


class Dice(Chance):
    """Chance in the words of a simulation."""

    def between(self, low: int, high: int) -> int:
        """Return a number from `low` to `high`, both included."""
        return low + self.below(high - low + 1)

    def one_of(self, things: Sequence[Thing]) -> Thing:
        """Return one of some things."""
        return things[self.below(len(things))]

    def happens(self, ppm: int) -> bool:
        """Return whether something of this chance in a million happens now."""
        return self.below(PPM) < ppm

    def drawn(self, doings: Sequence[tuple[Thing, int]]) -> Thing:
        """Return one of some things by its weight."""
        point = self.below(sum(weight for _, weight in doings))
        for thing, weight in doings:
            if point < weight:
                return thing
            point -= weight
        raise AssertionError("a point lies in some part of the whole")
