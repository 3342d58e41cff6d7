"""Drives `build` through published expectations of a progressive equal instalment."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import takewhile
from typing import Any

from mingqu.domain.calendar import Period
from mingqu.domain.schedule import Method, Row, Smoothing, Terms, build, period_interest_ratio
from tests.conformance import fineract
from tests.conformance.outcome import NotApplicableError, differ

# Settings the engine has no term for yet; a value other than "nothing" makes a case not applicable.
UNKNOWN_SETTINGS = ("graceOnPrincipalPayment", "graceOnInterestPayment", "interestChargedFromDate")
# Rate factors and interest of slices are published to nine decimals or more.
DIGITS_TOLERANCE = Decimal("0.000000001")


def run(case: dict[str, Any]) -> None:
    """Compare one case. Errors: DifferenceError, NotApplicableError."""
    settings, periods = case["settings"], case["periods"]
    for name in UNKNOWN_SETTINGS:
        if settings.get(name):
            raise NotApplicableError(f"setting {name}")
    if case.get("not_read"):
        raise NotApplicableError("statements of the source that the case does not carry")
    disbursed = Decimal(0)
    schedule_rows: tuple[Row, ...] = ()
    method = Method.FLAT if _is_flat(case["steps"]) else Method.EQUAL_INSTALMENT
    for step in case["steps"]:
        if step.get("op") == "addDisbursement" and step["args"][0] == periods[0]["from"]:
            disbursed += Decimal(str(step["args"][1]))
            terms = _terms(settings, periods, str(disbursed), method)
            schedule_rows = build(terms=terms).rows
            _check_periods(schedule_rows, periods)
        elif "op" in step:
            raise NotApplicableError(f"operation {step['op']}")
        elif step["expect"] == "period" and disbursed:
            _check(step, terms, schedule_rows)
        else:
            raise NotApplicableError(f"expectation {step['expect']}")


def _is_flat(steps: list[dict[str, Any]]) -> bool:
    """Return whether interest is flat. The settings leave it out; the same interest on a falling balance says so."""
    first = list(takewhile(lambda step: "op" not in step, steps[1:]))
    whole = [step for step in first if step.get("interest_due")]
    return (
        len(whole) > 1
        and len({step["interest_due"] for step in whole}) == 1
        and len({step["balance"] for step in whole}) == len(whole)
    )


def _terms(settings: dict[str, Any], periods: list[dict[str, Any]], principal: str, method: Method) -> Terms:
    rate = settings["annualNominalInterestRate"]
    period = Period(every=settings["repayEvery"], unit=fineract.period_unit(settings["repaymentPeriodFrequencyType"]))
    convention = fineract.interest_convention(
        interest_period=settings.get("interestCalculationPeriodMethod", _default_interest_period(settings)),
        year=settings.get("daysInYearType", "ACTUAL"),
        month=settings.get("daysInMonthType", "ACTUAL"),
        leap_rule=settings.get("daysInYearCustomStrategy"),
        period=period,
    )
    start = date.fromisoformat(periods[0]["from"])
    return Terms(
        principal=fineract.money(principal),
        method=method,
        rate=fineract.rate("0" if rate == "ZERO" else str(rate), frequency="YEAR"),
        start=start,
        instalments=len(periods),
        period=period,
        multiple_fen=fineract.multiple_fen(settings.get("installmentAmountInMultiplesOf")),
        rounding=fineract.ROUNDING,
        smoothing=fineract.SMOOTHING if method is Method.EQUAL_INSTALMENT else Smoothing.NONE,
        **convention,
    )


def _default_interest_period(settings: dict[str, Any]) -> str:
    return "DAILY" if "daysInYearType" in settings else "SAME_AS_REPAYMENT_PERIOD"


def _check_periods(rows: tuple[Row, ...], periods: list[dict[str, Any]]) -> None:
    for row, period in zip(rows, periods, strict=True):
        if (str(row.start), str(row.due)) != (period["from"], period["due"]):
            raise NotApplicableError("periods of unequal length")


def _check(step: dict[str, Any], terms: Terms, rows: tuple[Row, ...]) -> None:
    row = rows[step["period"]]
    what = f"period {row.number}"
    for name, fen in (
        ("emi", row.payment_fen),
        ("interest_due", row.interest_fen),
        ("principal_due", row.principal_fen),
        ("balance", row.closing_fen),
    ):
        if step.get(name) is not None and fineract.money(str(step[name])).fen != fen:
            differ(what=f"{what} {name}", expected=step[name], actual=Decimal(fen) / 100)
    slices_before = 1 if row.number == 1 else 0
    if step.get("slice", 0) != slices_before:
        return  # The slice before the money is paid out bears nothing.
    ratio = period_interest_ratio(principal_fen=1, terms=terms, start=row.start, due=row.due, whole=True)
    _close(f"{what} rate_factor", step.get("rate_factor"), Fraction(*ratio))
    _close(f"{what} slice_interest", step.get("slice_interest"), Fraction(*ratio) * row.opening_fen / 100)


def _close(what: str, expected: float | None, actual: Fraction) -> None:
    if expected is None:
        return
    exact = Decimal(actual.numerator) / actual.denominator
    if abs(Decimal(str(expected)) - exact) > DIGITS_TOLERANCE:
        differ(what=what, expected=expected, actual=exact)
