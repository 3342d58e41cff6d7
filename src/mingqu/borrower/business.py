"""A business of one's own: name, code and use of the money, borne out by the register before a loan for it."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.consents import ask_address, stands
from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import Form
from mingqu.domain.business import NAME_LENGTH_MAX, USES
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.people.read_person import is_verified
from mingqu.services.people.state_business import BusinessCheckSilent, business_view, state_business

_PLACE: Final = "/business"


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of a business."""
    return [door.page(_PLACE, show), door.step(_PLACE, state)]


def show(visit: Visit) -> Response[Any]:
    """Show the business that is verified and ask for one, once the person is known and agreed to the check."""
    if not is_verified(visit.house, person_id=visit.person_id):
        return visit.go("/identity")
    if not stands(visit, purpose=ConsentPurpose.BUSINESS_VERIFICATION):
        return visit.go(ask_address(purpose=ConsentPurpose.BUSINESS_VERIFICATION, there=_PLACE))
    return _page(visit, key=visit.form_key())


def state(visit: Visit, form: Form) -> Response[Any]:
    """Have a business checked."""
    try:
        state_business(
            visit.house,
            person_id=visit.person_id,
            request_id=form.identifier("key"),
            name=form.secret("name"),
            uscc=Personal("".join(form.text("uscc").split())),
            use=form.text("use"),
        )
    except Refusal as refusal:
        # Only a check that fell silent is asked again as it was; a corrected form is another request.
        key = form.key if isinstance(refusal, BusinessCheckSilent) else visit.form_key()
        return _page(visit, key=key, form=form, refusal=refusal)
    return visit.go(_PLACE)


def _page(visit: Visit, *, key: str, form: Form | None = None, refusal: Refusal | None = None) -> Response[Any]:
    known = business_view(visit.house, person_id=visit.person_id)
    own = None if known is None else {"name": known.name, "uscc": known.uscc, "use": known.use}
    return visit.show(
        "business.html",
        status=200 if refusal is None else refusal.status,
        known=own,
        uses=USES,
        filled={name: form.optional(name) if form else "" for name in ("name", "uscc", "use")},
        name_length_max=NAME_LENGTH_MAX,
        key=key,
        problem=None if refusal is None else visit.words.refusal(refusal),
    )
