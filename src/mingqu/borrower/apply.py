"""Apply and read the answer: a limit, or reasons with what would change them and a person to ask."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.checkout import waiting_values
from mingqu.borrower.consents import ask_address, recipient_of, stands
from mingqu.borrower.device import origin
from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import Form
from mingqu.domain.consent import ConsentMissing, ConsentPurpose
from mingqu.domain.decision import Remedy
from mingqu.domain.identifier import slot_of
from mingqu.domain.ownership import NotFound
from mingqu.domain.refusal import Refusal
from mingqu.services.appeals.ask_for_person import ask_for_person
from mingqu.services.appeals.read_review import ReviewView, review_of
from mingqu.services.decisions.assess import AssessedAlready, IdentityUnverified, assess, may_be_assessed
from mingqu.services.decisions.read_limit import decision_view, limit_view
from mingqu.services.people.read_person import is_verified

# Asked one after the other, each alone, before an application is made (征信业管理条例 art. 18, PIPL art. 24).
BEFORE_APPLYING: Final = (ConsentPurpose.BUREAU_QUERY, ConsentPurpose.AUTOMATED_DECISION)


# Where a step of a remedy is done. What is owed elsewhere is settled there.
WHERE: Final = {"finish_verification": "/identity", "give_consent": "/consents", "lower_amount": "/apply"}


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of applying and of the decision."""
    return [
        door.page("/apply", show),
        door.step("/apply", apply),
        door.page("/decision", show_decision),
        door.step("/decision/person", ask_a_person),
        door.page("/received/{request_id:str}", show_received),
    ]


def show(visit: Visit) -> Response[Any]:
    """Ask for amount and income, once name, card and the two consents are there."""
    missing = _missing(visit)
    if missing is not None:
        return visit.go(missing)
    if not may_be_assessed(visit.house, person_id=visit.person_id):
        return visit.go("/draw")
    return _page(visit, key=visit.form_key())


def apply(visit: Visit, form: Form) -> Response[Any]:
    """Be assessed, for the first time or again."""
    try:
        assess(
            visit.house,
            person_id=visit.person_id,
            application_id=form.identifier("key"),
            requested_amount_fen=form.fen("amount"),
            monthly_income_fen=form.fen("income"),
            origin=origin(visit),
        )
    except (ConsentMissing, IdentityUnverified):
        return visit.go(_missing(visit) or "/apply")
    except AssessedAlready:
        return visit.go("/draw")
    except Refusal as refusal:
        return _page(visit, key=form.key, form=form, refusal=refusal)
    return visit.go("/decision")


def show_decision(visit: Visit) -> Response[Any]:
    """Show the newest decision: the limit, or every reason with its remedy."""
    try:
        made = decision_view(visit.house, person_id=visit.person_id)
    except Refusal as refusal:
        if refusal.status != 404:
            raise
        return visit.go("/apply")  # nothing was decided yet
    limit = limit_view(visit.house, person_id=visit.person_id) if made.approved else None
    pick = visit.words.pick
    return visit.show(
        "decision_approved.html" if made.approved else "decision_refused.html",
        decision_id=made.decision_id.hex,
        decided_at=made.decided_at,
        retry_on=made.retry_on,
        limit=limit,
        waiting=waiting_values(visit) if limit else None,
        products=[
            {
                "lender": pick(one.lender_zh, one.lender_en),
                "licence": one.licence,
                "granted_fen": one.granted_fen,
                "rate_ppm": one.rate_year_ppm,
            }
            for one in (limit.products if limit else ())
        ],
        reasons=[
            {"text": pick(one.text_zh, one.text_en), "remedy": pick(one.remedy_zh, one.remedy_en), "day": one.retry_on}
            for one in made.reasons
        ],
        remedies=[_way(visit, one) for one in made.remedies],
        factors=[pick(zh, en) for zh, en in made.factors],
        fingerprint=made.record_hash.hex(),
        review=_told(made.review),
        key=visit.form_key(),
    )


def ask_a_person(visit: Visit, form: Form) -> Response[Any]:
    """Put the decision before a person."""
    asked = ask_for_person(
        visit.house,
        person_id=visit.person_id,
        wish=form.text("wish"),
        decision_id=form.identifier("decision"),
        key=form.key,
    )
    return visit.go(f"/received/{asked.request_id.hex}")


def show_received(visit: Visit) -> Response[Any]:
    """Show that a request has come in, under its number."""
    request_id = visit.identifier("request_id")
    if slot_of(request_id) != slot_of(visit.person_id):
        raise NotFound
    review = review_of(visit.house, person_id=visit.person_id, request_id=request_id)
    return visit.show("received.html", number=request_id.hex, review=_told(review))


def _told(review: ReviewView | None) -> dict[str, object] | None:
    """Return what was asked of a person and answered, as a page says it."""
    if review is None:
        return None
    return {
        "asked_at": review.asked_at,
        "answered_at": review.answered_at,
        "outcome": review.outcome,
        "answer": review.answer,
    }


def _way(visit: Visit, remedy: Remedy) -> dict[str, object]:
    """Return a remedy as a page says it: what to do, where, and from which day."""
    pick = visit.words.pick
    return {
        "steps": [
            {"text": pick(one.text_zh, one.text_en), "link": WHERE.get(one.action), "action": one.action}
            for one in remedy.changes
        ],
        "day": remedy.on,
        "now": remedy.on <= visit.house.clock.business_date(),
        "limit_fen": remedy.limit_fen,
    }


def _missing(visit: Visit) -> str | None:
    """Return where to go for what an application still lacks, or None."""
    if not is_verified(visit.house, person_id=visit.person_id):
        return "/identity"
    for purpose in BEFORE_APPLYING:
        recipient = recipient_of(visit.house, purpose=purpose)
        if not stands(visit, purpose=purpose, recipient=recipient):
            return ask_address(purpose=purpose, there="/apply")
    return None


def _page(visit: Visit, *, key: str, form: Form | None = None, refusal: Refusal | None = None) -> Response[str]:
    return visit.show(
        "apply.html",
        status=200 if refusal is None else refusal.status,
        key=key,
        filled={name: form.optional(name) if form else "" for name in ("amount", "income")},
        problem=None if refusal is None else visit.words.refusal(refusal),
    )
