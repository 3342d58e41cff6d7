"""Put the limits of an approval into the ledger: one for the person over all products, one for each product."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from mingqu.domain.decision import Decision, ProductPrice
from mingqu.domain.identifier import derived
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.services.house import House
from mingqu.store.ledgers import ledger
from mingqu.store.loans import offer
from mingqu.store.loans.offer import Facility
from mingqu.store.people.person_at_hand import PersonAtHand
from mingqu.store.server.together import Part

CURRENCY: Final = "CNY"
LIMIT_ACCOUNTS: Final = (
    AccountCode.LIMIT_GRANTED,
    AccountCode.LIMIT_AVAILABLE,
    AccountCode.LIMIT_DRAWN,
    AccountCode.LIMIT_OVER,
)


def granted(house: House, *, at_hand: PersonAtHand, decision_id: UUID, made: Decision) -> Part:
    """Return what opens a line for each price of a person's first approval, and grants them.

    It is written behind the decision, under the lock; the caller commits.
    """
    today, cell = house.booking_day(at_hand.last_closed_on), at_hand.cell
    lines = [new_line(house, person_id=at_hand.person_id, decision_id=decision_id, price=each) for each in made.prices]
    owners = [(at_hand.person_id, made.limit_fen), *((line.facility_id, line.granted_fen) for line in lines)]
    accounts = [Account(owner=owner, code=code, currency=CURRENCY) for owner, _ in owners for code in LIMIT_ACCOUNTS]
    transfers = [
        Transfer(
            id=derived(decision_id, index),
            debit=Account(owner=owner, code=AccountCode.LIMIT_GRANTED, currency=CURRENCY),
            credit=Account(owner=owner, code=AccountCode.LIMIT_AVAILABLE, currency=CURRENCY),
            amount_fen=amount_fen,
            reason=Reason.LIMIT_GRANT,
            value_date=today,
            posted_on=today,
            reference=decision_id,
        )
        for index, (owner, amount_fen) in enumerate(owners, start=1)
    ]
    return Part(
        [
            *(offer.facility_inserted(cell=cell, facility=line) for line in lines),
            ledger.opened(cell=cell, accounts=accounts),
            ledger.posted(cell=cell, transfers=transfers),
        ],
        lambda answers: ledger.require_posted(answers[-1], transfers=transfers),
    )


def new_line(house: House, *, person_id: UUID, decision_id: UUID, price: ProductPrice) -> Facility:
    """Return a new line with a product for its price; its row, its accounts and its grant are the caller's."""
    product = house.pack.product_version(product_id=price.product_id, version=price.product_version)
    return Facility(
        facility_id=house.id_for(person_id),
        person_id=person_id,
        product_id=product.id,
        product_version=product.version,
        lender_id=product.lender_id,
        decision_id=decision_id,
        currency=CURRENCY,
        granted_fen=price.limit_fen,
        rate_year_ppm=price.rate_year_ppm,
        created_at=house.clock.now(),
    )
