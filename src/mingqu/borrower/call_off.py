"""Calling a loan off whose payout came back: what it ends, shown first, and the step that ends it."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import Form
from mingqu.domain.refusal import Refusal
from mingqu.services.changes.call_off_loan import CallOffView, call_off, call_off_view


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of calling off."""
    return [
        door.page("/loans/{loan_id:str}/call-off", show),
        door.step("/loans/{loan_id:str}/call-off", end),
    ]


def show(visit: Visit) -> Response[Any]:
    """Show what would end; a loan that cannot be called off, or was already, shows where its money is."""
    loan_id = visit.identifier("loan_id")
    try:
        view = call_off_view(visit.house, person_id=visit.person_id, loan_id=loan_id)
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return visit.go(f"/loans/{loan_id.hex}/payout")
    return _page(visit, view)


def end(visit: Visit, form: Form) -> Response[Any]:
    """Call the loan off; a form sent twice calls it off once."""
    loan_id = visit.identifier("loan_id")
    try:
        call_off(visit.house, person_id=visit.person_id, loan_id=loan_id, key=form.key)
    except Refusal as refusal:
        if refusal.status == 404:
            raise
    return visit.go(f"/loans/{loan_id.hex}/payout")  # which says how the loan stands, also where it was refused


def _page(visit: Visit, view: CallOffView) -> Response[Any]:
    return visit.show(
        "call_off.html",
        loan_id=view.loan_id.hex,
        contract_id=view.contract_id.hex,
        amount_fen=view.amount_fen,
        owed_fen=view.owed_fen,
        closes_on=view.closes_on,
        to_payee=view.to_payee,
        version_waits=view.version_waits,
        key=visit.form_key(),
    )
