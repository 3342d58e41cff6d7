"""What the last reckoning of a course stood on, so that the next one begins at the first stretch a change touches.

Nobody has to say what was changed: facts and stretches are compared with those of the last time, figures included.
So a change that nobody thought of is found as well, and a stretch put in another's place is never taken for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from typing import Any

from mingqu.domain.course.stretch import Stretch, figures
from mingqu.domain.course.terms import Bearing, CourseTerms
from mingqu.domain.rate import Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """What happened to principal on a day: `lent_fen` went out, `moved_fen` is any other change, as borne.

    `overdue_fen` keeps principal bearing that should have been paid, and lets go of it again.
    """

    lent_fen: int = 0
    moved_fen: int = 0
    overdue_fen: int = 0

    @property
    def borne_fen(self) -> int:
        """The change of what bears interest from the day on."""
        return self.lent_fen + self.moved_fen + self.overdue_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything a stretch is worked out from but itself and the stretches before it."""

    terms: CourseTerms
    rates: Sequence[tuple[date, Rate]]
    pauses: Sequence[tuple[date, date]]
    until: date | None
    movements: Mapping[date, Movement]
    days: list[date]  # of the movements, in order
    upto: list[int]  # what bears interest before the first of them, and after each
    borne: list[int]  # the same of all that moved, whatever bears interest


def facts_of(
    *,
    terms: CourseTerms,
    rates: Sequence[tuple[date, Rate]],
    pauses: Sequence[tuple[date, date]],
    until: date | None,
    movements: Mapping[date, Movement],
    known: Facts | None,
) -> Facts:
    """Return the facts of a course; sums of movements that did not change are those known."""
    if known is not None and known.movements == movements:
        if (known.until, known.rates, known.pauses) == (until, rates, pauses) and known.terms is terms:
            return known
        movements, days, upto, borne = known.movements, known.days, known.upto, known.borne
    else:
        movements = dict(movements)
        days = sorted(movements)
        borne = [0, *accumulate(movements[day].borne_fen for day in days)]
        flat = terms.bearing is Bearing.FLAT
        upto = [0, *accumulate(movements[day].lent_fen for day in days)] if flat else borne
    return Facts(
        terms=terms,
        rates=list(rates),
        pauses=list(pauses),
        until=until,
        movements=movements,
        days=days,
        upto=upto,
        borne=borne,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoning:
    """The facts and stretches after a reckoning, and what was handed on to each stretch by those before it."""

    facts: Facts
    stretches: list[tuple[Any, ...]]
    handed: list[tuple[int, int]]  # principal thought to be taken, and interest that found no room


class Remembering:
    """A place for the last reckoning beside the fields of a course: no part of its value, and never stored."""

    __slots__ = ("known",)

    known: Reckoning | None

    def remember(self, known: Reckoning | None) -> None:
        """Keep what the next reckoning may begin from."""
        self.known = known


def touched(known: Reckoning | None, facts: Facts, stretches: Sequence[Stretch]) -> tuple[int, int]:
    """Return the first stretch to be worked out, and the first of the last ones that may stand as they are.

    They may if the stretches between hand on what they did; where facts changed, none may.
    """
    behind = count = len(stretches)
    if known is None:
        return 0, count
    first = min(count, len(known.stretches))
    if facts is not known.facts:
        since = min(_changes(known.facts, facts), default=date.max)
        first = next((index for index in range(first) if stretches[index].due >= since), first)
    rows = list(map(figures, stretches[:first]))
    if rows != known.stretches[:first]:
        first = next(index for index, row in enumerate(rows) if row != known.stretches[index])
    if facts is known.facts and len(known.stretches) == count:
        while behind > first and figures(stretches[behind - 1]) == known.stretches[behind - 1]:
            behind -= 1
    return first, behind


def _changes(known: Facts, facts: Facts) -> Iterator[date]:
    """Yield the earliest days from which facts differ; stretches due before them are untouched."""
    if known.terms is not facts.terms or known.rates != facts.rates or known.pauses != facts.pauses:
        yield date.min
    if known.until != facts.until:
        yield min(day for day in (known.until, facts.until) if day is not None)
    if known.movements is not facts.movements:
        before, after = known.movements, facts.movements
        yield from [day for day, movement in after.items() if before.get(day) is not movement]
        yield from [day for day in before if day not in after]
