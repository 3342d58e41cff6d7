"""Complaints and credit disputes by their last day: take longer once, escalate, answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, URLEncodedBody

from mingqu.console import desk as at
from mingqu.console.desk import HOME, Asked, Desk, Form
from mingqu.console.route import act, page
from mingqu.domain.grievance import WORDS_LENGTH_MAX, WORDS_LENGTH_MIN, GrievanceOutcome
from mingqu.domain.operator import REASON_LENGTH_MAX, Permission
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.appeals.answer_grievance import answer_grievance, escalate_grievance, extend_grievance
from mingqu.services.appeals.read_grievance import list_grievances, read_grievance


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of complaints and disputes."""

    @page("/grievances", needs=Permission.REVIEWS)
    def grievances(request: Asked) -> Response[Any]:
        waiting, answered = list_grievances(desk.house, seat=at.signed_in(request))
        return desk.show(request, "grievances.html", waiting=waiting, answered=answered)

    @page("/grievances/{grievance_id:str}", needs=Permission.REVIEWS)
    def grievance(request: Asked, grievance_id: FromPath[str]) -> Response[Any]:
        return _show(desk, request, grievance_id)

    @act("/grievances/{grievance_id:str}/{step:str}", needs=Permission.ANSWER)
    def do(
        request: Asked, grievance_id: FromPath[str], step: FromPath[str], data: URLEncodedBody[Form]
    ) -> Response[Any]:
        identity, seat = at.identity(grievance_id), at.signed_in(request)
        try:
            _STEPS.get(step, _unknown)(desk, seat, identity, data)
        except NotFound:
            raise
        except Refusal as refusal:
            return _show(desk, request, grievance_id, typed=at.field(data, "words"), refusal=refusal)
        return at.go(f"{HOME}/grievances/{identity.hex}")

    return [grievances, grievance, do]


def _show(
    desk: Desk, request: Asked, grievance_id: str, *, typed: str = "", refusal: Refusal | None = None
) -> Response[Any]:
    return desk.show(
        request,
        "grievance.html",
        status=refusal.status if refusal else 200,
        seen=read_grievance(desk.house, seat=at.signed_in(request), grievance_id=at.identity(grievance_id)),
        code=refusal.code if refusal else "",
        typed=typed,
        outcomes=[one.value for one in GrievanceOutcome],
        least=WORDS_LENGTH_MIN,
        most=WORDS_LENGTH_MAX,
        reason_length_max=REASON_LENGTH_MAX,
    )


def _extend(desk: Desk, seat: Seat, grievance_id: UUID, data: Form) -> None:
    words = Personal(at.field(data, "words"))
    extend_grievance(desk.house, seat=seat, grievance_id=grievance_id, words=words)


def _escalate(desk: Desk, seat: Seat, grievance_id: UUID, data: Form) -> None:
    escalate_grievance(desk.house, seat=seat, grievance_id=grievance_id, reason=at.field(data, "reason"))


def _answer(desk: Desk, seat: Seat, grievance_id: UUID, data: Form) -> None:
    outcome, words = at.field(data, "outcome"), Personal(at.field(data, "words"))
    answer_grievance(desk.house, seat=seat, grievance_id=grievance_id, outcome=outcome, words=words)


def _unknown(desk: Desk, seat: Seat, grievance_id: UUID, data: Form) -> None:  # noqa: ARG001 - as the others are called
    raise NotFound


_STEPS: Final[dict[str, Callable[[Desk, Seat, UUID, Form], None]]] = {
    "extend": _extend,
    "escalate": _escalate,
    "answer": _answer,
}
