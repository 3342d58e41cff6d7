"""A new agreement about what is owed: spread over the instalments left, or over new ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from mingqu.domain.course.course import Course
from mingqu.domain.course.operation import lend, take_targets
from mingqu.domain.course.stretch import Stretch
from mingqu.domain.course.target import even_out, set_targets, settle_last, to_multiple
from mingqu.domain.course.terms import CourseTerms, Share
from mingqu.domain.course.view import outstanding
from mingqu.domain.money import Rounding, divide
from mingqu.domain.rate import NO_RATE


def _on_top(course: Course) -> bool:
    return course.terms.share is not Share.INSTALMENT


def extend(course: Course, *, on: date, dues: Sequence[date]) -> None:
    """Add instalments behind the last one; those from a day on become smaller.

    They are worked out as if nothing were overdue: what is overdue is owed where it is, and not asked for again.
    """
    opened = course.maturity
    for due in dues:
        course.stretches.append(Stretch(start=opened, due=due, on_top=_on_top(course)))
        opened = due
    if not any(movement.overdue_fen for movement in course.movements.values()):
        _retarget_from(course, on)
        return
    plain = course.copy()
    plain.forget_overdue()
    take_targets(course, plain, _retarget_from(plain, on))
    settle_last(course, on=on)


def put_off(course: Course, *, index: int, dues: Sequence[date]) -> None:
    """Let stretches from an index on ask for interest only, one for each of `dues`, which are added behind the last.

    Instalments keep their amounts and come so much later; the last takes the difference.
    """
    planned = [(stretch.target_fen, stretch.agreed_fen, stretch.on_top) for stretch in course.stretches[index:]]
    opened = course.maturity
    for due in dues:
        course.stretches.append(Stretch(start=opened, due=due))
        opened = due
    for stretch in course.stretches[index : index + len(dues)]:
        stretch.target_fen = stretch.agreed_fen = 0
        stretch.on_top = stretch.interest_only = True
    for stretch, (target, agreed, on_top) in zip(course.stretches[index + len(dues) :], planned, strict=True):
        stretch.target_fen, stretch.agreed_fen, stretch.on_top = target, agreed, on_top
    settle_last(course, on=course.stretches[index].start)


def let_wait(course: Course, *, index: int, count: int) -> None:
    """Let so many stretches from an index on ask for their principal only; the one after them takes their interest."""
    course.reckon()
    graced, after = course.stretches[index : index + count], course.stretches[index + count]
    waiting = sum(stretch.interest_due_fen for stretch in graced)
    for stretch in graced:
        stretch.target_fen = stretch.agreed_fen = stretch.principal_due_fen
        stretch.on_top = stretch.waits = True
    if not after.on_top:
        after.target_fen += waiting
        after.agreed_fen += waiting
    settle_last(course, on=graced[0].start)


def move_due(course: Course, *, due: date, dues: Sequence[date]) -> None:
    """Move the due date `due` and those after it to `dues`; instalments stay, the last takes the difference."""
    index = next(index for index, stretch in enumerate(course.stretches) if stretch.due == due)
    opened = course.stretches[index].start
    for stretch, moved_to in zip(course.stretches[index:], dues, strict=True):
        stretch.start, stretch.due = opened, moved_to
        opened = moved_to
    settle_last(course, on=due)


def re_amortize(course: Course, *, on: date) -> None:
    """Spread what is unpaid of earlier instalments over those due after a day; its interest falls due with the next."""
    _close(course, on)
    _spread(course, [stretch for stretch in course.stretches if stretch.due > on], on)


def re_amortize_split(course: Course, *, on: date, parts_rounded_alone: bool = False) -> None:
    """The same, but interest unpaid until then is cut into equal parts over the instalments left.

    The last part takes the tail, so that nothing is lost or won; with `parts_rounded_alone` it does not.
    """
    past = [stretch for stretch in course.stretches if stretch.due <= on and not stretch.is_paid]
    later = [stretch for stretch in course.stretches if stretch.due > on]
    unpaid = sum(stretch.interest_due_fen - stretch.interest_paid_fen for stretch in past)
    course.forget_overdue()
    for stretch in past:
        stretch.target_fen = stretch.paid_fen
        stretch.closed = stretch.silent = True
        stretch.interest_fixed_fen = stretch.interest_paid_fen
    parts = equal_parts(unpaid, len(later), course.terms.rounding)
    if parts_rounded_alone:
        parts = [divide(unpaid, len(later), course.terms.rounding)] * len(parts)
    for stretch, fen in zip(later, parts, strict=True):
        stretch.interest_fixed_fen += fen
    course.overdue_to = None
    course.reckon()
    _spread(course, later, on)


def equal_parts(fen: int, count: int, rounding: Rounding) -> list[int]:
    """Cut an amount into equal parts, as long as there is any of it; the last takes the tail.

    Example: 0.07 in five is four times 0.01 and 0.03; 0.03 in five is three times 0.01 and twice nothing.
    """
    each = divide(fen, max(1, count), rounding)
    parts = [min(each, max(0, fen - each * place)) for place in range(count - 1)]
    return [*parts, fen - sum(parts)] if count else []


def parts_beside(terms: CourseTerms, principal_fen: int, besides: Sequence[int]) -> list[int]:
    """Cut principal so that instalments are alike with what stands beside it in each; the last takes the tail."""
    whole = to_multiple(terms, divide(principal_fen + sum(besides), len(besides), terms.rounding))
    parts = [whole - beside for beside in besides[:-1]]
    return [*parts, principal_fen - sum(parts)]


def _close(course: Course, on: date) -> None:
    """Let what is unpaid of the stretches that have begun be owed from now on, and bear as part of the balance."""
    course.forget_overdue()
    course.overdue_to = None
    for stretch in course.stretches:
        if stretch.start <= on and not stretch.is_paid:
            stretch.target_fen = stretch.paid_fen
            stretch.closed = True
    course.reckon()


def _spread(course: Course, later: list[Stretch], on: date) -> None:
    set_targets(course, later)
    settle_last(course, on=on)
    even_out(course, later)


def _retarget_from(course: Course, on: date) -> list[Stretch]:
    """Work out the instalments from a day on anew, and return them."""
    course.reckon()
    first = course.at(on) or course.stretches[-1]
    index = course.place_of(first)
    if first.due == on and index + 1 < len(course.stretches):
        index += 1
    related = course.stretches[index:]
    _spread(course, related, related[0].due)
    return related


def re_age(course: Course, *, on: date, opened: date, dues: Sequence[date], again: bool = False) -> None:
    """End the plan on a day and repay what is owed in new instalments; interest unpaid falls due with the first.

    `opened` is where the first new period would begin if it were a whole one: instalments are worked out for
    that, and the first stretch then bears from the day itself.
    """
    owed = sum(stretch.principal_unpaid_fen for stretch in course.stretches)
    paid = _paid_from(course, on)
    _end_on(course, on, again=again)
    _close(course, on)
    _hold_paid(course, paid)
    plan = _plan_of(course, opened=opened, dues=dues, amount_fen=owed)
    begun = course.maturity
    fresh = []
    for planned in plan.stretches:
        target = planned.target_fen if planned.on_top else planned.principal_due_fen + planned.interest_due_fen
        fresh.append(Stretch(start=begun, due=planned.due, target_fen=target, agreed_fen=target, on_top=planned.on_top))
        begun = planned.due
    course.stretches.extend(fresh)
    settle_last(course, on=on)
    _even_out_unpaused(course, len(fresh), on)


def _even_out_unpaused(course: Course, count: int, on: date) -> None:
    """Even out the last stretches as if nothing paused from a day on: a pause makes the last one smaller, not all."""
    plain = course.copy()
    plain.pauses = [(start, min(end, on)) for start, end in course.pauses if start < on]
    settle_last(plain, on=on)
    even_out(plain, plain.stretches[-count:])
    for stretch, other in zip(course.stretches[-count:], plain.stretches[-count:], strict=True):
        stretch.target_fen, stretch.agreed_fen = other.target_fen, other.agreed_fen
    settle_last(course, on=on)


def re_age_split(
    course: Course, *, on: date, dues: Sequence[date], whole: bool, others: Sequence[int] = (), again: bool = False
) -> tuple[int, int]:
    """End the plan on a day; cut principal and interest into equal parts; nothing bears from then on.

    `whole` takes all interest of the old plan, not only that up to the day. `others` are fees in each instalment.
    Returns principal and interest that were spread.
    """
    matured = course.maturity
    principal, interest = outstanding(course, on=max(on, matured) if whole else on)
    paid = _paid_from(course, on)
    _end_on(course, on, again=again)
    for stretch in course.stretches:
        stretch.target_fen = stretch.paid_fen
        stretch.closed = stretch.silent = True
        stretch.interest_fixed_fen = stretch.interest_paid_fen
    course.forget_overdue()
    course.overdue_to = None
    if matured >= on:
        _hold_paid(course, paid)
    fresh = []
    begun = course.maturity
    for due in dues:
        fresh.append(Stretch(start=begun, due=due, on_top=_on_top(course)))
        begun = due
    count = len(fresh)
    interests = equal_parts(interest, count, course.terms.rounding)
    besides = [sum(parts) for parts in zip(interests, others or [0] * count, strict=True)]
    for stretch, part, fixed in zip(fresh, parts_beside(course.terms, principal, besides), interests, strict=True):
        stretch.interest_fixed_fen = fixed
        stretch.target_fen = stretch.agreed_fen = part if stretch.on_top else part + fixed
    course.stretches.extend(fresh)
    course.rates.append((min(on, matured), NO_RATE))
    course.rates.sort(key=lambda dated: dated[0])
    settle_last(course, on=on)
    return principal, interest


def _paid_from(course: Course, on: date) -> tuple[int, int]:
    later = [stretch for stretch in course.stretches if stretch.due >= on]
    return sum(s.principal_paid_fen for s in later), sum(s.interest_paid_fen for s in later)


def _end_on(course: Course, on: date, *, again: bool) -> None:
    """Let the running period end on a day, and drop those after it.

    `again`: if it began with such an end of which nothing came, it is the one period that ends anew.
    """
    running = course.at(on)
    if running is None:
        return
    running.cut, running.due = running.due != on, on
    for day in [day for day in course.movements if day > on]:  # what counted to the end of a period that is no more
        movement = course.movements.pop(day)
        course.move(on=on, lent_fen=movement.lent_fen, moved_fen=movement.moved_fen, overdue_fen=movement.overdue_fen)
    dropped = [stretch for stretch in course.stretches if stretch.due > on]
    course.stretches = [stretch for stretch in course.stretches if stretch.due <= on]
    last = course.stretches[-1]  # what was charged back is owed again, whatever becomes of the period it stood in
    last.principal_credited_fen += sum(stretch.principal_credited_fen for stretch in dropped)
    last.interest_credited_fen += sum(stretch.interest_credited_fen for stretch in dropped)
    before = course.stretches[-2] if len(course.stretches) > 1 else None
    if again and before is not None and before.cut and _is_empty(before):
        running.start = before.start
        del course.stretches[-2]


def _is_empty(stretch: Stretch) -> bool:
    held = stretch.principal_credited_fen or stretch.interest_credited_fen or stretch.paid_fen
    return not (held or stretch.room_fen)


def _hold_paid(course: Course, paid: tuple[int, int]) -> None:
    """Keep what was paid in dropped stretches in the one that ends on the day."""
    last = course.stretches[-1]
    if paid != (0, 0):
        last.principal_paid_fen, last.interest_paid_fen = paid
        last.target_fen = last.paid_fen
    course.reckon()


def _plan_of(course: Course, *, opened: date, dues: Sequence[date], amount_fen: int) -> Course:
    stretches = []
    begun = opened
    for due in dues:
        stretches.append(Stretch(start=begun, due=due, on_top=_on_top(course)))
        begun = due
    plan = Course(
        terms=replace(course.terms, anchor=opened),
        stretches=stretches,
        rates=[(opened, course.rate_on(dues[0]))],
    )
    lend(plan, on=opened, amount_fen=amount_fen)
    return plan
