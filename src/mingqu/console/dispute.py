"""An order in dispute: everything the channel said of it, and a proposal of which word holds."""

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
from mingqu.services.changes.decide_order import read_dispute


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of disputes."""

    def show(request: Asked, order_id: str, *, key: str = "", refusal: Refusal | None = None) -> Response[Any]:
        return desk.show(
            request,
            "dispute.html",
            status=refusal.status if refusal else 200,
            seen=read_dispute(desk.house, seat=at.signed_in(request), order_id=at.identity(order_id)),
            code=refusal.code if refusal else "",
            key=key or desk.form_key(),
            reason_length_max=REASON_LENGTH_MAX,
        )

    @page("/disputes/{order_id:str}", needs=Permission.QUEUE)
    def dispute(request: Asked, order_id: FromPath[str]) -> Response[Any]:
        return show(request, order_id)

    @act("/disputes/{order_id:str}/decide", needs=Permission.MOVE_MONEY)
    def decide(request: Asked, order_id: FromPath[str], data: URLEncodedBody[Form]) -> Response[Any]:
        return desk.propose(
            request,
            data,
            deed=Deed.DECIDE_ORDER,
            subject_id=at.identity(order_id),
            asked={"verdict": at.field(data, "verdict")},
            again=partial(show, request, order_id),
        )

    return [dispute, decide]
