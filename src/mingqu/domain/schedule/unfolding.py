"""From dated terms to rows: one walk over the dates, in which every change happens on its day."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from mingqu.domain.calendar import DatesOutOfOrder
from mingqu.domain.money import AMOUNT_FEN_MAX, AmountOutOfRange, divide
from mingqu.domain.rate import period_ratio, span_ratio
from mingqu.domain.schedule.dated import DatedTerms, PrincipalDue, Redemption
from mingqu.domain.schedule.spreading import Ratio, exact_instalment
from mingqu.domain.schedule.terms import InstalmentBelowInterest, TermsImpossible
from mingqu.domain.schedule.timetable import Due


class DatedRow(NamedTuple):
    """What happens on one date: principal drawn, interest added to principal, principal and interest that fall due."""

    due: date
    opening_fen: int
    drawn_fen: int
    capitalized_fen: int
    principal_fen: int
    interest_fen: int

    @property
    def payment_fen(self) -> int:
        """What falls due."""
        return self.principal_fen + self.interest_fen

    @property
    def closing_fen(self) -> int:
        """What is owed after."""
        return self.opening_fen + self.drawn_fen + self.capitalized_fen - self.principal_fen


class Owed(NamedTuple):
    """Principal, and the interest that days so far have borne without falling due, as an exact fraction of a fen."""

    principal_fen: int
    accrued: tuple[int, int]


def unfold(*, terms: DatedTerms) -> tuple[DatedRow, ...]:
    """Return the rows of dated terms, in order of their dates.

    On one day principal falls due first, then interest (paid or capitalized), then principal moves, then a new rate
    begins. Interest is rounded once, when it falls due or is capitalized. Principal sums to what was lent:
    Σ principal = principal + Σ drawn + Σ capitalized. Dates on which nothing is owed any more have no row.

    Example: 10,000.00 at 6 % a year, act/360, interest on 1 February and at the end on 1 March 2026, capitalized
    until 1 February: 51.67 joins principal, and 10,051.67 with 46.91 falls due on 1 March.
    Errors: InstalmentBelowInterest, TermsImpossible (more repaid than owed), AmountOutOfRange.
    """
    walk = _Walk(terms)
    for day in walk.days():
        walk.live(day)
    assert walk.balance == 0, "everything is due at the end"
    return tuple(walk.rows)


def owed_on(*, terms: DatedTerms, day: date) -> Owed:
    """Return what is owed at the end of a day by the plan, once everything due on it is paid.

    Example: 5,000.00 at 10 % a year, act/365, lent on 1 January 2013, no date before 18 May: accrued 187.67.
    Errors: DatesOutOfOrder outside of start … end; what `unfold` refuses.
    """
    if not terms.start <= day <= terms.end.counted:
        raise DatesOutOfOrder("The day lies between start and end.", day=str(day))
    walk = _Walk(terms)
    for other in walk.days():
        if other <= day:
            walk.live(other)
    accrued = walk.accrued(day, whole=False)
    return Owed(walk.balance, (accrued.numerator, accrued.denominator))


class _Walk:
    """A debt while its dates pass. It changes, and nobody but the functions of this module sees it."""

    def __init__(self, terms: DatedTerms) -> None:
        self.terms = terms
        self.rows: list[DatedRow] = []
        self.balance = terms.principal.fen
        self.interest_bearing_fen = terms.principal.fen
        self.rate = terms.rates.on(day=terms.start)
        # What closed spans have borne since interest last fell due; the open span began on `opened`.
        self.closed = Fraction(*terms.accrued)
        self.opened = self.interest_from = terms.start
        self.part_fen = terms.instalment_fen
        self.part_is_agreed = terms.instalment_fen is not None
        self.interest_dues = (*terms.interest_dues, terms.end)
        self.interest_days = [due.counted for due in self.interest_dues]
        self.interest = {due.counted: due for due in terms.interest_dues}
        self.principal = {agreed.due.counted: agreed for agreed in terms.principal_dues}
        self.changes = {change.day: change for change in terms.rates.changes}
        self.moved: dict[date, int] = {}
        for movement in terms.movements:
            self.moved[movement.day] = self.moved.get(movement.day, 0) + movement.amount_fen

    def days(self) -> list[date]:
        """Return every day on which something happens, in order."""
        terms = self.terms
        days = {*self.interest, *self.principal, *self.changes, *self.moved, *(terms.base_days or ())}
        return [*sorted(day for day in days if terms.start <= day < terms.end.counted), terms.end.counted]

    def accrued(self, day: date, *, whole: bool) -> Fraction:
        """Return what has been borne since interest last fell due.

        A whole period without a change in it bears the rate of a period, any other span its days.
        """
        terms = self.terms
        if whole and self.opened == self.interest_from:
            ratio = period_ratio(rate=self.rate, period=terms.period, day_count=terms.day_count)
        else:
            ratio = span_ratio(rate=self.rate, day_count=terms.day_count, start=self.opened, end=day)
        return self.closed + self.interest_bearing_fen * Fraction(*ratio)

    def live(self, day: date) -> None:
        """Let everything happen that is agreed for the day."""
        last = day == self.terms.end.counted
        interest_due = self.terms.end if last else self.interest.get(day)
        principal_due = self.principal.get(day)
        accrued = self.accrued(day, whole=interest_due is not None and interest_due.whole)
        accrued_fen = divide(accrued.numerator, accrued.denominator, self.terms.rounding)
        principal_fen = 0
        if last:
            principal_fen = self.balance
        elif principal_due is not None:
            principal_fen = self._principal_fen(principal_due, accrued, accrued_fen)
        paid_fen = capitalized_fen = 0
        if interest_due is not None:
            until = self.terms.capitalized_until
            if until is not None and day <= until and not last:
                capitalized_fen = accrued_fen
            else:
                paid_fen = accrued_fen
        moved_fen = self.moved.get(day, 0)
        row = DatedRow(
            (interest_due or (principal_due.due if principal_due else Due(day, day))).day,
            self.balance,
            max(moved_fen, 0),
            capitalized_fen,
            principal_fen + max(-moved_fen, 0),
            paid_fen,
        )
        self._keep(row, is_due=interest_due is not None or principal_due is not None)
        self._begin(day, accrued, interest_was_due=interest_due is not None)

    def _keep(self, row: DatedRow, *, is_due: bool) -> None:
        if row.closing_fen < 0:
            raise TermsImpossible("More principal is repaid than is owed.", day=str(row.due))
        if max(row.closing_fen, row.payment_fen) > AMOUNT_FEN_MAX:
            raise AmountOutOfRange(f"An amount is at most {AMOUNT_FEN_MAX} fen.")
        if any(row[2:]) or (is_due and row.opening_fen):
            self.rows.append(row)
        self.balance = row.closing_fen

    def _begin(self, day: date, accrued: Fraction, *, interest_was_due: bool) -> None:
        """Begin a new span if from this day on anything that bears interest is different."""
        terms = self.terms
        change = self.changes.get(day)
        rate = self.rate if change is None else change.rate
        follows = terms.base_days is None or day in terms.base_days
        bearing_fen = self.balance if follows else self.interest_bearing_fen
        if interest_was_due:
            self.closed, self.opened, self.interest_from = Fraction(0), day, day
        elif rate != self.rate or bearing_fen != self.interest_bearing_fen:
            self.closed, self.opened = accrued, day
        recompute = day in self.moved and not self.part_is_agreed
        if change is not None and rate != self.rate and not change.keeps_instalment:
            recompute = recompute or terms.redemption is Redemption.INSTALMENT
        if recompute:
            self.part_fen, self.part_is_agreed = None, False
        self.rate, self.interest_bearing_fen = rate, bearing_fen

    def _principal_fen(self, principal_due: PrincipalDue, accrued: Fraction, accrued_fen: int) -> int:
        own_fen, day = principal_due.amount_fen, principal_due.due.counted
        if self.terms.redemption is Redemption.PRINCIPAL:
            if own_fen is None and self.part_fen is None:
                self.part_fen = divide(self.balance, len(self._dues_from(day)), self.terms.rounding)
            return min(self.balance, self.part_fen or 0 if own_fen is None else own_fen)
        computed_fen = self._instalment_fen(day, accrued) if own_fen is None and self.part_fen is None else None
        instalment_fen = next(fen for fen in (own_fen, self.part_fen, computed_fen) if fen is not None)
        if accrued_fen <= instalment_fen:
            self.part_fen = self.part_fen if computed_fen is None else computed_fen
            return min(self.balance, instalment_fen - accrued_fen)
        if own_fen is not None or self.part_is_agreed:
            raise InstalmentBelowInterest(
                "The agreed instalment does not cover the interest until its date.", instalment_fen=instalment_fen
            )
        # More was borne than an equal part can pay, after a long first period or a rise of the rate. Interest is not
        # added to principal: this date asks for none, and a part computed now is computed again for the dates after it.
        return 0

    def _dues_from(self, day: date) -> list[date]:
        """Return the dates that share the principal from `day` on: those of the plan, and the end unless it runs on."""
        dues = [counted for counted in self.principal if counted >= day]
        return dues if dues[-1] >= self.terms.end.counted else [*dues, self.terms.end.counted]

    def _instalment_fen(self, day: date, accrued: Fraction) -> int:
        dues = self._dues_from(day)
        later = [self._ratio(start, end) for start, end in pairwise(dues)]
        # The date is its own first period: nothing is borne in it, and what was borne until then falls due with it.
        exact = exact_instalment(
            principal_fen=self.balance, ratios=[(0, 1), *later], accrued=(accrued.numerator, accrued.denominator)
        )
        return divide(*exact, self.terms.rounding)

    def _ratio(self, start: date, end: date) -> Ratio:
        """Return what one fen bears between two dates of the plan, at the rate of today."""
        terms = self.terms
        dues = self.interest_dues[bisect_right(self.interest_days, start) : bisect_right(self.interest_days, end)]
        if dues and all(due.whole for due in dues):
            numerator, denominator = period_ratio(rate=self.rate, period=terms.period, day_count=terms.day_count)
            return numerator * len(dues), denominator
        return span_ratio(rate=self.rate, day_count=terms.day_count, start=start, end=end)
