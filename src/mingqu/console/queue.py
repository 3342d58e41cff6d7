"""Queues: orders that a channel fell silent on, orders in dispute, money that belongs to no loan; and asking again."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from mingqu.console import desk as at
from mingqu.console.desk import HOME, Asked, Desk
from mingqu.console.route import act, page
from mingqu.domain.operator import Permission
from mingqu.domain.refusal import Refusal
from mingqu.services.access.read_today import read_queues
from mingqu.services.orders.ask_again import ask_again


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of the queues."""

    def show(request: Asked, *, status: int = 200, asked: str = "", answer: str = "") -> Response[Any]:
        queues = read_queues(desk.house, seat=at.signed_in(request))
        return desk.show(request, "queues.html", status=status, queues=queues, asked=asked, answer=answer)

    @page("/queues", needs=Permission.QUEUE)
    def queues(request: Asked, asked: FromQuery[str] = "", answer: FromQuery[str] = "") -> Response[Any]:
        known = answer if answer in ("PAID", "FAILED", "UNKNOWN", "SENT") else ""
        return show(request, asked=asked[:32] if known else "", answer=known)

    @act("/orders/{order_id:str}/ask-again", needs=Permission.ASK_AGAIN)
    def ask(request: Asked, order_id: FromPath[str]) -> Response[Any]:
        identity = at.identity(order_id)
        try:
            state = ask_again(desk.house, seat=at.signed_in(request), order_id=identity)
        except Refusal as refusal:
            return show(request, status=refusal.status, asked=identity.hex, answer=refusal.code)
        return at.go(f"{HOME}/queues?asked={identity.hex}&answer={state}")

    return [queues, ask]
