"""On the page of a revolving account: have what is one's own on it paid to one's card."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import Form
from mingqu.borrower.spend import account_page
from mingqu.domain.refusal import Refusal
from mingqu.services.revolving.return_credit import return_credit


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handler of the wish."""
    return [door.step("/spend/{account_id:str}/credit", give_back)]


def give_back(visit: Visit, form: Form) -> Response[Any]:
    """Order the return to the card that was chosen; the same form again orders nothing more."""
    account_id = visit.identifier("account_id")
    try:
        return_credit(
            visit.house,
            person_id=visit.person_id,
            account_id=account_id,
            instrument_id=form.identifier("card"),
            amount_fen=form.fen("amount"),
            key=form.key,
        )
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return account_page(visit, refusal=refusal)
    return visit.go(f"/spend/{account_id.hex}")
