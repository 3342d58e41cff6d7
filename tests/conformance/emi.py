"""Drives the course of a debt through published unit expectations of instalments that follow what is owed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from mingqu.domain.calendar import Period, add_periods
from mingqu.domain.course import (
    Bearing,
    Course,
    CourseTerms,
    Stretch,
    change_rate,
    credit,
    due_if_paid,
    lend,
    pause,
    pay_interest,
    pay_principal,
    settle_last,
)
from mingqu.domain.course.bearing import part_ratio
from mingqu.domain.course.renew import move_due, re_age_split
from tests.conformance import fineract
from tests.conformance.outcome import NotApplicableError, differ

RATE_DIGITS = 12
# The published rate factors have twelve decimals and are cut, not rounded, by a context of twelve digits.
DIGITS_TOLERANCE = Decimal("0.00000001")


def run(case: dict[str, Any]) -> None:
    """Compare one case. Errors: DifferenceError, NotApplicableError."""
    if any(line.startswith("for ") for line in case.get("not_read", ())):
        raise NotApplicableError("the case leaves its steps out")
    course = _course(case["settings"], case["periods"])
    for step in case["steps"]:
        if "op" in step:
            operation = OPERATIONS.get(step["op"])
            if operation is None:
                raise NotApplicableError(f"operation {step['op']}")
            operation(course, step["args"])
        else:
            expectation = EXPECTATIONS.get(step["expect"])
            if expectation is None:
                raise NotApplicableError(f"expectation {step['expect']}")
            expectation(course, step)


def _fen_of(text: Any) -> int:
    if str(text).startswith("?"):
        raise NotApplicableError("an amount that the case does not state")
    return fineract.money(str(text)).fen


def _course(settings: dict[str, Any], periods: list[dict[str, Any]]) -> Course:
    if settings.get("allowFullTermForTranche"):
        raise NotApplicableError("setting allowFullTermForTranche")
    period = Period(
        every=int(settings["repayEvery"]), unit=fineract.period_unit(settings["repaymentPeriodFrequencyType"])
    )
    rate = settings["annualNominalInterestRate"]
    start = date.fromisoformat(periods[0]["from"])
    terms = CourseTerms(
        period=period,
        rounding=fineract.ROUNDING,
        smoothing=fineract.SMOOTHING,
        multiple_fen=fineract.multiple_fen(settings.get("installmentAmountInMultiplesOf")),
        bearing=_bearing(settings),
        rate_digits=RATE_DIGITS,
        principal_grace=int(settings.get("graceOnPrincipalPayment") or 0),
        interest_grace=int(settings.get("graceOnInterestPayment") or 0),
        anchor=start,
        part_periods=bool(settings.get("allowPartialPeriodInterestCalculation", True)),
        **fineract.interest_convention(
            interest_period=settings.get("interestCalculationPeriodMethod", _default_interest_period(settings)),
            year=settings.get("daysInYearType", "ACTUAL"),
            month=settings.get("daysInMonthType", "ACTUAL"),
            leap_rule=settings.get("daysInYearCustomStrategy"),
            period=period,
        ),
    )
    return Course(
        terms=terms,
        stretches=[
            Stretch(start=date.fromisoformat(item["from"]), due=date.fromisoformat(item["due"])) for item in periods
        ],
        rates=[(start, fineract.rate("0" if rate == "ZERO" else str(rate), frequency="YEAR"))],
    )


def _bearing(settings: dict[str, Any]) -> Bearing:
    """Return the interest method, which the cases leave out, from the settings that they state.

    A case states what its calculator asks for: the flat one asks whether tranches have a full term, and neither
    for the currency nor whether parts of periods count.
    """
    asked_when_declining = {"currencyData", "allowPartialPeriodInterestCalculation"} & settings.keys()
    flat = "allowFullTermForTranche" in settings and not asked_when_declining
    return Bearing.FLAT if settings.get("interestMethod", "FLAT" if flat else None) == "FLAT" else Bearing.DECLINING


def _default_interest_period(settings: dict[str, Any]) -> str:
    return "DAILY" if "daysInYearType" in settings else "SAME_AS_REPAYMENT_PERIOD"


def _stretch(course: Course, start: str, due: str) -> Stretch:
    for stretch in course.stretches:
        if (str(stretch.start), str(stretch.due)) == (start, due):
            return stretch
    raise NotApplicableError(f"no period {start} to {due}")


def _pay_principal(course: Course, args: list[Any]) -> None:
    stretch = _stretch(course, args[0], args[1])
    pay_principal(course, stretch=stretch, on=date.fromisoformat(args[2]), amount_fen=_fen_of(args[3]))


def _pay_interest(course: Course, args: list[Any]) -> None:
    stretch = _stretch(course, args[0], args[1])
    pay_interest(course, stretch=stretch, on=date.fromisoformat(args[2]), amount_fen=_fen_of(args[3]))


def _correct(course: Course, args: list[Any]) -> None:
    on = date.fromisoformat(args[0])
    course.move(on=on, moved_fen=_moved_fen(course, str(args[1]), on))
    settle_last(course, on=on)


def _moved_fen(course: Course, text: str, on: date) -> int:
    """Return the amount of a correction: a number, or the principal that fell due last, asked of the plan itself."""
    asked = text.removesuffix(".negated")
    if not asked.endswith(".getDueAmounts.getDuePrincipal"):
        return _fen_of(text)
    due_fen = next(one.principal_due_fen for one in reversed(course.stretches) if one.due <= on)
    return due_fen if asked == text else -due_fen


def _day(text: str) -> date:
    """Return the first day that bears anew: the published day is the last before it."""
    return date.fromisoformat(text) - timedelta(days=1)


def _move_due(course: Course, args: list[Any]) -> None:
    due, due_to = date.fromisoformat(args[1]), date.fromisoformat(args[2])
    left = sum(1 for stretch in course.stretches if stretch.due >= due)
    move_due(course, due=due, dues=[add_periods(day=due_to, period=course.terms.period, times=n) for n in range(left)])


def _re_age_split(course: Course, args: list[Any]) -> None:
    asked = args[1]
    period = Period(every=int(asked["frequency"]), unit=fineract.period_unit(asked["frequency_type"]))
    first = date.fromisoformat(asked["start"])
    re_age_split(
        course,
        on=date.fromisoformat(args[0]),
        dues=[add_periods(day=first, period=period, times=n) for n in range(int(asked["installments"]))],
        whole=asked["rest"] == ["EQUAL_AMORTIZATION_FULL_INTEREST"],
    )


OPERATIONS: dict[str, Callable[[Course, list[Any]], None]] = {
    "addDisbursement": lambda course, args: lend(course, on=date.fromisoformat(args[0]), amount_fen=_fen_of(args[1])),
    "payPrincipal": _pay_principal,
    "payInterest": _pay_interest,
    "changeInterestRate": lambda course, args: change_rate(
        course, on=_day(args[0]), rate=fineract.rate(str(args[1]), frequency="YEAR")
    ),
    "applyInterestPause": lambda course, args: pause(course, start=_day(args[0]), end=date.fromisoformat(args[1])),
    "creditPrincipal": lambda course, args: credit(
        course, on=date.fromisoformat(args[0]), principal_fen=_fen_of(args[1]), interest_fen=0
    ),
    "creditInterest": lambda course, args: credit(
        course, on=date.fromisoformat(args[0]), principal_fen=0, interest_fen=_fen_of(args[1])
    ),
    "addBalanceCorrection": _correct,
    "changeDueDate": _move_due,
    "reAgeEqualAmortization": _re_age_split,
}


def _expect_period(course: Course, step: dict[str, Any]) -> None:
    stretch = course.stretches[step["period"]]
    what = f"period {step['period']}"
    for name, fen in (
        ("emi", stretch.target_fen),
        ("interest_due", stretch.interest_due_fen),
        ("principal_due", stretch.principal_due_fen),
        ("balance", stretch.balance_fen),
    ):
        if step.get(name) is not None and _fen_of(step[name]) != fen:
            differ(what=f"{what} {name}", expected=step[name], actual=Decimal(fen) / 100)
    if step.get("fully_paid") is not None and bool(step["fully_paid"]) != stretch.is_paid:
        differ(what=f"{what} paid", expected=step["fully_paid"], actual=stretch.is_paid)
    if step.get("slice") is not None:
        _check_slice(course, stretch, step, what)


def _check_slice(course: Course, stretch: Stretch, step: dict[str, Any], what: str) -> None:
    parts = list(course.parts(stretch, sorted(course.movements)))
    if stretch is course.stretches[0] and stretch.start in course.movements:
        parts.insert(0, (stretch.start, stretch.start))  # what moved on the first day leaves an empty part behind
    start, end = parts[step["slice"]]
    ratio = (0, 1)
    if end > start:
        rate = course.rate_on(start)
        ratio = part_ratio(
            terms=course.terms, rate=rate, start=start, end=end, due=stretch.due, period_start=stretch.start
        )
    _close(f"{what} rate_factor", step.get("rate_factor"), Fraction(*ratio))


def _close(what: str, expected: float | None, actual: Fraction) -> None:
    if expected is None:
        return
    exact = Decimal(actual.numerator) / actual.denominator
    if abs(Decimal(str(expected)) - exact) > DIGITS_TOLERANCE:
        differ(what=what, expected=expected, actual=exact)


def _expect_total_interest(course: Course, step: dict[str, Any]) -> None:
    if course.total("interest_due_fen") != _fen_of(step["args"][0]):
        differ(what="interest", expected=step["args"][0], actual=course.total("interest_due_fen"))


def _expect_daily(course: Course, step: dict[str, Any]) -> None:
    stretch = _stretch(course, step["start"], step["due"])
    day = stretch.start + timedelta(days=int(step["day"]))
    so_far = due_if_paid(course, stretch=stretch, on=day)[1]
    if step.get("interest_so_far") is not None and so_far != _fen_of(step["interest_so_far"]):
        differ(what=f"interest to {day}", expected=step["interest_so_far"], actual=so_far)


def _expect_emi(course: Course, step: dict[str, Any]) -> None:
    index, amount = step["args"]
    if course.stretches[index].target_fen != _fen_of(amount):
        differ(what=f"emi {index}", expected=amount, actual=course.stretches[index].target_fen)


EXPECTATIONS: dict[str, Callable[[Course, dict[str, Any]], None]] = {
    "period": _expect_period,
    "total_interest_due": _expect_total_interest,
    "daily_interest": _expect_daily,
    "emi": _expect_emi,
}
