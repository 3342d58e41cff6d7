"""The payee of a loan whose money came back: what was signed, the versions since, and a proposal that corrects it."""

from __future__ import annotations

from functools import partial
from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, URLEncodedBody

from mingqu.console import desk as at
from mingqu.console.desk import HOME, Asked, Desk, Form
from mingqu.console.route import act, page
from mingqu.domain.operator import REASON_LENGTH_MAX, Permission
from mingqu.domain.ownership import NotFound
from mingqu.domain.proposal import Deed
from mingqu.domain.refusal import Refusal
from mingqu.services.changes.answer_version import look_at_payee, withdraw_version


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of payees."""

    def show(request: Asked, loan_id: str, *, key: str = "", refusal: Refusal | None = None) -> Response[Any]:
        seen = look_at_payee(desk.house, seat=at.signed_in(request), loan_id=at.identity(loan_id))
        return desk.show(
            request,
            "payee.html",
            status=refusal.status if refusal else 200,
            seen=seen,
            code=refusal.code if refusal else "",
            key=key or desk.form_key(),
            reason_length_max=REASON_LENGTH_MAX,
        )

    @page("/loans/{loan_id:str}/payee", needs=Permission.LOAN)
    def payee(request: Asked, loan_id: FromPath[str]) -> Response[Any]:
        return show(request, loan_id)

    @act("/loans/{loan_id:str}/payee", needs=Permission.MOVE_MONEY)
    def correct(request: Asked, loan_id: FromPath[str], data: URLEncodedBody[Form]) -> Response[Any]:
        return desk.propose(
            request,
            data,
            deed=Deed.CORRECT_PAYEE,
            subject_id=at.identity(loan_id),
            asked={},
            again=partial(show, request, loan_id),
        )

    @act("/loans/{loan_id:str}/payee/{version_id:str}/withdraw", needs=Permission.MOVE_MONEY)
    def withdraw(
        request: Asked, loan_id: FromPath[str], version_id: FromPath[str], data: URLEncodedBody[Form]
    ) -> Response[Any]:
        try:
            withdraw_version(
                desk.house,
                seat=at.signed_in(request),
                loan_id=at.identity(loan_id),
                version_id=at.identity(version_id),
                reason=at.field(data, "reason"),
            )
        except NotFound:
            raise
        except Refusal as refusal:
            return show(request, loan_id, refusal=refusal)
        return at.go(f"{HOME}/loans/{at.identity(loan_id).hex}/payee")

    return [payee, correct, withdraw]
