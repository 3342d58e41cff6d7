"""Recording an event wherever it falls: at the end of the line by one step, earlier by telling the loan again.

The ledger gets the difference, dated today with the value dates of the new history; any order of arrival
ends in the same state and the same net postings for each account and value date.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.ledger import AccountCode as Code
from mingqu.domain.loan.event import (
    Accelerated,
    Cancelled,
    ChargedBack,
    ChargedOff,
    Disbursed,
    Event,
    Receipt,
    Repaid,
    Reversed,
    WrittenOff,
    order_key,
)
from mingqu.domain.loan.migrated import MigratedIn
from mingqu.domain.loan.posting import Change, Happening, Posting, difference
from mingqu.domain.loan.receive import NothingToChargeBack
from mingqu.domain.loan.state import Line, LoanState, interest_line, penalty_line
from mingqu.domain.loan.step import EventOutOfOrder, advance, step, tell, undone_in, until
from mingqu.domain.loan.terms import LoanTerms
from mingqu.domain.money import MICRO_PER_FEN
from mingqu.domain.refusal import Refusal


class NothingToReverse(Refusal):
    """There is no such event in the loan's history, it is reversed already, or it is of a kind that stands."""

    code = "nothing_to_reverse"
    status = 409


class AgreementMoot(Refusal):
    """What was agreed has no effect on the loan as it stood that day."""

    code = "agreement_moot"
    status = 409


class EventExists(Refusal):
    """An event with this id is recorded already; nothing is done twice."""

    code = "loan_event_exists"
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Accrual:
    """What a change of one loan adds to its accrual group: micro-fen a day, and micro-fen at once."""

    slope_micro: int
    income_micro: int
    rounding_micro: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A recorded event: the new state, what to post, what happened, and what the accrual groups gain."""

    state: LoanState
    postings: tuple[Posting, ...]
    happenings: tuple[Happening, ...]
    interest: Accrual
    penalty: Accrual
    replayed: bool


def record(
    *, terms: LoanTerms, events: tuple[Event, ...], state: LoanState, event: Event, business_date: date
) -> Outcome:
    """Return what recording `event` on `business_date` changes; `events` and `state` are the loan so far.

    Errors: EventExists, NothingToReverse, and those of `step`; nothing has then changed.
    """
    if any(other.event_id == event.event_id for other in events):
        raise EventExists("This event is already part of the loan's history.")
    if isinstance(event, Reversed):
        _require_target(events, event.target)
    if isinstance(event, ChargedBack):
        _require_payment(events, event)
    in_order = (
        not isinstance(event, Reversed)
        and (state.last_key is None or order_key(event) > state.last_key)
        and (state.as_of is None or event.value_date >= state.as_of)
    )
    if isinstance(event, ChargedOff | WrittenOff | Accelerated) and not in_order:
        raise EventOutOfOrder("A loan is ended as it stands: not on a day before something that is recorded already.")
    if in_order:
        change = Change()
        after = step(terms=terms, state=state, event=event, change=change)
        after = advance(terms=terms, state=after, to=business_date, change=change)
        postings, happenings = change.postings, change.happenings
    else:
        as_of = max(business_date, state.as_of) if state.as_of else business_date
        change_before, after, change = _both_ways(terms, events, event, state.as_of, as_of)
        if event.event_id in change.lapsed:
            raise AgreementMoot("On that day the loan leaves no room for what was agreed.")
        postings = difference(before=change_before.postings, after=change.postings)
        # Counted, for two alike on one day are two: an amount overpaid twice is given back twice.
        happenings = list((Counter(change.happenings) - Counter(change_before.happenings)).elements())
    return _outcome(terms, state, after, postings, happenings, business_date, replayed=not in_order)


def _both_ways(
    terms: LoanTerms, events: tuple[Event, ...], event: Event, known_as_of: date | None, as_of: date
) -> tuple[Change, LoanState, Change]:
    """Tell the loan without and with an event; what lies before it is told once, for both."""
    told, undone = sorted(events, key=order_key), undone_in(events)
    first = event
    if isinstance(event, Reversed):
        first = next(other for other in told if other.event_id == event.target)
    shared = [other for other in told if order_key(other) < order_key(first)]
    common = tell(terms=terms, state=LoanState(), events=shared, undone=undone, change=Change())
    before, after = Change(), Change()
    rest = told[len(shared) :]
    until(
        terms=terms,
        state=tell(terms=terms, state=common, events=rest, undone=undone, change=before),
        as_of=known_as_of,
        change=before,
    )
    with_it = sorted((*rest, event), key=order_key)
    state = tell(terms=terms, state=common, events=with_it, undone=undone | undone_in([event]), change=after)
    return before, until(terms=terms, state=state, as_of=as_of, change=after), after


def bring_up(*, terms: LoanTerms, state: LoanState, business_date: date) -> Outcome:
    """Return what the mornings up to `business_date` do to a loan nobody touched: the close's step."""
    change = Change()
    after = advance(terms=terms, state=state, to=business_date, change=change)
    return _outcome(terms, state, after, change.postings, change.happenings, business_date, replayed=False)


def brought_up(*, terms: LoanTerms, state: LoanState, business_date: date) -> LoanState:
    """Return the state that `bring_up` ends in, without what the ledger and the groups would gain by it."""
    return advance(terms=terms, state=state, to=business_date, change=Change())


def _require_target(events: tuple[Event, ...], target: UUID) -> None:
    """A first disbursement makes the loan: it is reversed only when nothing rests on it, and the loan is planned again.

    A reversal is not reversed, it is recorded anew.
    """
    reversed_before = {event.target for event in events if isinstance(event, Reversed)}
    found = next((event for event in events if event.event_id == target), None)
    if found is None or target in reversed_before:
        raise NothingToReverse("There is no such event to reverse, or it is reversed already.")
    if isinstance(found, MigratedIn | Reversed | Cancelled):
        raise NothingToReverse("A taking over, a cancellation and a reversal are not reversed.")
    standing = [event for event in events if event.event_id not in reversed_before and not isinstance(event, Reversed)]
    if isinstance(found, Disbursed) and found.tranche == 1 and len(standing) > 1:
        raise NothingToReverse("Something happened to the loan since its first payout: that is taken back first.")
    if any(
        isinstance(event, ChargedBack) and event.target == target and event.event_id not in reversed_before
        for event in events
    ):
        raise NothingToReverse("This payment was charged back: the payer has the money already.")


_OF_GUARANTOR: Final = (Receipt.COMPENSATION, Receipt.SUBROGATION)


def _require_payment(events: tuple[Event, ...], event: ChargedBack) -> None:
    """What is charged back was paid, and not charged back or reversed before."""
    undone = undone_in(events)
    if any(
        isinstance(other, Repaid) and other.event_id == event.target and other.receipt in _OF_GUARANTOR
        for other in events
    ):
        raise NothingToChargeBack("What a guarantor paid or was paid came by no card: if it bounced, it is reversed.")
    standing = [other for other in events if other.event_id not in undone]
    paid = sum(other.amount_fen for other in standing if isinstance(other, Repaid) and other.event_id == event.target)
    taken = sum(
        other.amount_fen for other in standing if isinstance(other, ChargedBack) and other.target == event.target
    )
    if event.amount_fen > paid - taken:
        raise NothingToChargeBack(
            "The payment is not part of this loan, or less of it is left than was taken back.", left_fen=paid - taken
        )


def _outcome(
    terms: LoanTerms,
    before: LoanState,
    after: LoanState,
    postings: list[Posting],
    happenings: list[Happening],
    on: date,
    *,
    replayed: bool,
) -> Outcome:
    lines = (interest_line(before, terms), interest_line(after, terms))
    penalties = (penalty_line(before, terms), penalty_line(after, terms))
    return Outcome(
        state=after,
        postings=tuple(postings),
        happenings=tuple(happenings),
        interest=_accrual(lines, postings, Code.ACCRUED_INTEREST, on),
        penalty=_accrual(penalties, postings, Code.ACCRUED_PENALTY, on),
        replayed=replayed,
    )


def _accrual(lines: tuple[Line | None, Line | None], postings: list[Posting], account: Code, on: date) -> Accrual:
    """Return the group's gain: what the loan's accrual became, less what it was, plus what was billed out of it.

    A gain below one fen for each figure billed is the rounding of those figures; anything larger is
    accrual recognized late (an overdue counts from its due date) or corrected.
    """
    old, new = ((line.daily_micro, line.at(on)) if line else (0, 0) for line in lines)
    credited = [posting for posting in postings if posting.credit is account]
    debited = [posting for posting in postings if posting.debit is account]
    billed_fen = sum(item.amount_fen for item in credited) - sum(item.amount_fen for item in debited)
    gain = new[1] - old[1] + billed_fen * MICRO_PER_FEN
    rounding = abs(gain) < MICRO_PER_FEN * (len(credited) + len(debited))
    return Accrual(
        slope_micro=new[0] - old[0],
        income_micro=0 if rounding else gain,
        rounding_micro=gain if rounding else 0,
    )
