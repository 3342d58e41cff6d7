"""What follows from what happened to loans: deductions of what fell due, money to give back, notices to send."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from mingqu.domain.identifier import dated
from mingqu.domain.loan import Happening, Intent, Kind, Outcome, quote
from mingqu.domain.moment import start_of
from mingqu.domain.order import OrderKind, reserve
from mingqu.services.house import BANK, House
from mingqu.store import order, repayment, work
from mingqu.store.database import Transaction
from mingqu.store.loan import Loan
from mingqu.store.repayment import Agreement

NOTICE: Final = "notice"
# Deductions go out in the morning of the due date: wages are in, and there is a day left to pay by hand.
DEDUCTION_AT: Final = timedelta(hours=9)
# Messages are not sent between 22:00 and 08:00 (GB/T 45251-2025 for collection; we keep it for all notices).
NOTICE_AT: Final = timedelta(hours=9)
_NOTIFIED: Final = {
    Kind.BILLED: "loan.due",
    Kind.OVERDUE: "loan.overdue",
    Kind.SETTLED: "loan.settled",
    Kind.OVERPAID: "loan.overpaid",
}


def follow_up(tx: Transaction, house: House, *, of: Loan, outcome: Outcome) -> None:
    """Write the work that one loan's happenings cause. The caller holds the cell's lock and commits."""
    follow_up_all(tx, house, changes=[(of, outcome)], cell=of.cell)


def follow_up_all(tx: Transaction, house: House, *, changes: Sequence[tuple[Loan, Outcome]], cell: int) -> None:
    """Write the work that several loans' happenings cause, reading what is needed for all of them at once."""
    telling = [(of, outcome) for of, outcome in changes if outcome.happenings]
    if not telling:
        return
    agreements = repayment.active_agreements(tx, cell=cell, person_ids={of.person_id for of, _ in telling})
    collecting = repayment.loans_being_collected(tx, cell=cell, loan_ids=[of.loan_id for of, _ in telling])
    now = house.clock.now()
    for of, outcome in telling:
        in_flight = of.loan_id in collecting
        for happening in outcome.happenings:
            agreement = agreements.get(of.person_id)
            if happening.kind in (Kind.BILLED, Kind.OVERDUE) and agreement is not None and not in_flight:
                in_flight = _deduct(tx, of, happening, agreement, now) or in_flight
            elif happening.kind is Kind.OVERPAID:
                _give_back(tx, of, happening, now)
            # Nobody is told "overdue" while a collection may have succeeded unheard.
            if happening.kind in _NOTIFIED and not (happening.kind is Kind.OVERDUE and of.loan_id in collecting):
                _notify(tx, of, happening, now)


def _deduct(tx: Transaction, of: Loan, happening: Happening, agreement: Agreement, now: datetime) -> bool:
    """Reserve a deduction of what is due on that day; one a loan and day. Return whether one is on its way."""
    as_of = of.state.as_of
    assert as_of is not None
    day = max(happening.on, as_of)
    amount_fen = quote(terms=of.terms, state=of.state, on=day).due_fen
    if amount_fen == 0:
        return False
    order_id = dated(of.loan_id, on=day, purpose="deduct")
    new = order.insert(
        tx,
        order=reserve(
            order_id=order_id,
            kind=OrderKind.COLLECTION,
            person_id=of.person_id,
            loan_id=of.loan_id,
            instrument_id=agreement.instrument_id,
            amount_fen=amount_fen,
            currency=of.currency,
            channel=BANK,
            run_at=max(now, start_of(day) + DEDUCTION_AT),
        ),
    )
    if new:
        repayment.insert_intent(tx, order_id=order_id, loan_id=of.loan_id, intent=Intent.DUE)
    return new


def _give_back(tx: Transaction, of: Loan, happening: Happening, now: datetime) -> None:
    """Reserve the return of what was paid too much, to the card the loan was paid out to."""
    instrument_id = repayment.payout_instrument(tx, cell=of.cell, loan_id=of.loan_id)
    if instrument_id is None:
        return  # a loan taken over from elsewhere: people return it
    order.insert(
        tx,
        order=reserve(
            order_id=dated(of.loan_id, on=happening.on, purpose=f"return {of.state.overpayment_fen}"),
            kind=OrderKind.RETURN,
            person_id=of.person_id,
            loan_id=of.loan_id,
            instrument_id=instrument_id,
            amount_fen=happening.amount_fen,
            currency=of.currency,
            channel=BANK,
            run_at=now,
        ),
    )


def _notify(tx: Transaction, of: Loan, happening: Happening, now: datetime) -> None:
    template = _NOTIFIED[happening.kind]
    work.enqueue(
        tx,
        cell=of.cell,
        work_id=dated(of.loan_id, on=happening.on, purpose=f"{template} {happening.instalment}"),
        kind=NOTICE,
        subject_id=of.loan_id,
        run_at=max(now, _notice_time(happening.on)),
        payload={"template": template, "on": happening.on.isoformat(), "amount_fen": happening.amount_fen},
    )


def _notice_time(on: date) -> datetime:
    return start_of(on) + NOTICE_AT
