"""Money that no machine could place: a parked receipt goes to one of its person's loans, or one came by no channel."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, URLEncodedBody

from mingqu.console import desk as at
from mingqu.console.desk import HOME, Asked, Desk, Form
from mingqu.console.loan import Wish, read_day, read_fen, read_intent, show_loan
from mingqu.console.route import act, page
from mingqu.domain.operator import REASON_LENGTH_MAX, Permission
from mingqu.domain.ownership import NotFound
from mingqu.domain.proposal import Deed
from mingqu.domain.refusal import Refusal
from mingqu.services.proposals.propose import propose
from mingqu.services.proposals.read_proposals import read_parked


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of parked receipts."""

    def show(
        request: Asked,
        order_id: str,
        *,
        loan_id: UUID | None,
        intent: str,
        key: str = "",
        refusal: Refusal | None = None,
    ) -> Response[Any]:
        identity = at.identity(order_id)
        meant = read_intent(intent)
        seen = read_parked(desk.house, seat=at.signed_in(request), order_id=identity, loan_id=loan_id, intent=meant)
        return desk.show(
            request,
            "receipt.html",
            status=refusal.status if refusal else 200,
            seen=seen,
            intent=meant.value,
            code=refusal.code if refusal else "",
            key=key or desk.form_key(),
            reason_length_max=REASON_LENGTH_MAX,
        )

    @page("/receipts/{order_id:str}", needs=Permission.QUEUE)
    def receipt(
        request: Asked, order_id: FromPath[str], loan: FromQuery[str] = "", intent: FromQuery[str] = ""
    ) -> Response[Any]:
        return show(request, order_id, loan_id=at.identity(loan) if loan else None, intent=intent)

    @act("/receipts/{order_id:str}/assign", needs=Permission.MOVE_MONEY)
    def assign(request: Asked, order_id: FromPath[str], data: URLEncodedBody[Form]) -> Response[Any]:
        identity, loan_id = at.identity(order_id), at.identity(at.field(data, "loan"))
        return desk.propose(
            request,
            data,
            deed=Deed.ASSIGN_RECEIPT,
            subject_id=identity,
            asked={"loan_id": loan_id.hex, "intent": at.field(data, "intent")},
            again=partial(show, request, order_id, loan_id=loan_id, intent=at.field(data, "intent")),
        )

    return [receipt, assign, *_others(desk)]


def _others(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the route of money that came by no channel; its form stands on the page of the loan."""

    @act("/loans/{loan_id:str}/receipts", needs=Permission.MOVE_MONEY)
    def book(request: Asked, loan_id: FromPath[str], data: URLEncodedBody[Form]) -> Response[Any]:
        identity, key = at.identity(loan_id), at.field(data, "key")
        amount, day, source = (at.field(data, name) for name in ("amount", "paid_on", "source"))
        try:
            made = propose(
                desk.house,
                seat=at.signed_in(request),
                deed=Deed.BOOK_RECEIPT,
                subject_id=identity,
                asked={
                    "amount_fen": read_fen(amount),
                    "value_date": (read_day(day) or date.max).isoformat(),
                    "intent": at.field(data, "intent"),
                    "source": source,
                },
                reason=at.field(data, "reason"),
                key=key,
            )
        except NotFound:
            raise
        except Refusal as refusal:
            return show_loan(
                desk,
                request,
                identity,
                Wish(amount=amount, paid_on=day, source=source, intent=at.field(data, "intent")),
                refusal,
            )
        return at.go(f"{HOME}/proposals/{made.hex}")

    return [book]
