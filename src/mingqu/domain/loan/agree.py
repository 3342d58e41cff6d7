"""Lender and borrower agree anew: another rate, a pause, other due dates."""

from __future__ import annotations

from datetime import date

from mingqu.domain import course as courses
from mingqu.domain.calendar import MONTHLY, add_periods, check_date
from mingqu.domain.changed import changed
from mingqu.domain.course.renew import extend, move_due
from mingqu.domain.loan.event import Paused, RateChanged, Rescheduled
from mingqu.domain.loan.grace import give_grace
from mingqu.domain.loan.working import Working, renew_lines
from mingqu.domain.refusal import Refusal
from mingqu.domain.schedule import INSTALMENTS_MAX


class RescheduleImpossible(Refusal):
    """There is no such instalment, or the new due dates do not follow the others."""

    code = "reschedule_impossible"


class RateOutOfBounds(Refusal):
    """The new rate is lower or higher than the contract lets any rate of this loan be."""

    code = "rate_out_of_bounds"


class PauseImpossible(Refusal):
    """The pause has no days, or nothing bears interest in them."""

    code = "pause_impossible"


class PlanIsFixed(Refusal):
    """The loan's terms say that interest follows the plan; what is agreed anew needs a loan on a course."""

    code = "plan_is_fixed"
    status = 409


def change_rate(working: Working, event: RateChanged) -> None:
    """Let another rate count from a day on; instalments from there on are worked out anew. Errors: RateOutOfBounds."""
    course = on_course(working)
    if not working.terms.allows_rate(event.rate):
        raise RateOutOfBounds("The contract lets no rate of this loan be so low, or so high.")
    working.keep_bearing(to=event.value_date)
    courses.change_rate(course, on=event.since, rate=event.rate)
    working.sync(on=event.value_date, since=event.since)


def pause(working: Working, event: Paused) -> None:
    """Let nothing bear interest for some days; instalments stay, the last one becomes smaller."""
    course = on_course(working)
    if event.until <= event.since:
        raise PauseImpossible("A pause ends after it begins.")
    if not any(rate.numerator for _, rate in course.rates):
        raise PauseImpossible("This loan bears no interest that could pause.")
    working.keep_bearing(to=event.value_date)
    courses.pause(course, start=event.since, end=event.until)
    working.sync(on=event.value_date, since=event.since)


def on_course(working: Working) -> courses.Course:
    """Return the course. Errors: PlanIsFixed for a loan that follows a plan."""
    if working.course is None:
        raise PlanIsFixed("This loan follows its plan to the end: its terms know no other rate, dates or spreading.")
    return working.course


def reschedule(working: Working, event: Rescheduled) -> None:
    """Move the due dates from one on, add instalments behind the last, or give grace.

    Errors: RescheduleImpossible, GraceImpossible.
    """
    course = on_course(working)
    if any(line.renewed for line in working.lines):
        _move_renewed(working, event)
        return
    position = next((index for index, stretch in enumerate(course.stretches) if stretch.due >= event.due), None)
    check_date(event.due)
    counts = (event.added, event.principal_grace, event.interest_grace)
    if any(not 0 <= count <= INSTALMENTS_MAX for count in counts):
        raise RescheduleImpossible("Instalments are added, or given grace, and none is taken away.")
    if event.due_to is not None and event.due_to < event.value_date:
        raise RescheduleImpossible("No instalment is moved to a day before the agreement.")
    if position is None:
        raise RescheduleImpossible("No instalment is due on or after that date.")
    working.keep_bearing(to=event.value_date)
    if event.added:
        extend(course, on=day_before(event.due), dues=_dues_behind(working, course, event.added))
    if event.due_to is not None:
        old = course.stretches[position]
        if event.due_to <= old.start:
            raise RescheduleImpossible("An instalment falls due after its period begins.")
        moved = [
            add_periods(day=event.due_to, period=working.terms.period, times=times)
            for times in range(len(course.stretches) - position)
        ]
        if working.terms.length_days is not None and len(moved) > 1:  # the last period keeps its length
            last = course.stretches[-1]
            moved[-1] = date.fromordinal(moved[-2].toordinal() + (last.due - last.start).days)
        move_due(course, due=old.due, dues=moved)
    renew_lines(working, on=event.value_date, by_place=True)
    if event.principal_grace or event.interest_grace:
        dues = _dues_behind(working, course, event.principal_grace)
        give_grace(working, event, position=position, dues=dues)


def _move_renewed(working: Working, event: Rescheduled) -> None:
    """Move instalments that replaced those of the plan: each keeps its distance from the first, in months or days."""
    moved = [index for index in working.agreed() if working.lines[index].due >= event.due]
    if event.due_to is None or not moved or event.due_to <= working.lines[moved[0]].start:
        raise RescheduleImpossible("Instalments that replaced a plan are moved to later days, and none is added.")
    first, opened = working.lines[moved[0]].due, working.lines[moved[0]].start
    for index in moved:
        line = working.lines[index]
        due = _as_far(line.due, since=first, moved_to=event.due_to)
        working.fees = [changed(fee, line_due=due) if fee.line_due == line.due else fee for fee in working.fees]
        working.lines[index] = changed(line, period_start=opened, start=opened, due=due)
        opened = due


def _as_far(day: date, *, since: date, moved_to: date) -> date:
    months = (day.year - since.year) * 12 + day.month - since.month
    if add_periods(day=since, period=MONTHLY, times=months) == day:
        return add_periods(day=moved_to, period=MONTHLY, times=months)
    return date.fromordinal(moved_to.toordinal() + (day - since).days)


def _dues_behind(working: Working, course: courses.Course, count: int) -> list[date]:
    """Return so many due dates behind the last: those the plan would have, or whole periods from another last one."""
    start, placed, period = course.stretches[0].start, len(course.stretches), working.terms.period
    if add_periods(day=start, period=period, times=placed) != course.maturity:
        start, placed = course.maturity, 0
    return [add_periods(day=start, period=period, times=placed + number) for number in range(1, count + 1)]


def day_before(day: date) -> date:
    """Return the calendar day before."""
    return date.fromordinal(day.toordinal() - 1)
