"""Change a loan: by agreement with its borrower, in the borrower's favor, or because it is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.loan import (
    Accelerated,
    Cancelled,
    Disbursed,
    Event,
    MigratedIn,
    OverpaymentReturned,
    Repaid,
    Reversed,
    WrittenOff,
    quote,
)
from mingqu.domain.refusal import Refusal
from mingqu.services.evidence.witness_change import facts_of
from mingqu.services.evidence.witness_change import witness_change as witness_change
from mingqu.services.house import House
from mingqu.services.loans.follow_up import follow_up, notice_of
from mingqu.services.loans.record_event import record_event
from mingqu.services.once import Response, once
from mingqu.services.orders.settle_order import spare_deductions, withdraw_returns
from mingqu.store.loans import loan
from mingqu.store.loans.loan import Loan
from mingqu.store.loans.loan_event import CONCEDED
from mingqu.store.server import work
from mingqu.store.server.database import Transaction

# Called in, everything is due; given up, nothing is owed: a borrower hears of either at once.
_TOLD: Final[dict[type, str]] = {Accelerated: "loan.called_in", WrittenOff: "loan.given_up"}


class OrderNeeded(Refusal):
    """Money that a channel moves is known from its order alone; nobody writes it into a loan by hand."""

    code: ClassVar[str] = "order_needed"
    status: ClassVar[int] = 409


class DatedAhead(Refusal):
    """What has not happened yet is not recorded. An agreement may count from a later day, by its own dates."""

    code: ClassVar[str] = "dated_ahead"


def change_loan(house: House, *, loan_id: UUID, event: Event, key: str) -> UUID:
    """Record what was agreed, given up or lost on a loan, with all that follows from it; return the event's id.

    The caller makes the event's id. A day in the past tells the loan again from there, and the ledger gets the
    difference. What is given up beyond what is owed is owed back and goes to the borrower's card. What a channel
    moved comes by its order (`settle_order`); what it took back by the card scheme (`ChargedBack`) comes here, and a
    deduction that bounced by `reverse_repayment`. What came here is undone here.
    Errors: NotFound, OrderNeeded, DatedAhead, NothingToReverse, those of `mingqu.domain.loan.record`,
    TransferRefused, and those of the idempotency key; nothing has then changed.
    """
    if _is_told_by_order(event):
        raise OrderNeeded("This is recorded when its order ends, not by hand.")

    def work(tx: Transaction) -> Response:
        before = loan.get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id)
        change_in(tx, house, before=before, event=event)
        return {"event_id": event.event_id.hex}

    request = {"event_id": event.event_id.hex, **facts_of(loan_id, event)}
    answer = once(house, person_id=loan_id, command="change_loan", key=key, request=request, work=work)
    return UUID(str(answer["event_id"]))


def change_in(tx: Transaction, house: House, *, before: Loan, event: Event) -> None:
    """Record a change of a loan with all that follows from it, in the caller's transaction and under its lock.

    Errors: DatedAhead, OrderNeeded, NothingToReverse, those of `mingqu.domain.loan.record`, TransferRefused.
    """
    if event.value_date > house.booking_date(tx, cell=before.cell):
        raise DatedAhead("The day of this change is not here yet.")
    if isinstance(event, Reversed):
        _require_not_of_order(event.target, loan.events(tx, loan=before))
    after, outcome = record_event(tx, house, before=before, event=event)
    witness_change(tx, house, of=after, event=event)
    follow_up(tx, house, of=after, outcome=outcome)
    withdraw_returns(tx, house, of=after)
    spare_deductions(tx, house, of=after)
    if type(event) in _TOLD:
        _tell_borrower(tx, house, of=after, event=event)


def _tell_borrower(tx: Transaction, house: House, *, of: Loan, event: Event) -> None:
    """Let a borrower hear that all of a loan is due now, or that nothing of it is owed any more."""
    day = event.value_date if of.state.as_of is None else max(event.value_date, of.state.as_of)
    owed_fen = quote(terms=of.terms, state=of.state, on=day).due_fen
    notice = notice_of(
        of,
        template=_TOLD[type(event)],
        on=event.value_date,
        mark=event.event_id.hex,
        amount_fen=owed_fen,
        at=house.clock.now(),
    )
    work.enqueue_many(tx, cell=of.cell, rows=[notice])


def _is_told_by_order(event: Event) -> bool:
    """Whether a channel moved money by it, so that its order tells the loan; a whole book comes over at once."""
    if isinstance(event, Repaid):
        return event.receipt not in CONCEDED
    return isinstance(event, Disbursed | MigratedIn | Cancelled | OverpaymentReturned)


def _require_not_of_order(target: UUID, history: Sequence[Event]) -> None:
    found = next((event for event in history if event.event_id == target), None)
    if found is not None and _is_told_by_order(found):
        raise OrderNeeded("A channel moved this money: only its own word takes it back.")
