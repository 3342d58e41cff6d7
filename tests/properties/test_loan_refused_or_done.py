"""Whatever is asked of a loan is done or refused by name: nothing else comes out, and a refusal leaves no trace."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.calendar import DayCount, Period, PeriodUnit
from mingqu.domain.loan import (
    Accelerated,
    Cancelled,
    ChargedBack,
    ChargedOff,
    ChargeOffUndone,
    Disbursed,
    Event,
    FeeBasis,
    FeeCharged,
    FeeDue,
    FeeRule,
    FeeWaived,
    Intent,
    InterestHandling,
    LoanTerms,
    OverpaymentReturned,
    Paused,
    RateChanged,
    ReAged,
    ReAmortized,
    Receipt,
    Repaid,
    Rescheduled,
    Reversed,
    Stage,
    WrittenOff,
    payoff_fen,
)
from mingqu.domain.loan.terms import ALLOCATION_IN_ADVANCE, AllocationRule, Component, Recalculation, Surplus
from mingqu.domain.money import AMOUNT_FEN_MAX, Rounding
from mingqu.domain.rate import Rate
from mingqu.domain.refusal import Refusal
from mingqu.domain.schedule import InterestBasis, Method
from tests.models.loan_on_course_book import START, Book, an_id
from tests.soak import examples

fen = st.one_of(
    st.integers(1, 200_000), st.sampled_from([-(10**20), -1, 0, AMOUNT_FEN_MAX, AMOUNT_FEN_MAX + 1, 10**20])
)
counts = st.one_of(st.integers(0, 6), st.sampled_from([-1, 40, 1_201, 10**9]))
days = st.one_of(
    st.integers(-5, 150).map(lambda number: START + timedelta(days=number)),
    st.sampled_from([date.min, date(1899, 12, 31), date(2200, 12, 31), date(2201, 1, 1), date.max]),
)
periods = st.sampled_from([Period(), Period(every=15, unit=PeriodUnit.DAY), Period(every=1_200)])
rates = st.sampled_from([0, 1, 180_000, 100_000_000]).map(lambda ppm: Rate.per_year(ppm=ppm))
ids = st.integers(1, 12).map(an_id)
orders = st.permutations(ALLOCATION_IN_ADVANCE).flatmap(
    lambda order: st.sampled_from([tuple(order), tuple(order)[1:], (*order, order[0])])
)
fees = st.one_of(
    st.builds(FeeRule, due=st.sampled_from(FeeDue), amount_fen=st.sampled_from([0, 100, AMOUNT_FEN_MAX])),
    st.just(FeeRule(due=FeeDue.INSTALMENT, basis=FeeBasis.PRINCIPAL_AND_INTEREST, share_ppm=10_000)),
)
odd_terms: dict[str, st.SearchStrategy[Any]] = {
    "principal_fen": fen,
    "instalments": counts,
    "penalty_multiple_ppm": fen,
    "grace_days": counts,
    "disbursements_max": counts,
    "principal_grace": counts,
    "interest_grace": counts,
    "interest_free": counts,
    "down_payment_ppm": fen,
    "multiple_fen": fen,
    "rate_digits": counts,
    "length_days": st.one_of(counts, st.integers(20, 200)),
    "first_due": days,
    "start": days,
    "rate_max": rates,
    "rate_min": rates,
    "allocation": orders,
    "allocation_of": st.tuples(st.tuples(st.sampled_from(Receipt), st.builds(AllocationRule, order=orders))),
    "surplus": st.sampled_from(Surplus),
    "chargeback_order": st.lists(st.sampled_from(Component), max_size=5).map(tuple),
    "fees": st.tuples(fees),
    "full_term_each": st.booleans(),
    "whole_plan_each": st.booleans(),
}


@st.composite
def terms_as_they_may_be_typed(draw: st.DrawFn) -> dict[str, Any]:
    """Return the fields of terms, of which up to three are odd."""
    names = draw(st.lists(st.sampled_from(sorted(odd_terms)), max_size=3, unique=True))
    usual = {
        "principal_fen": draw(st.sampled_from([7, 2_000, 100_000])),
        "currency": "CNY",
        "method": draw(st.sampled_from(Method)),
        "rate": draw(rates),
        "instalments": draw(st.integers(1, 5)),
        "period": draw(periods),
        "interest_basis": draw(st.sampled_from(InterestBasis)),
        "day_count": draw(st.sampled_from(DayCount)),
        "rounding": draw(st.sampled_from(Rounding)),
        "penalty_multiple_ppm": draw(st.sampled_from([0, 1_500_000])),
        "allocation": ALLOCATION_IN_ADVANCE,
        "recalculation": draw(st.sampled_from(Recalculation)),
    }
    return {**usual, **{name: draw(odd_terms[name]) for name in names}}


def events(event_id: UUID, today: date) -> st.SearchStrategy[Event]:
    """Return events of any kind, of any sense."""
    known: dict[str, Any] = {
        "event_id": st.one_of(st.just(event_id), ids),
        "value_date": st.one_of(st.just(today), days),
    }
    handling = st.sampled_from(InterestHandling)
    return st.one_of(
        st.builds(Repaid, **known, amount_fen=fen, receipt=st.sampled_from(Receipt), intent=st.sampled_from(Intent)),
        st.builds(Disbursed, **known, amount_fen=fen, tranche=st.integers(-1, 3)),
        st.builds(ChargedBack, **known, amount_fen=fen, target=ids),
        st.builds(OverpaymentReturned, **known, amount_fen=fen),
        st.builds(FeeCharged, **known, rule=fees, due=days),
        st.builds(FeeWaived, **known, target=ids),
        st.builds(RateChanged, **known, since=days, rate=rates),
        st.builds(Paused, **known, since=days, until=days),
        st.builds(
            Rescheduled,
            **known,
            due=days,
            due_to=st.one_of(st.none(), days),
            added=counts,
            principal_grace=counts,
            interest_grace=counts,
        ),
        st.builds(ReAged, **known, first_due=days, period=periods, instalments=counts, interest=handling),
        st.builds(ReAmortized, **known, interest=handling),
        st.builds(Reversed, **known, target=ids),
        *(st.builds(kind, **known) for kind in (Accelerated, ChargedOff, ChargeOffUndone, WrittenOff, Cancelled)),
    )


@given(fields=terms_as_they_may_be_typed(), data=st.data())
@settings(max_examples=examples(30), deadline=None)
def test_terms_and_events_of_any_kind_are_done_or_refused_by_name(fields: dict[str, Any], data: st.DataObject) -> None:
    try:
        book = Book(LoanTerms(**fields))
    except Refusal:
        return
    payout = Disbursed(event_id=an_id(1), value_date=START, amount_fen=book.terms.principal_fen)
    for number in range(2, 7):
        before = msgspec.json.encode(book.state)
        try:
            book.happen(payout if number == 2 else data.draw(events(an_id(number), book.today)))
        except Refusal:
            assert msgspec.json.encode(book.state) == before
        if book.state.stage is Stage.ACTIVE:
            with suppress(Refusal):
                payoff_fen(terms=book.terms, state=book.state, on=data.draw(days))
        book.today += timedelta(days=data.draw(st.sampled_from([0, 1, 31])))
        book.look()  # days pass whatever was agreed: a refusal here is a fault
