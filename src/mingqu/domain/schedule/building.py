"""From terms to rows. Interest is rounded once, where it becomes payable; the tail has a named place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import repeat
from typing import NamedTuple, TypeAlias

from mingqu.domain.calendar import DatesOutOfOrder, Shift, check_date, due_dates, shifted
from mingqu.domain.money import AMOUNT_FEN_MAX, AmountOutOfRange
from mingqu.domain.schedule.interest import accrued_ratio, unit_ratio
from mingqu.domain.schedule.spreading import Part, Ratio, spread
from mingqu.domain.schedule.terms import (
    INSTALMENTS_MAX,
    InterestBasis,
    Method,
    Terms,
    TermsImpossible,
    TooManyInstalments,
)


class Row(NamedTuple):
    """One instalment: its period `[start, due)`, what is owed before, what falls due, what is owed after.

    A tuple with names, because making frozen objects would be half the work of a schedule.
    """

    number: int
    start: date
    due: date
    opening_fen: int
    principal_fen: int
    interest_fen: int

    @property
    def days(self) -> int:
        """The calendar days of the period."""
        return (self.due - self.start).days

    @property
    def payment_fen(self) -> int:
        """What falls due."""
        return self.principal_fen + self.interest_fen

    @property
    def closing_fen(self) -> int:
        """What is owed after."""
        return self.opening_fen - self.principal_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Rows in order of their due dates; their principal sums to the principal exactly."""

    rows: tuple[Row, ...]

    @property
    def principal_fen(self) -> int:
        """The sum of principal."""
        return sum(row.principal_fen for row in self.rows)

    @property
    def interest_fen(self) -> int:
        """The sum of interest."""
        return sum(row.interest_fen for row in self.rows)

    @property
    def payment_fen(self) -> int:
        """The sum of what falls due."""
        return sum(row.payment_fen for row in self.rows)


# A period as it is printed (start, due), and what one fen bears in it. A plain tuple: every schedule makes many.
_Span: TypeAlias = tuple[date, date, Ratio]


def build(*, terms: Terms) -> Schedule:
    """Return the schedule of the terms.

    Example: 10,000.00 yuan, equal_instalment, 18 % a year, 12 months: eleven instalments of 916.80, the last
    916.81, interest 1,001.61 in all.
    Errors: MultipleAboveInstalment, InstalmentBelowInterest, DateOutOfRange, AmountOutOfRange (a sum beyond
    the ledger), CalendarClosed.
    """
    spans = _spans_of(terms)
    parts = spread(
        terms=terms,
        principal_fen=terms.principal.fen,
        ratios=[ratio for _, _, ratio in spans],
        instalment_fen=terms.instalment_fen,
        accrued=(0, 1),
        refuse_multiple=True,
    )
    return _schedule(principal_fen=terms.principal.fen, spans=spans, parts=parts, first_number=1)


def rebuild(
    *,
    terms: Terms,
    principal_fen: int,
    start: date,
    dues: Sequence[date],
    instalment_fen: int | None = None,
    accrued: Ratio = (0, 1),
    period_start: date | None = None,
    first_is_whole: bool = True,
    first_number: int = 1,
) -> Schedule:
    """Return rows for a remaining principal over the given remaining due dates.

    After an early repayment: `start` is the day of it, `period_start` the day its period began (default: `start`),
    `accrued` what earlier days of the period have borne and nobody has paid, as an exact fraction of a fen.
    Without `instalment_fen` equal instalments are computed anew (the instalment falls); with it the
    instalment stays, the loan ends earlier and the rows after that are left out. Due dates are taken as given: every
    period is whole, but the one that contains `start` only if `first_is_whole` (an odd first period is not).
    Rounding multiples never refuse here, for what remains may be small.

    Example: 7,664.92 yuan left after three of twelve months at 18 %, 2,000.00 paid on the third due date: eight
    instalments of 677.58 and a last one of 677.56.
    Errors: TermsImpossible, TooManyInstalments, DatesOutOfOrder, InstalmentBelowInterest, AmountOutOfRange.
    """
    if not 0 < principal_fen <= AMOUNT_FEN_MAX:
        raise TermsImpossible("What remains is at least one fen.", principal_fen=principal_fen)
    if not dues:
        raise TermsImpossible("What remains needs a due date.")
    if len(dues) > INSTALMENTS_MAX:
        raise TooManyInstalments(f"A schedule has at most {INSTALMENTS_MAX} instalments.", instalments=len(dues))
    spans = _remaining_spans(
        terms=terms, start=start, period_start=period_start or start, first_is_whole=first_is_whole, dues=dues
    )
    parts = spread(
        terms=terms,
        principal_fen=principal_fen,
        ratios=[ratio for _, _, ratio in spans],
        instalment_fen=instalment_fen,
        accrued=accrued,
        refuse_multiple=False,
    )
    if instalment_fen is not None:
        parts = _without_empty_end(parts)
    return _schedule(principal_fen=principal_fen, spans=spans[: len(parts)], parts=parts, first_number=first_number)


class DueDays(NamedTuple):
    """Due dates as agreed and as printed, and whether the first period is a whole one."""

    agreed: tuple[date, ...]
    printed: tuple[date, ...]
    first_is_whole: bool


def due_days(terms: Terms) -> DueDays:
    """Return the due dates of the terms. Errors: DateOutOfRange, CalendarClosed, TermsImpossible."""
    agreed = due_dates(
        start=terms.start,
        period=terms.period,
        instalments=terms.instalments,
        first_due=terms.first_due,
        anchor_day=terms.anchor_day,
    )
    first_is_whole = (
        terms.first_due is None or agreed[0] == due_dates(start=terms.start, period=terms.period, instalments=1)[0]
    )
    return DueDays(agreed, _shifted_dues(terms, agreed), first_is_whole)


def _spans_of(terms: Terms) -> list[_Span]:
    agreed, printed, first_is_whole = due_days(terms)
    counted = printed if terms.shift_bears_interest else agreed
    same = terms.basis is InterestBasis.PERIOD
    whole_ratio = unit_ratio(terms=terms, start=terms.start, due=agreed[0], whole=True) if same else None
    if whole_ratio is not None and first_is_whole:
        # Every period bears the same, wherever its days lie: the usual case.
        return _one_payment(terms, list(zip((terms.start, *printed), printed, repeat(whole_ratio), strict=False)))
    spans: list[_Span] = []
    opened = bears_from = terms.start
    for due, bears_until in zip(printed, counted, strict=True):
        whole = first_is_whole or bool(spans)
        ratio = whole_ratio if whole else None
        if ratio is None:
            ratio = unit_ratio(terms=terms, start=bears_from, due=bears_until, whole=whole)
        spans.append((opened, due, ratio))
        opened, bears_from = due, bears_until
    return _one_payment(terms, spans)


def _shifted_dues(terms: Terms, agreed: tuple[date, ...]) -> tuple[date, ...]:
    if terms.shift is Shift.NONE:
        return agreed
    moved = tuple(shifted(day=day, shift=terms.shift, holidays=terms.holidays) for day in agreed)
    if any(later <= earlier for earlier, later in zip((terms.start, *moved), moved, strict=False)):
        raise TermsImpossible("Holidays move two due dates onto each other: the periods are too short for the shift.")
    return moved


def _remaining_spans(
    *, terms: Terms, start: date, period_start: date, first_is_whole: bool, dues: Sequence[date]
) -> list[_Span]:
    spans: list[_Span] = []
    opened = start
    for index, due in enumerate(dues):
        if check_date(due) <= opened and not (index == 0 and due == opened):
            raise DatesOutOfOrder("Remaining due dates come in order, after the start.", due=str(due))
        ratio = (
            unit_ratio(terms=terms, start=opened, due=due, whole=True)
            if index
            else accrued_ratio(
                principal_fen=1,
                terms=terms,
                period_start=period_start,
                period_due=due,
                whole=first_is_whole,
                start=start,
                end=due,
            )
        )
        spans.append((opened, due, ratio))
        opened = due
    return _one_payment(terms, spans)


def _one_payment(terms: Terms, spans: list[_Span]) -> list[_Span]:
    """Return the periods as they are, or as one when everything is paid at the end."""
    if terms.method is not Method.SINGLE_PAYMENT:
        return spans
    return [(spans[0][0], spans[-1][1], _sum([ratio for _, _, ratio in spans]))]


def _sum(ratios: list[Ratio]) -> Ratio:
    numerator, denominator = 0, 1
    for other_numerator, other_denominator in ratios:
        if other_denominator == denominator:
            numerator += other_numerator
        else:
            numerator = numerator * other_denominator + other_numerator * denominator
            denominator *= other_denominator
    return numerator, denominator


def _without_empty_end(parts: list[Part]) -> list[Part]:
    kept = len(parts)
    while kept > 1 and parts[kept - 1] == (0, 0):
        kept -= 1
    return parts[:kept]


def _schedule(*, principal_fen: int, spans: list[_Span], parts: list[Part], first_number: int) -> Schedule:
    rows = []
    balance = principal_fen
    total = 0
    number = first_number
    make = tuple.__new__  # what Row(…) comes to, without the call between
    for (start, due, _), (principal, interest) in zip(spans, parts, strict=True):
        rows.append(make(Row, (number, start, due, balance, principal, interest)))
        balance -= principal
        total += principal + interest
        number += 1
    assert balance == 0, "the principal of a schedule sums to the loan"
    if total > AMOUNT_FEN_MAX:
        raise AmountOutOfRange(f"Everything due sums to at most {AMOUNT_FEN_MAX} fen.")
    return Schedule(rows=tuple(rows))
