"""Loans on their course: news may arrive in any order, and what was previewed or quoted is what is booked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.calendar import Period
from mingqu.domain.ledger import AccountCode
from mingqu.domain.loan import (
    ChargedOff,
    Disbursed,
    Event,
    FeeCharged,
    FeeDue,
    FeeRule,
    Intent,
    InterestHandling,
    LoanTerms,
    NothingToReverse,
    Paused,
    Posting,
    RateChanged,
    ReAged,
    ReAmortized,
    Repaid,
    Rescheduled,
    Reversed,
    Stage,
    fold,
    payoff_fen,
)
from mingqu.domain.loan.terms import Direction, Recalculation
from mingqu.domain.rate import Rate
from mingqu.domain.refusal import Refusal
from tests.models.loan_on_course_book import START, Book, an_id
from tests.models.loan_on_course_terms import terms_daily, terms_on_course
from tests.soak import examples

MONTH = Period()
DAYS = 150


def day(offset: int) -> date:
    return START + timedelta(days=offset)


@st.composite
def facts(draw: st.DrawFn, number: int) -> Event:
    """Return money or a fee: a fact, which nothing refuses."""
    on, event_id = day(draw(st.integers(0, DAYS))), an_id(number)
    if draw(st.integers(0, 4)):
        return Repaid(
            event_id=event_id,
            value_date=on,
            amount_fen=draw(st.integers(1, 400_000)),
            intent=draw(st.sampled_from(list(Intent))),
        )
    rule = FeeRule(due=FeeDue.DATE, amount_fen=draw(st.integers(1, 5_000)), penalty=draw(st.booleans()))
    return FeeCharged(event_id=event_id, value_date=on, rule=rule, due=on + timedelta(days=draw(st.integers(0, 60))))


@st.composite
def agreements(draw: st.DrawFn, number: int) -> Event:
    """Return something that lender and borrower agree on."""
    on, event_id = day(draw(st.integers(0, DAYS))), an_id(number)
    since = on + timedelta(days=draw(st.sampled_from([0, 0, 12, 40])))
    match draw(st.sampled_from(["rate", "pause", "dates", "more", "anew", "spread"])):
        case "rate":
            rate = Rate.per_year(ppm=draw(st.sampled_from([0, 90_000, 300_000])))
            return RateChanged(event_id=event_id, value_date=on, since=since, rate=rate)
        case "pause":
            until = since + timedelta(days=draw(st.integers(1, 40)))
            return Paused(event_id=event_id, value_date=on, since=since, until=until)
        case "dates":
            due = on + timedelta(days=1)
            due_to = on + timedelta(days=draw(st.integers(1, 60)))
            return Rescheduled(event_id=event_id, value_date=on, due=due, due_to=due_to)
        case "more":
            return Rescheduled(event_id=event_id, value_date=on, due=on, added=draw(st.integers(1, 3)))
        case "anew":
            return ReAged(
                event_id=event_id,
                value_date=on,
                first_due=on + timedelta(days=draw(st.integers(1, 40))),
                period=MONTH,
                instalments=draw(st.integers(1, 4)),
                interest=draw(st.sampled_from(list(InterestHandling))),
            )
        case _:
            interest = draw(st.sampled_from(list(InterestHandling)))
            return ReAmortized(event_id=event_id, value_date=on, interest=interest)


@st.composite
def news(draw: st.DrawFn) -> list[Event]:
    """Return events in the order in which they become known."""
    listed = [
        draw(facts(10 + place)) if draw(st.integers(0, 2)) else draw(agreements(10 + place))
        for place in range(draw(st.integers(1, 6)))
    ]
    return draw(st.permutations(listed))


def net(postings: Iterable[Posting]) -> dict[tuple[AccountCode, date], int]:
    """Return what postings move in all, for each account and value date."""
    moved: Counter[tuple[AccountCode, date]] = Counter()
    for one in postings:
        moved[one.debit, one.value_date] += one.amount_fen
        moved[one.credit, one.value_date] -= one.amount_fen
    return {key: amount for key, amount in moved.items() if amount}


def told(terms: LoanTerms, listed: list[Event], gaps: list[int]) -> Book:
    """Return the book of a loan whose news arrived in the order given, some days apart; what is refused is left out."""
    book = Book(terms)
    book.happen(Disbursed(event_id=an_id(1), value_date=START, amount_fen=terms.principal_fen))
    for event, gap in zip(listed, gaps, strict=True):
        book.live(max(gap, (event.value_date - book.today).days))
        try:
            book.happen(event)
        except Refusal:
            assert not isinstance(event, Repaid), "money is never refused"
    return book


@settings(max_examples=examples(120), deadline=None)
@given(terms=terms_on_course(), listed=news(), data=st.data())
def test_any_order_of_arrival_ends_in_the_same_state_and_the_same_books(
    terms: LoanTerms, listed: list[Event], data: st.DataObject
) -> None:
    gaps = data.draw(st.lists(st.integers(0, 20), min_size=len(listed), max_size=len(listed)))
    book = told(terms, listed, gaps)
    book.live(200)
    book.look()
    in_order, change = fold(terms=terms, events=book.history, as_of=book.today)
    assert book.state == in_order
    assert net(book.postings) == net(change.postings)


@settings(max_examples=examples(80), deadline=None)
@given(terms=terms_on_course(), listed=news(), data=st.data())
def test_whatever_is_reversed_might_as_well_never_have_been_told(
    terms: LoanTerms, listed: list[Event], data: st.DataObject
) -> None:
    book = told(terms, listed, [0] * len(listed))
    others = [event for event in book.history if not isinstance(event, Disbursed)]
    if not others:
        return
    with pytest.raises(NothingToReverse):
        book.happen(Reversed(event_id=an_id(98), value_date=book.today, target=an_id(1)))
    target = data.draw(st.sampled_from(others))
    book.live(data.draw(st.integers(0, 40)))
    book.happen(Reversed(event_id=an_id(99), value_date=book.today, target=target.event_id))
    without, change = fold(
        terms=terms, events=[event for event in book.history[:-1] if event is not target], as_of=book.today
    )
    assert (book.state.instalments, book.state.overpayment_fen) == (without.instalments, without.overpayment_fen)
    assert net(book.postings) == net(change.postings)


@settings(max_examples=examples(120), deadline=None)
@given(terms=terms_on_course(), listed=news(), wait=st.integers(0, 60))
def test_the_payoff_that_was_quoted_settles_the_loan_and_a_fen_less_does_not(
    terms: LoanTerms, listed: list[Event], wait: int
) -> None:
    if terms.direction is Direction.VERTICAL:
        return
    book = told(terms, listed, [0] * len(listed))
    book.live(wait)
    if book.state.stage is not Stage.ACTIVE:
        return
    owed = payoff_fen(terms=terms, state=book.state, on=book.today)
    over = book.state.overpayment_fen
    known = list(book.history)
    for amount, settled in ((owed, True), (owed - 1, False)):
        if not amount:
            continue
        paid = Repaid(event_id=an_id(99), value_date=book.today, amount_fen=amount, intent=Intent.PAYOFF)
        after, _ = fold(terms=terms, events=[*known, paid], as_of=book.today)
        assert (after.stage is Stage.SETTLED) is settled
        assert after.overpayment_fen == over


def test_an_ended_loan_may_be_revived_by_reversing_its_end() -> None:
    terms = terms_daily()
    book = Book(terms)
    book.happen(Disbursed(event_id=an_id(1), value_date=START, amount_fen=terms.principal_fen))
    book.live(40)
    book.look()
    before = book.state
    book.happen(ChargedOff(event_id=an_id(2), value_date=book.today))
    assert book.state.stage is Stage.CHARGED_OFF
    book.happen(Reversed(event_id=an_id(3), value_date=book.today, target=an_id(2)))
    assert (book.state.stage, book.state.instalments) == (Stage.ACTIVE, before.instalments)
    book.check()


def test_interest_paid_ahead_that_a_pause_forgives_pays_principal() -> None:
    terms = terms_daily(recalculation=Recalculation.PLAN, disbursements_max=2)
    book = Book(terms)
    book.happen(Disbursed(event_id=an_id(1), value_date=START, amount_fen=terms.principal_fen))
    owed = book.state.instalments[0].due_fen + book.state.instalments[1].due_fen
    book.happen(Repaid(event_id=an_id(2), value_date=START, amount_fen=owed))
    paid_interest = sum(line.interest_paid_fen for line in book.state.instalments)
    outstanding = book.state.principal_outstanding_fen
    book.live(1)
    book.happen(Paused(event_id=an_id(3), value_date=day(1), since=day(1), until=day(40)))
    given_back = paid_interest - sum(line.interest_paid_fen for line in book.state.instalments)
    assert given_back > 0
    assert book.state.principal_outstanding_fen == outstanding - given_back
    book.check()
