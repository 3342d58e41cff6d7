"""What may be bought back of a loan today, for whom, at which price, or why not; and what was bought back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from mingqu.domain.funding import Cause, Price
from mingqu.domain.operator import Permission
from mingqu.domain.proposal import Deed
from mingqu.domain.refusal import Refusal
from mingqu.services.access.note_access import note_access
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.funding.name_holder import Holder, holders
from mingqu.services.house import House
from mingqu.services.loans.read_loan_at import visible_loan
from mingqu.services.partners.buy_back_loan import Offer, offer_of
from mingqu.store.loans import loan, loan_buy_back
from mingqu.store.loans.loan_buy_back import BuyBack
from mingqu.store.operators import access, proposal
from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class BoughtBack:
    """A part that was bought back: from whom, by whom, since when, at which price."""

    known: BuyBack
    seller: Holder
    buyer: Holder

    @property
    def price(self) -> Price:
        """What was agreed for it."""
        return self.known.price


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """One cause, and what buying back for it would come to; `refusal` says why it cannot be proposed today."""

    cause: Cause
    offer: Offer | None
    refusal: Refusal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyBackSeen:
    """What an operator sees of a loan: what was bought back of it, or the chances; `waits` is what is proposed."""

    loan_id: UUID
    on: date
    bought: BoughtBack | None
    chances: tuple[Chance, ...]
    waits: UUID | None


def look_at_buy_back(house: House, *, seat: Seat, loan_id: UUID) -> BuyBackSeen:
    """Return what may be bought back of a loan today; the look is noted.

    Errors: OperatorForbidden; NotFound, also for another lender's loan.
    """
    seat.operator.require(Permission.LOAN)
    with house.database.transaction() as tx:
        of = visible_loan(tx, seat=seat, loan_id=loan_id)
        note_access(tx, house, seat=seat, person_id=of.person_id, what=access.LOAN, subject_id=loan_id)
        waiting = proposal.waits_for(tx, deed=Deed.BUY_BACK, subject_id=loan_id, at=house.clock.now())
        bought = _bought(tx, house, loan_id)
        chances = () if bought else tuple(_chance(tx, house, loan_id, cause) for cause in Cause)
        tx.commit()
    return BuyBackSeen(
        loan_id=loan_id,
        on=house.clock.business_date(),
        bought=bought,
        chances=chances,
        waits=None if waiting is None else waiting.proposal_id,
    )


def bought_back(house: House, *, person_id: UUID, loan_id: UUID) -> BoughtBack | None:
    """Return whose a part of a person's own loan is, once bought back; of no other loan, and nobody else's."""
    with house.database.transaction() as tx:
        return _bought(tx, house, loan_id, person_id=person_id)


def _bought(tx: Transaction, house: House, loan_id: UUID, *, person_id: UUID | None = None) -> BoughtBack | None:
    known = loan_buy_back.of_loan(tx, loan_id=loan_id, person_id=person_id)
    if known is None:
        return None
    everybody = holders(house)
    return BoughtBack(known=known, seller=everybody[known.seller], buyer=everybody[known.buyer])


def _chance(tx: Transaction, house: House, loan_id: UUID, cause: Cause) -> Chance:
    of = loan.get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id)
    try:
        return Chance(cause=cause, offer=offer_of(tx, house, of=of, cause=cause), refusal=None)
    except Refusal as refusal:
        return Chance(cause=cause, offer=None, refusal=refusal)
