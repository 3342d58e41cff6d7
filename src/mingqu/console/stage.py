"""Stages of a loan: what was paid to whom on which papers, and the proposal that releases the next one."""

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
from mingqu.services.changes.look_at_stages import look_at_stages, stages_ready


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of stages."""

    def show(request: Asked, loan_id: str, *, key: str = "", refusal: Refusal | None = None) -> Response[Any]:
        seen = look_at_stages(desk.house, seat=at.signed_in(request), loan_id=at.identity(loan_id))
        return desk.show(
            request,
            "stages.html",
            status=refusal.status if refusal else 200,
            seen=seen,
            code=refusal.code if refusal else "",
            key=key or desk.form_key(),
            reason_length_max=REASON_LENGTH_MAX,
        )

    @page("/stages", needs=Permission.LOAN)
    def ready(request: Asked) -> Response[Any]:
        return desk.show(request, "stages_ready.html", stages=stages_ready(desk.house, seat=at.signed_in(request)))

    @page("/loans/{loan_id:str}/stages", needs=Permission.LOAN)
    def stages(request: Asked, loan_id: FromPath[str]) -> Response[Any]:
        return show(request, loan_id)

    @act("/loans/{loan_id:str}/stages", needs=Permission.MOVE_MONEY)
    def release(request: Asked, loan_id: FromPath[str], data: URLEncodedBody[Form]) -> Response[Any]:
        return desk.propose(
            request,
            data,
            deed=Deed.RELEASE_STAGE,
            subject_id=at.identity(loan_id),
            asked={"stage": at.field(data, "stage")},
            again=partial(show, request, loan_id),
        )

    return [ready, stages, release]
