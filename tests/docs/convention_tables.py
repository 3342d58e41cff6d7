"""The worked tables of the page of conventions, told to the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain import identifier
from mingqu.domain.course.renew import equal_parts
from mingqu.domain.loan import Disbursed, Event, LoanState, LoanTerms, Receipt, Repaid, Rescheduled, fold
from mingqu.domain.loan.terms import Recalculation, Surplus
from mingqu.domain.money import Rounding, format_fen
from mingqu.domain.rate import NO_RATE
from mingqu.domain.schedule import InterestBasis, Method
from tests.docs.table import Line, day, fen, rate
from tests.models.loan_on_course_terms import terms_daily

START: Final = date(2026, 1, 15)


def _lent(number: int, on: date, amount_fen: int) -> Disbursed:
    return Disbursed(event_id=_id(number), value_date=on, amount_fen=amount_fen, tranche=number)


def _paid(number: int, on: date, amount_fen: int, receipt: Receipt = Receipt.REPAYMENT) -> Repaid:
    return Repaid(event_id=_id(number), value_date=on, amount_fen=amount_fen, receipt=receipt)


def _id(number: int) -> UUID:
    return identifier.fresh(milliseconds=number, slot=0, entropy=number)


def _whole_plan(line: Line) -> Line:
    first, more, on = fen(line["lent first"]), fen(line["lent then"]), day(line["on"])
    terms = terms_daily(
        rate=NO_RATE,
        recalculation=Recalculation.PLAN,
        instalments=3,
        principal_fen=first + more,
        disbursements_max=2,
        down_payment_ppm=250_000,
        whole_plan_each=True,
    )
    events: list[Disbursed | Repaid] = [
        _lent(1, START, first),
        _paid(2, START, first // 4, Receipt.DOWN_PAYMENT),
        _lent(4, on, more),
    ]
    if fen(line["paid on 15 February"]):
        events.append(_paid(3, date(2026, 2, 15), fen(line["paid on 15 February"])))
    state, _ = fold(terms=terms, events=events, as_of=on)
    due = {item.due: item for item in state.instalments if not item.down_payment}
    february, march = due[date(2026, 2, 15)], due[date(2026, 3, 15)]
    return {
        "due on 15 February": format_fen(february.due_fen),
        "of it unpaid": format_fen(february.unpaid_fen),
        "due on 15 March": format_fen(march.due_fen),
    }


def _told(terms: LoanTerms, *events: Event) -> LoanState:
    return fold(terms=terms, events=events, as_of=None)[0]


def _at_once(line: Line) -> Line:
    terms = terms_daily(surplus=Surplus(line["surplus"]))
    state = _told(terms, _lent(1, START, 100_000), _paid(2, day(line["on"]), fen(line["paid"])))
    first, second, third = state.instalments[:3]
    return {
        "first instalment": format_fen(first.due_fen),
        "of it interest": format_fen(first.interest_fen),
        "second": format_fen(second.due_fen),
        "third": format_fen(third.due_fen),
    }


def _computed(line: Line) -> Line:
    principal_fen = fen(line["principal"])
    terms = terms_daily(
        principal_fen=principal_fen,
        rate=rate(line["rate"]),
        instalments=int(line["instalments"]),
        interest_basis=InterestBasis(line["basis"]),
    )
    name, _, number = line["term"].partition(" ")
    if name != "none":
        terms = replace(terms, **{name: int(number) if number else True})  # type: ignore[arg-type]  # the page's words
    first = _told(terms, _lent(1, START, principal_fen)).instalments[0]
    return {"first instalment": format_fen(first.due_fen), "of it interest": format_fen(first.interest_fen)}


def _grace(line: Line) -> Line:
    terms = terms_daily(
        principal_fen=120_000,
        method=Method(line["method"]),
        instalments=3,
        interest_basis=InterestBasis.PERIOD,
        recalculation=Recalculation.PLAN,
    )
    waits = Rescheduled(
        event_id=_id(2),
        value_date=START,
        due=date(2026, 3, 15),
        principal_grace=int(line["principal waits"]),
        interest_grace=int(line["interest waits"]),
    )
    lines = _told(terms, _lent(1, START, 120_000), waits).instalments
    due = [*(format_fen(item.due_fen) for item in lines), ""]
    interest = format_fen(sum(item.interest_fen for item in lines))
    return {**dict(zip(("first", "second", "third", "fourth"), due, strict=False)), "interest in all": interest}


def _parts(line: Line) -> Line:
    cut = equal_parts(fen(line["amount"]), int(line["in"]), Rounding.HALF_UP)
    return {"parts": " ".join(map(format_fen, cut))}


CONVENTION_TABLES: Final[dict[str, Callable[[Line], Line]]] = {
    "whole-plan": _whole_plan,
    "at-once": _at_once,
    "computed": _computed,
    "grace": _grace,
    "parts": _parts,
}
