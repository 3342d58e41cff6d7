"""The first page, the person's own page, and what the site is."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.consents import recipient_of, standing_id
from mingqu.borrower.door import Door, Visit
from mingqu.borrower.drawing import share
from mingqu.borrower.stopped import stopped
from mingqu.borrower.wallet import deducting, may_bind_wallet
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.instrument import InstrumentKind
from mingqu.domain.loan import Stage
from mingqu.domain.refusal import Refusal
from mingqu.services.decisions.read_limit import LimitView, decision_view, limit_view
from mingqu.services.people.read_person import cards_of, is_verified, person_view
from mingqu.services.purpose.read_card import has_cards
from mingqu.services.repayment.read_loans import LoanView, loans_of


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of the pages that belong to no step."""
    return [
        door.page("/", show, is_open=True),
        door.page("/me", show_me),
        door.page("/about", show_about, is_open=True),
    ]


def show(visit: Visit) -> Response[Any]:
    """Show where the person stands; to a visitor, what this is."""
    if not visit.is_signed_in:
        return visit.show("welcome.html", lenders=_lenders(visit))
    limit = limit_view(visit.house, person_id=visit.person_id)
    loans = loans_of(visit.house, person_id=visit.person_id)
    cards = cards_of(visit.house, person_id=visit.person_id)
    owed = [one for one in loans if one.next_due is not None and one.stage is not Stage.PLANNED]
    late = [one for one in owed if one.overdue_days]
    next_one = min(owed, key=lambda one: (one.next_due, one.loan_id), default=None)
    return visit.show(
        "home.html",
        verified=limit is not None or is_verified(visit.house, person_id=visit.person_id),
        limit=_limit(limit),
        stopped=None if limit is None else stopped(visit),
        rates=_rates(limit),
        decided=None if limit is not None else _decided(visit),
        late=None if not late else _due(visit, late[0]),
        coming=None if next_one is None or late else _due(visit, next_one),
        waiting=[one.loan_id.hex for one in loans if one.payout is not None and one.payout.open],
        purpose_cards=has_cards(visit.house, person_id=visit.person_id),
        settled=[one.loan_id.hex for one in loans if one.stage is Stage.SETTLED],
        card=next(({"tail": one.tail} for one in cards if one.agreement_id is not None), None),
        wallet=next_one is not None and deducting(visit, from_card=any(one.agreement_id for one in cards)),
    )


def show_me(visit: Visit) -> Response[Any]:
    """Show what is known of the person, masked, their cards and agreements."""
    person = person_view(visit.house, person_id=visit.person_id)
    operator = recipient_of(visit.house, purpose=ConsentPurpose.AUTO_REPAYMENT)
    return visit.show(
        "me.html",
        verified=person.verified,
        name=person.name,
        id_number=person.id_number,
        phone=person.phone,
        cards=[
            {
                "bank": visit.words.pick(one.bank_zh, one.bank_en),
                "tail": one.tail,
                "verified": one.verified,
                "deducts": one.agreement_id is not None,
                "wallet": one.kind == InstrumentKind.WALLET.value,
            }
            for one in person.cards
        ],
        wallet=deducting(visit, from_card=any(one.agreement_id for one in person.cards)),
        bind_wallet=may_bind_wallet(visit, person.cards),
        deduction_consent=standing_id(
            visit, purpose=ConsentPurpose.AUTO_REPAYMENT, recipient=operator, any_version=True
        ),
    )


def show_about(visit: Visit) -> Response[Any]:
    """Say who lends, what it costs, what happens to data, and how to complain."""
    return visit.show("about.html", lenders=_lenders(visit))


def _lenders(visit: Visit) -> list[dict[str, str]]:
    return [
        {"name": visit.words.pick(lender.name_zh, lender.name_en), "licence": lender.licence.value}
        for lender in visit.house.pack.lenders
    ]


def _limit(limit: LimitView | None) -> dict[str, int | None] | None:
    if limit is None:
        return None
    used_fen = limit.drawn_fen + limit.held_fen
    return {
        "granted_fen": limit.granted_fen,
        "available_fen": limit.available_fen,
        "drawn_fen": limit.drawn_fen,
        "held_fen": limit.held_fen,
        "cap_fen": limit.cap.amount_fen,
        "left_permille": share(limit.granted_fen - used_fen, limit.granted_fen),
        "lenders": len({one.lender_zh for one in limit.products}),
    }


def _rates(limit: LimitView | None) -> tuple[int, int] | None:
    rates = [one.rate_year_ppm for one in limit.products] if limit else []
    return (min(rates), max(rates)) if rates else None


def _decided(visit: Visit) -> bool:
    """Return whether there is a decision to read."""
    try:
        decision_view(visit.house, person_id=visit.person_id, advice=False)
    except Refusal as refusal:
        if refusal.status != 404:
            raise
        return False
    return True


def _due(visit: Visit, one: LoanView) -> dict[str, Any]:
    assert one.next_due is not None
    return {
        "loan_id": one.loan_id.hex,
        "lender": visit.words.pick(one.lender_zh, one.lender_en),
        "on": one.next_due,
        "days": (one.next_due - one.as_of).days,
        "fen": one.quote.due_fen if one.overdue_days and one.quote else one.next_due_fen,
        "overdue_days": one.overdue_days,
    }
