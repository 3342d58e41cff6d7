"""How the settings of the published loan products become terms of ours. Conventions only, no cases."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from mingqu.domain.calendar import DayCount, Period, PeriodUnit
from mingqu.domain.money import Money, Rounding
from mingqu.domain.rate import Rate, RateUnit
from mingqu.domain.schedule import InterestBasis, Smoothing
from tests.conformance.outcome import NotApplicableError

ROUNDING = Rounding.HALF_EVEN
SMOOTHING = Smoothing.EVEN_OUT
RATE_DIGITS = 19


def money(text: str) -> Money:
    """Return an amount written in yuan with any number of decimals that are whole fen."""
    fen = Decimal(text) * 100
    if fen != int(fen):
        raise NotApplicableError("an amount finer than a fen")
    return Money(int(fen))


def fen(amount: Any) -> int:
    """Return an amount in fen."""
    return money(str(amount)).fen


def day(text: str) -> date:
    """Return a date written 2026-01-31."""
    return date.fromisoformat(text)


def rate(text: str, *, frequency: str) -> Rate:
    """Return a rate in per cent as it was quoted."""
    quoted = Decimal(text)
    unit = {"YEAR": RateUnit.YEAR, "MONTH": RateUnit.MONTH}.get(frequency)
    if unit is None:
        raise NotApplicableError(f"rate per {frequency}")
    numerator, denominator = quoted.as_integer_ratio()
    return Rate(numerator=numerator, denominator=denominator * 100, unit=unit)


def period_unit(text: str) -> PeriodUnit:
    """Return the unit of a repayment period."""
    return {"DAYS": PeriodUnit.DAY, "WEEKS": PeriodUnit.WEEK, "MONTHS": PeriodUnit.MONTH}[text]


def multiple_fen(setting: Any) -> int:
    """Return the multiple of an instalment; the setting is in whole yuan, nothing means a fen."""
    return int(Decimal(str(setting)) * 100) if setting else 1


def interest_convention(
    *, interest_period: str, year: str, month: str, leap_rule: str | None, period: Period
) -> dict[str, Any]:
    """Return the terms `basis` and `day_count` of a product's interest settings.

    Thirty days in a month apply to periods of months, which are then whole parts of the year; other periods
    count their days.
    """
    year, month = year.removeprefix("DAYS").lstrip("_"), month.removeprefix("DAYS").lstrip("_")
    if interest_period == "SAME_AS_REPAYMENT_PERIOD":
        return {"basis": InterestBasis.PERIOD, "day_count": _day_count(year, leap_rule)}
    if month == "30" and period.unit is PeriodUnit.MONTH:
        if year != "360":
            raise NotApplicableError(f"months of 30 days in a year of {year}")
        return {"basis": InterestBasis.PERIOD, "day_count": DayCount.THIRTY_360}
    return {"basis": InterestBasis.DAILY, "day_count": _day_count(year, leap_rule)}


def _day_count(year: str, leap_rule: str | None) -> DayCount:
    if year == "ACTUAL":
        if leap_rule == "FEB_29_PERIOD_ONLY":
            return DayCount.ACT_365_LEAP_DAY
        return DayCount.ACT_ACT_31_DECEMBER
    return {"360": DayCount.ACT_360, "364": DayCount.ACT_364, "365": DayCount.ACT_365}[year]
