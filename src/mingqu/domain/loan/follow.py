"""One event of a loan that keeps a course: what it changes, and how it leaves the loan."""

from __future__ import annotations

from datetime import date
from typing import Final

from mingqu.domain.changed import changed
from mingqu.domain.loan import agree, charge, end, lend, receive, spread
from mingqu.domain.loan.event import (
    Accelerated,
    Cancelled,
    ChargedBack,
    ChargedOff,
    ChargeOffUndone,
    Disbursed,
    Event,
    FeeCharged,
    FeeWaived,
    OverpaymentReturned,
    Paused,
    RateChanged,
    ReAged,
    ReAmortized,
    Repaid,
    Rescheduled,
    Reversed,
    WrittenOff,
    order_key,
)
from mingqu.domain.loan.lend import LoanNotActive
from mingqu.domain.loan.migrated import MigratedIn
from mingqu.domain.loan.posting import Change, Kind, settle
from mingqu.domain.loan.state import LoanState, Stage
from mingqu.domain.loan.terms import Component, LoanTerms
from mingqu.domain.loan.working import Working, work_on
from mingqu.domain.refusal import Refusal

_AGREEMENTS: Final = (RateChanged, Paused, Rescheduled, ReAged, ReAmortized, Accelerated, FeeCharged)
_ACTIVE: Final = Stage.ACTIVE
_ABOUT_A_DEBT: Final = (Paused, Rescheduled, ReAged, ReAmortized, Accelerated, ChargedOff)


class LoanUnsound(Refusal):
    """What the event would do to this loan does not add up to the fen, so it is not done."""

    code = "loan_unsound"
    status = 409


def follow(*, terms: LoanTerms, state: LoanState, event: Event, change: Change) -> LoanState:
    """Return the state after one more event. Errors: LoanNotActive and those of the events' functions."""
    if state.stage is not _ACTIVE or state.ended or state.lost:
        _check_open(state, event)
    working = work_on(terms=terms, state=state)
    owed = working.principal_owed_fen if working.course is not None else 0
    _apply(working, event, change)
    if working.course is not None:
        charge.follow_instalments(working, event.value_date)
        receive.turn_not_borne(working, change, on=event.value_date)
        if not isinstance(event, WrittenOff):
            _check_principal(working, change, owed + working.state.disbursed_fen - state.disbursed_fen)
    _close_or_open(working, event.value_date, change)
    return working.save(as_of=event.value_date, last_key=order_key(event))


def _check_open(state: LoanState, event: Event) -> None:
    """Refuse what comes too late for a loan, or too soon."""
    if state.stage is Stage.PLANNED and not isinstance(event, Disbursed):
        raise LoanNotActive("This loan has not been paid out.")
    given_up = state.stage is Stage.WRITTEN_OFF and not isinstance(event, Repaid | OverpaymentReturned)
    if state.stage is Stage.CANCELLED or given_up:
        raise LoanNotActive("This loan is closed.")
    if isinstance(event, _AGREEMENTS) and (state.lost or state.ended):
        raise LoanNotActive("Nothing new is agreed on a loan that is called in or taken for lost.")
    if isinstance(event, ChargedOff) and state.stage is Stage.CHARGED_OFF:
        raise LoanNotActive("This loan is taken for lost already.")
    if state.stage is Stage.SETTLED and isinstance(event, _ABOUT_A_DEBT):
        raise LoanNotActive("Nothing is owed on this loan that could be agreed on anew.")


def _check_principal(working: Working, change: Change, owed_fen: int) -> None:
    """What is owed after an event is what was owed before, and lent by it, less what was paid: to the fen.

    Agreements and payments can follow each other in more ways than anybody has tried. Should one of them make or lose
    principal, it is refused here, before anything is posted.
    """
    paid = sum(flow.paid.get(Component.PRINCIPAL, 0) for flow in change.flows)
    short = any(line.unpaid_fen < 0 or not 0 <= line.principal_paid_fen <= line.principal_fen for line in working.lines)
    if working.principal_owed_fen != owed_fen - paid or short:
        raise LoanUnsound("On top of what happened before, this would make or lose principal.", owed_fen=owed_fen)


def _apply(working: Working, event: Event, change: Change) -> None:
    on = event.value_date
    match event:
        case Disbursed():
            lend.disburse(working, event, change)
        case Repaid():
            receive.repay(working, event, change)
        case ChargedBack():
            receive.charge_back(working, event, change)
        case OverpaymentReturned():
            receive.give_back(working, event, change)
        case FeeCharged():
            charge.charge(working, event)
            receive.use_overpayment_for_fee(working, change, on=on)
        case FeeWaived():
            charge.waive(working, event, change)
        case RateChanged():
            agree.change_rate(working, event)
        case Paused():
            agree.pause(working, event)
        case Rescheduled():
            agree.reschedule(working, event)
        case ReAged():
            spread.re_age(working, event, change)
        case ReAmortized():
            spread.re_amortize(working, event, change)
        case Accelerated():
            end.accelerate(working, event, change)
        case ChargedOff():
            end.charge_off(working, event, change)
        case WrittenOff():
            end.write_off(working, event, change)
        case Cancelled() | Reversed() | MigratedIn() | ChargeOffUndone():
            raise LoanNotActive("Only a loan that was not paid out can be cancelled.")


def _close_or_open(working: Working, on: date, change: Change) -> None:
    """Settle a loan of which nothing is owed any more, and open one again of which something is."""
    state = working.state
    owed = False
    for line in working.lines:  # asked for after every event: the first line that is open answers
        if line.paid_on is None and line.unpaid_fen:
            owed = True
            break
    if owed and state.stage is _ACTIVE:
        return  # as nearly always
    if state.stage in (Stage.ACTIVE, Stage.CHARGED_OFF) and not owed:
        if not state.guarantor_claim_fen:  # else the borrower still owes, to the guarantor
            change.tell(Kind.SETTLED, on, 0)
        working.state = changed(state, stage=Stage.SETTLED, settled_on=on)
    elif state.stage is Stage.SETTLED and owed:
        working.state = changed(state, stage=Stage.CHARGED_OFF if state.lost else Stage.ACTIVE, settled_on=None)


def shown(*, terms: LoanTerms, state: LoanState, to: date, change: Change) -> LoanState:
    """Return the state with interest of overdue principal counted up to a day; its course is left as it is."""
    if state.stage is not Stage.ACTIVE or not any(
        line.due < to and line.principal_fen > line.principal_paid_fen for line in state.instalments
    ):
        return state
    working = work_on(terms=terms, state=state)
    working.keep_bearing(to=to)
    after = changed(state, instalments=working.save().instalments)
    settle(before=state, after=after, change=change, on=to)
    return after
