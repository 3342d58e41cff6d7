"""What principal bears, as exact fractions of a fen; rounding is left to whoever makes it payable."""

from __future__ import annotations

from datetime import date
from typing import Protocol

from mingqu.domain.calendar import DatesOutOfOrder, DayCount, Period
from mingqu.domain.rate import Rate, period_ratio, span_ratio
from mingqu.domain.schedule.terms import BrokenPeriod, InterestBasis


class Bearing(Protocol):
    """As much of an agreement as says what principal bears: schedules have it, and so have loans."""

    @property
    def rate(self) -> Rate: ...
    @property
    def day_count(self) -> DayCount: ...
    @property
    def period(self) -> Period: ...
    @property
    def basis(self) -> InterestBasis: ...
    @property
    def broken_period(self) -> BrokenPeriod: ...


def interest_ratio(*, principal_fen: int, rate: Rate, day_count: DayCount, start: date, end: date) -> tuple[int, int]:
    """Return the interest of any days `[start, end)` in fen, as (numerator, denominator), not rounded.

    Example: 766,492 fen at 18 % a year, act/360, 10 days: 3832.46 fen, payable as 38.32 yuan.
    Errors: DatesOutOfOrder.
    """
    numerator, denominator = span_ratio(rate=rate, day_count=day_count, start=start, end=end)
    return principal_fen * numerator, denominator


def period_interest_ratio(
    *, principal_fen: int, terms: Bearing, start: date, due: date, whole: bool
) -> tuple[int, int]:
    """Return the interest of one period of the terms in fen, as (numerator, denominator), not rounded.

    On the PERIOD basis a whole period bears the rate of a period; one that is not whole, such as an odd first
    one, bears its days. On the DAILY basis every period bears its days.
    Example: 10,000.00 yuan at 18 % a year, a whole month on the PERIOD basis: 15,000 fen.
    """
    numerator, denominator = unit_ratio(terms=terms, start=start, due=due, whole=whole)
    return principal_fen * numerator, denominator


def accrued_ratio(
    *, principal_fen: int, terms: Bearing, period_start: date, period_due: date, whole: bool, start: date, end: date
) -> tuple[int, int]:
    """Return the interest of the days `[start, end)` inside one period, in fen, as (numerator, denominator).

    On the PERIOD basis the whole of a whole period bears its period rate; a part of it bears either its days by the
    day count or its share of the period's days, as `terms.broken_period` says.
    Example: 7,664.92 yuan at 18 % a year, 10 days of a month, BY_DAY_COUNT: 38.32 yuan under act/360, 37.80
    under act/365; PRO_RATA in a month of 31 days: 37.09.
    Errors: DatesOutOfOrder when the days do not lie inside the period.
    """
    if not period_start <= start <= end <= period_due:
        raise DatesOutOfOrder("The days lie inside the period.", start=str(start), end=str(end))
    if terms.basis is InterestBasis.DAILY or not whole:
        return interest_ratio(
            principal_fen=principal_fen, rate=terms.rate, day_count=terms.day_count, start=start, end=end
        )
    if start == period_start and end == period_due:
        return period_interest_ratio(principal_fen=principal_fen, terms=terms, start=start, due=end, whole=True)
    if terms.broken_period is BrokenPeriod.BY_DAY_COUNT:
        return interest_ratio(
            principal_fen=principal_fen, rate=terms.rate, day_count=terms.day_count, start=start, end=end
        )
    numerator, denominator = unit_ratio(terms=terms, start=period_start, due=period_due, whole=True)
    return principal_fen * numerator * (end - start).days, denominator * (period_due - period_start).days


def unit_ratio(*, terms: Bearing, start: date, due: date, whole: bool) -> tuple[int, int]:
    """Return what one fen bears in a period of the terms, as an exact fraction of a fen."""
    if whole and terms.basis is InterestBasis.PERIOD:
        return period_ratio(rate=terms.rate, period=terms.period, day_count=terms.day_count)
    return span_ratio(rate=terms.rate, day_count=terms.day_count, start=start, end=due)
