"""Buy-back of a joint loan's part: what it would cost today, why not, and the proposal."""

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
from mingqu.domain.proposal import Deed
from mingqu.domain.refusal import Refusal
from mingqu.services.partners.buy_back_loan import DOCUMENT_LENGTH_MAX, DOCUMENT_LENGTH_MIN
from mingqu.services.partners.read_buy_back import look_at_buy_back
from mingqu.services.proposals.propose import propose


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of buying back."""

    def show(request: Asked, loan_id: str, *, key: str = "", refusal: Refusal | None = None) -> Response[Any]:
        seen = look_at_buy_back(desk.house, seat=at.signed_in(request), loan_id=at.identity(loan_id))
        return desk.show(
            request,
            "buy_back.html",
            status=refusal.status if refusal else 200,
            seen=seen,
            code=refusal.code if refusal else "",
            key=key or desk.form_key(),
            reason_length_max=REASON_LENGTH_MAX,
            document_length=(DOCUMENT_LENGTH_MIN, DOCUMENT_LENGTH_MAX),
        )

    @page("/loans/{loan_id:str}/buy-back", needs=Permission.LOAN)
    def buy_back(request: Asked, loan_id: FromPath[str]) -> Response[Any]:
        return show(request, loan_id)

    @act("/loans/{loan_id:str}/buy-back", needs=Permission.MOVE_MONEY)
    def propose_buy_back(request: Asked, loan_id: FromPath[str], data: URLEncodedBody[Form]) -> Response[Any]:
        key = at.field(data, "key")
        try:
            made = propose(
                desk.house,
                seat=at.signed_in(request),
                deed=Deed.BUY_BACK,
                subject_id=at.identity(loan_id),
                asked={"cause": at.field(data, "cause"), "document": at.field(data, "document")},
                reason=at.field(data, "reason"),
                key=key,
            )
        except NotFound:
            raise
        except Refusal as refusal:
            return show(request, loan_id, key=key, refusal=refusal)
        return at.go(f"{HOME}/proposals/{made.hex}")

    return [buy_back, propose_buy_back]
