"""A morning for many loans at once does to each of them what the scalar reference does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.batch import MorningOutcome, accrued, line_columns, morning, morning_columns
from mingqu.domain.calendar import DayCount, Period, PeriodUnit
from mingqu.domain.loan import (
    Disbursed,
    Event,
    Intent,
    LoanState,
    LoanTerms,
    Repaid,
    Stage,
    bring_up,
    fold,
    interest_line,
    penalty_line,
)
from mingqu.domain.money import AMOUNT_FEN_MAX, Rounding
from mingqu.domain.rate import Rate
from mingqu.domain.refusal import Refusal
from mingqu.domain.schedule import InterestBasis, Method
from tests.soak import examples

START = date(2026, 1, 29)
# A loan of a few instalments has a bill and perhaps an overdue for each.
MORNINGS_MAX = 14
Loan = tuple[LoanTerms, LoanState]


@st.composite
def some_terms(draw: st.DrawFn) -> LoanTerms:
    """Terms of loans of every kind that has mornings of the usual sort."""
    return LoanTerms(
        principal_fen=draw(st.integers(1, 10**9) | st.sampled_from((2**43, 2**55, AMOUNT_FEN_MAX))),
        currency="CNY",
        method=draw(st.sampled_from((Method.EQUAL_INSTALMENT, Method.EQUAL_PRINCIPAL, Method.INTEREST_ONLY))),
        rate=draw(st.builds(lambda ppm: Rate.per_year(ppm=ppm), st.integers(0, 400_000))),
        instalments=draw(st.integers(1, 6)),
        period=draw(st.sampled_from((Period(), Period(every=3), Period(unit=PeriodUnit.WEEK)))),
        interest_basis=draw(st.sampled_from(InterestBasis)),
        day_count=draw(st.sampled_from(DayCount)),
        rounding=draw(st.sampled_from((Rounding.HALF_UP, Rounding.HALF_EVEN))),
        penalty_multiple_ppm=draw(st.sampled_from((0, 500_000, 1_500_000))),
        grace_days=draw(st.sampled_from((0, 0, 3, 7, 30))),
        suspends_income=draw(st.booleans()),
    )


@st.composite
def loans(draw: st.DrawFn) -> Loan:
    """A loan somewhere in its life."""
    terms = draw(some_terms())
    events: list[Event] = [
        Disbursed(
            event_id=UUID(int=1),
            value_date=START + timedelta(days=draw(st.integers(0, 3))),
            amount_fen=terms.principal_fen,
        )
    ]
    for number in range(draw(st.integers(0, 3))):
        share = draw(st.sampled_from((3, 10, 50, 100)))
        events.append(
            Repaid(
                event_id=UUID(int=2 + number),
                value_date=START + timedelta(days=draw(st.integers(4, 120))),
                amount_fen=terms.principal_fen * share // 100 + 1,
                intent=draw(st.sampled_from(Intent)),
            )
        )
    try:
        return terms, fold(terms=terms, events=events, as_of=None)[0]
    except Refusal:
        return terms, LoanState()  # a loan whose figures are beyond the ledger was never paid out


def following_mornings(book: Sequence[Loan]) -> date | None:
    """Return the next morning on which something happens to any of the loans."""
    days = [day for terms, state in book if (day := state.next_event(terms)) is not None]
    return min(days, default=None)


def assert_the_same(book: Sequence[Loan], on: date, made: MorningOutcome) -> list[Loan]:
    """Compare one morning of every loan with the reference and return the loans after it."""
    after: list[Loan] = []
    for place, (terms, state) in enumerate(book):
        if state.as_of is None or state.as_of > on:
            after.append((terms, state))
            continue
        reference = bring_up(terms=terms, state=state, business_date=on)
        after.append((terms, reference.state))
        if made.scalar[place]:
            continue
        assert made.postings_of(place) == list(reference.postings)
        assert made.happenings_of(place) == list(reference.happenings)
        assert made.interest.of(place) == reference.interest
        assert made.penalty.of(place) == reference.penalty
        assert made.next_event[place].item() == reference.state.next_event(terms)
        lines = line_columns(lines=[interest_line(reference.state, terms), penalty_line(reference.state, terms)])
        for at, columns in enumerate((made.interest_line, made.penalty_line)):
            assert columns.daily_micro[place] == lines.daily_micro[at]
            assert columns.base_micro[place] == lines.base_micro[at]
            assert str(columns.on[place]) == str(lines.on[at])
        assert_the_same_instalments(state, reference.state, on, made, place)
    return after


def assert_the_same_instalments(
    before: LoanState, after: LoanState, on: date, made: MorningOutcome, place: int
) -> None:
    """Compare which instalments were billed, paid at once and overdue."""
    pairs = list(zip(before.instalments, after.instalments, strict=True))
    assert made.billed[place] == any(new.billed and not old.billed for old, new in pairs)
    assert made.overdue[place] == any(new.penalty_from and not old.penalty_from for old, new in pairs)
    assert not any(new.paid_on == on and old.paid_on is None for old, new in pairs)


@settings(max_examples=examples(60), deadline=None)
@given(drawn=st.lists(loans(), min_size=1, max_size=8))
def test_every_morning_of_a_book_is_that_of_the_reference(drawn: list[Loan]) -> None:
    book = [loan for loan in drawn if loan[1].stage in (Stage.ACTIVE, Stage.SETTLED)]
    for _ in range(MORNINGS_MAX):
        on = following_mornings(book)
        if on is None:
            break
        book = assert_the_same(book, on, morning(loans=morning_columns(loans=book), on=on))


def a_book(count: int) -> list[Loan]:
    """Return usual loans of two products that began on one day, a third of them paid on time so far."""
    book = []
    for number in range(count):
        terms = LoanTerms(
            principal_fen=500_000 + 1_000 * number,
            currency="CNY",
            method=Method.EQUAL_INSTALMENT if number % 2 else Method.EQUAL_PRINCIPAL,
            rate=Rate.per_year(ppm=180_000 if number % 2 else 144_000),
            instalments=4,
            period=Period(),
            interest_basis=InterestBasis.PERIOD if number % 2 else InterestBasis.DAILY,
            day_count=DayCount.ACT_360,
            rounding=Rounding.HALF_UP,
            penalty_multiple_ppm=1_500_000,
            grace_days=0,
        )
        events: list[Event] = [Disbursed(event_id=UUID(int=1), value_date=START, amount_fen=terms.principal_fen)]
        state, _ = fold(terms=terms, events=events, as_of=None)
        if number % 3 == 0:
            due = state.instalments[0].due
            amount_fen = state.instalments[0].unpaid_fen
            events.append(Repaid(event_id=UUID(int=2), value_date=due, amount_fen=amount_fen))
            state, _ = fold(terms=terms, events=events, as_of=None)
        book.append((terms, state))
    return book


def test_a_usual_book_stays_on_the_common_path_through_its_whole_life() -> None:
    book = a_book(60)
    mornings = 0
    while (on := following_mornings(book)) is not None:
        made = morning(loans=morning_columns(loans=book), on=on)
        assert not made.scalar.any()
        book = assert_the_same(book, on, made)
        mornings += 1
    assert mornings == 8, "four bills, and the morning after each"


def test_a_loan_whose_earlier_morning_was_left_out_goes_to_the_reference() -> None:
    book = a_book(3)
    on = following_mornings(book)
    assert on is not None
    made = morning(loans=morning_columns(loans=book), on=on + timedelta(days=40))
    assert made.scalar.all()
    assert not made.billed.any()
    assert not len(made.postings.loan)
    assert np.isnat(made.next_event).all()


def test_amounts_that_columns_cannot_bear_go_to_the_reference_and_no_other_loan_does() -> None:
    book = a_book(4)
    on = following_mornings(book)
    assert on is not None
    columns = morning_columns(loans=book)
    for name in ("running_principal_fen", "running_interest_fen", "principal_unbilled_fen", "waiting_unpaid_fen"):
        amounts = getattr(columns, name).copy()
        amounts[2] = 2**42 + 1
        made = morning(loans=replace(columns, **{name: amounts}), on=on)
        assert made.scalar.tolist() == [False, False, True, False]
    steep = replace(columns.penalty, daily_micro=np.array([2**61, 0, 0, 0]), on=np.full(4, on - timedelta(days=2)))
    assert morning(loans=replace(columns, penalty=steep), on=on).scalar.tolist() == [True, False, False, False]


def test_a_loan_whose_line_leaves_sixty_four_bits_is_not_on_the_common_path() -> None:
    terms = replace(a_book(1)[0][0], principal_fen=2**56, rate=Rate.per_year(ppm=360_000))
    events: list[Event] = [Disbursed(event_id=UUID(int=1), value_date=START, amount_fen=terms.principal_fen)]
    state, _ = fold(terms=terms, events=events, as_of=None)
    line = interest_line(state, terms)
    assert line is not None
    assert line.daily_micro > 2**63
    columns = morning_columns(loans=[*a_book(1), (terms, state)])
    assert columns.common.tolist() == [True, False]


def test_what_columns_do_not_speak_of_takes_a_loan_off_the_common_path() -> None:
    terms, state = a_book(2)[1]
    running, following, *later = state.instalments
    odd_loans = [
        (terms, replace(state, ended=True)),
        (terms, replace(state, instalments=(replace(running, fee_fen=5), following, *later))),
        (terms, replace(state, instalments=(replace(running, interest_paid_fen=5), following, *later))),
        (terms, replace(state, instalments=(running, replace(following, start=START, period_start=START), *later))),
        (terms, replace(state, instalments=(replace(running, renewed=True), following, *later))),
        (replace(terms, down_payment_ppm=100_000), state),
    ]
    columns = morning_columns(loans=[(terms, state), *odd_loans])
    assert columns.common.tolist() == [True] + [False] * len(odd_loans)


def test_loans_that_differ_in_grace_penalty_or_rate_alone_keep_their_own() -> None:
    terms, state = a_book(2)[1]
    kinds = [
        terms,
        replace(terms, grace_days=3),
        replace(terms, penalty_multiple_ppm=1_300_000),
        replace(terms, rate=Rate.per_year(ppm=181_000)),
        replace(terms, interest_basis=InterestBasis.DAILY),
        replace(terms, day_count=DayCount.ACT_365),
        replace(terms, principal_fen=terms.principal_fen + 1),
    ]
    columns = morning_columns(loans=[(kind, state) for kind in kinds])
    assert len(columns.terms) == len(kinds) - 1, "the amount is a column of its own"
    book: list[Loan] = [(kind, state) for kind in kinds]
    while (on := following_mornings(book)) is not None:
        made = morning(loans=morning_columns(loans=book), on=on)
        assert not made.scalar.any()
        book = assert_the_same(book, on, made)


def test_a_penalty_too_steep_for_sixty_four_bits_goes_to_the_reference() -> None:
    terms, state = a_book(2)[1]
    steep = replace(terms, rate=Rate.per_year(ppm=100_000_000), grace_days=30)
    billed = bring_up(terms=steep, state=state, business_date=state.instalments[0].due).state
    on = billed.instalments[0].due + timedelta(days=31)
    columns = replace(
        morning_columns(loans=[(steep, billed)]),
        running_due=np.full(1, on + timedelta(days=9), dtype="datetime64[D]"),
        waiting_principal_fen=np.full(1, 2**42),
    )
    assert morning(loans=columns, on=on).scalar.all()
    assert not morning(loans=replace(columns, waiting_principal_fen=np.full(1, 2**20)), on=on).scalar.any()


def test_the_lines_after_a_morning_are_the_lines_before_it_and_the_gain() -> None:
    book = a_book(40)
    while (on := following_mornings(book)) is not None:
        columns = morning_columns(loans=book)
        made = morning(loans=columns, on=on)
        billed_micro = np.where(made.billed, columns.running_interest_fen, 0) * 1_000_000
        for before, after, gain, billed in (
            (columns.interest, made.interest_line, made.interest, billed_micro),
            (columns.penalty, made.penalty_line, made.penalty, 0),
        ):
            grown = accrued(lines=after, day=on).micro - accrued(lines=before, day=on).micro + billed
            assert np.array_equal(grown, gain.income_micro + gain.rounding_micro)
        book = assert_the_same(book, on, made)
