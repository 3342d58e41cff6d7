"""Real name and own card: the phone the bank knows, a code to it, then name, number and card in one check."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.consents import ask_address, stands
from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import Form
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.one_time_code import VALID_SECONDS, CodePurpose, CodeTooSoon
from mingqu.domain.party import read_phone
from mingqu.domain.personal import Personal, mask_phone
from mingqu.domain.refusal import Refusal
from mingqu.services.decisions.read_limit import limit_view
from mingqu.services.people.read_person import person_view
from mingqu.services.people.sign_in import send_code
from mingqu.services.people.verify_identity import IdentityCheckSilent, verify_identity
from mingqu.web.origin import origin_of

_PHONE_COOKIE: Final = "mingqu_card_phone"
_PLACE: Final = "/identity"
# After these the code is used up: the same digits do not serve for another try.
_CODE_IS_USED: Final = ("card_not_own", "card_not_supported", "card_closed", "code_used", "card_tries_exhausted")


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of proving who one is."""
    return [
        door.page(_PLACE, show_phone),
        door.step("/identity/code", send),
        door.page("/identity/card", show_card),
        door.step("/identity/card", prove),
    ]


def show_phone(visit: Visit) -> Response[Any]:
    """Ask for the phone that the card's bank knows, once the person agreed to the check."""
    if not stands(visit, purpose=ConsentPurpose.REAL_NAME_VERIFICATION):
        return visit.go(ask_address(purpose=ConsentPurpose.REAL_NAME_VERIFICATION, there=_PLACE))
    return _phone_page(visit)


def send(visit: Visit, form: Form) -> Response[Any]:
    """Send a code to that phone."""
    try:
        phone = read_phone(form.digits("phone"))
        visit.ask_for_code(phone=phone)
        send_code(visit.house, phone=phone, purpose=CodePurpose.VERIFY_IDENTITY, origin=origin_of(visit.request))
    except CodeTooSoon:
        pass  # one may be on its way; the next page takes it
    except Refusal as refusal:
        return _phone_page(visit, refusal=refusal)
    answer = visit.go("/identity/card")
    answer.set_cookie(visit.door.passing_cookie(_PHONE_COOKIE, phone.reveal(), path=_PLACE, seconds=2 * VALID_SECONDS))
    return answer


def show_card(visit: Visit) -> Response[Any]:
    """Ask for name, number, card and the code."""
    return _card_page(visit, key=visit.form_key())


def prove(visit: Visit, form: Form) -> Response[Any]:
    """Check that all four belong together and bind the card."""
    phone = visit.request.cookies.get(_PHONE_COOKIE)
    if not phone:
        return visit.go(_PLACE)
    try:
        proved = verify_identity(
            visit.house,
            person_id=visit.person_id,
            request_id=form.identifier("key"),
            name=form.secret("name"),
            id_number=Personal(form.digits("id_number").reveal().upper()),
            phone=Personal(phone),
            card_number=form.digits("card_number"),
            digits=form.digits("code"),
        )
    except Refusal as refusal:
        # Only a check that fell silent is asked again as it was; a corrected form is another request.
        key = form.key if isinstance(refusal, IdentityCheckSilent) else visit.form_key()
        return _card_page(visit, key=key, form=form, refusal=refusal)
    next_page = "/apply" if limit_view(visit.house, person_id=proved.person_id) is None else "/me"
    answer = visit.go(next_page)
    answer.delete_cookie(_PHONE_COOKIE, path=_PLACE)
    return answer


def _phone_page(visit: Visit, *, refusal: Refusal | None = None) -> Response[str]:
    return visit.show(
        "identity_phone.html",
        status=200 if refusal is None else refusal.status,
        problem=None if refusal is None else visit.words.refusal(refusal),
    )


def _card_page(visit: Visit, *, key: str, form: Form | None = None, refusal: Refusal | None = None) -> Response[Any]:
    phone = visit.request.cookies.get(_PHONE_COOKIE)
    if not phone:
        return visit.go(_PLACE)
    person = person_view(visit.house, person_id=visit.person_id)
    return visit.show(
        "identity_card.html",
        status=200 if refusal is None else refusal.status,
        key=key,
        phone=mask_phone(Personal(phone)),
        known=person.name if person.verified else None,
        banks=sorted({visit.words.pick(bank.name_zh, bank.name_en) for bank in visit.house.bins}),
        filled={name: form.optional(name) if form else "" for name in ("name", "id_number", "card_number")},
        problem=None if refusal is None else visit.words.refusal(refusal),
        needs_code=refusal is not None and refusal.code in _CODE_IS_USED,
    )
