"""Reviews: what borrowers asked a person for, by age; take one, answer it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, URLEncodedBody

from mingqu.console import desk as at
from mingqu.console.desk import HOME, Asked, Desk, Form
from mingqu.console.route import act, page
from mingqu.domain.decision.override import OVERRIDE_FEN_MAX, OverrideCause
from mingqu.domain.operator import REASON_LENGTH_MAX, Permission
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import Deed
from mingqu.domain.refusal import Refusal
from mingqu.domain.review import ANSWER_LENGTH_MAX, ANSWER_LENGTH_MIN
from mingqu.services.appeals.answer_review import answer_review, take_review
from mingqu.services.appeals.read_review import list_reviews, read_review
from mingqu.services.proposals.propose import propose


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of reviews."""

    def show(
        request: Asked, request_id: str, *, typed: str = "", outcome: str = "", refusal: Refusal | None = None
    ) -> Response[Any]:
        return desk.show(
            request,
            "review.html",
            status=refusal.status if refusal else 200,
            seen=read_review(desk.house, seat=at.signed_in(request), request_id=at.identity(request_id)),
            code=refusal.code if refusal else "",
            typed=typed,
            outcome=outcome,
            key=desk.form_key(),
            causes=[one.value for one in OverrideCause],
            reason_length_max=REASON_LENGTH_MAX,
            override_yuan_max=OVERRIDE_FEN_MAX // 100,  # a whole number of yuan
            least=ANSWER_LENGTH_MIN,
            most=ANSWER_LENGTH_MAX,
        )

    @page("/reviews", needs=Permission.REVIEWS)
    def reviews(request: Asked) -> Response[Any]:
        waiting, answered = list_reviews(desk.house, seat=at.signed_in(request))
        return desk.show(request, "reviews.html", waiting=waiting, answered=answered)

    @page("/reviews/{request_id:str}", needs=Permission.REVIEWS)
    def review(request: Asked, request_id: FromPath[str]) -> Response[Any]:
        return show(request, request_id)

    @act("/reviews/{request_id:str}/take", needs=Permission.ANSWER)
    def take(request: Asked, request_id: FromPath[str]) -> Response[Any]:
        identity = at.identity(request_id)
        try:
            take_review(desk.house, seat=at.signed_in(request), request_id=identity)
        except NotFound:
            raise
        except Refusal as refusal:
            return show(request, request_id, refusal=refusal)
        return at.go(f"{HOME}/reviews/{identity.hex}")

    @act("/reviews/{request_id:str}/answer", needs=Permission.ANSWER)
    def answer(request: Asked, request_id: FromPath[str], data: URLEncodedBody[Form]) -> Response[Any]:
        identity, typed, outcome = at.identity(request_id), at.field(data, "answer"), at.field(data, "outcome")
        try:
            answer_review(
                desk.house,
                seat=at.signed_in(request),
                request_id=identity,
                outcome=outcome,
                answer=Personal(typed),
            )
        except NotFound:
            raise
        except Refusal as refusal:
            return show(request, request_id, typed=typed, outcome=outcome, refusal=refusal)
        return at.go(f"{HOME}/reviews/{identity.hex}")

    return [reviews, review, take, answer, _override(desk, show)]


def _override(desk: Desk, show: Callable[..., Response[Any]]) -> HTTPRouteHandler:
    @act("/reviews/{request_id:str}/override", needs=Permission.OVERRIDE)
    def send_override(request: Asked, request_id: FromPath[str], data: URLEncodedBody[Form]) -> Response[Any]:
        seat, identity = at.signed_in(request), at.identity(request_id)
        seen = read_review(desk.house, seat=seat, request_id=identity)
        try:
            proposal_id = propose(
                desk.house,
                seat=seat,
                deed=Deed.OVERRIDE_DECISION,
                subject_id=seen.line.request.subject_id,
                asked={"cause": at.field(data, "cause"), "limit_fen": at.field(data, "limit_yuan") + "00"},
                reason=at.field(data, "reason"),
                key=at.field(data, "key"),
            )
        except NotFound:
            raise
        except Refusal as refusal:
            return show(request, request_id, refusal=refusal)
        return at.go(f"{HOME}/proposals/{proposal_id.hex}")

    return send_override
