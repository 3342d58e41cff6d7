"""Cards with a purpose: what the monitor found, with its age, and a proposal that a frozen card goes on."""

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
from mingqu.services.changes.watch_card import open_alerts


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of cards."""

    def show(request: Asked, *, key: str = "", refusal: Refusal | None = None) -> Response[Any]:
        return desk.show(
            request,
            "cards.html",
            status=refusal.status if refusal else 200,
            alerts=open_alerts(desk.house, seat=at.signed_in(request)),
            code=refusal.code if refusal else "",
            key=key or desk.form_key(),
            reason_length_max=REASON_LENGTH_MAX,
        )

    @page("/cards", needs=Permission.DECISION)
    def cards(request: Asked) -> Response[Any]:
        return show(request)

    @act("/cards/{card_id:str}/thaw", needs=Permission.FREEZE)
    def thaw(request: Asked, card_id: FromPath[str], data: URLEncodedBody[Form]) -> Response[Any]:
        return desk.propose(
            request,
            data,
            deed=Deed.THAW_CARD,
            subject_id=at.identity(card_id),
            asked={},
            again=partial(show, request),
        )

    return [cards, thaw]
