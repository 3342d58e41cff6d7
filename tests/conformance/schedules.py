"""Drives `build` through published scenarios of a whole lending system, as far as schedules alone go."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from mingqu.domain.calendar import Period
from mingqu.domain.schedule import Method, Schedule, Smoothing, Terms, build
from tests.conformance import fineract
from tests.conformance.outcome import NotApplicableError, differ

CENT = Decimal("0.01")
# Amounts of a row with nothing paid and nothing charged.
ROW_FIELDS = (
    *("balance", "principal", "interest", "fees", "penalties"),
    *("due", "paid", "in_advance", "late", "outstanding"),
)
# Expectations that may be left out: they speak of reports, not of arithmetic.
LEFT_OUT = ("delinquency_loan", "delinquency_range", "delinquency_installment", "term_variations")


@dataclass(slots=True)
class _Story:
    """What the steps have said so far."""

    products: dict[str, Any]
    requested: dict[str, Any] = field(default_factory=dict)
    business_date: date | None = None
    expected_on: date | None = None
    principal: str = ""
    disbursed_on: date | None = None

    def schedule(self) -> Schedule:
        """Return the schedule as it stands: of the money paid out, or of what was asked for."""
        start = self.disbursed_on or self.expected_on
        if start is None:
            raise NotApplicableError("a schedule without a date")
        return build(terms=_terms(self.requested, self.products[self.requested["product"]], self.principal, start))


def run(case: dict[str, Any], *, products: dict[str, Any]) -> None:
    """Compare one case. Errors: DifferenceError, NotApplicableError."""
    story = _Story(products=products)
    for step in case["steps"]:
        if "op" in step:
            operation = OPERATIONS.get(step["op"])
            if operation is None:
                raise NotApplicableError(f"operation {step['op']}")
            operation(story, step)
    story = _Story(products=products)
    for step in case["steps"]:
        if "op" in step:
            OPERATIONS[step["op"]](story, step)
        elif step["expect"] not in LEFT_OUT:
            expectation = EXPECTATIONS.get(step["expect"])
            if expectation is None:
                raise NotApplicableError(f"expectation {step['expect']}")
            expectation(story, step)


def _set_business_date(story: _Story, step: dict[str, Any]) -> None:
    story.business_date = date.fromisoformat(step["date"])


def _create(story: _Story, step: dict[str, Any]) -> None:
    if story.requested:
        raise NotApplicableError("a second loan")
    story.requested = step["terms"]
    story.principal = step["terms"]["principal"]
    story.expected_on = date.fromisoformat(step["terms"]["submitted_on"])
    _refuse_unknown(story.requested, story.products[story.requested["product"]])


def _approve(story: _Story, step: dict[str, Any]) -> None:
    story.principal = step.get("amount") or story.principal
    if step.get("expected_disbursement_date"):
        story.expected_on = date.fromisoformat(step["expected_disbursement_date"])


def _disburse(story: _Story, step: dict[str, Any]) -> None:
    if story.disbursed_on is not None:
        raise NotApplicableError("a second disbursement")
    story.disbursed_on = date.fromisoformat(step["date"])
    story.principal = step.get("amount") or story.principal


def _close_of_business(story: _Story, step: dict[str, Any]) -> None:
    """Nothing falls due by the close alone; the schedule stands."""


def _refuse_unknown(requested: dict[str, Any], product: dict[str, Any]) -> None:
    for name in ("grace_on_principal", "grace_on_interest", "interest_free_periods", "fixed_length"):
        if Decimal(str(requested.get(name) or 0)):
            raise NotApplicableError(f"term {name}")
    if product.get("enableDownPayment"):
        raise NotApplicableError("down payment")
    if product.get("fixedLength"):
        raise NotApplicableError("fixed length")
    if any(charge for charge in product.get("charges", ())):
        raise NotApplicableError("charges of the product")
    if requested.get("charges"):
        raise NotApplicableError("charges of the loan")


def _terms(requested: dict[str, Any], product: dict[str, Any], principal: str, start: date) -> Terms:
    period = Period(every=int(requested["repay_every"]), unit=fineract.period_unit(requested["repay_unit"]))
    progressive = product.get("loanScheduleType") == "PROGRESSIVE"
    even_out = progressive and _method(requested) is Method.EQUAL_INSTALMENT
    smoothing = fineract.SMOOTHING if even_out else Smoothing.NONE
    return Terms(
        principal=fineract.money(principal),
        method=_method(requested),
        rate=fineract.rate(requested["interest_rate"], frequency=product["interestRateFrequencyType"]),
        start=start,
        instalments=int(requested["number_of_repayments"]),
        period=period,
        multiple_fen=fineract.multiple_fen(product.get("installmentAmountInMultiplesOf")),
        rounding=fineract.ROUNDING,
        smoothing=smoothing,
        **fineract.interest_convention(
            interest_period=requested["interest_calculation_period"],
            year=product["daysInYearType"],
            month=product["daysInMonthType"],
            leap_rule=product.get("daysInYearCustomStrategy"),
            period=period,
        ),
    )


def _method(requested: dict[str, Any]) -> Method:
    if requested["interest_type"] == "FLAT":
        return Method.FLAT
    if requested["amortization_type"] == "EQUAL_PRINCIPAL":
        return Method.EQUAL_PRINCIPAL
    return Method.EQUAL_INSTALMENT


def _rows(story: _Story) -> list[dict[str, Any]]:
    """Return the schedule in the published shape: the money paid out, then one row an instalment."""
    schedule = story.schedule()
    zero = Decimal(0)
    begin = schedule.rows[0]
    rows: list[dict[str, Any]] = [
        {"nr": None, "days": None, "date": str(begin.start), "balance": begin.opening_fen, "fees": zero}
        | {"due": zero, "paid": zero}
    ]
    for row in schedule.rows:
        rows.append(
            {"nr": str(row.number), "days": str(row.days), "date": str(row.due), "balance": row.closing_fen}
            | {"principal": row.principal_fen, "interest": row.interest_fen, "fees": zero, "penalties": zero}
            | {"due": row.payment_fen, "paid": zero, "in_advance": zero, "late": zero, "outstanding": row.payment_fen}
        )
    return rows


def _expect_schedule(story: _Story, step: dict[str, Any]) -> None:
    _refuse_recalculation(story)
    rows = _rows(story)
    instalments = sum(1 for row in rows if row["nr"])
    if step.get("periods") and int(step["periods"]) != instalments:
        differ(what="instalments", expected=step["periods"], actual=instalments)
    for expected in step["rows"]:
        candidates = [row for row in rows if row["date"] == expected["date"]]
        differences = [_difference(expected, row) for row in candidates]
        if not differences:
            differ(what="row", expected=expected["date"], actual="no row on that date")
        if all(differences):
            differ(what=f"row of {expected['date']}", expected=_short(expected), actual=differences[-1])


def _difference(expected: dict[str, Any], row: dict[str, Any]) -> str:
    for name in ("nr", "days"):
        if expected.get(name) != row[name]:
            return f"{name} {row[name]}"
    for name in ROW_FIELDS:
        if expected.get(name) is None:
            continue
        if name not in row:
            if Decimal(expected[name]):
                return f"no {name}"
        elif Decimal(expected[name]).quantize(CENT, ROUND_HALF_UP) != Decimal(row[name]) / 100:
            return f"{name} {Decimal(row[name]) / 100}"
    return ""


def _short(expected: dict[str, Any]) -> str:
    return " ".join(f"{name} {expected[name]}" for name in ("nr", *ROW_FIELDS) if expected.get(name) is not None)


def _expect_total(story: _Story, step: dict[str, Any]) -> None:
    _refuse_recalculation(story)
    schedule = story.schedule()
    totals = {
        "principal": schedule.principal_fen,
        "interest": schedule.interest_fen,
        "due": schedule.payment_fen,
        "outstanding": schedule.payment_fen,
    }
    for row in step["rows"]:
        for name, value in row.items():
            if value is None or name not in (*ROW_FIELDS,):
                continue
            actual = Decimal(totals.get(name, 0)) / 100
            if Decimal(value).quantize(CENT, ROUND_HALF_UP) != actual:
                differ(what=f"total {name}", expected=value, actual=actual)


def _refuse_recalculation(story: _Story) -> None:
    """An instalment overdue under recalculation goes on bearing interest: an event, not terms."""
    product = story.products[story.requested["product"]]
    if not product.get("isInterestRecalculationEnabled") or story.business_date is None:
        return
    if any(row.due < story.business_date for row in story.schedule().rows):
        raise NotApplicableError("interest recalculated on an overdue instalment")


def _expect_transactions(story: _Story, step: dict[str, Any]) -> None:
    rows = [row for row in step["rows"] if "accrual" not in row["type"].lower()]
    actual = [(str(story.disbursed_on), fineract.money(story.principal).fen)] if story.disbursed_on else []
    for row in rows:
        if row["type"] != "Disbursement":
            raise NotApplicableError(f"transaction {row['type']}")
        entry = (row["date"], fineract.money(row["amount"]).fen)
        if entry not in actual or fineract.money(row["balance"]).fen != entry[1]:
            differ(what="transaction", expected=entry, actual=actual)
    if step.get("exact") and len(rows) != len(actual):
        differ(what="transactions", expected=len(rows), actual=len(actual))


OPERATIONS = {
    "business_date": _set_business_date,
    "create_loan": _create,
    "approve": _approve,
    "disburse": _disburse,
    "close_of_business": _close_of_business,
}
EXPECTATIONS = {
    "schedule": _expect_schedule,
    "schedule_total": _expect_total,
    "transactions": _expect_transactions,
}
