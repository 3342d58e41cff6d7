"""Complaints and credit disputes: raise one, and read by when it is answered and what the answer was."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import Form
from mingqu.domain.grievance import WORDS_LENGTH_MAX, WORDS_LENGTH_MIN, GrievanceKind
from mingqu.domain.identifier import parse
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.appeals.raise_grievance import raise_grievance
from mingqu.services.appeals.read_grievance import grievances_of
from mingqu.services.repayment.read_loans import loans_of
from mingqu.services.revolving.read_spend import spend_views


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of complaints and disputes."""
    return [door.page("/grievances", show), door.step("/grievances", send)]


def show(visit: Visit) -> Response[Any]:
    """Show what was raised, and the form for more."""
    return _page(visit, key=visit.form_key(), kind=visit.query("kind"), loan=visit.query("loan"))


def send(visit: Visit, form: Form) -> Response[Any]:
    """Raise a complaint or dispute, once for a form."""
    words, kind, loan = form.passage("words", most=WORDS_LENGTH_MAX), form.optional("kind"), form.optional("loan")
    about: UUID | None = parse(loan) if loan else None
    accounts = {one.account_id for one in spend_views(visit.house, person_id=visit.person_id)}
    try:
        raise_grievance(
            visit.house,
            person_id=visit.person_id,
            kind=kind,
            words=Personal(words),
            loan_id=None if about in accounts else about,
            account_id=about if about in accounts else None,
            key=form.key,
        )
    except NotFound:
        raise
    except Refusal as refusal:
        return _page(visit, key=form.key, kind=kind, loan=loan, words=words, refusal=refusal)
    return visit.go("/grievances")


def _page(
    visit: Visit, *, key: str, kind: str, loan: str, words: str = "", refusal: Refusal | None = None
) -> Response[str]:
    known = [one.value for one in GrievanceKind]
    return visit.show(
        "grievances.html",
        status=200 if refusal is None else refusal.status,
        raised=[
            {
                "kind": one.grievance.kind.value,
                "opened_at": one.grievance.opened_at,
                "due_on": one.grievance.due_on,
                "document": one.grievance.document,
                "clock": one.clock.value,
                "outcome": "" if one.grievance.outcome is None else one.grievance.outcome.value,
                "answered_at": one.grievance.answered_at,
                "words": one.words,
                "extension": one.extension,
                "answer": one.answer,
            }
            for one in grievances_of(visit.house, person_id=visit.person_id)
        ],
        loans=[
            {"id": one.loan_id.hex, "name": visit.words.pick(one.product_zh, one.product_en), "fen": one.principal_fen}
            for one in loans_of(visit.house, person_id=visit.person_id)
        ]
        + [
            {"id": one.account_id.hex, "name": visit.words.pick(one.product_zh, one.product_en), "fen": one.limit_fen}
            for one in spend_views(visit.house, person_id=visit.person_id)
        ],
        kinds=known,
        kind=kind if kind in known else known[0],
        loan=loan,
        key=key,
        words=words,
        least=WORDS_LENGTH_MIN,
        most=WORDS_LENGTH_MAX,
        problem=None if refusal is None else visit.words.refusal(refusal),
    )
