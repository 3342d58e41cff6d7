"""What holds for any loan: the order in which news arrives changes nothing, quotes are what is booked."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain import identifier
from mingqu.domain.loan import (
    Disbursed,
    Event,
    EventOutOfOrder,
    Intent,
    LoanNotActive,
    LoanState,
    NothingToReverse,
    OverpaymentReturned,
    Posting,
    Repaid,
    Reversed,
    Stage,
    bring_up,
    fold,
    quote,
    record,
    step,
)
from mingqu.domain.loan.posting import Change
from mingqu.domain.loan.quote import preview_repayment
from mingqu.domain.schedule import Method
from tests.models.loan_terms import monthly_terms
from tests.soak import examples

START = date(2026, 8, 15)
PRINCIPAL = 1_000_000


def an_id(number: int) -> UUID:
    return identifier.fresh(milliseconds=1_800_000_000_000 + number, slot=3, entropy=number)


payments = st.lists(
    st.tuples(st.integers(0, 400), st.integers(1, 400_000), st.sampled_from(list(Intent))), min_size=1, max_size=7
)


def net(postings: list[Posting]) -> Counter[tuple[object, ...]]:
    """Return what postings move in all, for each pair of accounts, reason and value date."""
    moved: Counter[tuple[object, ...]] = Counter()
    for one in postings:
        pair = (one.debit, one.credit)
        sign = 1 if pair == tuple(sorted(pair)) else -1
        moved[(*sorted(pair), one.reason, one.value_date)] += sign * one.amount_fen
    return +moved + Counter({key: amount for key, amount in moved.items() if amount < 0})


@settings(max_examples=examples(150), deadline=None)
@given(paid=payments, reverse=st.integers(0, 6), data=st.data())
def test_any_order_of_arrival_ends_in_the_same_state_and_the_same_books(
    paid: list[tuple[int, int, Intent]], reverse: int, data: st.DataObject
) -> None:
    terms = monthly_terms(method=data.draw(st.sampled_from([Method.EQUAL_INSTALMENT, Method.INTEREST_ONLY])))
    first = Disbursed(event_id=an_id(1), value_date=START, amount_fen=PRINCIPAL)
    news: list[Event] = [
        Repaid(
            event_id=an_id(10 + place),
            value_date=START + timedelta(days=offset),
            amount_fen=amount,
            intent=intent,
        )
        for place, (offset, amount, intent) in enumerate(paid)
    ]
    last_day = START + timedelta(days=420)
    arriving = data.draw(st.permutations(news))
    known: tuple[Event, ...] = ()
    state, booked = LoanState(), []
    for event in (first, *arriving):
        outcome = record(terms=terms, events=known, state=state, event=event, business_date=last_day)
        known, state = (*known, event), outcome.state
        booked += outcome.postings
    if reverse < len(news):
        undo = Reversed(event_id=an_id(99), value_date=last_day, target=news[reverse].event_id)
        outcome = record(terms=terms, events=known, state=state, event=undo, business_date=last_day)
        known, state = (*known, undo), outcome.state
        booked += outcome.postings
    told_in_order, change = fold(terms=terms, events=known, as_of=last_day)
    assert state == told_in_order
    assert net(booked) == net(change.postings)


@settings(max_examples=examples(100), deadline=None)
@given(
    months=st.integers(1, 24),
    principal=st.integers(10_000, 50_000_000),
    method=st.sampled_from([Method.EQUAL_INSTALMENT, Method.EQUAL_PRINCIPAL, Method.INTEREST_ONLY]),
    days=st.integers(0, 500),
)
def test_a_quoted_payoff_settles_the_loan_and_a_fen_less_does_not(
    months: int, principal: int, method: Method, days: int
) -> None:
    terms = monthly_terms(principal_fen=principal, months=months, method=method)
    events: list[Event] = [Disbursed(event_id=an_id(1), value_date=START, amount_fen=principal)]
    on = START + timedelta(days=days)
    state, _ = fold(terms=terms, events=events, as_of=START)
    owed = quote(terms=terms, state=state, on=on).payoff_fen
    assert owed >= principal
    for amount, settled in ((owed, True), (owed - 1, False)):
        after, _ = preview_repayment(terms=terms, state=state, on=on, amount_fen=amount, intent=Intent.PAYOFF)
        assert (after.stage is Stage.SETTLED) is settled
        assert after.overpayment_fen == 0
        assert after.principal_outstanding_fen + after.payable.total_fen == 0 or not settled


@settings(max_examples=examples(60), deadline=None)
@given(stops=st.lists(st.integers(1, 500), max_size=8))
def test_looking_more_often_changes_nothing(stops: list[int]) -> None:
    terms = monthly_terms(grace_days=3)
    events: list[Event] = [Disbursed(event_id=an_id(1), value_date=START, amount_fen=PRINCIPAL)]
    state, _ = fold(terms=terms, events=events, as_of=START)
    postings: list[Posting] = []
    for offset in sorted({*stops, 500}):
        outcome = bring_up(terms=terms, state=state, business_date=START + timedelta(days=offset))
        state = outcome.state
        postings += outcome.postings
    at_once = bring_up(
        terms=terms,
        state=fold(terms=terms, events=events, as_of=START)[0],
        business_date=START + timedelta(days=500),
    )
    assert state == at_once.state
    assert tuple(postings) == at_once.postings


def test_whoever_pays_within_grace_owes_no_penalty_and_whoever_does_not_owes_it_from_the_due_date() -> None:
    terms = monthly_terms(grace_days=3)
    events: list[Event] = [Disbursed(event_id=an_id(1), value_date=START, amount_fen=PRINCIPAL)]
    state, _ = fold(terms=terms, events=events, as_of=START)
    due = date(2026, 9, 15)
    assert quote(terms=terms, state=state, on=due + timedelta(days=3)).due.penalty_fen == 0
    # 766.80 of principal at 27 % a year on a base of 360, for the four days since the due date: 2.30.
    assert quote(terms=terms, state=state, on=due + timedelta(days=4)).due.penalty_fen == 230


def test_an_event_before_the_payout_or_a_second_payout_is_refused() -> None:
    terms = monthly_terms()
    paid = Repaid(event_id=an_id(2), value_date=START, amount_fen=1)
    with pytest.raises(LoanNotActive):
        record(terms=terms, events=(), state=LoanState(), event=paid, business_date=START)
    first = Disbursed(event_id=an_id(1), value_date=START, amount_fen=PRINCIPAL)
    state, _ = fold(terms=terms, events=[first], as_of=START)
    again = Disbursed(event_id=an_id(3), value_date=START, amount_fen=PRINCIPAL)
    with pytest.raises(LoanNotActive):
        record(terms=terms, events=(first,), state=state, event=again, business_date=START)
    with pytest.raises(EventOutOfOrder):
        step(
            terms=terms,
            state=state,
            event=Repaid(event_id=an_id(4), value_date=START - timedelta(days=1), amount_fen=1),
            change=Change(),
        )


def test_a_reversal_of_what_is_not_there_is_refused() -> None:
    terms = monthly_terms()
    first = Disbursed(event_id=an_id(1), value_date=START, amount_fen=PRINCIPAL)
    state, _ = fold(terms=terms, events=[first], as_of=START)
    undo = Reversed(event_id=an_id(9), value_date=START, target=an_id(5))
    with pytest.raises(NothingToReverse):
        record(terms=terms, events=(first,), state=state, event=undo, business_date=START)


def test_what_was_overpaid_is_owed_back_and_no_more_than_that() -> None:
    terms = monthly_terms(months=1)
    first = Disbursed(event_id=an_id(1), value_date=START, amount_fen=PRINCIPAL)
    too_much = Repaid(event_id=an_id(2), value_date=START, amount_fen=PRINCIPAL + 500, intent=Intent.PAYOFF)
    state, _ = fold(terms=terms, events=[first, too_much], as_of=START)
    assert (state.stage, state.overpayment_fen) == (Stage.SETTLED, 500)
    back = OverpaymentReturned(event_id=an_id(3), value_date=START, amount_fen=500)
    state, _ = fold(terms=terms, events=[first, too_much, back], as_of=START)
    assert state.overpayment_fen == 0
