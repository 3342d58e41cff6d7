"""A repayment that turned out not to have happened (a bounced deduction, a chargeback): told again without it."""

from __future__ import annotations

from uuid import UUID

from mingqu.domain.loan import NothingToReverse, Repaid, Reversed
from mingqu.services.changes.change_loan import witness_change
from mingqu.services.house import House
from mingqu.services.loans.follow_up import follow_up
from mingqu.services.loans.record_event import record_event
from mingqu.services.once import Response, once
from mingqu.services.orders.settle_order import withdraw_returns
from mingqu.store.loans import loan
from mingqu.store.orders import receipt
from mingqu.store.server.database import Transaction


def take_back(tx: Transaction, house: House, *, loan_id: UUID, repayment_id: UUID) -> UUID:
    """Tell a loan again without a repayment, and return the id of the reversal; the caller holds the lock and commits.

    Errors: NotFound, NothingToReverse.
    """
    of = loan.get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id)
    if not any(isinstance(event, Repaid) and event.event_id == repayment_id for event in loan.events(tx, loan=of)):
        raise NothingToReverse("There is no such repayment to reverse.")
    event = Reversed(
        event_id=house.id_for(of.person_id),
        value_date=house.booking_date(tx, cell=of.cell),
        target=repayment_id,
    )
    after, outcome = record_event(tx, house, before=of, event=event)
    if receipt.is_placed(tx, event_id=repayment_id):
        witness_change(tx, house, of=after, event=event)
    withdraw_returns(tx, house, of=after)
    follow_up(tx, house, of=after, outcome=outcome)
    return event.event_id


def reverse_repayment(house: House, *, loan_id: UUID, repayment_id: UUID, key: str) -> UUID:
    """Take a repayment of a loan back and return the id of the reversal; the ledger gets the difference, dated today.

    Due amounts are owed again from their due dates, with penalty as if the money had never come; the limit it
    had freed is drawn again, above the limit if need be. Errors: NotFound, NothingToReverse, and those of the key.
    """

    def work(tx: Transaction) -> Response:
        return {"event_id": take_back(tx, house, loan_id=loan_id, repayment_id=repayment_id).hex}

    request = {"loan_id": loan_id.hex, "repayment_id": repayment_id.hex}
    answer = once(house, person_id=loan_id, command="reverse_repayment", key=key, request=request, work=work)
    return UUID(str(answer["event_id"]))
