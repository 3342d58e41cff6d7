"""Orders at merchants' checkouts: where each stands, which loan pays it, and whether its merchant heard of it."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from mingqu.console import desk as at
from mingqu.console.desk import Asked, Desk
from mingqu.console.route import page
from mingqu.domain.operator import Permission
from mingqu.services.checkout.read_checkouts import checkout_case, checkouts_view


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of orders at checkouts."""

    @page("/checkouts", needs=Permission.QUEUE)
    def checkouts(request: Asked) -> Response[Any]:
        return desk.show(request, "checkouts.html", orders=checkouts_view(desk.house, seat=at.signed_in(request)))

    @page("/checkouts/{checkout_id:str}", needs=Permission.QUEUE)
    def one(request: Asked, checkout_id: FromPath[str]) -> Response[Any]:
        case = checkout_case(desk.house, seat=at.signed_in(request), checkout_id=at.identity(checkout_id))
        return desk.show(request, "checkout.html", case=case)

    return [checkouts, one]
