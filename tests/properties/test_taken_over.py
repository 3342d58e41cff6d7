"""A loan taken over from another book goes on as it would have there, and its books agree from the first day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.calendar import Period
from mingqu.domain.ledger import AccountCode as Code
from mingqu.domain.loan import (
    ChargedBack,
    ChargedOff,
    ChargeOffUndone,
    Disbursed,
    Event,
    FeeWaived,
    Intent,
    LoanNotActive,
    LoanTerms,
    MigratedIn,
    MigrationUnsound,
    NothingToReverse,
    RateChanged,
    ReAged,
    ReAmortized,
    Repaid,
    Reversed,
    Stage,
    payoff_fen,
)
from mingqu.domain.loan.terms import ALLOCATION_IN_ADVANCE, Recalculation, Surplus
from mingqu.domain.rate import Rate
from mingqu.domain.refusal import Refusal
from mingqu.domain.schedule import Method
from tests.models.loan_on_course_book import START, Book, an_id
from tests.models.loan_on_course_terms import terms_daily, terms_on_course
from tests.models.loan_terms import monthly_terms
from tests.models.taken_over import handed_over
from tests.soak import examples

PLAN = monthly_terms(principal_fen=1_200_000, months=6)
ON = date(2026, 5, 1)


@st.composite
def terms_of_either(draw: st.DrawFn) -> LoanTerms:
    """Terms of loans on a plan and on a course."""
    if draw(st.booleans()):
        return replace(draw(terms_on_course()), down_payment_ppm=0)
    method = draw(st.sampled_from([Method.EQUAL_INSTALMENT, Method.EQUAL_PRINCIPAL, Method.INTEREST_ONLY]))
    terms = monthly_terms(
        principal_fen=draw(st.integers(5_000, 2_000_000)), months=draw(st.integers(1, 6)), method=method
    )
    return replace(terms, grace_days=draw(st.sampled_from([0, 3])), suspends_income=draw(st.booleans()))


@st.composite
def what_comes(draw: st.DrawFn) -> list[tuple[int, Callable[[date, int], Event]]]:
    """Return what happens after the loan was taken over, each some days after the one before."""
    listed: list[tuple[int, Callable[[date, int], Event]]] = []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["pay", "pay", "rate", "anew", "spread", "lost", "found"]))
        listed.append(
            (draw(st.integers(0, 40)), _event(kind, draw(st.integers(1, 400_000)), draw(st.sampled_from(Intent))))
        )
    return listed


def _event(kind: str, amount: int, intent: Intent) -> Callable[[date, int], Event]:
    def make(on: date, number: int) -> Event:
        said: dict[str, Any] = {"event_id": an_id(100 + number), "value_date": on}
        match kind:
            case "pay":
                return Repaid(**said, amount_fen=amount, intent=intent)
            case "rate":
                return RateChanged(**said, since=on, rate=Rate.per_year(ppm=amount % 300_000))
            case "anew":
                first = on + timedelta(days=1 + amount % 30)
                return ReAged(**said, first_due=first, period=Period(), instalments=1 + amount % 4)
            case "spread":
                return ReAmortized(**said)
            case "lost":
                return ChargedOff(**said)
            case _:
                return ChargeOffUndone(**said)

    return make


def old_book(terms: LoanTerms, payments: list[tuple[int, int]]) -> Book:
    """Return a loan of the other system: paid out, and some payments of what was due."""
    book = Book(terms)
    book.happen(Disbursed(event_id=an_id(1), value_date=START, amount_fen=terms.principal_fen))
    for number, (days, share) in enumerate(payments):
        book.live(days)
        book.look()
        amount = book.state.payable.total_fen * share // 100
        if amount:
            book.happen(Repaid(event_id=an_id(2 + number), value_date=book.today, amount_fen=amount))
    return book


def taken_over(book: Book, *, keep_paid_rows: bool = True) -> Book | None:
    """Return the loan in our book, on the same morning."""
    event = handed_over(
        terms=book.terms, state=book.state, on=book.today, event_id=an_id(50), keep_paid_rows=keep_paid_rows
    )
    if event is None:
        return None
    ours = Book(book.terms)
    ours.live((book.today - START).days)
    ours.happen(event)
    return ours


@settings(max_examples=examples(150), deadline=None)
@given(
    terms=terms_of_either(),
    payments=st.lists(st.tuples(st.integers(1, 45), st.sampled_from([0, 60, 100])), min_size=1, max_size=5),
    keep=st.booleans(),
    story=what_comes(),
)
def test_books_agree_whatever_happens_to_a_loan_that_was_taken_over(
    terms: LoanTerms, payments: list[tuple[int, int]], keep: bool, story: list[tuple[int, Callable[[date, int], Event]]]
) -> None:
    ours = taken_over(old_book(terms, payments), keep_paid_rows=keep)
    if ours is None:
        return
    ours.check()
    for number, (days, make) in enumerate(story):
        ours.live(days)
        ours.check()
        event = make(ours.today, number)
        try:
            ours.happen(event)
        except Refusal:
            assert not isinstance(event, Repaid), "money is never refused"
        ours.check()


@settings(max_examples=examples(100), deadline=None)
@given(
    payments=st.lists(st.tuples(st.integers(1, 45), st.sampled_from([0, 60, 100])), min_size=1, max_size=5),
    keep=st.booleans(),
    later=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 400_000), st.sampled_from(Intent)), max_size=4),
)
def test_a_loan_on_a_plan_goes_on_to_the_fen_as_it_would_have(
    payments: list[tuple[int, int]], keep: bool, later: list[tuple[int, int, Intent]]
) -> None:
    terms = replace(PLAN, penalty_multiple_ppm=0)  # two roundings of one penalty may be a fen apart
    theirs = old_book(terms, payments)
    ours = taken_over(theirs, keep_paid_rows=keep)
    if ours is None:
        return
    for number, (days, amount, intent) in enumerate(later):
        for book in (theirs, ours):
            book.live(days)
            book.happen(Repaid(event_id=an_id(100 + number), value_date=book.today, amount_fen=amount, intent=intent))
    for book in (theirs, ours):
        book.live(30)
        book.look()
    assert ours.state.payable == theirs.state.payable
    assert [line.due_fen for line in ours.state.instalments if line.unpaid_fen] == [
        line.due_fen for line in theirs.state.instalments if line.unpaid_fen
    ]
    assert ours.state.overpayment_fen == theirs.state.overpayment_fen
    assert payoff_fen(terms=terms, state=ours.state, on=ours.today) == payoff_fen(
        terms=terms, state=theirs.state, on=theirs.today
    )


def in_arrears(terms: LoanTerms = PLAN) -> tuple[Book, MigratedIn]:
    """A loan that paid its first instalment, missed the second, and runs in its third or fourth on 1 May."""
    book = old_book(terms, [(31, 100)])
    book.live((ON - book.today).days)
    event = handed_over(terms=terms, state=book.state, on=ON, event_id=an_id(50))
    assert event is not None
    ours = Book(terms)
    ours.live((ON - START).days)
    return ours, event


def test_what_comes_over_stands_against_migration_clearing() -> None:
    ours, event = in_arrears()
    ours.happen(event)
    assert ours.accounts[Code.LOAN_PRINCIPAL] == event.principal_unbilled_fen
    assert ours.accounts[Code.LOAN_PRINCIPAL_DUE] == event.principal_due_fen > 0
    assert ours.accounts[Code.LOAN_PENALTY_DUE] == event.penalty_due_fen > 0
    assert ours.accounts[Code.ACCRUED_INTEREST] == event.accrued_fen > 0
    assert ours.accounts[Code.LENDER_CASH] == ours.accounts[Code.INTEREST_INCOME] == 0
    brought = event.principal_unbilled_fen + event.principal_due_fen + event.interest_due_fen + event.penalty_due_fen
    assert -ours.accounts[Code.MIGRATION_CLEARING] == brought + event.accrued_fen
    assert -ours.accounts[Code.LIMIT_DRAWN] == event.principal_unbilled_fen + event.principal_due_fen
    assert ours.state.overdue_days(ON) == (ON - date(2026, 3, 15)).days
    ours.check()


def test_a_penalty_that_was_billed_elsewhere_goes_on_from_the_day_of_the_taking_over() -> None:
    ours, event = in_arrears()
    ours.happen(event)
    ours.live(10)
    principal = [line.principal_fen - line.principal_paid_fen for line in ours.state.instalments if line.penalty_from]
    expected = sum((fen * 27 * 10 * 2 + 36_000) // 72_000 for fen in principal)  # 27 % a year, on 360 days, half up
    ours.happen(Repaid(event_id=an_id(60), value_date=ours.today, amount_fen=1))
    assert sum(line.penalty_fen for line in ours.state.instalments) == event.penalty_due_fen + expected


def test_a_loan_long_overdue_brings_its_interest_along_and_none_of_it_is_income() -> None:
    terms = replace(PLAN, suspends_income=True)
    book = old_book(terms, [(31, 100), (150, 0)])
    ours = taken_over(book)
    assert ours is not None
    owed = ours.state.payable
    assert ours.state.suspended
    assert -ours.accounts[Code.INTEREST_SUSPENDED] == owed.interest_fen + owed.penalty_fen > 0
    ours.live(60)
    assert ours.accounts[Code.INTEREST_INCOME] == ours.accounts[Code.PENALTY_INCOME] == 0
    ours.check()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rows": ()}, "brings 1 to"),
        ({"principal_due_fen": 1}, "not what the rows add up to"),
        ({"interest_due_fen": 1}, "not what the rows add up to"),
        ({"penalty_due_fen": 1}, "not what the rows add up to"),
        ({"fee_due_fen": 1}, "not what the rows add up to"),
        ({"principal_unbilled_fen": 1}, "not what the rows add up to"),
        ({"overdue_since": None}, "not overdue since"),
        ({"overdue_since": date(2026, 3, 16)}, "not overdue since"),
        ({"overpayment_fen": -1}, "below zero"),
        ({"accrued_fen": -1}, "has accrued"),
        ({"accrued_fen": 10**6}, "has accrued"),
        ({"disbursed_fen": 1_199_999}, "more principal than was paid out"),
        ({"disbursed_fen": 1_200_001}, "no row"),
        ({"disbursed_fen": 1_200_001, "disbursed_on": date(2025, 12, 1)}, "amount of the contract"),
        ({"disbursed_on": date(2026, 1, 16)}, "begins after"),
        ({"disbursements": 2}, "paid out once"),
        ({"rate": Rate.per_year(ppm=1)}, "rate of its contract"),
    ],
    ids=repr,
)
def test_what_does_not_add_up_is_refused_and_nothing_has_changed(changes: dict[str, object], sentence: str) -> None:
    ours, event = in_arrears()
    with pytest.raises(MigrationUnsound, match=sentence) as refused:
        ours.happen(replace(event, **changes))  # type: ignore[arg-type]  # names of fields
    assert refused.value.code == "migration_unsound"
    assert (ours.state.stage, ours.history, sum(map(abs, ours.accounts.values()))) == (Stage.PLANNED, [], 0)


@pytest.mark.parametrize(
    ("place", "changes", "sentence"),
    [
        (1, {"start": date(2026, 2, 16)}, "without a gap"),
        (1, {"due": date(2026, 2, 15)}, "without a gap"),
        (1, {"interest_fen": -1}, "below zero"),
        (0, {"principal_paid_fen": 10**7}, "No more is paid"),
        (-1, {"interest_paid_fen": 1}, "still to come"),
        (-1, {"penalty_fen": 1}, "still to come"),
    ],
    ids=repr,
)
def test_rows_that_cannot_be_are_refused(place: int, changes: dict[str, object], sentence: str) -> None:
    ours, event = in_arrears()
    rows = list(event.rows)
    rows[place] = replace(rows[place], **changes)  # type: ignore[arg-type]  # names of fields
    with pytest.raises(MigrationUnsound, match=sentence):
        ours.happen(replace(event, rows=tuple(rows)))


def test_a_taking_over_is_the_first_event_and_stands() -> None:
    ours, event = in_arrears()
    ours.happen(event)
    with pytest.raises(LoanNotActive, match="first event"):
        ours.happen(replace(event, event_id=an_id(51)))
    with pytest.raises(NothingToReverse):
        ours.happen(Reversed(event_id=an_id(52), value_date=ON, target=event.event_id))
    with pytest.raises(LoanNotActive):
        ours.happen(Repaid(event_id=an_id(53), value_date=ON - timedelta(days=1), amount_fen=1))
    with pytest.raises(LoanNotActive):
        ours.happen(Disbursed(event_id=an_id(54), value_date=ON, amount_fen=PLAN.principal_fen))


def test_a_settled_loan_is_left_where_it_is() -> None:
    ours, event = in_arrears()
    paid = tuple(
        replace(row, principal_paid_fen=row.principal_fen, interest_paid_fen=row.interest_fen, due=row.due, fee_fen=0)
        for row in event.rows
        if row.due <= ON
    )
    done = replace(
        event,
        rows=tuple(replace(row, penalty_fen=0) for row in paid),
        disbursed_fen=sum(row.principal_fen for row in paid),
        principal_unbilled_fen=0,
        principal_due_fen=0,
        interest_due_fen=0,
        penalty_due_fen=0,
        overdue_since=None,
        accrued_fen=0,
    )
    ours.terms = replace(PLAN, principal_fen=done.disbursed_fen)
    with pytest.raises(MigrationUnsound, match="Nothing is owed"):
        ours.happen(done)


def test_fees_that_come_over_can_be_waived_and_payments_before_it_are_not_charged_back() -> None:
    ours, event = in_arrears()
    rows = (*event.rows[:-1], replace(event.rows[-1], fee_fen=700))
    ours.happen(replace(event, rows=rows))
    with pytest.raises(Refusal, match="not part of this loan"):
        ours.happen(ChargedBack(event_id=an_id(60), value_date=ON, amount_fen=1, target=an_id(2)))
    ours.happen(FeeWaived(event_id=an_id(61), value_date=ON, target=event.event_id))
    assert ours.state.instalments[-1].fee_fen == 0
    ours.check()


def test_overdue_principal_goes_on_bearing_on_a_course_and_the_rate_of_the_day_counts() -> None:
    terms = terms_daily(principal_fen=1_200_000, instalments=6)
    ours, event = in_arrears(terms)
    ours.happen(replace(event, rate=Rate.per_year(ppm=60_000)))
    running = ours.state.current
    assert running is not None
    told = event.rows[running.number - 1]
    assert running.due_fen == told.principal_fen + told.interest_fen, "the instalment stays"
    due = [line for line in ours.state.instalments if line.billed]
    overdue = sum(line.principal_fen - line.principal_paid_fen for line in due)
    bearing = 1_200_000 - sum(line.principal_paid_fen for line in due)
    days = (running.due - running.start).days
    assert overdue > 0
    late = (ON - running.start).days  # overdue principal is counted up to the day
    assert running.interest_fen == round(((bearing - overdue) * days + overdue * late) * 6 / 36_500)
    ours.live((running.due - ON).days)
    billed = ours.state.instalments[running.number - 1]
    assert billed.interest_fen == round(bearing * 6 * days / 36_500)
    ours.check()


def test_surplus_of_a_plan_on_a_course_pays_rows_to_come_as_told() -> None:
    terms = replace(
        PLAN,
        recalculation=Recalculation.PLAN,
        surplus=Surplus.NEXT_INSTALMENT,
        allocation=ALLOCATION_IN_ADVANCE,
    )
    ours, event = in_arrears(terms)
    ours.happen(event)
    assert [line.due_fen for line in ours.state.instalments[3:]] == [
        row.principal_fen + row.interest_fen for row in event.rows[3:]
    ]
    ours.happen(Repaid(event_id=an_id(60), value_date=ON, amount_fen=900_000))
    ours.check()


def test_a_grace_that_is_over_in_the_other_book_is_not_given_again() -> None:
    terms = terms_daily(principal_fen=1_200_000, instalments=6, principal_grace=2)
    book = old_book(terms, [(31, 100), (28, 100), (31, 100)])
    ours = taken_over(book, keep_paid_rows=False)
    assert ours is not None
    ours.happen(
        RateChanged(event_id=an_id(60), value_date=ours.today, since=ours.today, rate=Rate.per_year(ppm=60_000))
    )
    assert all(line.principal_fen > 250_000 for line in ours.state.instalments if not line.billed)
    ours.check()
