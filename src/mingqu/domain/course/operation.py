"""What can happen to a course: each function changes facts and works the instalments out anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from mingqu.domain.course.course import Course
from mingqu.domain.course.reckoning import Movement
from mingqu.domain.course.stretch import Stretch
from mingqu.domain.course.target import defer, even_out, set_targets, settle_last
from mingqu.domain.course.terms import Bearing, Share
from mingqu.domain.rate import Rate
from mingqu.domain.schedule import InstalmentBelowInterest


def lend(course: Course, *, on: date, amount_fen: int) -> None:
    """Lend more on a day: the instalments from there on are worked out as if nothing had been paid.

    Errors: MultipleAboveInstalment, for the first money lent.
    """
    first = not course.movements
    if not course.terms.part_periods:
        on = next((stretch.start for stretch in course.stretches if stretch.due > on), on)
    course.move(on=on, lent_fen=amount_fen)
    related = _from(course, on)
    if not related:
        return
    if first or course.terms.bearing is Bearing.FLAT:
        _retarget(course, related, refuse_multiple=first)
        return
    course.reckon()
    plain = course.copy()
    for stretch in plain.stretches:
        stretch.principal_paid_fen = stretch.interest_paid_fen = stretch.interest_ahead_fen = 0
        stretch.silent = stretch.silent and stretch.closed
    plain.movements = {day: Movement(lent_fen=movement.lent_fen) for day, movement in plain.movements.items()}
    plain.reckon()
    _retarget(plain, _from(plain, on))
    take_targets(course, plain, related)
    settle_last(course, on=related[0].due)


def change_rate(course: Course, *, on: date, rate: Rate) -> None:
    """Let another rate count from a day on; the instalments from there on are worked out anew.

    They are worked out as if nothing were overdue: being late costs its interest, and no higher instalments.
    Where interest was cut into parts and nothing bears since, there is nothing that a rate could count for.
    """
    if not course.rate_on(on).numerator and any(stretch.interest_fixed_fen for stretch in _from(course, on)):
        return
    course.rates.append((on, rate))
    course.rates.sort(key=lambda dated: dated[0])
    course.reckon()
    related = _from(course, on)
    if not any(movement.overdue_fen for movement in course.movements.values()):
        _retarget(course, related)
        return
    plain = course.copy()
    plain.forget_overdue()
    plain.reckon()
    _retarget(plain, _from(plain, on))
    take_targets(course, plain, related)
    settle_last(course, on=on)


def take_targets(course: Course, plain: Course, related: list[Stretch]) -> None:
    """Let stretches ask for what they ask for in a course in which less happened, but for no less than was paid."""
    for stretch, other in zip(course.stretches, plain.stretches, strict=True):
        if related and stretch.due >= related[0].due:
            stretch.target_fen, stretch.agreed_fen = max(other.target_fen, stretch.least_fen), other.agreed_fen


def pause(course: Course, *, start: date, end: date) -> None:
    """Let nothing bear interest in `[start, end)`; the instalments stay, the last one takes the difference."""
    course.pauses.append((start, end))
    settle_last(course, on=start)


def _from(course: Course, on: date) -> list[Stretch]:
    """Return the stretches a change on a day concerns: a change on a due date concerns those after it."""
    stretch = course.at(on)
    if stretch is None:
        return []
    index = course.place_of(stretch)
    if stretch.due == on and index + 1 < len(course.stretches):
        index += 1
    return course.stretches[index:]


def _retarget(course: Course, related: list[Stretch], *, refuse_multiple: bool = False) -> None:
    if not related:
        return  # it is about days behind the last instalment
    for stretch in course.stretches[: course.terms.interest_grace]:
        stretch.waits = True
    set_targets(course, related, refuse_multiple=refuse_multiple)
    _give_principal_grace(course, related)
    if course.terms.bearing is Bearing.FLAT:
        return
    settle_last(course, on=related[0].due)
    even_out(course, related)
    if course.terms.interest_grace and (
        any(stretch.principal_due_fen < 0 or stretch.target_fen < 0 for stretch in course.stretches)
        or course.stretches[-1].unrecognized_fen
    ):
        raise InstalmentBelowInterest("The instalments left cannot take the interest that waited for them.")


def _give_principal_grace(course: Course, related: list[Stretch]) -> None:
    """Let the first instalments ask for interest only, and the others repay what there is."""
    graced = [stretch for stretch in course.stretches[: course.terms.principal_grace] if stretch in related]
    if not graced:
        return
    course.reckon()
    for stretch in graced:
        stretch.target_fen = stretch.agreed_fen = 0 if stretch.on_top else stretch.interest_due_fen
        course.reckon()
    set_targets(course, [stretch for stretch in related if stretch not in graced])


def lend_full_term(course: Course, *, on: date, amount_fen: int, dues: Sequence[date]) -> None:
    """Lend an amount that is repaid in instalments of its own, laid on those that are there and behind the last.

    `dues` are its due dates; its first period is the one that the day lies in.
    """
    begun = next((stretch.start for stretch in course.stretches if stretch.start <= on < stretch.due), course.maturity)
    plan = Course(terms=replace(course.terms, anchor=begun), stretches=[], rates=list(course.rates))
    opened = begun
    for due in dues:
        plan.stretches.append(Stretch(start=opened, due=due, on_top=course.terms.share is not Share.INSTALMENT))
        opened = due
    lend(plan, on=on, amount_fen=amount_fen)
    course.move(on=on, lent_fen=amount_fen)
    for planned in plan.stretches:
        same = next((s for s in course.stretches if s.due == planned.due and not s.closed), None)
        if same is None:
            same = Stretch(start=course.maturity, due=planned.due, on_top=planned.on_top)
            course.stretches.append(same)
        same.target_fen += planned.principal_due_fen + (0 if same.on_top else planned.interest_due_fen)
        same.agreed_fen = same.target_fen
    settle_last(course, on=on)


def lend_whole_plan(course: Course, *, on: date, amount_fen: int) -> None:
    """Lend an amount and spread all that was lent over all instalments, those past included.

    Instalments are worked out as if all had been lent when the plan began. Flat interest counts it from there;
    otherwise an amount bears from its own day, and the last instalment is smaller by what it did not bear before.
    """
    plain = course.copy()
    plain.movements = {course.stretches[0].start: Movement(lent_fen=course.lent_fen + amount_fen)}
    _retarget(plain, plain.stretches)
    if course.terms.bearing is Bearing.FLAT:
        course.movements = plain.movements
    else:
        course.move(on=on, lent_fen=amount_fen)
    take_targets(course, plain, course.stretches)
    settle_last(course, on=on)


def pay_interest(course: Course, *, stretch: Stretch, on: date, amount_fen: int) -> None:
    """Pay interest of a stretch."""
    unpaid = [other for other in course.stretches if not other.is_paid]
    if unpaid and unpaid[-1] is stretch and stretch is not course.stretches[-1] and on >= stretch.due:
        defer(course, stretch, on=on)
    left = course.total("interest_due_fen") - course.total("interest_paid_fen")
    stretch.interest_paid_fen += min(amount_fen, left)
    settle_last(course, on=on)


def pay_principal(course: Course, *, stretch: Stretch, on: date, amount_fen: int) -> None:
    """Pay principal of a stretch: what is early stops bearing that day, what is late counts from its due date.

    (What bore interest between is in the corrections that `keep_bearing` made.)
    """
    if not amount_fen:
        return
    due = course.total("principal_due_fen") + course.total("principal_credited_fen")
    paid = course.total("principal_paid_fen")
    amount = amount_fen if paid + amount_fen <= due else course.total("principal_due_fen") - paid
    stretch.principal_paid_fen += amount
    course.move(on=min(on, stretch.due), moved_fen=-amount_fen)
    settle_last(course, on=on)
    if course.terms.bearing is Bearing.DECLINING and course.terms.recalculated:
        several = sum(1 for other in course.stretches if not other.is_paid) > 1
        over = stretch.paid_fen > stretch.room_fen
        full = on <= stretch.start and stretch.paid_fen == stretch.agreed_fen + stretch.credited_fen
        if several and (over or full) and not stretch.on_top:
            stretch.target_fen = stretch.paid_fen - stretch.credited_fen
        settle_last(course, on=on)


def repay_ahead(course: Course, *, on: date, amount_fen: int, lower_all: bool) -> None:
    """Repay principal before it is due, with the stretch a day lies in: it stops bearing that day.

    The stretch asks for no less than what was repaid and its interest. What it takes beyond its instalment makes
    all later instalments lower, alike; or else the next ones ask for so much less, down to their interest.
    """
    stretch = course.at(on)
    assert stretch is not None
    course.move(on=on, moved_fen=-amount_fen)
    stretch.principal_paid_fen += amount_fen
    course.reckon()
    planned = stretch.target_fen
    least = stretch.principal_paid_fen - (0 if stretch.closed else stretch.principal_credited_fen)
    stretch.target_fen = max(planned, least if stretch.on_top else least + stretch.interest_fen)
    course.reckon()
    surplus = stretch.target_fen - planned
    later = course.stretches[course.place_of(stretch) + 1 :]
    # Principal that is all asked for at the end is lower there by itself.
    if surplus and lower_all and course.terms.share is not Share.AT_THE_END:
        set_targets(course, later)
    for other in later if surplus and not lower_all else ():
        course.reckon()
        least = max(0 if other.on_top else other.interest_fen, other.least_fen)
        part = min(surplus, max(0, other.target_fen - least))
        other.target_fen -= part
        surplus -= part
    settle_last(course, on=on)
    if lower_all and later:
        even_out(course, later)


def credit(course: Course, *, on: date, principal_fen: int, interest_fen: int) -> None:
    """Let principal and interest that were paid be owed again from a day on, there or in the next open stretch."""
    course.move(on=on, moved_fen=principal_fen)
    stretch = next((s for s in course.stretches if on < s.due and not s.closed), course.stretches[-1])
    stretch.principal_credited_fen += principal_fen
    stretch.interest_credited_fen += interest_fen
    settle_last(course, on=on)


def keep_bearing(course: Course, *, to: date, whole_period: bool = False) -> bool:
    """Let principal that is overdue go on bearing interest up to a day, and say whether anything changed.

    `whole_period` lets it bear to the end of the running period instead.
    """
    to = min(to, course.maturity)
    late = [stretch for stretch in course.stretches if stretch.due < to]
    if not late or course.overdue_to == to:
        return False
    current = course.at(to) or course.stretches[-1]
    since = course.overdue_to
    each = together = 0  # unpaid principal of the stretch before, and of all before
    for stretch in late:
        if each:
            _carry(course, stretch, each, together, since, to, whole_period=whole_period)
        each = stretch.principal_unpaid_fen
        together += each
    if together:
        _carry(course, current, each, together, since, to, whole_period=whole_period)
        course.overdue_to = max(course.overdue_to or to, to)
    return together > 0


def _carry(
    course: Course,
    stretch: Stretch,
    each: int,
    together: int,
    since: date | None,
    to: date,
    *,
    whole_period: bool,
) -> None:
    """Let what the stretch before left unpaid bear in this one, up to `to` if that lies in it."""
    begin = stretch.start if since is None or stretch.start > since else since
    course.move(on=begin, overdue_fen=each)
    settle_last(course, on=begin)
    if stretch.start < to <= stretch.due:
        end = stretch.due if whole_period else to
        course.move(on=end, overdue_fen=-together)
        settle_last(course, on=end)
        course.overdue_to = end
