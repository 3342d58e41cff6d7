"""A borrower's own cap: at most so much drawn and held at a time, whatever was assessed. Lower at once, higher later.

Whoever sets a cap wants to be kept from borrowing on an impulse. So a lower cap holds at once, and a higher one, or
none, only after a pause. What was drawn above a new cap stays, and is paid back as agreed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from mingqu.domain.refusal import Refusal


class CapExceeded(Refusal):
    """The borrower's own cap, less what is drawn and held, does not cover the amount. Raising it takes a pause."""

    code: ClassVar[str] = "cap_exceeded"
    status: ClassVar[int] = 409


class CapUnchanged(Refusal):
    """The cap is that already, or will be."""

    code: ClassVar[str] = "cap_unchanged"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """One word of a borrower's on their cap: an amount in fen, or None for no cap; it holds from `starts_at` on.

    `used_fen` is what was drawn and held when it was said: what lay above it then may stay.
    """

    cap_id: UUID
    person_id: UUID
    amount_fen: int | None
    set_at: datetime
    starts_at: datetime
    used_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What holds at a moment, and what is to hold from when, if a change waits for its pause."""

    amount_fen: int | None
    next_fen: int | None = None
    next_at: datetime | None = None


def caps_at(*, said: Sequence[Cap], at: datetime) -> Caps:
    """Return what holds at a moment of what was said, in order: the last word that has begun.

    A word that has not begun counts only while nothing was said after it. Example: 500 yuan at once, then "none" with a
    pause to Friday, then 300 yuan at once: 300 holds, on Friday as well.
    """
    if not said:
        return Caps(amount_fen=None)
    following = [*said[1:], None]
    begun = [
        one
        for one, after in zip(said, following, strict=True)
        if one.starts_at <= at and (after is None or one.starts_at <= after.set_at)
    ]
    standing = begun[-1].amount_fen if begun else None
    if said[-1].starts_at > at:
        return Caps(amount_fen=standing, next_fen=said[-1].amount_fen, next_at=said[-1].starts_at)
    return Caps(amount_fen=standing)


def starts(*, standing_fen: int | None, amount_fen: int | None, at: datetime, pause: timedelta) -> datetime:
    """Return from when a new cap holds: at once if it is not above the one that holds, else after the pause."""
    lower = amount_fen is not None and (standing_fen is None or amount_fen <= standing_fen)
    return at if lower else at + pause
