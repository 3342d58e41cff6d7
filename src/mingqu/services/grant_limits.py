"""Put the limits of an approval into the ledger: one for the person over all products, one for each product."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from mingqu.domain.decision import Decision, ProductPrice
from mingqu.domain.identifier import derived
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.services.house import House
from mingqu.store import ledger, offer
from mingqu.store.database import Transaction

CURRENCY: Final = "CNY"
LIMIT_ACCOUNTS: Final = (
    AccountCode.LIMIT_GRANTED,
    AccountCode.LIMIT_AVAILABLE,
    AccountCode.LIMIT_DRAWN,
    AccountCode.LIMIT_OVER,
)


def grant_limits(
    tx: Transaction, house: House, *, person_id: UUID, decision_id: UUID, made: Decision, cell: int
) -> None:
    """Open a line for each price of a person's first approval, and grant them. The caller holds the cell's lock."""
    today = house.booking_date(tx, cell=cell)
    owners = [(person_id, made.limit_fen)]
    for price in made.prices:
        line_id = open_line(tx, house, person_id=person_id, decision_id=decision_id, price=price)
        owners.append((line_id, price.limit_fen))
    accounts = [Account(owner=owner, code=code, currency=CURRENCY) for owner, _ in owners for code in LIMIT_ACCOUNTS]
    ledger.open_accounts(tx, cell=cell, accounts=accounts)
    ledger.post(
        tx,
        cell=cell,
        transfers=[
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
        ],
    )


def open_line(tx: Transaction, house: House, *, person_id: UUID, decision_id: UUID, price: ProductPrice) -> UUID:
    """Store a line with a product for its price and return its id; its accounts and its grant are the caller's."""
    product = house.pack.product_version(product_id=price.product_id, version=price.product_version)
    facility = offer.Facility(
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
    offer.insert_facility(tx, facility=facility)
    return facility.facility_id
