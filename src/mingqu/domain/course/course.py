"""The course of a debt: interest along what is really owed, instalments along what was agreed.

A course is a list of stretches, the dated movements of principal, and the dated rates. `reckon` works out every
stretch anew from them; each operation changes a fact and reckons. Nothing is ever rounded but the interest of a
stretch, once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import accumulate

from mingqu.domain.changed import changed
from mingqu.domain.course.bearing import part_ratio
from mingqu.domain.course.stretch import Stretch
from mingqu.domain.course.terms import Bearing, CourseTerms
from mingqu.domain.money import divide
from mingqu.domain.rate import Rate


@dataclass(slots=True, kw_only=True)
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


@dataclass(slots=True, kw_only=True)
class Course:
    """A debt with its facts; whoever changes one works on a copy."""

    terms: CourseTerms
    stretches: list[Stretch]
    rates: list[tuple[date, Rate]]
    movements: dict[date, Movement] = field(default_factory=dict)
    pauses: list[tuple[date, date]] = field(default_factory=list)
    overdue_to: date | None = None
    until: date | None = None  # nothing bears from here on: the course is looked at as of this day

    def copy(self) -> Course:
        """Return a copy to try things on."""
        return replace(
            self,
            stretches=[changed(stretch) for stretch in self.stretches],
            rates=list(self.rates),
            movements={day: changed(movement) for day, movement in self.movements.items()},
            pauses=list(self.pauses),
        )

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
        return sum(getattr(stretch, name) for stretch in self.stretches)

    def move(self, *, on: date, lent_fen: int = 0, moved_fen: int = 0, overdue_fen: int = 0) -> None:
        """Change what bears interest from a day on."""
        movement = self.movements.setdefault(on, Movement())
        movement.lent_fen += lent_fen
        movement.moved_fen += moved_fen
        movement.overdue_fen += overdue_fen

    def at(self, on: date) -> Stretch | None:
        """Return the stretch a day belongs to: its due date is its last day, the first day of all is the first's."""
        for index, stretch in enumerate(self.stretches):
            if stretch.start < on <= stretch.due or (index == 0 and on == stretch.start):
                return stretch
        return None

    def reckon(self) -> None:
        """Work out interest and principal of every stretch, in order."""
        settled = carried = 0  # principal that payments of earlier stretches are thought to have taken
        flat = self.terms.bearing is Bearing.FLAT
        days = sorted(self.movements)
        name = "lent_fen" if flat else "borne_fen"
        upto = [0, *accumulate(getattr(self.movements[day], name) for day in days)]
        borne = [0, *accumulate(self.movements[day].borne_fen for day in days)]
        for stretch in self.stretches:
            interest = carried + stretch.interest_ahead_fen + stretch.interest_fixed_fen
            if not stretch.silent:
                interest += self._borne(stretch, 0 if flat else settled, days, upto)
            stretch.share_out(interest_fen=max(0, interest))
            settled += stretch.principal_due_fen - stretch.principal_paid_fen
            carried = stretch.unrecognized_fen
            stretch.balance_fen = max(0, borne[bisect_right(days, stretch.due)] - settled)

    def _borne(self, stretch: Stretch, settled: int, days: list[date], upto: list[int]) -> int:
        credited = 0 if stretch.closed else stretch.interest_credited_fen
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
