"""A rate is an exact fraction for a year, a month or a day, as it was quoted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum
from math import gcd
from typing import Final

from mingqu.domain.calendar import DayCount, Period, PeriodUnit, days_between, year_fraction
from mingqu.domain.money import Rounding, divide
from mingqu.domain.refusal import Refusal

PPM: Final = 1_000_000
MONTHS_PER_YEAR: Final = 12
WEEKS_PER_YEAR: Final = 52
DAYS_PER_YEAR: Final = 365  # how a daily quotation becomes a yearly one in the products this is made for
DAYS_PER_MONTH: Final = 30  # a month of a daily rate, when a period is not counted by its days
# 10,000 % a year. Whatever is above is a rate in another unit, written by mistake.
YEARLY_PPM_MAX: Final = 100_000_000
# Quotations have a few decimals; a bound on the denominator bounds the cost of exact arithmetic.
DENOMINATOR_MAX: Final = 10**12


class RateOutOfRange(Refusal):
    """The rate is negative, above 10,000 % a year, or finer than a quotation can be."""

    code = "rate_out_of_range"


class RateUnit(Enum):
    """What the rate is quoted for."""

    YEAR = "year"
    MONTH = "month"
    DAY = "day"


_PER_YEAR: Final = {RateUnit.YEAR: 1, RateUnit.MONTH: MONTHS_PER_YEAR, RateUnit.DAY: DAYS_PER_YEAR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """An exact rate, `numerator / denominator` for one `unit`, in lowest terms.

    Example: Rate.per_year(ppm=180_000) is 18 % a year, 9/50; Rate.per_day(ppm=450) is 0.045 % a day.
    The day count that turns days into years stands in the terms of the loan, in one place.
    Errors: RateOutOfRange.
    """

    numerator: int
    denominator: int
    unit: RateUnit

    def __post_init__(self) -> None:
        if not 1 <= self.denominator <= DENOMINATOR_MAX:
            raise RateOutOfRange("A rate has a denominator of at most 12 digits.")
        if self.numerator < 0:
            raise RateOutOfRange("A rate is not negative.")
        if self.numerator * _PER_YEAR[self.unit] * PPM > YEARLY_PPM_MAX * self.denominator:
            raise RateOutOfRange(f"A rate is at most {YEARLY_PPM_MAX} ppm a year.")
        divisor = gcd(self.numerator, self.denominator)
        object.__setattr__(self, "numerator", self.numerator // divisor)
        object.__setattr__(self, "denominator", self.denominator // divisor)

    @classmethod
    def per_year(cls, *, ppm: int) -> Rate:
        """Return a rate for a year in parts per million: 180_000 is 18 %."""
        return cls(numerator=ppm, denominator=PPM, unit=RateUnit.YEAR)

    @classmethod
    def per_month(cls, *, ppm: int) -> Rate:
        """Return a rate for a month in parts per million: 10_000 is 1 %."""
        return cls(numerator=ppm, denominator=PPM, unit=RateUnit.MONTH)

    @classmethod
    def per_day(cls, *, ppm: int) -> Rate:
        """Return a rate for a day in parts per million: 500 is 0.05 %, in Chinese 万分之五."""
        return cls(numerator=ppm, denominator=PPM, unit=RateUnit.DAY)

    def times(self, *, numerator: int, denominator: int) -> Rate:
        """Return a multiple of the rate, e.g. 3/2 of it for an overdue penalty. Errors: RateOutOfRange."""
        return Rate(numerator=self.numerator * numerator, denominator=self.denominator * denominator, unit=self.unit)

    def yearly(self) -> Rate:
        """Return the rate for a year as it must be shown beside a monthly (× 12) or daily (× 365) quotation.

        Example: 0.05 % a day is 18.25 % a year. Source: PBOC notice 2021 No. 3, article 1.
        """
        return Rate(numerator=self.numerator * _PER_YEAR[self.unit], denominator=self.denominator, unit=RateUnit.YEAR)

    def yearly_ppm(self, *, rounding: Rounding) -> int:
        """Return the yearly rate in parts per million, rounded as named."""
        return divide(self.numerator * _PER_YEAR[self.unit] * PPM, self.denominator, rounding)


NO_RATE: Final = Rate(numerator=0, denominator=1, unit=RateUnit.YEAR)


def span_ratio(*, rate: Rate, day_count: DayCount, start: date, end: date) -> tuple[int, int]:
    """Return what one fen bears in the days `[start, end)`, as an exact fraction of a fen.

    A daily rate counts days; a monthly or yearly one is taken for the year and for the part of it that the
    day count finds. Example: 0.05 % a day, 30 days: 3/200. 10.8 % a year, act/360, 31 days: 93/10000.
    Errors: DatesOutOfOrder.
    """
    if rate.unit is RateUnit.DAY:
        years = year_fraction(start=start, end=end, day_count=day_count)  # refuses a span that runs backwards
        days = max(days_between(start=start, end=end, day_count=day_count), 0) if years[0] else 0
        return rate.numerator * days, rate.denominator
    numerator, denominator = year_fraction(start=start, end=end, day_count=day_count)
    return rate.numerator * _PER_YEAR[rate.unit] * numerator, rate.denominator * denominator


def period_ratio(*, rate: Rate, period: Period, day_count: DayCount) -> tuple[int, int]:
    """Return what one fen bears in one whole period, whatever its days, as an exact fraction of a fen.

    Months: a yearly rate ÷ 12, a monthly one as it is, a daily one × 30. Weeks: a yearly rate ÷ 52, a daily
    one × 7. Days: a daily rate × the days, a yearly one by the day count's year (360, 364 or 365 days).
    Example: 18 % a year, one month: 3/200.
    """
    if rate.unit is RateUnit.DAY:
        days = {PeriodUnit.DAY: 1, PeriodUnit.WEEK: 7, PeriodUnit.MONTH: DAYS_PER_MONTH}[period.unit]
        return rate.numerator * days * period.every, rate.denominator
    yearly = rate.numerator * _PER_YEAR[rate.unit]
    if period.unit is PeriodUnit.MONTH:
        return yearly * period.every, rate.denominator * MONTHS_PER_YEAR
    if period.unit is PeriodUnit.WEEK:
        return yearly * period.every, rate.denominator * WEEKS_PER_YEAR
    return yearly * period.every, rate.denominator * _DAYS_OF_YEAR.get(day_count, DAYS_PER_YEAR)


_DAYS_OF_YEAR: Final = {
    DayCount.THIRTY_360: 360,
    DayCount.THIRTY_E_360: 360,
    DayCount.ACT_360: 360,
    DayCount.ACT_364: 364,
}


def format_percent(ppm: int) -> str:
    """Return a rate in parts per million as people read it, rounded half up. Example: 195_618 → "19.56%"."""
    hundredths = divide(ppm, 100, Rounding.HALF_UP)
    sign, (whole, rest) = "-" if hundredths < 0 else "", divmod(abs(hundredths), 100)
    return f"{sign}{whole}.{rest:02d}%"
