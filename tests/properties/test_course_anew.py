"""A course begins its reckoning at the first stretch a change touches: the figures are those of a whole reckoning."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.course import Course, Stretch, lend
from mingqu.domain.loan import LoanTerms
from mingqu.domain.loan.working import new_course
from mingqu.domain.rate import Rate
from tests.models.loan_on_course_terms import terms_on_course
from tests.soak import examples

START = date(2026, 1, 15)
FIGURES = ("interest_fen", "interest_due_fen", "principal_due_fen", "balance_fen")
Change = Callable[[Course], None]


def from_scratch(course: Course) -> Course:
    """Return the same course, with nothing known and no figure worked out, reckoned whole."""
    fresh = Course(
        terms=course.terms,
        stretches=course.copy().stretches,
        rates=list(course.rates),
        movements=dict(course.movements),
        pauses=list(course.pauses),
        overdue_to=course.overdue_to,
        until=course.until,
    )
    for stretch in fresh.stretches:
        for name in FIGURES:
            setattr(stretch, name, 0)
    fresh.reckon()
    return fresh


def set_on(place: int, name: str, value: int | bool) -> Change:
    def change(course: Course) -> None:
        setattr(course.stretches[place % len(course.stretches)], name, value)

    return change


def replace_by_new(place: int, _: int) -> Change:
    """Put a stretch with the same facts and no figures in another's place."""

    def change(course: Course) -> None:
        place_of = place % len(course.stretches)
        old = course.stretches[place_of]
        course.stretches[place_of] = Stretch(
            start=old.start, due=old.due, target_fen=old.target_fen, agreed_fen=old.agreed_fen, on_top=old.on_top
        )

    return change


def move_due(place: int, days: int) -> Change:
    def change(course: Course) -> None:
        opened = course.stretches[place % len(course.stretches)].start
        for stretch in course.stretches[place % len(course.stretches) :]:
            length = stretch.due - stretch.start
            stretch.start, stretch.due = opened, opened + length + timedelta(days=days)
            opened = stretch.due

    return change


def append(_: int, days: int) -> Change:
    def change(course: Course) -> None:
        opened = course.maturity
        course.stretches.append(
            Stretch(start=opened, due=opened + timedelta(days=days + 1), on_top=course.stretches[0].on_top)
        )

    return change


def drop_last(_: int, __: int) -> Change:
    def change(course: Course) -> None:
        del course.stretches[max(1, len(course.stretches) - 1) :]

    return change


def move(days: int, fen: int) -> Change:
    def change(course: Course) -> None:
        name = ("lent_fen", "moved_fen", "overdue_fen")[fen % 3]
        course.move(on=START + timedelta(days=days % 6 * 20), **{name: (fen - 30) * 500})

    return change


def forget_movement(place: int, _: int) -> Change:
    def change(course: Course) -> None:
        if len(course.movements) > 1:
            del course.movements[sorted(course.movements)[place % len(course.movements)]]

    return change


def rate(days: int, percent: int) -> Change:
    def change(course: Course) -> None:
        course.rates.append((START + timedelta(days=days * 5), Rate.per_year(ppm=percent * 10_000)))
        course.rates.sort(key=lambda dated: dated[0])

    return change


def pause(days: int, length: int) -> Change:
    def change(course: Course) -> None:
        start = START + timedelta(days=days * 5)
        course.pauses.append((start, start + timedelta(days=length)))

    return change


def look_as_of(days: int, length: int) -> Change:
    def change(course: Course) -> None:
        course.until = START + timedelta(days=days * 3 + length) if length % 4 else None

    return change


def forget_overdue(_: int, __: int) -> Change:
    return Course.forget_overdue


AMOUNTS = ("target_fen", "principal_paid_fen", "interest_paid_fen", "principal_credited_fen", "interest_credited_fen")
OTHERS = ("interest_ahead_fen", "interest_fixed_fen")
FLAGS = ("silent", "waits", "closed", "on_top")
amounts = st.builds(set_on, st.integers(0, 9), st.sampled_from(AMOUNTS + OTHERS), st.integers(0, 400_000))
flags = st.builds(set_on, st.integers(0, 9), st.sampled_from(FLAGS), st.booleans())
facts = st.one_of(
    st.builds(kind, st.integers(0, 60), st.integers(0, 60))
    for kind in (
        *(move, rate, pause, look_as_of, forget_movement, forget_overdue),
        *(move_due, append, drop_last, replace_by_new),
    )
)
changes = st.lists(st.one_of(amounts, flags, facts), min_size=1, max_size=12)


@settings(max_examples=examples(300), deadline=None)
@given(terms=terms_on_course(), several=st.lists(changes, min_size=1, max_size=4), copied=st.booleans())
def test_a_reckoning_that_begins_late_is_the_whole_one(
    terms: LoanTerms, several: list[list[Change]], copied: bool
) -> None:
    course = new_course(terms=terms, start=START)
    lend(course, on=START, amount_fen=terms.principal_fen)
    for some in several:
        before, kept = course, [course.copy().stretches, course.known]
        if copied:
            course = course.copy()
        for change in some[: 1 + len(some) % 3]:  # one at a time, and a few together
            change(course)
        course.reckon()
        assert course.stretches == from_scratch(course).stretches
        # So what is unpaid of one is never more than what is unpaid of all.
        assert all(one.principal_due_fen >= one.principal_paid_fen for one in course.stretches)
        if copied:  # and what a copy went through is nothing to the course it was made of
            assert [before.stretches, before.known] == kept
            before.reckon()
            assert before.stretches == kept[0]
