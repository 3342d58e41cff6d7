"""The trace of a decision: why this answer, what would change it, and does it come out again."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from mingqu.console import desk as at
from mingqu.console.desk import Asked, Desk
from mingqu.console.route import act, page
from mingqu.domain.operator import UNMASKED_FOR, Permission
from mingqu.services.decisions.read_decision import read_decision


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of the decision page."""

    def show(request: Asked, decision_id: str, *, replayed: bool) -> Response[Any]:
        seen = read_decision(desk.house, seat=at.signed_in(request), decision_id=at.identity(decision_id))
        minutes = int(UNMASKED_FOR.total_seconds()) // 60
        return desk.show(request, "decision.html", seen=seen, replayed=replayed, minutes=minutes)

    @page("/decisions/{decision_id:str}", needs=Permission.DECISION)
    def decision(request: Asked, decision_id: FromPath[str]) -> Response[Any]:
        return show(request, decision_id, replayed=False)

    @act("/decisions/{decision_id:str}/replay", needs=Permission.DECISION)
    def replay(request: Asked, decision_id: FromPath[str]) -> Response[Any]:
        return show(request, decision_id, replayed=True)

    return [decision, replay]
