"""What each product would lend a person, worked out and thrown away: for a calculator, before anything is asked for."""

from __future__ import annotations

from uuid import UUID

from mingqu.domain.decision.switch import LendingSwitchedOff
from mingqu.domain.product import TermsNotOffered
from mingqu.services.house import House
from mingqu.services.limits.check_drawing import lines_of, require_drawing_open
from mingqu.services.offers.make_offers import decides_itself
from mingqu.services.offers.price_offer import Offered, loan_terms, priced, product_of
from mingqu.services.people.state_business import lends_to
from mingqu.services.policies.switch_off import require_lending
from mingqu.store.loans.offer import Facility, Offer


def preview_offers(house: House, *, person_id: UUID, amount_fen: int, instalments: int, method: str) -> list[Offered]:
    """Return what `make_offers` would offer now, in its order, and keep nothing; empty where it would refuse.

    Errors: DrawingFrozen, DrawingStopped.
    """
    with house.database.transaction() as tx:
        require_drawing_open(tx, house, person_id=person_id)
        found = [
            _previewed(house, facility, amount_fen, instalments, method)
            for facility, available_fen in lines_of(tx, house, person_id=person_id)
            if available_fen >= amount_fen
            and not decides_itself(house, lender_id=facility.lender_id)
            and lends_to(tx, product=product_of(house, facility), person_id=person_id)
        ]
    made = [one for one in found if one is not None]
    return sorted(made, key=lambda one: (one.cost.annual.effective_ppm, one.product.id))


def _previewed(house: House, facility: Facility, amount_fen: int, instalments: int, method: str) -> Offered | None:
    try:
        require_lending(
            house.policies.last_seen,
            product_id=facility.product_id,
            lender_id=facility.lender_id,
            business_date=house.clock.business_date(),
        )
    except LendingSwitchedOff:
        return None  # nothing is shown that could not be signed
    product = product_of(house, facility)
    try:
        terms = loan_terms(
            product=product,
            rate_year_ppm=facility.rate_year_ppm,
            amount_fen=amount_fen,
            instalments=instalments,
            method=method,
        )
    except TermsNotOffered:
        return None  # by this product; another may have the terms
    now = house.clock.now()
    passing = Offer(
        offer_id=house.id_for(facility.person_id),
        person_id=facility.person_id,
        facility_id=facility.facility_id,
        terms=terms,
        created_on=house.clock.business_date(),
        created_at=now,
        expires_at=now + house.settings.offer_lasts,
    )
    return priced(house, stored=passing, facility=facility)
