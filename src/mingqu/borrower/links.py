"""Linking on the phone: may two of the person's accounts share one ceiling? Every reason is told, with what helps."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import Form
from mingqu.domain.refusal import Refusal
from mingqu.services.decisions.read_limit import limit_view
from mingqu.services.limits.link_accounts import LinkView, ask_for_link, links_of
from mingqu.services.revolving.read_spend import spend_views

PURPOSES = ("consumption", "business", "property", "securities")


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of linking."""
    return [door.page("/links", show), door.step("/links", ask)]


def show(visit: Visit) -> Response[Any]:
    """Show the accounts that can be asked about, and what was decided, with the reasons."""
    return _page(visit)


def ask(visit: Visit, form: Form) -> Response[Any]:
    """Ask whether two accounts may be linked."""
    try:
        ask_for_link(
            visit.house,
            person_id=visit.person_id,
            first_id=form.identifier("first"),
            second_id=form.identifier("second"),
            purpose=form.text("purpose"),
            key=form.key,
        )
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return _page(visit, refusal=refusal)
    return visit.go("/links")


def _page(visit: Visit, *, refusal: Refusal | None = None) -> Response[Any]:
    names = {one.account_id: visit.words.pick(one.product_zh, one.product_en) for one in spend_views(
        visit.house, person_id=visit.person_id
    )}  # fmt: skip
    limit = limit_view(visit.house, person_id=visit.person_id)
    for line in limit.products if limit else ():
        names[line.facility_id] = visit.words.pick(line.product_zh, line.product_en)
    return visit.show(
        "links.html",
        status=200 if refusal is None else refusal.status,
        accounts=[{"id": account_id.hex, "name": name} for account_id, name in names.items()],
        purposes=PURPOSES,
        links=[_link(visit, one, names) for one in links_of(visit.house, person_id=visit.person_id)],
        key=visit.form_key(),
        problem=None if refusal is None else visit.words.refusal(refusal),
    )


def _link(visit: Visit, one: LinkView, names: dict[Any, str]) -> dict[str, Any]:
    return {
        "first": names.get(one.first_id, ""),
        "second": names.get(one.second_id, ""),
        "outcome": one.outcome,
        "share_ppm": one.limit_share_ppm,
        "at": one.decided_at,
        "reasons": [
            {
                "text": visit.words.pick(reason.text_zh, reason.text_en),
                "remedy": visit.words.pick(reason.remedy_zh, reason.remedy_en),
            }
            for reason in one.reasons
        ],
    }
