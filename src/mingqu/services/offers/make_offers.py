"""Offers: what each product would lend this person, with the whole cost, the cheapest first, nothing preselected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.business import BusinessNotStated
from mingqu.domain.canonical import Canonical
from mingqu.domain.decision.switch import LendingSwitchedOff
from mingqu.domain.institution import (
    InstitutionNotConnected,
    PartnerNotListed,
    PilotExcludes,
    require_open,
)
from mingqu.domain.lender_answer import LenderQuestion
from mingqu.domain.partner import LISTED_AS
from mingqu.domain.product import Product, TermsNotOffered
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.limits.check_drawing import FundingExhausted, lines_of, require_drawing_open, require_source
from mingqu.services.offers.price_offer import Offered, offer_at, priced, product_of
from mingqu.services.once import Response, once
from mingqu.services.people.state_business import require_business
from mingqu.services.policies.switch_off import require_lending
from mingqu.store.lenders import lender_question
from mingqu.store.loans import offer
from mingqu.store.loans.offer import Facility
from mingqu.store.server.database import Transaction

INSTALMENT: Final = "instalment"  # the kind of product that a seller may be paid with


class NoLimit(Refusal):
    """The person has no limit that this amount could be drawn from."""

    code: ClassVar[str] = "no_limit"
    status: ClassVar[int] = 409


class LendersUndecided(Refusal):
    """The lenders of this amount decide by themselves and have not offered it: ask them, or look again in a while."""

    code: ClassVar[str] = "lenders_undecided"
    status: ClassVar[int] = 409


# By one lender; another may offer.
_NOT_OFFERED: Final = (
    TermsNotOffered,
    LendingSwitchedOff,
    LendersUndecided,
    InstitutionNotConnected,
    PartnerNotListed,
    PilotExcludes,
    FundingExhausted,
    BusinessNotStated,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForOrder:
    """What offers are made for where they do not pay the person: an order, which lasts until a moment.

    `require` refuses, under the lock of the person's cell, where the order is paid already or over; `bind` writes in
    the transaction that makes them which offers are for it.
    """

    checkout_id: UUID
    until: datetime
    require: Callable[[Transaction], None]
    bind: Callable[[Transaction, Sequence[Offered]], None]


def make_offers(
    house: House,
    *,
    person_id: UUID,
    amount_fen: int,
    instalments: int,
    method: str,
    key: str | None = None,
    order: ForOrder | None = None,
) -> list[Offered]:
    """Make an offer for each product whose limit covers the amount; ordered by all-in cost, then by name.

    A lender that decides by itself (`ask_lenders`) is offered at the price of its own answer, while that holds.

    The effective yearly rate decides the order; nothing else does. Offers stand for a week. Asked again with the same
    `key` the same offers are answered. With an `order` of that amount they are for it and stand no longer than it does:
    products that pay a seller at once make them, and no step of amounts counts.
    Sources: PBOC notice 2021 No. 3 (yearly cost from cash flows); 金规〔2025〕9号 (cap on the all-in cost).
    Errors: NoLimit, DrawingFrozen, DrawingStopped, AssessmentExpired, TermsNotOffered, LendingSwitchedOff,
    LendersUndecided, InstitutionNotConnected, PartnerNotListed, PilotExcludes, FundingExhausted, BusinessNotStated,
    CostAboveCap, and those of the idempotency key.
    """

    def make(tx: Transaction) -> list[Offered]:
        tx.lock_cell(tx.cell_of(person_id))
        current, today = house.policies.current(tx), house.clock.business_date()
        require_drawing_open(tx, house, person_id=person_id)
        if order is not None:
            order.require(tx)
        made: list[Offered] = []
        not_offered: Refusal | None = None
        for facility, available_fen in lines_of(tx, house, person_id=person_id):
            if available_fen < amount_fen:
                continue
            try:
                require_lending(
                    current, product_id=facility.product_id, lender_id=facility.lender_id, business_date=today
                )
                product = product_of(house, facility)
                if order is not None and product.kind != INSTALMENT:
                    continue
                require_business(tx, product=product, person_id=person_id)
                require_routed(house, product=product, person_id=person_id)
                made.append(_offer(tx, house, facility, amount_fen, instalments, method, order=order))
            except _NOT_OFFERED as refusal:
                if not isinstance(not_offered, LendersUndecided):  # who decides yet may offer: that is said first
                    not_offered = refusal  # by this product; another may have the terms
        if not made and not_offered is not None:
            raise not_offered
        if not made:
            raise NoLimit("There is no limit left that covers this amount.", amount_fen=amount_fen)
        if order is not None:
            order.bind(tx, made)
        return _in_order(made)

    if key is None:
        return house.database.run(make)

    def work(tx: Transaction) -> Response:
        return {"offer_ids": [one.offer.offer_id.hex for one in make(tx)]}

    request: dict[str, Canonical] = {"amount_fen": amount_fen, "instalments": instalments, "method": method}
    answer = once(house, person_id=person_id, command="make_offers", key=key, request=request, work=work)
    offer_ids = answer["offer_ids"]
    assert isinstance(offer_ids, list)
    return _made_before(house, person_id=person_id, offer_ids=[UUID(one) for one in offer_ids])


def _in_order(made: list[Offered]) -> list[Offered]:
    return sorted(made, key=lambda one: (one.cost.annual.effective_ppm, one.product.id))


def _made_before(house: House, *, person_id: UUID, offer_ids: list[UUID]) -> list[Offered]:
    """Return offers as they were made, also when they have run out since."""
    with house.database.transaction() as tx:
        lines = {facility.facility_id: facility for facility in offer.facilities(tx, person_id=person_id)}
        found = [offer.load_offer(tx, person_id=person_id, offer_id=offer_id) for offer_id in offer_ids]
    return _in_order([priced(house, stored=one, facility=lines[one.facility_id]) for one in found])


def _offer(
    tx: Transaction,
    house: House,
    facility: Facility,
    amount_fen: int,
    instalments: int,
    method: str,
    *,
    order: ForOrder | None,
) -> Offered:
    """Offer what a line lends, at the house's price or at that of the lender's own answer. Errors: LendersUndecided."""
    require_source(tx, house, facility=facility, amount_fen=amount_fen, instalments=instalments)
    now = house.clock.now()
    lasts, rate_year_ppm, answered = now + house.settings.offer_lasts, facility.rate_year_ppm, None
    if order is not None:
        lasts = min(lasts, order.until)
    if decides_itself(house, lender_id=facility.lender_id):
        for_order = None if order is None else order.checkout_id
        answered = _answered(tx, house, facility, (amount_fen, instalments, method, for_order))
        assert answered.offer is not None
        lasts, rate_year_ppm = min(lasts, answered.offer.valid_until), answered.offer.rate_year_ppm
    made = offer_at(
        tx,
        house,
        person_id=facility.person_id,
        facility_id=facility.facility_id,
        rate_year_ppm=rate_year_ppm,
        amount_fen=amount_fen,
        instalments=instalments,
        method=method,
        offer_id=house.id_for(facility.person_id),
        expires_at=lasts,
        stepped=order is None,
    )
    if answered is not None:
        lender_question.rest_on(tx, offer_id=made.offer.offer_id, question=answered)
    return made


def require_routed(house: House, *, product: Product, person_id: UUID) -> None:
    """Return when the directory lets a person be sent to a product's lender today, or does not speak of that lender.

    The lender's list has to name us, and whoever guarantees or insures the product.

    Errors: InstitutionNotConnected, PartnerNotListed, PilotExcludes. Source: 金规〔2025〕9号 (名单制).
    """
    today = house.clock.business_date()
    entry = house.directory.of_lender(lender_id=product.lender_id, business_date=today)
    if entry is None:
        return
    require_open(entry=entry, person_id=person_id, partner=house.settings.operator_name, business_date=today)
    for fee in product.partner_fees:
        partner = house.pack.partner(code=fee.partner)
        if partner.status != "active" or not entry.lists(
            partner=partner.name_zh, role=LISTED_AS[fee.role], business_date=today
        ):
            raise PartnerNotListed("A partner of this product is not on its lender's list today: take another one.")


def decides_itself(house: House, *, lender_id: UUID) -> bool:
    """Return whether a lender decides by itself, over a gateway."""
    return bool(house.lenders) and house.pack.lender(lender_id=lender_id).code in house.lenders


def _answered(
    tx: Transaction, house: House, facility: Facility, wish: tuple[int, int, str, UUID | None]
) -> LenderQuestion:
    """Return the latest answer of a line's lender to just this wish that still holds. Errors: LendersUndecided."""
    for one in lender_question.of_person(tx, person_id=facility.person_id):
        asked = (one.facility_id, one.amount_fen, one.instalments, one.method, one.checkout_id)
        if asked == (facility.facility_id, *wish) and one.stands(at=house.clock.now()):
            return one
    raise LendersUndecided("The lenders of this amount have not answered with an offer yet: ask them, or look later.")
