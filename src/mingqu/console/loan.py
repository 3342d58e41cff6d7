"""The time machine of a loan: what did we know then, what do we know now, what would a late payment change."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from mingqu.console import desk as at
from mingqu.console.desk import Asked, Desk
from mingqu.console.route import page
from mingqu.domain.loan import Intent
from mingqu.domain.operator import REASON_LENGTH_MAX, Permission
from mingqu.domain.refusal import Refusal
from mingqu.services.changes.place_receipt import INTENTS
from mingqu.services.loans.preview_payment import Preview, preview_payment
from mingqu.services.loans.read_loan_at import LoanAt, read_loan_at

_AMOUNT: Final = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,2}))?")
VIEWS: Final = ("both", "then", "now")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a visitor of the page asks for, as typed: the day and view, and a payment to try or to propose."""

    on: str = ""
    view: str = "both"
    amount: str = ""
    paid_on: str = ""
    source: str = ""
    intent: str = ""


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of the loan page."""

    @page("/loans/{loan_id:str}", needs=Permission.LOAN)
    def loan(
        request: Asked,
        loan_id: FromPath[str],
        on: FromQuery[str] = "",
        view: FromQuery[str] = "both",
        amount: FromQuery[str] = "",
        paid_on: FromQuery[str] = "",
        intent: FromQuery[str] = "",
    ) -> Response[Any]:
        wish = Wish(on=on, view=view, amount=amount, paid_on=paid_on, intent=intent)
        return show_loan(desk, request, at.identity(loan_id), wish)

    return [loan]


def show_loan(desk: Desk, request: Asked, loan_id: UUID, wish: Wish, refusal: Refusal | None = None) -> Response[Any]:
    """Return the page of a loan; a payment that was typed in is tried, and a refusal said."""
    seat = at.signed_in(request)
    seen = read_loan_at(desk.house, seat=seat, loan_id=loan_id, on=read_day(wish.on))
    tried: Preview | None = None
    code = refusal.code if refusal else ""
    paid_on = read_day(wish.paid_on) or seen.on
    if wish.amount:
        fen = read_fen(wish.amount)
        code = code if fen or code else "amount_malformed"
        if fen:
            try:
                tried = preview_payment(
                    desk.house, seat=seat, loan_id=loan_id, on=paid_on, amount_fen=fen, intent=read_intent(wish.intent)
                )
            except Refusal as impossible:
                code = code or impossible.code
    return desk.show(
        request,
        "loan.html",
        status=refusal.status if refusal else 200,
        seen=seen,
        view=wish.view if wish.view in VIEWS else "both",
        chart=_chart(seen),
        before=seen.on - timedelta(days=1),
        after=seen.on + timedelta(days=1),
        tried=tried,
        code=code,
        amount=wish.amount[:12],
        paid_on=paid_on.isoformat(),
        source=wish.source[:60],
        intent=read_intent(wish.intent).value,
        key=desk.form_key(),
        reason_length_max=REASON_LENGTH_MAX,
    )


def read_intent(text: str) -> Intent:
    """Return what money is for as a form says it; what it does not say is what is due."""
    return next((one for one in INTENTS if one.value == text), Intent.DUE)


def _chart(seen: LoanAt) -> str:
    return json.dumps(
        {
            "points": [[day.isoformat(), fen / 100] for day, fen in seen.points],
            "on": seen.on.isoformat(),
            "today": seen.today.isoformat(),
            "late": [told.known.event.value_date.isoformat() for told in seen.events if told.late],
        }
    )


def read_day(text: str) -> date | None:
    """Return a date of an address, or None for what is none: the page then shows today."""
    try:
        return date.fromisoformat(text) if len(text) == len("2026-08-15") else None
    except ValueError:
        return None


def read_fen(text: str) -> int:
    """Return an amount typed in yuan as fen, 0 for what is none. Example: "1200.5" → 120050."""
    found = _AMOUNT.fullmatch(text.replace(",", "").strip())
    return int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0")) if found else 0
