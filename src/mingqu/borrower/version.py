"""A new version of a contract that names the payee's right account: what it changes, and agreeing to it or not."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import Form
from mingqu.domain.refusal import Refusal
from mingqu.services.changes.answer_version import agree_version, decline_version, versions_view


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of versions."""
    return [
        door.page("/loans/{loan_id:str}/version", show),
        door.step("/loans/{loan_id:str}/version", agree),
        door.step("/loans/{loan_id:str}/version/decline", decline),
    ]


def show(visit: Visit) -> Response[Any]:
    """Show what was signed and each version after it, and the form of the one that waits."""
    return _page(visit)


def agree(visit: Visit, form: Form) -> Response[Any]:
    """Agree to the version that was ticked, by the hash of its text; the payee is then paid."""
    loan_id = visit.identifier("loan_id")
    try:
        order_id = agree_version(
            visit.house,
            person_id=visit.person_id,
            loan_id=loan_id,
            version_id=form.identifier("version"),
            agreed_hash=form.optional("hash"),
            key=form.key,
        )
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return _page(visit, refusal=refusal)
    return visit.go(f"/loans/{loan_id.hex}/{'stages' if order_id is None else 'payout'}")


def decline(visit: Visit, form: Form) -> Response[Any]:
    """Decline the version that was shown: what was signed stays."""
    loan_id = visit.identifier("loan_id")
    try:
        decline_version(
            visit.house, person_id=visit.person_id, loan_id=loan_id, version_id=form.identifier("version"), key=form.key
        )
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return _page(visit, refusal=refusal)
    return visit.go(f"/loans/{loan_id.hex}/payout")


def _page(visit: Visit, *, refusal: Refusal | None = None) -> Response[Any]:
    view = versions_view(visit.house, person_id=visit.person_id, loan_id=visit.identifier("loan_id"))
    return visit.show(
        "version.html",
        status=200 if refusal is None else refusal.status,
        loan_id=view.loan_id.hex,
        contract_id=view.contract_id.hex,
        signed=view.signed,
        versions=view.versions,
        waiting=view.waiting,
        by_stages=view.by_stages,
        problem=None if refusal is None else visit.words.refusal(refusal),
        key=visit.form_key(),
        decline_key=visit.form_key(),
    )
