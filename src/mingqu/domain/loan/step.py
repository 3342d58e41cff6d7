"""The loan as a machine: `step` applies one event, `advance` lets days pass, `fold` is both, repeated.

Time is no hidden input: what happens by itself (a bill, the start of an overdue) happens on the mornings
that the state's `next_event` names, in order, however late anybody looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.calendar import check_date
from mingqu.domain.changed import changed
from mingqu.domain.loan.allocate import PAID_FIELD
from mingqu.domain.loan.billing import morning, with_penalties_billed
from mingqu.domain.loan.event import (
    Accelerated,
    Cancelled,
    ChargedOff,
    ChargeOffUndone,
    Event,
    FeeWaived,
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
from mingqu.domain.loan.follow import LoanUnsound, follow, shown
from mingqu.domain.loan.lend import LoanNotActive
from mingqu.domain.loan.migrated import MigratedIn
from mingqu.domain.loan.posting import Change, Flow, Kind, Purse, settle
from mingqu.domain.loan.state import LoanState, Stage
from mingqu.domain.loan.take_over import take_over
from mingqu.domain.loan.terms import Component, LoanTerms
from mingqu.domain.refusal import Refusal

# A loan of 1,200 instalments bills and falls overdue at most once for each: more mornings are a bug.
MORNINGS_MAX: Final = 5_000


# Overdue principal changes hands with these: what it bore until now becomes payable.
_ENDS_A_PENALTY: Final = (Repaid, ReAged, ReAmortized, Accelerated, ChargedOff, WrittenOff)


class EventOutOfOrder(Refusal):
    """The event lies before one already applied; `replay` tells the loan again in order."""

    code = "loan_event_out_of_order"
    status = 409


class NotChargedOff(Refusal):
    """The loan is not taken for lost, so that cannot be undone."""

    code = "loan_not_charged_off"
    status = 409


class AmountNotPositive(Refusal):
    """An event moves no money, or less than none."""

    code = "loan_amount_not_positive"


def fold(*, terms: LoanTerms, events: Iterable[Event], as_of: date | None) -> tuple[LoanState, Change]:
    """Return the state and everything posted after `events`, in their total order, brought up to `as_of`.

    An event that a `Reversed` names is left out; the `Reversed` itself only leaves its mark in the order. Agreements
    and decisions that the story leaves no room for lapse: when a payment turns up that had settled the loan, there
    is nothing left to spread over new instalments. Money and fees never lapse.
    """
    change = Change()
    listed = sorted(events, key=order_key)
    state = tell(terms=terms, state=LoanState(), events=listed, undone=undone_in(listed), change=change)
    return until(terms=terms, state=state, as_of=as_of, change=change), change


def undone_in(events: Iterable[Event]) -> frozenset[UUID]:
    """Return the ids of events that are reversed."""
    return frozenset(event.target for event in events if isinstance(event, Reversed))


def tell(
    *, terms: LoanTerms, state: LoanState, events: Iterable[Event], undone: frozenset[UUID], change: Change
) -> LoanState:
    """Return the state after more events, in order, without those undone."""
    for event in events:
        if event.event_id not in undone:
            state = _step_or_lapse(terms, state, event, change)
    return state


def until(*, terms: LoanTerms, state: LoanState, as_of: date | None, change: Change) -> LoanState:
    """Return the state brought up to a day, unless it is there already."""
    if as_of is not None and state.as_of is not None and as_of >= state.as_of:
        return advance(terms=terms, state=state, to=as_of, change=change)
    return state


# What was agreed or decided on the loan as it was known; told again, it may have become moot.
MAY_LAPSE: Final = (
    *(RateChanged, Paused, Rescheduled, ReAged, ReAmortized),
    *(Accelerated, ChargedOff, ChargeOffUndone, WrittenOff, FeeWaived),
)


def _step_or_lapse(terms: LoanTerms, state: LoanState, event: Event, change: Change) -> LoanState:
    if not isinstance(event, MAY_LAPSE):
        return step(terms=terms, state=state, event=event, change=change)
    if state.as_of is not None and event.value_date >= state.as_of:
        state = advance(terms=terms, state=state, to=event.value_date, change=change)
    marks = change.marks
    try:
        return step(terms=terms, state=state, event=event, change=change)
    except EventOutOfOrder:
        raise
    except Refusal:
        change.forget_since(marks)
        change.lapsed.append(event.event_id)
        return changed(state, last_key=order_key(event))


def step(*, terms: LoanTerms, state: LoanState, event: Event, change: Change) -> LoanState:
    """Return the state after one more event at the end of the line, adding postings to `change`.

    Errors: EventOutOfOrder, LoanNotActive, AmountDiffers and those of the event; `change` is then to be dropped.
    """
    if getattr(event, "amount_fen", 1) < 1:
        raise AmountNotPositive("Money that moves is at least one fen.")
    check_date(event.value_date)
    if state.last_key is not None and order_key(event) <= state.last_key:
        raise EventOutOfOrder("This event lies before one that was already applied.")
    if state.as_of is not None:
        if event.value_date < state.as_of:
            raise EventOutOfOrder("This event lies before the day the loan was brought up to.")
        state = _mornings(terms, state, event.value_date, change)
    if isinstance(event, Reversed):
        return changed(state, as_of=state.as_of and event.value_date, last_key=order_key(event))
    if isinstance(event, Cancelled):
        if state.stage is not Stage.PLANNED:
            raise LoanNotActive("Only a loan that was not paid out can be cancelled.")
        return changed(state, stage=Stage.CANCELLED, as_of=event.value_date, last_key=order_key(event))
    if isinstance(event, MigratedIn):
        return take_over(terms=terms, state=state, event=event, change=change)
    if isinstance(event, ChargeOffUndone):
        return _undo_charge_off(terms, state, event, change)
    before = state
    if isinstance(event, _ENDS_A_PENALTY):
        state = with_penalties_billed(terms=terms, state=state, on=event.value_date)
    after = follow(terms=terms, state=state, event=event, change=change)
    if after.suspended and not after.overdue_days(event.value_date):  # cured: what it bears is income again
        after = changed(after, suspended=False)
    settle(before=before, after=after, change=change, on=event.value_date)
    return _with_otherwise(terms, before, after, event)


def _with_otherwise(terms: LoanTerms, before: LoanState, after: LoanState, event: Event) -> LoanState:
    """Let a loan taken for lost keep how it would stand if it had not been: what happens to it happens there, too."""
    if isinstance(event, ChargedOff):
        seen = advance(terms=terms, state=before, to=event.value_date, change=Change())  # whenever anybody looked
        return changed(after, otherwise=seen)
    if before.otherwise is None:
        return after
    if after.stage is Stage.WRITTEN_OFF:
        return changed(after, otherwise=None)
    try:
        other: LoanState | None = step(terms=terms, state=before.otherwise, event=event, change=Change())
    except Refusal:
        other = before.otherwise if isinstance(event, MAY_LAPSE) else None
    return changed(after, otherwise=other)


def _undo_charge_off(terms: LoanTerms, state: LoanState, event: ChargeOffUndone, change: Change) -> LoanState:
    """Let a loan go on as it would stand. What was recovered stays paid, of what it would have paid."""
    if state.stage is not Stage.CHARGED_OFF or state.otherwise is None:
        raise NotChargedOff("This loan is not taken for lost, or nobody can tell what it would owe.")
    on = event.value_date
    after = advance(terms=terms, state=state.otherwise, to=on, change=Change())
    paid = {component: _paid_fen(after, component) - _paid_fen(state, component) for component in Component}
    overpaid = after.overpayment_fen - state.overpayment_fen
    claimed = after.guarantor_claim_fen - state.guarantor_claim_fen
    recovered = -claimed  # what a guarantor paid it may claim or has back: more of the one is less of the other
    if sum(paid.values()) + overpaid + recovered:
        raise LoanUnsound("What was paid since the loss would not add up if there had been none.")
    if overpaid > 0:
        change.tell(Kind.OVERPAID, on, overpaid)
    change.flows.append(
        Flow(
            purse=Purse.CASH,
            paid=paid,
            overpaid_fen=overpaid,
            recovered_fen=recovered,
        )
    )
    settle(before=state, after=after, change=change, on=on)
    return changed(after, last_key=order_key(event))


def _paid_fen(state: LoanState, component: Component) -> int:
    return sum(getattr(line, PAID_FIELD[component]) for line in state.instalments)


def advance(*, terms: LoanTerms, state: LoanState, to: date, change: Change) -> LoanState:
    """Return the state on the morning of `to`: bills and overdue starts on the way are done in order."""
    state = _mornings(terms, state, to, change)
    if state.as_of is None or to > state.as_of:
        state = changed(state, as_of=to)
    return shown(terms=terms, state=state, to=to, change=change) if state.course is not None else state


def _mornings(terms: LoanTerms, state: LoanState, to: date, change: Change) -> LoanState:
    for _ in range(MORNINGS_MAX):
        due = state.next_event(terms)
        if due is None or due > to:
            return state
        if state.course is not None:  # what overdue principal bore belongs into the bill, however late anybody looks
            state = shown(terms=terms, state=state, to=due, change=change)
        after = morning(terms=terms, state=state, on=due, change=change)
        settle(before=state, after=after, change=change, on=due)
        state = after
    raise AssertionError("a loan's mornings do not end")
