"""The right account of the payee of a loan by stages, named by its borrower after a stage came back."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import Form
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.changes.name_account import name_account
from mingqu.services.changes.read_stages import stages_view


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of accounts named anew."""
    return [
        door.page("/loans/{loan_id:str}/payee-account", show),
        door.step("/loans/{loan_id:str}/payee-account", name),
    ]


def show(visit: Visit) -> Response[Any]:
    """Show the account in force, and the form of another one."""
    return _page(visit)


def name(visit: Visit, form: Form) -> Response[Any]:
    """Keep the account that was filled in; two people look at it."""
    loan_id = visit.identifier("loan_id")
    try:
        name_account(
            visit.house,
            person_id=visit.person_id,
            loan_id=loan_id,
            account=Personal(form.text("account")),
            bank=form.text("bank"),
            key=form.key,
        )
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return _page(visit, refusal=refusal)
    return visit.go(f"/loans/{loan_id.hex}/stages")


def _page(visit: Visit, *, refusal: Refusal | None = None) -> Response[Any]:
    view = stages_view(visit.house, person_id=visit.person_id, loan_id=visit.identifier("loan_id"))
    return visit.show(
        "payee_account.html",
        status=200 if refusal is None else refusal.status,
        loan_id=view.loan_id.hex,
        came_back=view.came_back,
        payee={
            "name": "" if view.payee_name is None else view.payee_name.reveal(),
            "bank": view.payee_bank,
            "tail": view.payee_tail,
        },
        problem=None if refusal is None else visit.words.refusal(refusal),
        key=visit.form_key(),
    )
