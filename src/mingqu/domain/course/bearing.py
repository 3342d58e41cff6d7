"""What a fen bears over parts of a period, as exact fractions."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Final

from mingqu.domain.calendar import DayCount, Period, PeriodUnit, add_periods
from mingqu.domain.course.terms import CourseTerms
from mingqu.domain.money import Rounding, divide
from mingqu.domain.rate import Rate, period_ratio, span_ratio
from mingqu.domain.schedule import InterestBasis

Ratio = tuple[int, int]
_MONTHS_OF_THIRTY: Final = (DayCount.THIRTY_360, DayCount.THIRTY_E_360)


def part_ratio(*, terms: CourseTerms, rate: Rate, start: date, end: date, due: date, period_start: date) -> Ratio:
    """Return what a fen bears in `[start, end)` of the period `[period_start, due)`.

    It is the share of the days `[start, end)` in what it would bear to the due date, so that the parts of a
    period sum to the whole.
    """
    numerator, denominator = span_until_due(terms=terms, rate=rate, start=start, due=due, period_start=period_start)
    days = (due - start).days
    if end != due:
        numerator, denominator = numerator * (end - start).days, denominator * days
    if terms.rate_digits is None:
        return numerator, denominator
    return to_digits(numerator, denominator, terms.rate_digits)


@lru_cache(maxsize=8192)
def to_digits(numerator: int, denominator: int, digits: int) -> Ratio:
    """Return a ratio as a decimal fraction of so many significant digits, half to even.

    Example: 7/1200 in nineteen digits is 0.005833333333333333333, so that 750.00 bear 4.37 and not 4.375.
    """
    if not numerator:
        return 0, 1
    # One digit more than needed or none; the second step knows which.
    places = digits - 1 + len(str(denominator)) - len(str(numerator))
    scaled = divide(numerator * 10**places, denominator, Rounding.HALF_EVEN)
    if len(str(scaled)) < digits:
        places += 1
        scaled = divide(numerator * 10**places, denominator, Rounding.HALF_EVEN)
    return scaled, 10**places


def span_until_due(*, terms: CourseTerms, rate: Rate, start: date, due: date, period_start: date) -> Ratio:
    """Return what a fen bears from a day of a period to its due date."""
    return _until_due(
        terms.basis, terms.day_count, terms.period, rate, start, due, period_start, terms.anchor or period_start
    )


@lru_cache(maxsize=8192)
def _until_due(
    basis: InterestBasis,
    day_count: DayCount,
    period: Period,
    rate: Rate,
    start: date,
    due: date,
    period_start: date,
    anchor: date,
) -> Ratio:
    length = (due - period_start).days
    if basis is InterestBasis.DAILY and day_count in _MONTHS_OF_THIRTY and length:
        # Its days are not those of the calendar, so that only shares of the whole period sum to the period.
        numerator, denominator = span_ratio(rate=rate, day_count=day_count, start=period_start, end=due)
        return numerator * (due - start).days, denominator * length
    if basis is InterestBasis.DAILY:
        return span_ratio(rate=rate, day_count=day_count, start=start, end=due)
    if not length:
        return 0, 1
    units, parts = _units(period.unit, period_start, due, anchor)
    one = Period(every=1, unit=period.unit)
    numerator, denominator = period_ratio(rate=rate, period=one, day_count=day_count)
    return numerator * units * (due - start).days, denominator * parts * length


def _units(unit: PeriodUnit, start: date, due: date, anchor: date) -> Ratio:
    """Return how many days, weeks or months a period holds; the last one may be a part, by its days."""
    if unit is not PeriodUnit.MONTH:
        days = 1 if unit is PeriodUnit.DAY else 7
        return (due - start).days, days
    anchor_day = anchor.day
    whole = 0
    opened = start
    while True:
        closed = add_periods(
            day=start, period=Period(every=1, unit=unit), times=whole + 1, anchor_day=max(anchor_day, start.day)
        )
        if closed > due:
            break
        whole += 1
        opened = closed
        if closed == due:
            return whole, 1
    # A month is as long here as it would have been.
    return whole * (closed - opened).days + (due - opened).days, (closed - opened).days
