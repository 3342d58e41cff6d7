"""The customer: who is this, what is owed, what may they do, may I call now."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, URLEncodedBody

from mingqu.console import desk as at
from mingqu.console.desk import HOME, Asked, Desk, Form
from mingqu.console.route import act, page
from mingqu.domain.operator import REASON_LENGTH_MAX, UNMASKED_FOR, Permission, ReasonMissing
from mingqu.services.note_access import unmask
from mingqu.services.read_customer import read_customer, survivor_of


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of the customer page."""

    def show(request: Asked, person_id: str, *, status: int = 200, code: str = "") -> Response[Any]:
        asked = at.identity(person_id)
        living = survivor_of(desk.house, person_id=asked)
        if living != asked:
            return at.go(f"{HOME}/customers/{living.hex}")
        seen = read_customer(desk.house, seat=at.signed_in(request), person_id=asked)
        return desk.show(
            request,
            "customer.html",
            status=status,
            seen=seen,
            code=code,
            minutes=int(UNMASKED_FOR.total_seconds()) // 60,
            reason_length_max=REASON_LENGTH_MAX,
        )

    @page("/customers/{person_id:str}", needs=Permission.CUSTOMER)
    def customer(request: Asked, person_id: FromPath[str]) -> Response[Any]:
        return show(request, person_id)

    @act("/customers/{person_id:str}/unmask", needs=Permission.UNMASK)
    def show_unmasked(request: Asked, person_id: FromPath[str], data: URLEncodedBody[Form]) -> Response[Any]:
        identity, back = at.identity(person_id), at.field(data, "back")
        try:
            unmask(desk.house, seat=at.signed_in(request), person_id=identity, reason=at.field(data, "reason"))
        except ReasonMissing as refusal:
            return show(request, person_id, status=refusal.status, code=refusal.code)
        decision = back.removeprefix("decision:") if back.startswith("decision:") else ""
        place = f"decisions/{at.identity(decision).hex}" if decision else f"customers/{identity.hex}"
        return at.go(f"{HOME}/{place}")

    return [customer, show_unmasked]
