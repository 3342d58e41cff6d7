"""Drives schedules through published contract tests: fixed rate, whole cycles, no extras.

Those contracts are not rounded. Here they run in a unit of 10^-8 of the currency, so that our rounding to whole
units disappears behind the tolerance. Cash flows are compared by date: principal, interest, and what is owed after.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from mingqu.domain.calendar import DayCount, Period, PeriodUnit, add_periods
from mingqu.domain.money import Money, Rounding
from mingqu.domain.rate import Rate, RateUnit
from mingqu.domain.schedule import InterestBasis, Method, Row, Terms, rebuild
from tests.conformance.outcome import NotApplicableError, differ

UNITS = 10**8
TOLERANCE = Decimal("0.01")
# Terms that are read below, and terms that say nothing; any other makes a case not applicable.
READ = {
    *("contractType", "contractRole", "statusDate", "notionalPrincipal", "initialExchangeDate", "maturityDate"),
    *("nominalInterestRate", "cycleAnchorDateOfInterestPayment", "cycleOfInterestPayment", "dayCountConvention"),
    *("cycleAnchorDateOfPrincipalRedemption", "cycleOfPrincipalRedemption", "nextPrincipalRedemptionPayment"),
    *("amortizationDate", "contractID", "contractDealDate", "currency"),
}
SILENT = {
    "rateMultiplier": ("1", "1.0"),
    "rateSpread": ("0", "0.0"),
    "fixingDays": ("P0D",),
    "premiumDiscountAtIED": ("0", "0.0"),
    "accruedInterest": ("0", "0.0"),
    "calendar": ("NC",),
    "endOfMonthConvention": ("SD",),
    "interestCalculationBase": ("NT",),
}
DAY_COUNTS = {
    "AA": DayCount.ACT_ACT_1_JANUARY,
    "A360": DayCount.ACT_360,
    "A365": DayCount.ACT_365,
    "30E360": DayCount.THIRTY_E_360,
}
METHODS = {"ANN": Method.EQUAL_INSTALMENT, "LAM": Method.EQUAL_PRINCIPAL, "PAM": Method.INTEREST_ONLY}
CYCLE_UNITS = {"D": (1, PeriodUnit.DAY), "W": (1, PeriodUnit.WEEK), "M": (1, PeriodUnit.MONTH)}
CYCLE_UNITS |= {"Q": (3, PeriodUnit.MONTH), "H": (6, PeriodUnit.MONTH), "Y": (12, PeriodUnit.MONTH)}
# A cycle of a day for a century has this many dates.
DATES_MAX = 36_600


@dataclass(frozen=True, slots=True)
class _Cycle:
    anchor: date
    period: Period
    long_stub: bool

    def until(self, end: date) -> list[date]:
        """Return the dates of the cycle up to the end, which is the last; a long stub swallows the date before."""
        dates: list[date] = []
        for times in range(DATES_MAX):
            day = add_periods(day=self.anchor, period=self.period, times=times)
            if day >= end:
                whole = day == end
                break
            dates.append(day)
        if not whole and self.long_stub and len(dates) > 1:
            dates.pop()
        return [*dates, end]


def run(case: dict[str, Any]) -> None:
    """Compare one case. Errors: DifferenceError, NotApplicableError."""
    terms = case["terms"]
    _refuse_unknown(case, terms)
    cycle = _cycle(terms)
    principal = int(Decimal(str(terms["notionalPrincipal"])) * UNITS)
    start = max(_day(terms["initialExchangeDate"]), _day(terms["statusDate"]))
    ours = Terms(
        principal=Money(principal),
        method=METHODS[case["type"]],
        rate=_rate(terms["nominalInterestRate"]),
        start=start,
        instalments=1,
        day_count=DAY_COUNTS[terms["dayCountConvention"]],
        basis=InterestBasis.DAILY,
        rounding=Rounding.HALF_EVEN,
    )
    payment = _payment(terms)
    end = _end(terms, cycle, principal, payment)
    dues = _dues(cycle, end)
    if payment is None and terms.get("amortizationDate") and terms["amortizationDate"] != end:
        # The instalment is that of the longer plan; what is left at maturity is due then.
        plan = _dues(cycle, terms["amortizationDate"])
        first = rebuild(terms=ours, principal_fen=principal, start=start, dues=plan).rows[0]
        payment = first.payment_fen
    rows = rebuild(terms=ours, principal_fen=principal, start=start, dues=dues, instalment_fen=payment).rows
    _compare(case, rows, sign=1 if terms["contractRole"] == "RPA" else -1)


def _refuse_unknown(case: dict[str, Any], terms: dict[str, Any]) -> None:
    if case["type"] not in METHODS:
        raise NotApplicableError(f"contract {case['type']}")
    if case.get("events_observed") or case.get("observed"):
        raise NotApplicableError("observed rates or events")
    for name, value in terms.items():
        if name not in READ and str(value) not in SILENT.get(name, ()):
            raise NotApplicableError(f"term {name} {value}")
    if terms["dayCountConvention"] not in DAY_COUNTS:
        raise NotApplicableError(f"day count {terms['dayCountConvention']}")
    if terms["contractRole"] not in ("RPA", "RPL"):
        raise NotApplicableError(f"role {terms['contractRole']}")


def _cycle(terms: dict[str, Any]) -> _Cycle:
    anchor = terms.get("cycleAnchorDateOfPrincipalRedemption", terms.get("cycleAnchorDateOfInterestPayment"))
    text = terms.get("cycleOfPrincipalRedemption", terms.get("cycleOfInterestPayment"))
    if anchor is None or text is None:
        raise NotApplicableError("no cycle")
    if terms.get("cycleAnchorDateOfInterestPayment", anchor) != anchor:
        raise NotApplicableError("interest and principal on different days")
    if terms.get("cycleOfInterestPayment", text) != text:
        raise NotApplicableError("interest and principal in different cycles")
    steps, unit = CYCLE_UNITS[text[-3]]
    return _Cycle(_day(anchor), Period(every=int(text[1:-3]) * steps, unit=unit), text.endswith("L0"))


def _end(terms: dict[str, Any], cycle: _Cycle, principal: int, payment: int | None) -> str:
    for name in ("maturityDate", "amortizationDate"):
        if name in terms:
            return str(terms[name])
    if terms["contractType"] == "LAM" and payment:
        # As many dates of the cycle as it takes to repay; the last may repay less.
        return str(add_periods(day=cycle.anchor, period=cycle.period, times=-(-principal // payment) - 1))
    raise NotApplicableError("no end")


def _dues(cycle: _Cycle, end: str) -> list[date]:
    """Return the dates up to the end: the cycle runs to its date, the money to its moment."""
    return [*cycle.until(date.fromisoformat(end[:10]))[:-1], _day(end)]


def _payment(terms: dict[str, Any]) -> int | None:
    text = terms.get("nextPrincipalRedemptionPayment")
    return None if text is None else int(Decimal(str(text)) * UNITS)


def _rate(text: Any) -> Rate:
    numerator, denominator = Decimal(str(text)).as_integer_ratio()
    return Rate(numerator=numerator, denominator=denominator, unit=RateUnit.YEAR)


def _day(text: str) -> date:
    """Return the date of a moment; the last second of a day is the beginning of the next."""
    day = date.fromisoformat(text[:10])
    return day + timedelta(days=1) if text[11:] == "23:59:59" else day


def _compare(case: dict[str, Any], rows: tuple[Row, ...], *, sign: int) -> None:
    ours = {row.due: row for row in rows}
    theirs: dict[date, dict[str, Decimal]] = {}
    for result in case["results"]:
        entry = theirs.setdefault(_day(result["date"]), {"principal": Decimal(0), "interest": Decimal(0)})
        if result["type"] == "IP":
            entry["interest"] += sign * Decimal(result["payoff"])
        elif result["type"] in ("PR", "MD"):
            entry["principal"] += sign * Decimal(result["payoff"])
        elif result["type"] not in ("IED", "PRF"):
            raise NotApplicableError(f"event {result['type']}")
        entry["owed"] = abs(Decimal(result["notional"]))
    for day in sorted(theirs):
        expected = theirs[day]
        row = ours.get(day)
        actual = {
            "principal": Decimal(row.principal_fen if row else 0) / UNITS,
            "interest": Decimal(row.interest_fen if row else 0) / UNITS,
            "owed": Decimal(row.closing_fen) / UNITS if row else expected["owed"],
        }
        for name, value in actual.items():
            if abs(value - expected[name]) > TOLERANCE:
                differ(what=f"{day} {name}", expected=expected[name], actual=value)
    missing = sorted(day for day in ours if day not in theirs and day <= max(theirs))
    if missing:
        differ(what="dates", expected="none", actual=missing[0])
