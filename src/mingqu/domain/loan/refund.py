"""Interest that a refund gives back: what its amount would not have borne, had it never been lent (退货退息)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

from mingqu.domain.course import due_if_paid
from mingqu.domain.loan.event import Disbursed, Event, Intent, Receipt, Repaid, Reversed, order_key
from mingqu.domain.loan.step import fold
from mingqu.domain.loan.terms import LoanTerms
from mingqu.domain.loan.working import work_on


def interest_to_refund_fen(*, terms: LoanTerms, events: Iterable[Event], refund: Repaid) -> int:
    """Return the interest to give back with a refund that is not yet among the events, in fen, never below zero.

    The loan is told twice up to the day of the refund: with all refunds so far, and with this one too, each time
    as if the refunded money had come back on the day it was lent. What is borne less is given back.
    Example: 100.00 lent for a month at 12 %, 50.00 refunded after 30 days: 0.50.
    """
    if refund.receipt not in terms.refund_interest:
        return 0
    undone = {event.target for event in events if isinstance(event, Reversed)}
    standing = [
        event
        for event in sorted(events, key=order_key)
        if not isinstance(event, Reversed)
        and event.event_id not in undone
        and not (isinstance(event, Repaid) and event.receipt is Receipt.INTEREST_REFUND)
        and order_key(event) < order_key(refund)
    ]
    earlier = [event for event in standing if isinstance(event, Repaid) and event.receipt in terms.refund_interest]
    others = [event for event in standing if event not in earlier]
    on = refund.value_date
    before = _borne_fen(terms, others, sum(event.amount_fen for event in earlier), on)
    after = _borne_fen(terms, others, sum(event.amount_fen for event in earlier) + refund.amount_fen, on)
    return max(0, before - after)


def _borne_fen(terms: LoanTerms, events: Sequence[Event], refunded_fen: int, on: date) -> int:
    """Return the interest borne up to a day if `refunded_fen` had come back as soon as it was lent."""
    told: list[Event] = []
    left = refunded_fen
    for number, event in enumerate(events):
        told.append(event)
        if isinstance(event, Disbursed) and left:
            back = min(left, event.amount_fen)
            left -= back
            told.append(
                Repaid(
                    event_id=UUID(int=number),
                    value_date=event.value_date,
                    amount_fen=back,
                    intent=Intent.DUE,
                )
            )
    state, _ = fold(terms=replace(terms, refund_interest=()), events=told, as_of=on)
    working = work_on(terms=terms, state=state)
    if working.course is None or not working.recalculates:
        return 0
    working.keep_bearing(to=on)
    course = working.course
    return sum(due_if_paid(course, stretch=stretch, on=on)[1] for stretch in course.stretches)
