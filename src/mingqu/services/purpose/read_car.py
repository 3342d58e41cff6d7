"""What a quote for a car says and why: its band's prices, whose account is paid, and what the money may be used for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mingqu.domain.decision.auto_loan import AutoProduct, CarRate, rates_of
from mingqu.domain.purpose import FundsContract
from mingqu.domain.rate import PPM
from mingqu.services.house import House
from mingqu.services.offers.price_offer import Offered
from mingqu.services.policies.replay_decision import replay_decision
from mingqu.services.purpose.quote_car import car_quote, dealers_of, product_of_quote
from mingqu.services.purpose.spend_card import contract_of
from mingqu.store.loans import offer
from mingqu.store.purposes import purpose_loan
from mingqu.store.purposes.purpose_loan import PurposeLoan


@dataclass(frozen=True, slots=True, kw_only=True)
class CarView:
    """A quote with its reasons; `rates` are all prices of the person's band, `own` the one that was quoted."""

    offered: Offered
    quoted: PurposeLoan
    product: AutoProduct
    band: str
    down_payment_ppm: int
    rates: tuple[CarRate, ...]
    own: CarRate
    contract: FundsContract
    dealer: str
    payee: str
    expires_at: datetime
    signed: bool


def car_view(house: House, *, person_id: UUID, offer_id: UUID) -> CarView:
    """Return a person's own quote for a car with its reasons. Errors: NotFound, PersonErased, CostAboveCap."""
    quote = car_quote(house, person_id=person_id, offer_id=offer_id)
    quoted, product = quote.quoted, product_of_quote(house, quote.quoted)
    with house.database.transaction() as tx:
        _, line = offer.load_offer_with_line(tx, person_id=person_id, offer_id=offer_id)
        band = replay_decision(tx, house, person_id=person_id, decision_id=line.decision_id).band
        contract = contract_of(tx, contract_hash=quoted.contract_hash).contract
    rates = rates_of(of=product, band=band)
    down_payment_ppm = quoted.down_payment_fen * PPM // quoted.price_fen  # down: a step counts once it is reached
    reached = [
        one for one in rates if one.down_payment_from_ppm <= down_payment_ppm and one.papers_from <= len(quoted.papers)
    ]
    return CarView(
        offered=quote.offered,
        quoted=quoted,
        product=product,
        band=band,
        down_payment_ppm=down_payment_ppm,
        rates=rates,
        own=max(reached, key=lambda one: (one.down_payment_from_ppm, one.papers_from)),
        contract=contract,
        dealer=dealers_of(house, of=product)[quoted.merchant].name,
        payee=quote.payee_name,
        expires_at=quote.offered.offer.expires_at,
        signed=quoted.loan_id is not None,
    )


def is_car_quote(house: House, *, person_id: UUID, offer_id: UUID) -> bool:
    """Return whether an offer is a person's own quote for a car."""
    with house.database.transaction() as tx:
        quoted = purpose_loan.of_offer(tx, offer_id=offer_id)
    return quoted is not None and quoted.person_id == person_id
