"""Rates: exact fractions for the unit they were quoted in."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest

from mingqu.domain.calendar import MONTHLY, DayCount, Period, PeriodUnit
from mingqu.domain.money import Rounding
from mingqu.domain.rate import DENOMINATOR_MAX, Rate, RateOutOfRange, RateUnit, period_ratio, span_ratio


def test_equal_rates_are_equal_however_they_are_written() -> None:
    assert Rate.per_year(ppm=180_000) == Rate(numerator=18, denominator=100, unit=RateUnit.YEAR)


def test_a_daily_rate_of_five_in_ten_thousand_is_18_25_per_cent_a_year() -> None:
    assert Rate.per_day(ppm=500).yearly_ppm(rounding=Rounding.HALF_UP) == 182_500
    assert Rate.per_month(ppm=10_000).yearly() == Rate.per_year(ppm=120_000)


def test_a_penalty_is_a_multiple_of_the_rate() -> None:
    assert Rate.per_day(ppm=500).times(numerator=3, denominator=2) == Rate.per_day(ppm=750)


@pytest.mark.parametrize(("numerator", "denominator"), [(-1, 100), (1, 0), (1, -1), (101, 1), (1, DENOMINATOR_MAX + 1)])
def test_impossible_rates_are_refused(numerator: int, denominator: int) -> None:
    with pytest.raises(RateOutOfRange):
        Rate(numerator=numerator, denominator=denominator, unit=RateUnit.YEAR)


@pytest.mark.parametrize(
    ("rate", "day_count", "expected"),
    [
        (Rate.per_day(ppm=500), DayCount.ACT_365, Fraction(31 * 500, 10**6)),
        (Rate.per_day(ppm=500), DayCount.THIRTY_360, Fraction(30 * 500, 10**6)),
        (Rate.per_year(ppm=108_000), DayCount.ACT_360, Fraction(93, 10_000)),
        (Rate.per_month(ppm=9_000), DayCount.ACT_360, Fraction(93, 10_000)),
    ],
)
def test_a_span_bears_its_days(rate: Rate, day_count: DayCount, expected: Fraction) -> None:
    found = span_ratio(rate=rate, day_count=day_count, start=date(2026, 3, 10), end=date(2026, 4, 10))
    assert Fraction(*found) == expected


@pytest.mark.parametrize(
    ("rate", "period", "expected"),
    [
        (Rate.per_year(ppm=180_000), MONTHLY, Fraction(15, 1000)),
        (Rate.per_year(ppm=180_000), Period(every=3), Fraction(45, 1000)),
        (Rate.per_month(ppm=10_000), Period(every=2), Fraction(2, 100)),
        (Rate.per_day(ppm=500), MONTHLY, Fraction(15, 1000)),
        (Rate.per_day(ppm=500), Period(every=2, unit=PeriodUnit.WEEK), Fraction(7, 1000)),
        (Rate.per_year(ppm=520_000), Period(every=2, unit=PeriodUnit.WEEK), Fraction(2, 100)),
        (Rate.per_year(ppm=360_000), Period(every=10, unit=PeriodUnit.DAY), Fraction(1, 100)),
    ],
)
def test_a_whole_period_bears_its_part_of_the_rate(rate: Rate, period: Period, expected: Fraction) -> None:
    assert Fraction(*period_ratio(rate=rate, period=period, day_count=DayCount.ACT_360)) == expected
