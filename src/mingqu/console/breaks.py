"""Reconciliation: breaks that are left with their age, the latest bills, and a proposal of what becomes of a break."""

from __future__ import annotations

from functools import partial
from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, URLEncodedBody

from mingqu.console import desk as at
from mingqu.console.desk import Asked, Desk, Form
from mingqu.console.route import act, page
from mingqu.domain.operator import REASON_LENGTH_MAX, Permission
from mingqu.domain.proposal import Deed
from mingqu.domain.refusal import Refusal
from mingqu.services.reconciliation.work_break import CAUSES, TO, list_breaks, read_break


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of breaks."""

    def show(request: Asked, break_id: str, *, key: str = "", refusal: Refusal | None = None) -> Response[Any]:
        return desk.show(
            request,
            "break.html",
            status=refusal.status if refusal else 200,
            seen=read_break(desk.house, seat=at.signed_in(request), break_id=at.identity(break_id)),
            causes=[each.value for each in CAUSES],
            ends=[each.value for each in TO],
            code=refusal.code if refusal else "",
            key=key or desk.form_key(),
            reason_length_max=REASON_LENGTH_MAX,
        )

    @page("/breaks", needs=Permission.QUEUE)
    def breaks(request: Asked) -> Response[Any]:
        return desk.show(request, "breaks.html", seen=list_breaks(desk.house, seat=at.signed_in(request)))

    @page("/breaks/{break_id:str}", needs=Permission.QUEUE)
    def one_break(request: Asked, break_id: FromPath[str]) -> Response[Any]:
        return show(request, break_id)

    @act("/breaks/{break_id:str}/work", needs=Permission.MOVE_MONEY)
    def work(request: Asked, break_id: FromPath[str], data: URLEncodedBody[Form]) -> Response[Any]:
        return desk.propose(
            request,
            data,
            deed=Deed.WORK_BREAK,
            subject_id=at.identity(break_id),
            asked={"to": at.field(data, "to"), "cause": at.field(data, "cause")},
            again=partial(show, request, break_id),
        )

    return [breaks, one_break, work]
