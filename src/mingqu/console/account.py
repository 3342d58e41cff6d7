"""One's own account, the access log, and the list of operators for who may see it."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, URLEncodedBody

from mingqu.console import desk as at
from mingqu.console.desk import Asked, Desk, Form
from mingqu.console.route import act, page
from mingqu.domain.operator import PASSWORD_LENGTH_MIN, Permission
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.access.keep_operator import operators, role_name
from mingqu.services.access.note_access import accesses
from mingqu.services.access.sign_in_operator import change_password

WHATS = (
    "customer", "loan", "decision", "unmask", "proof", "ask_again", "order", "proposal", "propose", "approve",
    "decline", "review", "answer", "note", "freeze",
)  # fmt: skip


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of account and access log."""

    def show(request: Asked, *, status: int = 200, code: str = "", done: bool = False) -> Response[Any]:
        return desk.show(request, "account.html", status=status, code=code, done=done, length_min=PASSWORD_LENGTH_MIN)

    @page("/account", needs=Permission.OWN_ACCOUNT)
    def account(request: Asked) -> Response[Any]:
        return show(request)

    @act("/account/password", needs=Permission.OWN_ACCOUNT)
    def change(request: Asked, data: URLEncodedBody[Form]) -> Response[Any]:
        try:
            change_password(
                desk.house,
                seat=at.signed_in(request),
                old=Personal(at.field(data, "old")),
                new=Personal(at.field(data, "new")),
                address=at.address_of(request),
            )
        except Refusal as refusal:
            return show(request, status=refusal.status, code=refusal.code)
        return show(request, done=True)

    @page("/access", needs=Permission.ACCESS_LOG)
    def access_log(request: Asked, what: FromQuery[str] = "", person: FromQuery[str] = "") -> Response[Any]:
        person_id = at.identity(person) if person else None
        rows = accesses(desk.house, person_id=person_id, only=[what] if what in WHATS else [])
        people = [(one, role_name(desk.house, of=one)) for one in operators(desk.house)]
        return desk.show(request, "access.html", rows=rows, what=what, whats=WHATS, person=person, operators=people)

    return [account, change, access_log]
