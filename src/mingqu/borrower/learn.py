"""Understand it first: why an outcome, what a cost means in one's own numbers, how credit comes back."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.door import Door, Visit
from mingqu.borrower.drawing import share
from mingqu.domain.identifier import parse
from mingqu.services.contracts.explain_cost import LATE_DAYS, CostExplained, explain_cost


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of what there is to understand."""
    return [
        door.page("/learn", show, is_open=True),
        door.page("/learn/cost", show_cost),
    ]


def show(visit: Visit) -> Response[Any]:
    """Show what to know before, while and after borrowing, and where to read it in one's own numbers."""
    return visit.show("learn.html")


def show_cost(visit: Visit) -> Response[Any]:
    """Show what a cost means, with the offer or the loan that the address names."""
    named = {name: visit.query(name) for name in ("offer", "loan")}
    found = explain_cost(
        visit.house,
        person_id=visit.person_id,
        offer_id=parse(named["offer"]) if named["offer"] else None,
        loan_id=parse(named["loan"]) if named["loan"] else None,
    )
    return visit.show("learn_cost.html", cost=None if found is None else _values(visit, found), late_days=LATE_DAYS)


def _values(visit: Visit, found: CostExplained) -> dict[str, Any]:
    means, terms, payments = found.meaning, found.offered.offer.terms, found.offered.payments
    return {
        "own": found.own,
        "lender": visit.words.pick(found.offered.lender_name_zh, found.offered.lender_name_en),
        "method": terms.method.value,
        "instalments": len(payments),
        "received_fen": means.received_fen,
        "paid_back_fen": means.paid_back_fen,
        "cost_fen": means.cost_fen,
        "cost_permille": share(means.cost_fen, means.paid_back_fen),
        "average_fen": means.average_fen,
        "each_hundred_fen": means.each_hundred_fen,
        "simple_ppm": means.annual.simple_ppm,
        "effective_ppm": means.annual.effective_ppm,
        "rows": payments if len(payments) == 1 else (payments[0], payments[-1]),
        "late_fen": found.late.cost_fen,
    }
