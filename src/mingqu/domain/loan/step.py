"""The loan as a machine: `step` applies one event, `advance` lets days pass, `fold` is both, repeated.

Time is no hidden input: what happens by itself (a bill, the start of an overdue) happens on the mornings
that the state's `next_event` names, in order, however late anybody looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Final

from mingqu.domain.ledger import AccountCode as Code
from mingqu.domain.ledger import Reason
from mingqu.domain.loan.allocate import pay_billed
from mingqu.domain.loan.event import (
    Cancelled,
    Disbursed,
    Event,
    Intent,
    OverpaymentReturned,
    Repaid,
    Reversed,
    order_key,
)
from mingqu.domain.loan.plan import first_plan, replan
from mingqu.domain.loan.posting import Change, Happening, Kind
from mingqu.domain.loan.state import Instalment, LoanState, Stage, exact_interest, overdue_start, penalty_exact
from mingqu.domain.loan.terms import LoanTerms
from mingqu.domain.money import divide
from mingqu.domain.refusal import Refusal

# A loan of 1,200 instalments bills and falls overdue at most once for each: more mornings are a bug.
MORNINGS_MAX: Final = 5_000


class EventOutOfOrder(Refusal):
    """The event lies before one already applied; `replay` tells the loan again in order."""

    code = "loan_event_out_of_order"
    status = 409


class LoanNotActive(Refusal):
    """The loan has not been paid out, or was paid out already."""

    code = "loan_not_active"
    status = 409


class AmountDiffers(Refusal):
    """The channel paid out another amount than the contract names."""

    code = "disbursed_amount_differs"


def fold(*, terms: LoanTerms, events: Iterable[Event], as_of: date | None) -> tuple[LoanState, Change]:
    """Return the state and everything posted after `events`, in their total order, brought up to `as_of`.

    An event that a `Reversed` names is left out; the `Reversed` itself only leaves its mark in the order.
    """
    listed = sorted(events, key=order_key)
    undone = {event.target for event in listed if isinstance(event, Reversed)}
    state, change = LoanState(), Change()
    for event in listed:
        if event.event_id not in undone:
            state = step(terms=terms, state=state, event=event, change=change)
    if as_of is not None and state.as_of is not None and as_of > state.as_of:
        state = advance(terms=terms, state=state, to=as_of, change=change)
    return state, change


def step(*, terms: LoanTerms, state: LoanState, event: Event, change: Change) -> LoanState:
    """Return the state after one more event at the end of the line, adding postings to `change`.

    Errors: EventOutOfOrder, LoanNotActive, AmountDiffers; `change` is then to be dropped.
    """
    if state.last_key is not None and order_key(event) <= state.last_key:
        raise EventOutOfOrder("This event lies before one that was already applied.")
    if state.as_of is not None:
        if event.value_date < state.as_of:
            raise EventOutOfOrder("This event lies before the day the loan was brought up to.")
        state = advance(terms=terms, state=state, to=event.value_date, change=change)
    match event:
        case Disbursed():
            after = _disbursed(terms, state, event, change)
        case Cancelled():
            if state.stage is not Stage.PLANNED:
                raise LoanNotActive("Only a loan that was not paid out can be cancelled.")
            after = replace(state, stage=Stage.CANCELLED, as_of=event.value_date)
        case Repaid():
            after = _repaid(terms, state, event, change)
        case OverpaymentReturned():
            after = _returned(state, event, change)
        case Reversed():
            after = state
    return replace(after, last_key=order_key(event))


def advance(*, terms: LoanTerms, state: LoanState, to: date, change: Change) -> LoanState:
    """Return the state on the morning of `to`: bills and overdue starts on the way are done in order."""
    for _ in range(MORNINGS_MAX):
        due = state.next_event(terms)
        if due is None or due > to:
            return replace(state, as_of=to) if state.as_of is None or to > state.as_of else state
        state = _morning(terms, state, due, change)
    raise AssertionError("a loan's mornings do not end")


def _morning(terms: LoanTerms, state: LoanState, on: date, change: Change) -> LoanState:
    """Do what falls on one morning: first the new bill, then what became overdue."""
    lines = []
    current = state.current
    for line in state.instalments:
        if line is current and line.due == on:
            lines.append(_bill(line, on, change))
        elif line.billed and line.unpaid_fen > 0 and line.penalty_from is None and overdue_start(line, terms) <= on:
            change.happenings.append(
                Happening(kind=Kind.OVERDUE, on=on, instalment=line.number, amount_fen=line.unpaid_fen)
            )
            # Whoever pays within grace owes no penalty; whoever does not owes it from the due date on.
            lines.append(replace(line, penalty_from=line.due))
        else:
            lines.append(line)
    return replace(state, instalments=tuple(lines), as_of=on)


def _bill(line: Instalment, on: date, change: Change) -> Instalment:
    """Make the planned figures of an instalment payable."""
    change.post(Code.LOAN_PRINCIPAL_DUE, Code.LOAN_PRINCIPAL, line.principal_fen, Reason.BILL_PRINCIPAL, on)
    change.post(Code.LOAN_INTEREST_DUE, Code.ACCRUED_INTEREST, line.interest_fen, Reason.BILL_INTEREST, on)
    if not line.early:  # nobody is told that something is due that they are just paying
        change.happenings.append(Happening(kind=Kind.BILLED, on=on, instalment=line.number, amount_fen=line.unpaid_fen))
    paid = on if line.unpaid_fen == 0 else None
    return replace(line, billed=True, paid_on=paid)


def _disbursed(terms: LoanTerms, state: LoanState, event: Disbursed, change: Change) -> LoanState:
    if state.stage is not Stage.PLANNED:
        raise LoanNotActive("This loan was paid out already.")
    if event.amount_fen != terms.principal_fen:
        # 法释〔2020〕6号 art. 26: nothing is deducted in advance; what arrives is what was agreed.
        raise AmountDiffers("The amount paid out is not the amount of the contract.")
    change.post(Code.LOAN_PRINCIPAL, Code.LENDER_CASH, event.amount_fen, Reason.DISBURSE, event.value_date)
    change.post(Code.LIMIT_AVAILABLE, Code.LIMIT_DRAWN, event.amount_fen, Reason.LIMIT_DRAW, event.value_date)
    return replace(
        state,
        stage=Stage.ACTIVE,
        as_of=event.value_date,
        disbursed_fen=event.amount_fen,
        instalments=first_plan(terms=terms, start=event.value_date),
    )


def _repaid(terms: LoanTerms, state: LoanState, event: Repaid, change: Change) -> LoanState:
    if state.stage in (Stage.PLANNED, Stage.CANCELLED):
        raise LoanNotActive("This loan has not been paid out.")
    on = event.value_date
    was_overdue = state.overdue_days(on) > 0
    state = with_penalties_billed(terms=terms, state=state, on=on, change=change)
    state, rest = pay_billed(terms=terms, state=state, amount_fen=event.amount_fen, on=on, change=change)
    if was_overdue and state.overdue_days(on) == 0:
        change.happenings.append(Happening(kind=Kind.CURED, on=on, instalment=0, amount_fen=event.amount_fen))
    if rest and event.intent is not Intent.DUE and state.current is not None:
        state, rest = _repay_early(terms, state, rest, event, change)
    if rest:
        change.post(Code.COLLECTION_CLEARING, Code.OVERPAYMENT, rest, Reason.OVERPAY, on)
        change.happenings.append(Happening(kind=Kind.OVERPAID, on=on, instalment=0, amount_fen=rest))
        state = replace(state, overpayment_fen=state.overpayment_fen + rest)
    if state.stage is Stage.ACTIVE and state.current is None and next(state.unpaid_billed, None) is None:
        change.happenings.append(Happening(kind=Kind.SETTLED, on=on, instalment=0, amount_fen=0))
        state = replace(state, stage=Stage.SETTLED, settled_on=on)
    return state


def with_penalties_billed(*, terms: LoanTerms, state: LoanState, on: date, change: Change) -> LoanState:
    """Turn running penalties into payable ones, each rounded once at the day a payment arrives."""
    lines = []
    for line in state.instalments:
        principal_fen = line.principal_fen - line.principal_paid_fen
        if line.billed and line.penalty_from is not None and line.penalty_from < on and principal_fen:
            numerator, denominator = penalty_exact(
                terms=terms, principal_fen=principal_fen, start=line.penalty_from, end=on
            )
            penalty_fen = divide(numerator, denominator, terms.rounding)
            change.post(Code.LOAN_PENALTY_DUE, Code.ACCRUED_PENALTY, penalty_fen, Reason.BILL_PENALTY, on)
            line = replace(line, penalty_fen=line.penalty_fen + penalty_fen, penalty_from=on)
        lines.append(line)
    return replace(state, instalments=tuple(lines))


def early_interest_fen(*, terms: LoanTerms, state: LoanState, on: date) -> int:
    """Return the interest of the running instalment up to `on`, in fen: by days, never above the whole period's.

    Example: 7,664.92 at 18 % a year, ten days on a base of 360: 38.32.
    """
    line = state.current
    if line is None or on <= line.start:
        return 0
    numerator, denominator = exact_interest(terms=terms, line=line, principal_fen=state.principal_unbilled_fen, end=on)
    return min(divide(numerator, denominator, terms.rounding), line.interest_fen)


def _repay_early(terms: LoanTerms, state: LoanState, rest: int, event: Repaid, change: Change) -> tuple[LoanState, int]:
    """Use what is left after the due amounts for principal not yet due; return what even that leaves."""
    on = event.value_date
    line = state.current
    assert line is not None
    interest_fen = early_interest_fen(terms=terms, state=state, on=on)
    unbilled = state.principal_unbilled_fen
    whole = rest >= interest_fen + unbilled  # enough for everything settles the loan, whatever it was meant for
    principal_fen = unbilled if whole else rest - interest_fen
    if principal_fen <= 0:
        return state, rest  # too little to reach principal: the surplus is owed back
    early = Instalment(
        number=line.number,
        period_start=line.period_start,
        start=line.start,
        due=on,
        principal_fen=principal_fen,
        interest_fen=interest_fen,
        early=True,
    )
    billed = _bill(early, on, change)
    kept = tuple(other for other in state.instalments if other.billed)
    planned = tuple(other for other in state.instalments if not other.billed)
    rows = () if whole else replan(terms=terms, planned=planned, principal_fen=unbilled - principal_fen, start=on)
    state = replace(state, instalments=(*kept, billed, *rows))
    return pay_billed(terms=terms, state=state, amount_fen=rest, on=on, change=change)


def _returned(state: LoanState, event: OverpaymentReturned, change: Change) -> LoanState:
    """Money went back to the payer. It is a fact: what turns out not to have been overpaid is owed from that day.

    That happens when the payment which had been too much bounces after its surplus was returned.
    """
    if state.stage in (Stage.PLANNED, Stage.CANCELLED):
        raise LoanNotActive("This loan has not been paid out.")
    on = event.value_date
    due_back = min(event.amount_fen, state.overpayment_fen)
    excess = event.amount_fen - due_back
    change.post(Code.OVERPAYMENT, Code.COLLECTION_CLEARING, due_back, Reason.RETURN_OVERPAYMENT, on)
    change.post(Code.LOAN_FEE_DUE, Code.COLLECTION_CLEARING, excess, Reason.RETURN_OVERPAYMENT, on)
    state = replace(state, overpayment_fen=state.overpayment_fen - due_back)
    if not excess:
        return state
    owed = Instalment(
        number=0, period_start=on, start=on, due=on, principal_fen=0, interest_fen=0, fee_fen=excess, billed=True
    )
    billed = tuple(line for line in state.instalments if line.billed)
    planned = tuple(line for line in state.instalments if not line.billed)
    return replace(state, stage=Stage.ACTIVE, settled_on=None, instalments=(*billed, owed, *planned))
