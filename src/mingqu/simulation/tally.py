"""What happened in a history: counted by kind, and its last operations in words, for whoever must find out why."""

from __future__ import annotations

import traceback
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

_PLACES_SHOWN: Final = 4  # of an error's way
LAST_OPERATIONS: Final = 25  # a screen of them; the seed brings back the rest


class BrokenError(AssertionError):
    """Something that must never be is."""


@dataclass(slots=True)
class Tally:
    """Counts of operations, of faults and of how things ended, and the last operations of the history at hand."""

    operations: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)  # that met a fault, e.g. "payout.entrust lose_reply"
    _last: deque[tuple[datetime, str, str]] = field(default_factory=lambda: deque(maxlen=LAST_OPERATIONS))

    def note(self, at: datetime, operation: str, about: str = "") -> None:
        """Note that something was done, and to what."""
        self.operations[operation] += 1
        self._last.append((at, operation, about))

    def say(self, at: datetime, what: str, about: str = "") -> None:
        """Note among the last operations what came of one, without counting it as another."""
        self._last.append((at, what, about))

    def add(self, other: Tally) -> None:
        """Add another history's counts to this one's."""
        self.operations.update(other.operations)
        self.faults.update(other.faults)
        self.ends.update(other.ends)
        self.refusals.update(other.refusals)
        self.calls.update(other.calls)

    def last_operations(self) -> list[str]:
        """Return the last operations, the oldest first, a line each."""
        return [f"{at:%Y-%m-%d %H:%M:%S}  {operation:<28} {about}".rstrip() for at, operation, about in self._last]

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Return every count by name, the most frequent first."""
        return {
            "operations": dict(self.operations.most_common()),
            "faults": dict(self.faults.most_common()),
            "ends": dict(self.ends.most_common()),
            "refusals": dict(self.refusals.most_common()),
        }


def told(error: Exception) -> str:
    """Return an error with the places of ours that it came through last."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "mingqu" in frame.filename]
    places = " → ".join(f"{frame.name}:{frame.lineno}" for frame in frames[-_PLACES_SHOWN:])
    return f"{type(error).__name__}: {error} in {places}"
