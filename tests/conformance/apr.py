"""Drives the cost functions through published yearly rates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from mingqu.domain.calendar import DayCount, Period, PeriodUnit, add_periods
from mingqu.domain.cost import (
    european_rate,
    european_years,
    extended_irr,
    irr_period,
    regulation_z_rate,
    regulation_z_times,
)
from mingqu.domain.money import Money, Rounding
from mingqu.domain.rate import Rate
from mingqu.domain.schedule import InterestBasis, Method, Terms, build
from tests.conformance.outcome import NotApplicableError, differ

# Some published amounts have four decimals of a yuan; in this unit all are whole numbers.
UNITS_PER_YUAN = 10_000
# In per cent. A cent of rounding in the printed amounts moves the rate by more than this.
EUROPEAN_TOLERANCE = "0.00001"
# A day on which a month-long period begins; the published totals take 30 days whatever the calendar says.
ANY_DAY = date(2026, 1, 1)


def run(case: dict[str, Any]) -> None:
    """Compare one case. Errors: DifferenceError, NotApplicableError."""
    runner = RUNNERS.get(case["family"])
    if runner is None:
        raise NotApplicableError(f"family {case['family']}")
    runner(case)


def _european(case: dict[str, Any]) -> None:
    flows = [(_ratio(t), _units(amount)) for t, amount in case["advances"]]
    flows += [(_ratio(t), -_units(amount)) for t, amount in case["payments"]]
    percent = european_rate(flows=flows) * 100
    tolerance = Decimal(case.get("tolerance_percent", EUROPEAN_TOLERANCE))
    _close("X_percent", Decimal(case["expected"]["X_percent"]), percent, tolerance)
    if "APR_percent" in case["expected"]:
        _close("APR_percent", Decimal(case["expected"]["APR_percent"]), round(percent, 1), Decimal(0))


def _interval(case: dict[str, Any]) -> None:
    unit = case["unit"]
    actual = european_years(
        start=date.fromisoformat(case["from"]),
        end=date.fromisoformat(case["to"]),
        unit=PeriodUnit.MONTH if unit == "year" else PeriodUnit(unit),
        years=unit == "year",
    )
    expected = sum((Fraction(part) for part in case["expected_years"].split("+")), Fraction(0))
    if Fraction(*actual) != expected:
        differ(what="years", expected=expected, actual=Fraction(*actual))


def _regulation_z(case: dict[str, Any]) -> None:
    unit = _period(case["unit_period"])
    begin = min(date.fromisoformat(day) for day, _ in case["advances"])
    flows = [(date.fromisoformat(day), _units(amount)) for day, amount in case["advances"]]
    for stream in case["payment_streams"]:
        first, step = date.fromisoformat(stream["first"]), _period(stream["step"])
        flows += [
            (add_periods(day=first, period=step, times=times), -_units(stream["amount"]))
            for times in range(stream["n"])
        ]
    timed = [(regulation_z_times(start=begin, end=day, unit=unit), amount) for day, amount in flows]
    percent = round(regulation_z_rate(flows=timed, unit=unit) * 100, 2)
    _close("APR_percent", Decimal(case["expected"]["APR_percent"]), percent, Decimal(0))


def _irr(case: dict[str, Any]) -> None:
    rate = irr_period(flows=[_units(amount) for amount in case["flows"]])
    _close("rate", Decimal(case["expected"]["rate"]), rate, Decimal(case["tolerance"]))


def _extended(case: dict[str, Any]) -> None:
    rate = extended_irr(flows=[(date.fromisoformat(day), _units(amount)) for day, amount in case["flows"]])
    _close("rate", Decimal(case["expected"]["rate"]), rate, Decimal(case["tolerance"]))


def _quote(case: dict[str, Any]) -> None:
    words = case["text"].split()
    if words[0] not in ("daily", "monthly") or not words[1].endswith("%"):
        raise NotApplicableError("a quotation in other words")
    ppm = int(Decimal(words[1].rstrip("%")) * 10_000)
    rate = Rate.per_day(ppm=ppm) if words[0] == "daily" else Rate.per_month(ppm=ppm)
    percent = Decimal(rate.yearly_ppm(rounding=Rounding.HALF_UP)) / 10_000
    _close("simple_annual_percent", Decimal(case["expected"]["simple_annual_percent"]), percent, Decimal(0))


def _equal_principal(case: dict[str, Any]) -> None:
    terms = Terms(
        principal=Money(int(Decimal(case["principal"]) * 100)),
        method=Method.EQUAL_PRINCIPAL,
        rate=Rate.per_day(ppm=int(Decimal(case["daily_rate_percent"]) * 10_000)),
        start=ANY_DAY,
        instalments=case["periods"],
        period=Period(every=case["days_per_period"], unit=PeriodUnit.DAY),
        basis=InterestBasis.DAILY,
        day_count=DayCount.ACT_365,
    )
    total = Decimal(build(terms=terms).interest_fen) / 100
    _close("total_interest", Decimal(case["expected"]["total_interest"]), total, Decimal(0))


def _period(text: str) -> Period:
    words = text.split()
    count, unit = (int(words[0]), words[1]) if len(words) == 2 else (1, words[0])
    unit = unit.rstrip("s")
    months = {"month": 1, "quarter": 3, "year": 12}
    if unit in months:
        return Period(every=count * months[unit], unit=PeriodUnit.MONTH)
    return Period(every=count, unit=PeriodUnit(unit))


def _units(amount: str) -> int:
    units = Decimal(amount) * UNITS_PER_YUAN
    assert units == int(units), amount
    return int(units)


def _ratio(text: str) -> tuple[int, int]:
    years = Fraction(text)
    return years.numerator, years.denominator


def _close(what: str, expected: Decimal, actual: Decimal, tolerance: Decimal) -> None:
    if abs(expected - actual) > tolerance:
        differ(what=what, expected=expected, actual=actual)


RUNNERS: dict[str, Callable[[dict[str, Any]], None]] = {
    "eu": _european,
    "eu_interval": _interval,
    "us_regz": _regulation_z,
    "irr": _irr,
    "xirr": _extended,
    "cn_quote": _quote,
    "cn_equal_principal": _equal_principal,
}
