"""The time machine of a loan: what did we know then, what do we know now, what would a late payment change."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from typing import Any, Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from mingqu.console import desk as at
from mingqu.console.desk import Asked, Desk
from mingqu.console.route import page
from mingqu.domain.operator import Permission
from mingqu.domain.refusal import Refusal
from mingqu.services.preview_payment import Preview, preview_payment
from mingqu.services.read_loan_at import LoanAt, read_loan_at

_AMOUNT: Final = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,2}))?")
VIEWS: Final = ("both", "then", "now")


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
    ) -> Response[Any]:
        identity, seat = at.identity(loan_id), at.signed_in(request)
        seen = read_loan_at(desk.house, seat=seat, loan_id=identity, on=_day(on))
        tried: Preview | None = None
        code = ""
        if amount:
            fen, day = _fen(amount), _day(paid_on) or seen.on
            code = "" if fen else "amount_malformed"
            if fen:
                try:
                    tried = preview_payment(desk.house, seat=seat, loan_id=identity, on=day, amount_fen=fen)
                except Refusal as refusal:
                    code = refusal.code
        return desk.show(
            request,
            "loan.html",
            seen=seen,
            view=view if view in VIEWS else "both",
            chart=_chart(seen),
            before=seen.on - timedelta(days=1),
            after=seen.on + timedelta(days=1),
            tried=tried,
            code=code,
            amount=amount[:12],
            paid_on=(_day(paid_on) or seen.on).isoformat(),
        )

    return [loan]


def _chart(seen: LoanAt) -> str:
    return json.dumps(
        {
            "points": [[day.isoformat(), fen / 100] for day, fen in seen.points],
            "on": seen.on.isoformat(),
            "today": seen.today.isoformat(),
            "late": [told.known.event.value_date.isoformat() for told in seen.events if told.late],
        }
    )


def _day(text: str) -> date | None:
    """Return a date of an address, or None for what is none: the page then shows today."""
    try:
        return date.fromisoformat(text) if len(text) == len("2026-08-15") else None
    except ValueError:
        return None


def _fen(text: str) -> int:
    """Return an amount typed in yuan as fen, 0 for what is none. Example: "1200.5" → 120050."""
    found = _AMOUNT.fullmatch(text.replace(",", "").strip())
    return int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0")) if found else 0
