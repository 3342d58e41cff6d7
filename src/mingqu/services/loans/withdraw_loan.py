"""冷静期: within a product's first days a borrower gives the principal back and owes nothing else.

How long is a term of the product (`cooling_off_days`), named in the cost table and in the contract. The day counts on
which the money is back at the lender's, by the channel's success date: money sent in time and heard of late is in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar
from uuid import UUID

from mingqu.domain.loan import Disbursed, Intent, Stage, cooling_off_ends, quote
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.store.loans import loan, signed_loan
from mingqu.store.loans.loan import Loan
from mingqu.store.merchants import checkout
from mingqu.store.server.database import Transaction


class CoolingOffOver(Refusal):
    """The days in which the loan could be given back for free are over, or its product has none."""

    code: ClassVar[str] = "cooling_off_over"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class CoolingOff:
    """Until which day, included, a loan can be given back; with how much, and what is forgone if it is today."""

    until: date
    amount_fen: int
    forgone_fen: int


def cooling_off(house: House, *, person_id: UUID, loan_id: UUID) -> CoolingOff | None:
    """Return how a person's loan can be given back today, or None when it cannot. Errors: NotFound."""
    with house.database.transaction() as tx:
        of = loan.get_for(tx, person_id=person_id, loan_id=loan_id)
        today = max(house.clock.business_date(), of.state.as_of or date.min)
        return _on(tx, house, of=of, day=today)


def require_cooling_off(tx: Transaction, house: House, *, of: Loan, day: date) -> CoolingOff:
    """Return how a loan can be given back on a day. Errors: CoolingOffOver."""
    found = _on(tx, house, of=of, day=day)
    if found is None:
        raise CoolingOffOver(
            "This loan cannot be given back for free any more. It can be repaid early at any time, with interest to the"
            " day."
        )
    return found


def meant_still(
    tx: Transaction, house: House, *, of: Loan, meant: Intent | None, value_date: date, order_id: UUID
) -> Intent | None:
    """Return what money that came on a day is used as: given back too late it is an early repayment.

    What a merchant gives back for goods is never too late: it undoes what was bought.
    """
    if meant is Intent.WITHDRAW and checkout.is_refund(tx, order_id=order_id):
        return meant
    if meant is Intent.WITHDRAW and _on(tx, house, of=of, day=value_date) is None:
        return Intent.PREPAY
    return meant


def _on(tx: Transaction, house: House, *, of: Loan, day: date) -> CoolingOff | None:
    if of.state.stage is not Stage.ACTIVE or of.state.course is not None:
        return None
    if of.product_id not in {product.id for product in house.pack.products if product.cooling_off_days}:
        return None  # most have none: nothing else is read
    signed = signed_loan.get_for(tx, person_id=of.person_id, loan_id=of.loan_id)
    product = house.pack.product_version(product_id=of.product_id, version=signed.product_version)
    came = next((one.value_date for one in loan.events(tx, loan=of) if isinstance(one, Disbursed)), None)
    if came is None or not product.cooling_off_days:  # taken over from another book: its days are long over
        return None
    until = cooling_off_ends(disbursed_on=came, days=product.cooling_off_days)
    if day > until:
        return None
    owed = quote(terms=of.terms, state=of.state, on=max(day, of.state.as_of or day))
    return CoolingOff(until=until, amount_fen=owed.principal_fen, forgone_fen=owed.payoff_fen - owed.principal_fen)
