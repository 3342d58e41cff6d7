"""Looking at a course as of a day: what an instalment would be, what is outstanding, what a payoff costs."""

from __future__ import annotations

from datetime import date

from mingqu.domain.course.course import Course
from mingqu.domain.course.stretch import Stretch
from mingqu.domain.course.target import settle_last


def as_of(course: Course, *, on: date) -> Course:
    """Return a course in which nothing bears from a day on."""
    seen = course.copy()
    seen.until = on
    settle_last(seen, on=on)
    return seen


def due_if_paid(course: Course, *, stretch: Stretch, on: date, principal_alone: bool = False) -> tuple[int, int]:
    """Return principal and interest of an instalment if it were paid in advance on a day, in fen.

    `principal_alone` is for orders that serve the principal of every instalment before any interest: an instalment
    then takes as much principal as it has room for.
    """
    index = course.place_of(stretch)
    if on < course.maturity:
        seen = as_of(course, on=on)
    else:
        seen = course.copy()
        seen.reckon()
    mine = seen.stretches[index]
    unpaid = sum([not other.is_paid for other in seen.stretches])
    if on <= mine.start and not mine.on_top:
        target = mine.target_fen
        if unpaid > 1:
            mine.target_fen = mine.agreed_fen
        elif unpaid == 1 and mine.is_paid:
            left = seen.total("principal_due_fen") - seen.total("principal_paid_fen")
            mine.target_fen = min(mine.agreed_fen, left + mine.principal_paid_fen + mine.interest_due_fen)
        if mine.target_fen != target:
            seen.reckon()
    if not principal_alone:
        return mine.principal_due_fen, mine.interest_due_fen
    shared = unpaid > 1 and not mine.on_top  # principal and interest have one room, and principal is asked first
    principal = mine.room_fen - mine.interest_paid_fen if shared else mine.principal_due_fen
    principal_left = seen.total("principal_due_fen") - seen.total("principal_paid_fen")
    interest_left = seen.total("interest_due_fen") - seen.total("interest_paid_fen")
    return (
        min(principal, mine.principal_paid_fen + max(0, principal_left)),
        min(mine.interest_due_fen, mine.interest_paid_fen + max(0, interest_left)),
    )


def outstanding(course: Course, *, on: date) -> tuple[int, int]:
    """Return the principal and interest that settle the debt on a day, in fen."""
    seen = as_of(course, on=on)
    return (
        max(0, seen.total("principal_due_fen") - seen.total("principal_paid_fen")),
        max(0, seen.total("interest_due_fen") - seen.total("interest_paid_fen")),
    )


def interest_until(course: Course, *, stretch: Stretch, on: date) -> int:
    """Return what a stretch has borne up to a day, in fen."""
    return as_of(course, on=on).stretches[course.place_of(stretch)].interest_fen
