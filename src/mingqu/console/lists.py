"""Search and the three lists it leads from: customers, loans, decisions."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import URLEncodedBody

from mingqu.console import desk as at
from mingqu.console.desk import HOME, Asked, Desk, Form
from mingqu.console.route import act, page
from mingqu.domain.operator import Permission
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.services.customers.find_customer import Found, find_anything, list_decisions, list_loans, list_people
from mingqu.services.evidence.read_evidence import leaf_of

_SHOWN_BY: Final = {"loan": Permission.LOAN, "decision": Permission.DECISION, "leaf": Permission.EVIDENCE}


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of search and lists."""

    @act("/search", needs=Permission.FIND)
    def search(request: Asked, data: URLEncodedBody[Form]) -> Response[Any]:
        seat = at.signed_in(request)
        try:
            found = find_anything(desk.house, seat=seat, typed=Personal(at.field(data, "q")))
        except NotFound:
            return desk.show(request, "not_found.html", status=404)
        kind = _kind(found)
        if kind in _SHOWN_BY and not seat.operator.may(_SHOWN_BY[kind]):
            kind = "person"
        if kind == "leaf":
            cell, sequence = leaf_of(desk.house, seat=seat, subject_id=found.subject_id)
            return at.go(f"{HOME}/evidence?leaf={cell}/{sequence}")
        target = {"loan": f"loans/{(found.loan_id or found.subject_id).hex}",
                  "decision": f"decisions/{found.subject_id.hex}",
                  "person": f"customers/{found.person_id.hex}"}[kind]  # fmt: skip
        return at.go(f"{HOME}/{target}")

    @page("/customers", needs=Permission.CUSTOMER)
    def customers(request: Asked) -> Response[Any]:
        return desk.show(request, "customers.html", rows=list_people(desk.house, seat=at.signed_in(request)))

    @page("/loans", needs=Permission.LOAN)
    def loans(request: Asked) -> Response[Any]:
        return desk.show(request, "loans.html", rows=list_loans(desk.house, seat=at.signed_in(request)))

    @page("/decisions", needs=Permission.DECISION)
    def decisions(request: Asked) -> Response[Any]:
        return desk.show(request, "decisions.html", rows=list_decisions(desk.house, seat=at.signed_in(request)))

    return [search, customers, loans, decisions]


def _kind(found: Found) -> str:
    """Return the screen that shows what was found."""
    if found.kind in ("order", "contract", "loan"):
        return "loan" if found.loan_id else "person"
    return found.kind if found.kind in ("decision", "leaf") else "person"
