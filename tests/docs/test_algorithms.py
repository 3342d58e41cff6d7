"""The worked tables of the algorithm pages are run: what a page says is what the code does."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from mingqu.domain import identifier
from mingqu.domain.accrual import AccrualDelta, AccrualGroup, accrue_day
from mingqu.domain.calendar import DayCount, PeriodUnit, add_months, year_fraction
from mingqu.domain.cost import annual_cost, european_years
from mingqu.domain.loan import Disbursed, Instalment, Intent, LoanState, Stage, fold, quote
from mingqu.domain.loan.quote import preview_repayment
from mingqu.domain.money import Rounding, divide, format_fen, parse_yuan
from mingqu.domain.schedule import (
    BrokenPeriod,
    InterestBasis,
    Method,
    Smoothing,
    Terms,
    accrued_ratio,
    build,
    period_interest_ratio,
)
from tests.docs.arrears_tables import ARREARS_TABLES
from tests.docs.convention_tables import CONVENTION_TABLES
from tests.docs.credit_tables import CREDIT_TABLES
from tests.docs.pool_tables import POOL_TABLES
from tests.docs.table import Line, fen, multiple_ppm, rate
from tests.golden.one_bill import COMPONENTS, paid_against
from tests.models.loan_terms import monthly_terms

PAGES = Path(__file__).resolve().parents[2] / "docs" / "algorithms"
MARK = re.compile(r"<!-- worked: ([a-z-]+) -->\n((?:\|.*\n)+)")


def _tables() -> list[tuple[str, str, int, Line]]:
    """Return page, name of the table, number and contents of every worked line."""
    found = []
    for page in sorted(PAGES.glob("*.md")):
        for name, table in MARK.findall(page.read_text("utf-8")):
            cells = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()]
            for number, values in enumerate(cells[2:], start=1):
                found.append((page.stem, name, number, dict(zip(cells[0], values, strict=True))))
    return found


def _terms(line: Line, **changes: object) -> Terms:
    said = {
        "principal": parse_yuan(line["principal"]),
        "method": Method(line.get("method", "interest_only")),
        "rate": rate(line["rate"]),
        "start": date.fromisoformat(line.get("from", "2026-01-15")),
        "instalments": int(line.get("instalments", "1")),
        "day_count": DayCount(line.get("day count", "act/365")),
        "basis": InterestBasis(line.get("basis", "period")),
        "broken_period": BrokenPeriod(line.get("broken period", "by_day_count")),
    }
    return Terms(**{**said, **changes})  # type: ignore[arg-type]  # the table's words, each converted above


def _interest(line: Line) -> Line:
    terms = _terms(line)
    numerator, denominator = period_interest_ratio(
        principal_fen=terms.principal.fen,
        terms=terms,
        start=terms.start,
        due=date.fromisoformat(line["to"]),
        whole=True,
    )
    return {"interest": format_fen(divide(numerator, denominator, Rounding.HALF_UP))}


def _part(line: Line) -> Line:
    terms = _terms(line)
    numerator, denominator = accrued_ratio(
        principal_fen=terms.principal.fen,
        terms=terms,
        period_start=terms.start,
        period_due=date.fromisoformat(line["of the period until"]),
        whole=True,
        start=terms.start,
        end=date.fromisoformat(line["to"]),
    )
    return {"interest": format_fen(divide(numerator, denominator, Rounding.HALF_UP))}


def _rounding(line: Line) -> Line:
    return {
        rounding.name: str(divide(int(line["numerator"]), int(line["denominator"]), rounding)) for rounding in Rounding
    }


def _allocation(line: Line) -> Line:
    parts = parse_yuan(line["amount"]).allocate([int(share) for share in line["shares"].split(":")])
    return {"parts": " : ".join(format_fen(part.fen) for part in parts)}


def _fraction(text: str) -> Fraction:
    return sum((Fraction(part.strip()) for part in text.split("+")), Fraction(0))


def _day_counts(line: Line) -> Line:
    found = year_fraction(
        start=date.fromisoformat(line["from"]),
        end=date.fromisoformat(line["to"]),
        day_count=DayCount(line["day count"]),
    )
    return {"part of a year": _same_fraction(line["part of a year"], Fraction(*found))}


def _european_time(line: Line) -> Line:
    found = european_years(
        start=date.fromisoformat(line["from"]), end=date.fromisoformat(line["to"]), unit=PeriodUnit(line["unit"])
    )
    return {"years": _same_fraction(line["years"], Fraction(*found))}


def _same_fraction(text: str, found: Fraction) -> str:
    """Return the text of a sum of fractions if it is the one found, and the one found if it is not."""
    return text if _fraction(text) == found else str(found)


def _instalments(line: Line) -> Line:
    schedule = build(terms=_terms(line))
    return {
        "first row": format_fen(schedule.rows[0].payment_fen),
        "last row": format_fen(schedule.rows[-1].payment_fen),
        "interest": format_fen(schedule.interest_fen),
    }


def _smoothing(line: Line) -> Line:
    plain, even = (
        build(terms=_terms(line, method=Method.EQUAL_INSTALMENT, smoothing=smoothing)).rows for smoothing in Smoothing
    )
    return {
        "instalment": format_fen(plain[0].payment_fen),
        "last": format_fen(plain[-1].payment_fen),
        "evened out": format_fen(even[0].payment_fen),
        "last then": format_fen(even[-1].payment_fen),
    }


def _yearly_cost(line: Line) -> Line:
    start = date(2026, 8, 31)
    flows = [(start, parse_yuan(line["received"]).fen)]
    payment = parse_yuan(line["payment"]).fen
    flows += [(add_months(day=start, months=count), -payment) for count in range(1, int(line["months"]) + 1)]
    cost = annual_cost(flows=flows)
    return {"simple": _percent(cost.simple_ppm), "effective": _percent(cost.effective_ppm)}


def _penalty(line: Line) -> Line:
    terms = replace(
        monthly_terms(),
        rate=rate(line["rate"]),
        day_count=DayCount(line["base"]),
        penalty_multiple_ppm=multiple_ppm(line["multiple"]),
    )
    due, paid_on = date.fromisoformat(line["due"]), date.fromisoformat(line["paid on"])
    overdue = Instalment(
        number=1,
        period_start=due,
        start=due,
        due=due,
        principal_fen=parse_yuan(line["overdue principal"]).fen,
        interest_fen=0,
        billed=True,
    )
    state = LoanState(stage=Stage.ACTIVE, as_of=due, instalments=(overdue,))
    return {"penalty": format_fen(quote(terms=terms, state=state, on=paid_on).due.penalty_fen)}


def _repayment(line: Line) -> Line:
    fee, penalty, interest, principal = (fen(line[name]) for name in COMPONENTS)
    *got, too_much = paid_against(
        owed_fen=(fee, penalty, interest, principal),
        amount_fen=fen(line["paid"]),
        overdue_days=int(line["overdue for"].removesuffix(" days")),
    )
    found = {f"to {name}": format_fen(part) for name, part in zip(COMPONENTS, got, strict=True)}
    return {**found, "too much": format_fen(too_much)}


def _early(line: Line) -> Line:
    """A loan whose running period is the first of two, so that only the early repayment is in play."""
    began, on = date.fromisoformat(line["period began"]), date.fromisoformat(line["on"])
    principal_fen = parse_yuan(line["principal"]).fen
    terms = replace(
        monthly_terms(principal_fen=principal_fen, months=9),
        rate=rate(line["rate"]),
        day_count=DayCount(line["base"]),
    )
    identity = identifier.fresh(milliseconds=1, slot=0, entropy=0)
    events = [Disbursed(event_id=identity, value_date=began, amount_fen=principal_fen)]
    state, _ = fold(terms=terms, events=events, as_of=on)
    paid_fen = parse_yuan(line["paid"]).fen
    payoff = quote(terms=terms, state=state, on=on).payoff_fen
    intent = Intent.PAYOFF if paid_fen == payoff else Intent.PREPAY
    after, _ = preview_repayment(terms=terms, state=state, on=on, amount_fen=paid_fen, intent=intent)
    early = after.instalments[0]
    return {
        "interest": format_fen(early.interest_fen),
        "to principal": format_fen(early.principal_fen),
        "principal left": format_fen(after.principal_outstanding_fen),
    }


def _group_day(line: Line) -> Line:
    on = date(2026, 8, 15)
    identity = identifier.fresh(milliseconds=1, slot=0, entropy=0)
    group = AccrualGroup(
        group_id=identity,
        kind="interest",
        lender_id=identity,
        currency="CNY",
        slope_micro=int(line["slope"]),
        income_carry_micro=int(line["carry before"]),
        rounding_carry_micro=0,
        accrued_to=on - timedelta(days=1),
    )
    change = AccrualDelta(on_date=on, slope_micro=0, income_micro=int(line["changed today"]), rounding_micro=0)
    day = accrue_day(group=group, deltas=[change], on=on)
    return {"fen posted": str(day.income_fen), "carry after": str(day.group.income_carry_micro)}


def _percent(ppm: int) -> str:
    return f"{format_fen(divide(ppm, 100, Rounding.HALF_UP))} %"


WORKED: dict[str, Callable[[Line], Line]] = {
    "interest": _interest,
    "part": _part,
    "rounding": _rounding,
    "allocation": _allocation,
    "day-counts": _day_counts,
    "instalments": _instalments,
    "smoothing": _smoothing,
    "yearly-cost": _yearly_cost,
    "european-time": _european_time,
    "penalty": _penalty,
    "repayment": _repayment,
    "early": _early,
    "group-day": _group_day,
    **CREDIT_TABLES,
    **ARREARS_TABLES,
    **CONVENTION_TABLES,
    **POOL_TABLES,
}
OURS = [entry for entry in _tables() if entry[1] in WORKED]


@pytest.mark.parametrize(("page", "name", "number", "line"), OURS, ids=[f"{e[0]}-{e[1]}-{e[2]}" for e in OURS])
def test_a_worked_line_says_what_the_code_does(page: str, name: str, number: int, line: Line) -> None:
    found = WORKED[name](line)
    assert {column: line[column] for column in found} == found


def test_every_worked_table_of_these_pages_is_run() -> None:
    assert {name for _, name, _, _ in OURS} == set(WORKED)
