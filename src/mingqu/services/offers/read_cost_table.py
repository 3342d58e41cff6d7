"""Read a cost table again as it was shown, and find what became of its offer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mingqu.domain.canonical import Canonical, read
from mingqu.services.house import House
from mingqu.services.offers.make_offers import make_offers
from mingqu.services.offers.price_offer import Offered
from mingqu.store.loans import offer


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTable:
    """A cost table as it was shown. `wait_seconds` is how long it must still be read before it can be confirmed."""

    disclosure_id: UUID
    offer_id: UUID
    written: bytes
    shown_at: datetime
    confirmed_at: datetime | None
    wait_seconds: int

    @property
    def body(self) -> Mapping[str, Canonical]:
        """Its content; whoever only names the table by its hash need not read it."""
        body = read(self.written)
        assert isinstance(body, dict)
        return body

    @property
    def body_hash(self) -> bytes:
        """The SHA-256 of the table as it is kept."""
        return hashlib.sha256(self.written).digest()


def shown_cost_table(house: House, *, person_id: UUID, disclosure_id: UUID) -> ShownTable:
    """Return a cost table of a person's as it was shown. Errors: NotFound."""
    with house.database.transaction() as tx:
        shown = offer.load_disclosure(tx, person_id=person_id, disclosure_id=disclosure_id)
    return _shown(house, shown)


def confirmed_cost_table(house: House, *, person_id: UUID, offer_id: UUID) -> ShownTable | None:
    """Return the table of an offer that the person read and confirmed, or None. Errors: NotFound."""
    with house.database.transaction() as tx:
        offer.load_offer(tx, person_id=person_id, offer_id=offer_id)
        shown = offer.confirmed_disclosure(tx, person_id=person_id, offer_id=offer_id)
    return None if shown is None else _shown(house, shown)


def loan_of_offer(house: House, *, person_id: UUID, offer_id: UUID) -> UUID | None:
    """Return the loan that was signed on an offer, or None. Errors: NotFound."""
    with house.database.transaction() as tx:
        return offer.load_offer(tx, person_id=person_id, offer_id=offer_id).loan_id


def renew_offer(house: House, *, person_id: UUID, offer_id: UUID) -> Offered | None:
    """Offer again what an offer that cannot be taken any more was for; None when its product does not, now.

    Errors: NotFound, and those of `make_offers`.
    """
    with house.database.transaction() as tx:
        old = offer.load_offer(tx, person_id=person_id, offer_id=offer_id)
    made = make_offers(
        house,
        person_id=person_id,
        amount_fen=old.terms.principal_fen,
        instalments=old.terms.instalments,
        method=old.terms.method.value,
    )
    return next((one for one in made if one.offer.facility_id == old.facility_id), None)


def _shown(house: House, shown: offer.Disclosure) -> ShownTable:
    left = house.settings.cost_table_reading - (house.clock.now() - shown.shown_at)
    return ShownTable(
        disclosure_id=shown.disclosure_id,
        offer_id=shown.offer_id,
        written=shown.body,
        shown_at=shown.shown_at,
        confirmed_at=shown.confirmed_at,
        wait_seconds=max(0, -(-int(left.total_seconds() * 1000) // 1000)),
    )
