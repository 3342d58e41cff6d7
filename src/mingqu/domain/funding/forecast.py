"""How much room a limit will have: what comes back by the schedules as they stand, what is promised goes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from mingqu.domain.funding.limit import Level, level_of

WEEKS: Final = 12  # a quarter: further ahead the loans that nobody has asked for yet weigh more than those that stand
_WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Where a limit stands at the end of a week that begins on `on`, in fen: used, and what came and went in it."""

    on: date
    comes_fen: int
    goes_fen: int
    used_fen: int
    room_fen: int
    level: Level


def week_of(on: date) -> date:
    """Return the Monday of a date's week."""
    return on - timedelta(days=on.weekday())


def forecast(
    *, limit_fen: int, used_fen: int, today: date, comes: Mapping[date, int], goes: Mapping[date, int]
) -> tuple[Point, ...]:
    """Return a quarter of weeks from today's on. `comes` and `goes` are principal by date, in fen.

    What was due before today counts as nothing: whoever is late may pay on no day that could be named. What is used
    already holds what waits to be paid out; `goes` is what is offered and not signed, as if everybody signed.
    Example: 80 of 100 used, 30 due next week and 40 offered this week: 120 (hard), then 90 (soft).
    """
    points = []
    for number in range(WEEKS):
        monday = week_of(today) + number * _WEEK
        days = (monday, monday + _WEEK)
        came = sum(fen for on, fen in comes.items() if max(days[0], today) <= on < days[1])
        went = sum(fen for on, fen in goes.items() if max(days[0], today) <= on < days[1])
        used_fen = max(0, used_fen + went - came)
        points.append(
            Point(
                on=monday,
                comes_fen=came,
                goes_fen=went,
                used_fen=used_fen,
                room_fen=max(0, limit_fen - used_fen),
                level=level_of(used_fen=used_fen, limit_fen=limit_fen),
            )
        )
    return tuple(points)
