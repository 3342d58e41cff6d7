"""What holds for any course: interest follows the debt, and nothing that changes nothing changes anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.calendar import year_fraction
from mingqu.domain.course import Course, change_rate, keep_bearing, lend, outstanding, pause, pay_interest
from mingqu.domain.course import pay_principal as pay_down
from mingqu.domain.loan import LoanTerms
from mingqu.domain.loan.terms import Recalculation
from mingqu.domain.loan.working import new_course
from mingqu.domain.money import divide
from mingqu.domain.rate import Rate
from mingqu.domain.schedule import InterestBasis, Method, Smoothing
from tests.models.loan_on_course_terms import terms_on_course
from tests.soak import examples

START = date(2026, 1, 15)
Figures = list[tuple[int, int, int]]


def lent(terms: LoanTerms) -> Course:
    """Return the course of a loan that was lent whole on its first day."""
    course = new_course(terms=terms, start=START)
    lend(course, on=START, amount_fen=terms.principal_fen)
    return course


def figures(course: Course) -> Figures:
    return [(one.principal_due_fen, one.interest_due_fen, one.balance_fen) for one in course.stretches]


def interest(course: Course) -> int:
    return course.total("interest_fen")


courses = terms_on_course()
declining = terms_on_course(recalculation=Recalculation.DAILY)


@settings(max_examples=examples(150), deadline=None)
@given(terms=courses, more=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 300_000)), max_size=3))
def test_the_principal_of_the_instalments_is_what_was_lent(terms: LoanTerms, more: list[tuple[int, int]]) -> None:
    course = lent(terms)
    for days, amount in sorted(more):
        on = START + timedelta(days=days)
        if on <= course.maturity:
            lend(course, on=on, amount_fen=amount)
    assert course.total("principal_due_fen") == course.lent_fen
    assert course.stretches[-1].balance_fen == 0
    assert all(principal >= 0 and borne >= 0 for principal, borne, _ in figures(course))


@settings(max_examples=examples(150), deadline=None)
@given(terms=courses, days=st.integers(0, 150))
def test_a_change_to_the_same_rate_changes_nothing(terms: LoanTerms, days: int) -> None:
    """Three conventions do change something, and are left out.

    With `periods_alike` an instalment is meant for periods as long as the first: when a shorter one is behind, less is
    owed than it was meant for, and worked out anew it is smaller (of 1,360.07 at 36 % by 1.63 after February). While
    interest waits, the whole instalment is principal, so that again less is owed later. With `rate_digits` two parts of
    a period are rounded, not one.
    """
    terms = replace(terms, interest_basis=InterestBasis.DAILY, smoothing=Smoothing.NONE)
    terms = replace(terms, periods_alike=False, interest_grace=0, rate_digits=None)
    course, on = lent(terms), START + timedelta(days=days)
    plain = figures(course)
    course.rates.append((on, terms.rate))
    course.reckon()
    assert figures(course) == plain
    change_rate(course, on=on, rate=terms.rate)  # works the instalments out anew: they may round otherwise
    assert course.total("principal_due_fen") == terms.principal_fen
    # Each instalment is half a fen and half a multiple off at most, the old ones and the new ones. So in the rows that
    # open behind a new one what is owed differs by less than a multiple and a fen for each row there is; and their
    # interest by what that bears, and less than a fen of rounding.
    rows, moved = max(0, len(plain) - 2), len(plain) * (terms.multiple_fen + 1)
    longest = max((stretch.due - stretch.start).days for stretch in course.stretches)
    bears = moved * Fraction(terms.rate.numerator * longest, terms.rate.denominator * 360)
    assert abs(course.total("interest_due_fen") - sum(due for _, due, _ in plain)) <= rows * (bears + 1)


@settings(max_examples=examples(100), deadline=None)
@given(terms=courses, days=st.integers(0, 150))
def test_a_pause_of_no_days_changes_nothing(terms: LoanTerms, days: int) -> None:
    course, on = lent(terms), START + timedelta(days=days)
    before = figures(course)
    pause(course, start=on, end=on)
    assert figures(course) == before


@settings(max_examples=examples(100), deadline=None)
@given(terms=courses, days=st.integers(0, 150), length=st.integers(1, 90))
def test_a_pause_never_costs_the_borrower_anything(terms: LoanTerms, days: int, length: int) -> None:
    course, plain = lent(terms), lent(terms)
    pause(course, start=START + timedelta(days=days), end=START + timedelta(days=days + length))
    assert interest(course) <= interest(plain)
    assert course.total("principal_due_fen") == terms.principal_fen


@settings(max_examples=examples(100), deadline=None)
@given(terms=declining)
def test_whoever_pays_each_instalment_on_its_day_pays_the_plan(terms: LoanTerms) -> None:
    course, plan = lent(terms), lent(terms)
    for stretch, planned in zip(course.stretches, plan.stretches, strict=True):
        keep_bearing(course, to=stretch.due)
        assert (stretch.principal_due_fen, stretch.interest_due_fen) == (
            planned.principal_due_fen,
            planned.interest_due_fen,
        )
        pay_interest(course, stretch=stretch, on=stretch.due, amount_fen=stretch.interest_unpaid_fen)
        pay_down(course, stretch=stretch, on=stretch.due, amount_fen=stretch.principal_unpaid_fen)
    assert figures(course) == figures(plan)
    assert outstanding(course, on=course.maturity) == (0, 0)


@settings(max_examples=examples(100), deadline=None)
@given(terms=declining, days=st.integers(0, 160))
def test_being_late_costs_at_least_what_being_on_time_costs(terms: LoanTerms, days: int) -> None:
    """Under DAILY overdue principal goes on bearing; under EARLY it bears a penalty instead, so less interest."""
    daily, early = lent(terms), lent(terms)
    on = min(START + timedelta(days=days), daily.maturity)
    keep_bearing(daily, to=on)
    assert sum(outstanding(daily, on=on)) >= sum(outstanding(early, on=on))
    assert outstanding(daily, on=on)[0] == terms.principal_fen


@settings(max_examples=examples(100), deadline=None)
@given(terms=declining, days=st.integers(1, 160))
def test_whoever_never_pays_owes_interest_on_the_whole_day_by_day(terms: LoanTerms, days: int) -> None:
    """An independent sum: principal times rate times days over the year, each period rounded once."""
    terms = replace(terms, interest_basis=InterestBasis.DAILY, method=Method.EQUAL_INSTALMENT)
    course = lent(terms)
    on = min(START + timedelta(days=days), course.maturity)
    keep_bearing(course, to=on)
    yearly = Fraction(terms.rate.numerator, terms.rate.denominator)
    expected, opened = 0, START
    for due in terms.due_dates(start=START):
        whole = Fraction(*year_fraction(start=opened, end=due, day_count=terms.day_count))
        counted = Fraction(max(0, (min(due, on) - opened).days), (due - opened).days)  # of 30/360 it is a share as well
        borne = terms.principal_fen * yearly * whole * counted
        expected += divide(borne.numerator, borne.denominator, terms.rounding)
        opened = due
    assert outstanding(course, on=on) == (terms.principal_fen, expected)


@settings(max_examples=examples(100), deadline=None)
@given(terms=declining, stops=st.lists(st.integers(1, 160), min_size=2, max_size=4))
def test_looking_at_an_overdue_debt_more_often_makes_it_no_dearer(terms: LoanTerms, stops: list[int]) -> None:
    course, once = lent(terms), lent(terms)
    days = sorted(min(START + timedelta(days=stop), course.maturity) for stop in stops)
    for on in days:
        keep_bearing(course, to=on)
    keep_bearing(once, to=days[-1])
    assert outstanding(course, on=days[-1]) == outstanding(once, on=days[-1])


@settings(max_examples=examples(100), deadline=None)
@given(terms=courses, ppm=st.integers(0, 359_000), more=st.integers(1_000, 100_000))
def test_a_higher_rate_never_bears_less(terms: LoanTerms, ppm: int, more: int) -> None:
    lower = lent(replace(terms, rate=Rate.per_year(ppm=ppm)))
    higher = lent(replace(terms, rate=Rate.per_year(ppm=ppm + more)))
    assert interest(lower) <= interest(higher) + len(higher.stretches)  # each is rounded once


@settings(max_examples=examples(100), deadline=None)
@given(terms=courses)
def test_evening_out_keeps_the_principal_and_narrows_the_last_instalment(terms: LoanTerms) -> None:
    terms = replace(terms, method=Method.EQUAL_INSTALMENT)
    rough = lent(replace(terms, smoothing=Smoothing.NONE))
    even = lent(replace(terms, smoothing=Smoothing.EVEN_OUT))
    assert even.total("principal_due_fen") == rough.total("principal_due_fen") == terms.principal_fen
    assert even.total("target_fen") == terms.principal_fen + even.total("interest_due_fen")
    if len(even.stretches) > 1:
        assert _tail(even) <= _tail(rough)


def _tail(course: Course) -> int:
    before, last = course.stretches[-2:]
    return abs(last.target_fen - before.target_fen)
