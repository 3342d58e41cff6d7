"""Drives dated schedules through published contract tests.

Those contracts are not rounded. Here they run in a unit of 10^-8 of the currency, so that our rounding to whole
units disappears behind the tolerance. Compared are, on every date: principal, interest, what is owed after, new rates,
and what a contract is sold for.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from mingqu.domain.schedule import DatedRow, DatedTerms, InstalmentBelowInterest, owed_on, unfold
from tests.conformance.actus_terms import UNITS, Contract, moment, refuse_unknown
from tests.conformance.outcome import NotApplicableError, differ

TOLERANCE = Decimal("0.01")
RATE_TOLERANCE = Decimal("0.000001")


def run(case: dict[str, Any]) -> None:
    """Compare one case. Errors: DifferenceError, NotApplicableError."""
    refuse_unknown(case)
    contract = Contract(case)
    terms = contract.dated()
    try:
        rows = unfold(terms=terms)
    except InstalmentBelowInterest as refusal:
        raise NotApplicableError(f"a debt that grows: {refusal.message}") from None
    _compare(contract, terms, rows)


def _compare(contract: Contract, terms: DatedTerms, rows: tuple[DatedRow, ...]) -> None:
    results = contract.case["results"]
    seen = _seen(results, contract.sign)
    purchase, termination = contract.at("purchaseDate"), contract.at("terminationDate")
    if purchase is not None:
        rows = tuple(row for row in rows if row.due > purchase.day)
    if termination is not None:
        rows = tuple(row for row in rows if row.due < termination.day or row.due == termination.written)
    for result in results:
        _compare_event(contract, terms, result)
    ours = {row.due: row for row in rows}
    for day, expected in sorted(seen.items()):
        row = ours.get(day)
        actual = {
            "principal": Decimal(row.principal_fen if row else 0) / UNITS,
            "interest": Decimal(row.interest_fen if row else 0) / UNITS,
        }
        for name, value in actual.items():
            if abs(value - expected[name]) > TOLERANCE:
                differ(what=f"{day} {name}", expected=expected[name], actual=value)
    for row in rows:
        moved = row.payment_fen + row.capitalized_fen
        if row.due not in seen and row.due <= max(seen) and Decimal(moved) / UNITS > TOLERANCE:
            differ(what="dates", expected="none", actual=row.due)


def _seen(results: list[dict[str, Any]], sign: int) -> dict[date, dict[str, Decimal]]:
    seen: dict[date, dict[str, Decimal]] = {}
    for result in results:
        entry = seen.setdefault(moment(result["date"]).day, {"principal": Decimal(0), "interest": Decimal(0)})
        if result["type"] == "IP":
            entry["interest"] += sign * Decimal(result["payoff"])
        elif result["type"] in ("PR", "MD", "STD"):
            entry["principal"] += sign * Decimal(result["payoff"])
        elif result["type"] not in ("IED", "PRF", "IPCI", "RR", "RRF", "PRD", "TD", "XD", "IPCB"):
            raise NotApplicableError(f"event {result['type']}")
    return seen


def _compare_event(contract: Contract, terms: DatedTerms, result: dict[str, Any]) -> None:
    """Compare what one event says beside principal and interest: money lent, a price, a new rate, what is owed."""
    day, kind, payoff = moment(result["date"]).day, result["type"], Decimal(result["payoff"])
    if kind == "TD":
        # A price comes with what is accrued, which the published results put on the lender's side for both roles.
        price = Decimal(str(contract.terms["priceAtTerminationDate"]))
        expected_payoff = contract.sign * price + _accrued(terms, day)
    elif kind == "PRD":
        price = Decimal(str(contract.terms["priceAtPurchaseDate"]))
        expected_payoff = -contract.sign * price - _accrued(terms, day)
    elif kind == "IED":
        # A discount is kept back from the money lent; it moves nothing after that day.
        discount = Decimal(str(contract.terms.get("premiumDiscountAtIED", 0)))
        expected_payoff = -contract.sign * (Decimal(contract.principal) / UNITS + discount)
    else:
        expected_payoff = payoff
    if abs(expected_payoff - payoff) > TOLERANCE:
        differ(what=f"{day} {kind}", expected=payoff, actual=expected_payoff)
    if kind in ("RR", "RRF"):
        rate = contract.new_rates[day]
        actual_rate = Decimal(rate.numerator) / rate.denominator
        if abs(actual_rate - Decimal(result["rate"])) > RATE_TOLERANCE:
            differ(what=f"{day} rate", expected=result["rate"], actual=actual_rate)
    if kind not in ("TD", "IED") and day <= terms.end.day:
        last = [other for other in contract.case["results"] if moment(other["date"]).day == day][-1]
        owed = Decimal(owed_on(terms=terms, day=_counted(terms, day)).principal_fen) / UNITS
        if last["type"] != "TD" and abs(owed - abs(Decimal(last["notional"]))) > TOLERANCE:
            differ(what=f"{day} owed", expected=last["notional"], actual=owed)


def _counted(terms: DatedTerms, day: date) -> date:
    """Return the day up to which interest counts for what is payable on a day."""
    dues = (*terms.interest_dues, *(due for due, _ in terms.principal_dues), terms.end)
    return next((due.counted for due in dues if due.day == day), day)


def _accrued(terms: DatedTerms, day: date) -> Decimal:
    numerator, denominator = owed_on(terms=terms, day=day).accrued
    return Decimal(numerator) / denominator / UNITS
