"""Lender and borrower agree anew: another rate, a pause, other due dates."""

from __future__ import annotations

from datetime import date

from mingqu.domain import course as courses
from mingqu.domain.calendar import add_periods, check_date
from mingqu.domain.course.renew import extend, move_due
from mingqu.domain.loan.event import Paused, RateChanged, Rescheduled
from mingqu.domain.loan.working import Working, renew_lines
from mingqu.domain.refusal import Refusal
from mingqu.domain.schedule import INSTALMENTS_MAX


class RescheduleImpossible(Refusal):
    """There is no such instalment, or the new due dates do not follow the others."""

    code = "reschedule_impossible"


class PauseImpossible(Refusal):
    """The pause has no days, or nothing bears interest in them."""

    code = "pause_impossible"


class PlanIsFixed(Refusal):
    """The loan's terms say that interest follows the plan; what is agreed anew needs a loan on a course."""

    code = "plan_is_fixed"
    status = 409


def change_rate(working: Working, event: RateChanged) -> None:
    """Let another rate count from a day on; instalments from there on are worked out anew."""
    course = on_course(working)
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
    """Move the due dates from one on, or add instalments behind the last. Errors: RescheduleImpossible."""
    course = on_course(working)
    position = next((index for index, stretch in enumerate(course.stretches) if stretch.due >= event.due), None)
    check_date(event.due)
    if not 0 <= event.added <= INSTALMENTS_MAX or (event.due_to is not None and event.due_to < event.value_date):
        raise RescheduleImpossible("Instalments are added, and none is moved to a day before the agreement.")
    if position is None:
        raise RescheduleImpossible("No instalment is due on or after that date.")
    working.keep_bearing(to=event.value_date)
    if event.added:
        count = len(course.stretches)
        start = course.stretches[0].start
        dues = [
            add_periods(day=start, period=working.terms.period, times=number)
            for number in range(count + 1, count + event.added + 1)
        ]
        if dues[0] <= course.maturity:  # the last due dates were moved behind the plan's own
            opened = course.maturity
            dues = [
                add_periods(day=opened, period=working.terms.period, times=number + 1) for number in range(event.added)
            ]
        extend(course, on=day_before(event.due), dues=dues)
    if event.due_to is not None:
        old = course.stretches[position]
        if event.due_to <= old.start:
            raise RescheduleImpossible("An instalment falls due after its period begins.")
        moved = [
            add_periods(day=event.due_to, period=working.terms.period, times=times)
            for times in range(len(course.stretches) - position)
        ]
        if working.terms.days_max is not None and len(moved) > 1:  # a last period cut short keeps its length
            last = course.stretches[-1]
            moved[-1] = date.fromordinal(moved[-2].toordinal() + (last.due - last.start).days)
        move_due(course, due=old.due, dues=moved)
    renew_lines(working, on=event.value_date, by_place=True)


def day_before(day: date) -> date:
    """Return the calendar day before."""
    return date.fromordinal(day.toordinal() - 1)
