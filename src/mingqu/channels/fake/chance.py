"""Chance that repeats itself: the same seed throws the same dice in every run and on every machine."""

from __future__ import annotations

from typing import Final, TypeVar

_MASK: Final = (1 << 64) - 1
Thing = TypeVar("Thing")


class Chance:
    """Gives 64 bits at a time (SplitMix64: Steele, Lea, Flood 2014). It repeats itself, so it makes no secrets."""

    def __init__(self, *, seed: int) -> None:
        self._state = seed & _MASK

    def bits(self) -> int:
        """Return the next 64 bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def below(self, bound: int) -> int:
        """Return a number from 0 to bound − 1; for the small bounds used here the bias is beneath notice."""
        assert 0 < bound <= 1 << 32
        return self.bits() % bound

    def shuffle(self, things: list[Thing]) -> None:
        """Put a list into a new order (Fisher and Yates)."""
        for last in range(len(things) - 1, 0, -1):
            chosen = self.below(last + 1)
            things[last], things[chosen] = things[chosen], things[last]
