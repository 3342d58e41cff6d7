"""The course of a debt: interest along what is really owed, instalments along what was agreed.

A course is a list of stretches, the dated movements of principal, and the dated rates. `reckon` works out every
stretch anew from them; each operation changes a fact and reckons. Nothing is ever rounded but the interest of a
stretch, once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import starmap
from operator import attrgetter
from typing import Any

from mingqu.domain.changed import changed
from mingqu.domain.course.bearing import part_ratio
from mingqu.domain.course.reckoning import Movement, Reckoning, Remembering, facts_of, touched
from mingqu.domain.course.stretch import Stretch, figures
from mingqu.domain.course.terms import Bearing, CourseTerms
from mingqu.domain.money import divide
from mingqu.domain.rate import Rate


@dataclass(slots=True, kw_only=True)
class Course(Remembering):
    """A debt with its facts; whoever changes one works on a copy."""

    terms: CourseTerms
    stretches: list[Stretch]
    rates: list[tuple[date, Rate]]
    movements: dict[date, Movement] = field(default_factory=dict)
    pauses: list[tuple[date, date]] = field(default_factory=list)
    overdue_to: date | None = None
    until: date | None = None  # nothing bears from here on: the course is looked at as of this day

    def __post_init__(self) -> None:
        self.remember(None)

    def copy(self) -> Course:
        """Return a copy to try things on."""
        other = changed(
            self,
            stretches=list(starmap(Stretch, map(figures, self.stretches))),
            rates=list(self.rates),
            movements=dict(self.movements),
            pauses=list(self.pauses),
        )
        other.remember(self.known)
        return other

    @property
    def maturity(self) -> date:
        """The last due date."""
        return self.stretches[-1].due

    @property
    def lent_fen(self) -> int:
        """All that was lent, up to the day the course is looked at."""
        return sum(
            movement.lent_fen for day, movement in self.movements.items() if self.until is None or day <= self.until
        )

    @property
    def owed_fen(self) -> int:
        """Principal that is out: lent or charged back, and not repaid."""
        return self.lent_fen + self.total("principal_credited_fen") - self.total("principal_paid_fen")

    def total(self, name: str) -> int:
        """Return the sum of one figure over all stretches."""
        return sum(map(attrgetter(name), self.stretches))

    def move(self, *, on: date, lent_fen: int = 0, moved_fen: int = 0, overdue_fen: int = 0) -> None:
        """Change what bears interest from a day on."""
        before = self.movements.get(on, Movement())
        self.movements[on] = Movement(
            lent_fen=before.lent_fen + lent_fen,
            moved_fen=before.moved_fen + moved_fen,
            overdue_fen=before.overdue_fen + overdue_fen,
        )

    def forget_overdue(self) -> None:
        """Let no principal bear for having been paid late."""
        self.movements = {day: changed(movement, overdue_fen=0) for day, movement in self.movements.items()}

    def place_of(self, stretch: Stretch) -> int:
        """Return the place of a stretch itself, without comparing the figures of those before it."""
        return next(index for index, other in enumerate(self.stretches) if other is stretch)

    def at(self, on: date) -> Stretch | None:
        """Return the stretch a day belongs to: its due date is its last day, the first day of all is the first's."""
        for index, stretch in enumerate(self.stretches):
            if stretch.start < on <= stretch.due or (index == 0 and on == stretch.start):
                return stretch
        return None

    def reckon(self) -> None:
        """Work out interest and principal of every stretch, in order, from the first one that a change touches."""
        known = self.known
        facts = facts_of(
            terms=self.terms,
            rates=self.rates,
            pauses=self.pauses,
            until=self.until,
            movements=self.movements,
            known=known.facts if known is not None else None,
        )
        first, behind = touched(known, facts, self.stretches)
        count = len(self.stretches)
        if known is not None and first == count == len(known.stretches) and facts is known.facts:
            return
        # Principal that payments of earlier stretches are thought to have taken, and interest that found no room.
        settled = carried = 0
        rows: list[tuple[Any, ...]] = []
        handed: list[tuple[int, int]] = []
        if known is not None and first:
            rows, handed = known.stretches[:first], known.handed[:first]
            before = self.stretches[first - 1]
            settled = handed[-1][0] + before.principal_due_fen - before.principal_paid_fen
            carried = before.unrecognized_fen
        flat = self.terms.bearing is Bearing.FLAT
        for index in range(first, count):
            if known is not None and index >= behind and known.handed[index] == (settled, carried):
                rows += known.stretches[index:]
                handed += known.handed[index:]
                break
            handed.append((settled, carried))
            stretch = self.stretches[index]
            interest = carried + stretch.interest_ahead_fen + stretch.interest_fixed_fen
            if not stretch.silent:
                interest += self._borne(stretch, 0 if flat else settled, facts.days, facts.upto)
            stretch.share_out(interest_fen=max(0, interest))
            settled += stretch.principal_due_fen - stretch.principal_paid_fen
            carried = stretch.unrecognized_fen
            stretch.balance_fen = max(0, facts.borne[bisect_right(facts.days, stretch.due)] - settled)
            rows.append(figures(stretch))
        self.remember(Reckoning(facts=facts, stretches=rows, handed=handed))

    def _borne(self, stretch: Stretch, settled: int, days: list[date], upto: list[int]) -> int:
        credited = stretch.interest_credited_fen
        if self.until is not None and self.until <= stretch.start:
            return credited
        first = bisect_right(days, stretch.start)
        end = stretch.due if self.until is None else min(stretch.due, self.until)
        if len(self.rates) == 1 and not self.pauses and (first == len(days) or days[first] >= end > stretch.start):
            return self._borne_undisturbed(stretch, upto[first] - settled, credited, end)
        numerator, denominator = credited, 1
        bearing: tuple[int, Rate] | None = None
        for start, end in self.parts(stretch, days):
            paused = any(since <= start < until for since, until in self.pauses)
            rate = self.rate_on(start)
            principal = 0 if paused else max(0, upto[bisect_right(days, start)] - settled)
            if self.terms.rounded_at_changes and bearing not in (None, (principal, rate)):
                numerator, denominator = divide(numerator, denominator, self.terms.rounding), 1
            bearing = principal, rate
            if not principal:
                continue
            n, d = part_ratio(
                terms=self.terms, rate=rate, start=start, end=end, due=stretch.due, period_start=stretch.start
            )
            numerator, denominator = numerator * d + principal * n * denominator, denominator * d
        return divide(numerator, denominator, self.terms.rounding)

    def _borne_undisturbed(self, stretch: Stretch, principal: int, credited: int, end: date) -> int:
        """The same for a stretch in which nothing changes, as in most: one part, at the one rate."""
        if principal <= 0 or end <= stretch.start:
            return credited
        n, d = part_ratio(
            terms=self.terms,
            rate=self.rates[0][1],
            start=stretch.start,
            end=end,
            due=stretch.due,
            period_start=stretch.start,
        )
        return divide(credited * d + principal * n, d, self.terms.rounding)

    def parts(self, stretch: Stretch, days: list[date]) -> Iterator[tuple[date, date]]:
        """Yield the parts of a stretch in which nothing changes, up to the day the course is looked at."""
        end = stretch.due if self.until is None else min(stretch.due, self.until)
        if end <= stretch.start:
            return
        cuts = {day for day in days if stretch.start < day < end}
        cuts.update(day for day, _ in self.rates if stretch.start < day < end)
        for pause in self.pauses:
            cuts.update(day for day in pause if stretch.start < day < end)
        opened = stretch.start
        for cut in (*sorted(cuts), end):
            yield opened, cut
            opened = cut

    def rate_on(self, day: date) -> Rate:
        """Return the rate from a day on."""
        rate = self.rates[0][1]
        for valid_from, dated in self.rates:
            if valid_from <= day:
                rate = dated
        return rate
