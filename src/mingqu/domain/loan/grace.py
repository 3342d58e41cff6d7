"""Grace that is agreed on while the loan runs: principal, interest or both of some instalments come later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from mingqu.domain.changed import changed
from mingqu.domain.course.renew import let_wait, put_off
from mingqu.domain.loan.event import Rescheduled
from mingqu.domain.loan.terms import Recalculation
from mingqu.domain.loan.working import Working, renew_lines
from mingqu.domain.refusal import Refusal
from mingqu.domain.schedule import Method


class GraceImpossible(Refusal):
    """The instalments cannot wait: they have fallen due, something was paid of them, or the terms leave no room."""

    code = "grace_impossible"
    status = 409


def give_grace(working: Working, event: Rescheduled, *, position: int, dues: Sequence[date]) -> None:
    """Let instalments from a position on wait; `dues` are the due dates that principal needs behind the last.

    Example: of three instalments of 1,000.00 the second and one more are put off: 1,000.00, nothing, 1,000.00,
    1,000.00. Errors: GraceImpossible.
    """
    course = working.course
    assert course is not None
    later = [working.lines[index] for index in working.regular()[position:]]
    if not later or later[0].due <= event.value_date or any(line.paid_fen for line in later):
        raise GraceImpossible("Grace is for instalments that are not due yet, and nothing was paid in advance.")
    if dues:
        if working.terms.method is Method.FLAT:
            raise GraceImpossible("Flat interest is agreed for the whole term: a longer one is another loan.")
        put_off(course, index=position, dues=dues)
    if event.interest_grace:
        if working.terms.recalculation is not Recalculation.PLAN:
            raise GraceImpossible("Interest waits only where it follows a plan.")
        if position + event.interest_grace >= len(course.stretches):
            raise GraceImpossible("Interest waits for an instalment, and none is left.")
        let_wait(course, index=position, count=event.interest_grace)
    renew_lines(working, on=event.value_date, by_place=True)
    _nothing_to_wait_for(working, position, max(event.principal_grace, event.interest_grace))


def _nothing_to_wait_for(working: Working, position: int, count: int) -> None:
    """What asks for nothing is paid since the money came."""
    begun = working.lines[working.regular()[0]].start
    for index in working.regular()[position : position + count]:
        if not working.lines[index].due_fen:
            working.lines[index] = changed(working.lines[index], paid_on=begun)
