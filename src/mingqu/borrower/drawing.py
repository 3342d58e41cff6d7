"""Lengths on a screen: how long the part of a bar is. No amount of money is made here."""

from __future__ import annotations

WHOLE = 1000  # the length of a bar, in thousandths


def share(part: int, whole: int) -> int:
    """Return the length of a part in thousandths of the bar, never beyond its ends. Example: 3 of 4 is 750."""
    return 0 if whole <= 0 else min(WHOLE, max(0, part * WHOLE // whole))
