"""Four eyes: what waits for a second person, what it would change, and carrying it out or declining it."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, URLEncodedBody

from mingqu.console import desk as at
from mingqu.console.desk import HOME, Asked, Desk, Form
from mingqu.console.route import act, page
from mingqu.domain.operator import REASON_LENGTH_MAX, Permission
from mingqu.domain.ownership import NotFound
from mingqu.domain.refusal import Refusal
from mingqu.services.proposals.propose import approve, decline
from mingqu.services.proposals.read_proposals import list_proposals, read_proposal


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of proposals."""

    def show(request: Asked, proposal_id: str, *, refusal: Refusal | None = None) -> Response[Any]:
        seen = read_proposal(desk.house, seat=at.signed_in(request), proposal_id=at.identity(proposal_id))
        return desk.show(
            request,
            "proposal.html",
            status=refusal.status if refusal else 200,
            seen=seen,
            code=refusal.code if refusal else "",
            reason_length_max=REASON_LENGTH_MAX,
        )

    @page("/proposals", needs=Permission.PROPOSALS)
    def proposals(request: Asked) -> Response[Any]:
        waiting, ended = list_proposals(desk.house, seat=at.signed_in(request))
        return desk.show(request, "proposals.html", waiting=waiting, ended=ended)

    @page("/proposals/{proposal_id:str}", needs=Permission.PROPOSALS)
    def proposal(request: Asked, proposal_id: FromPath[str]) -> Response[Any]:
        return show(request, proposal_id)

    @act("/proposals/{proposal_id:str}/approve", needs=Permission.CHECK)
    def send_approval(request: Asked, proposal_id: FromPath[str]) -> Response[Any]:
        identity = at.identity(proposal_id)
        try:
            approve(desk.house, seat=at.signed_in(request), proposal_id=identity)
        except NotFound:
            raise
        except Refusal as refusal:
            return show(request, proposal_id, refusal=refusal)
        return at.go(f"{HOME}/proposals/{identity.hex}")

    @act("/proposals/{proposal_id:str}/decline", needs=Permission.CHECK)
    def send_refusal(request: Asked, proposal_id: FromPath[str], data: URLEncodedBody[Form]) -> Response[Any]:
        identity = at.identity(proposal_id)
        try:
            decline(desk.house, seat=at.signed_in(request), proposal_id=identity, reason=at.field(data, "reason"))
        except NotFound:
            raise
        except Refusal as refusal:
            return show(request, proposal_id, refusal=refusal)
        return at.go(f"{HOME}/proposals/{identity.hex}")

    return [proposals, proposal, send_approval, send_refusal]
