"""An independent model of dated terms: it lives every single day, in fractions, and discounts instead of recursing.

Only for day counts of actual days over a fixed year, where a day bears the same wherever a span is cut.
"""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from mingqu.domain.calendar import DayCount
from mingqu.domain.schedule import DatedTerms, Redemption
from tests.properties.schedule_model import rounded

YEAR = {DayCount.ACT_360: 360, DayCount.ACT_364: 364, DayCount.ACT_365: 365}
Line = tuple[date, int, int, int, int, int]


class TooMuchRepaidError(Exception):
    """The terms repay more than is owed."""


class TooLittlePaidError(Exception):
    """An agreed instalment lies below its interest."""


class DatedModel:
    """A debt, one day after another; rounding is half to even."""

    def __init__(self, terms: DatedTerms) -> None:
        self.terms = terms
        self.owed = self.base = terms.principal.fen
        self.borne = Fraction(*terms.accrued)
        self.part = terms.instalment_fen
        self.agreed = self.part is not None
        self.lines: list[Line] = []

    def lines_until(self, last: date) -> list[Line]:
        """Live from the start through `last` and return what fell due."""
        day = self.terms.start
        while day <= last:
            self._wake(day)
            if day < last:
                self.borne += self.base * self._daily(day)
            day += timedelta(days=1)
        return self.lines

    def _daily(self, day: date) -> Fraction:
        rates = [self.terms.rates.first, *(c.rate for c in self.terms.rates.changes if c.day <= day)]
        return Fraction(rates[-1].numerator, rates[-1].denominator) / YEAR[self.terms.day_count]

    def _wake(self, day: date) -> None:
        terms = self.terms
        is_end = day == terms.end.counted
        interest_due = [due for due in (*terms.interest_dues, terms.end) if due.counted == day]
        principal_due = [agreed for agreed in terms.principal_dues if agreed.due.counted == day and not is_end]
        opening = self.owed
        principal = opening if is_end else 0
        for agreed in principal_due:
            principal = self._principal(day, agreed.amount_fen)
        paid = capitalized = 0
        if interest_due:
            fen = rounded(self.borne, half_even=True)
            joins = terms.capitalized_until is not None and day <= terms.capitalized_until and not is_end
            paid, capitalized = (0, fen) if joins else (fen, 0)
            self.borne = Fraction(0)
        moved = sum(movement.amount_fen for movement in terms.movements if movement.day == day)
        drawn, repaid = (moved, 0) if moved > 0 else (0, -moved)
        self.owed = opening + drawn + capitalized - principal - repaid
        if self.owed < 0:
            raise TooMuchRepaidError
        shown = next((due.day for due in (*interest_due, *(agreed.due for agreed in principal_due))), day)
        due_on_a_debt = opening and (interest_due or principal_due)
        if due_on_a_debt or drawn or capitalized or principal + repaid or paid:
            self.lines.append((shown, opening, drawn, capitalized, principal + repaid, paid))
        self._settle(day)

    def _settle(self, day: date) -> None:
        if self.terms.base_days is None or day in self.terms.base_days:
            self.base = self.owed
        if not self.agreed and any(movement.day == day for movement in self.terms.movements):
            self.part = None
        for change in self.terms.rates.changes:
            before = self._daily(day - timedelta(days=1)) if day > self.terms.start else self._daily(day)
            changed = change.day == day and before != self._daily(day) and not change.keeps_instalment
            if changed and self.terms.redemption is Redemption.INSTALMENT:
                self.part, self.agreed = None, False

    def _principal(self, day: date, own: int | None) -> int:
        plan = [agreed.due.counted for agreed in self.terms.principal_dues if agreed.due.counted >= day]
        if plan[-1] < self.terms.end.counted:
            plan.append(self.terms.end.counted)
        interest = rounded(self.borne, half_even=True)
        if self.terms.redemption is Redemption.PRINCIPAL:
            if own is None and self.part is None:
                self.part = rounded(Fraction(self.owed, len(plan)), half_even=True)
            return min(self.owed, self.part or 0 if own is None else own)
        computed = own is None and self.part is None
        instalment = own if own is not None else self.part
        if instalment is None:
            discount = value_of_one = Fraction(1)
            for before, after in pairwise(plan):
                discount /= 1 + self._rate_of_today(day) * (after - before).days
                value_of_one += discount
            instalment = rounded((self.owed + self.borne) / value_of_one, half_even=True)
        if interest > instalment:
            if own is not None or self.agreed:
                raise TooLittlePaidError
            return 0
        if computed:
            self.part = instalment
        return min(self.owed, instalment - interest)

    def _rate_of_today(self, day: date) -> Fraction:
        # A new rate begins after the payments of its day.
        return self._daily(day - timedelta(days=1)) if day > self.terms.start else self._daily(day)
