"""What instalments should pay: worked out anew whenever the agreement changes, evened out, the tail in the last."""

from __future__ import annotations

from datetime import date
from typing import Final

from mingqu.domain.course.bearing import part_ratio
from mingqu.domain.course.course import Course
from mingqu.domain.course.stretch import Stretch
from mingqu.domain.course.terms import Bearing, CourseTerms, Share
from mingqu.domain.money import divide
from mingqu.domain.schedule import MultipleAboveInstalment, Smoothing
from mingqu.domain.schedule.spreading import exact_instalment

SMOOTHING_TRIES_MAX: Final = 3  # each try must narrow the difference, and a fourth never does
SETTLE_TRIES_MAX: Final = 1_200  # each try leaves one stretch with what was paid in it


def set_targets(course: Course, stretches: list[Stretch], *, refuse_multiple: bool = False) -> None:
    """Give stretches up to the last one alike instalments that repay what is owed when the first begins.

    Errors: MultipleAboveInstalment.
    """
    stretches = [stretch for stretch in stretches if not stretch.interest_only]
    if not stretches:
        return
    if course.terms.bearing is Bearing.FLAT:
        _set_flat_targets(course, stretches)
        return
    first = stretches[0]
    opening = opening_fen(course, first)
    if opening <= 0 or course.terms.share is Share.AT_THE_END:
        each = 0
    elif course.terms.share is Share.PRINCIPAL:
        each = divide(opening, len(stretches), course.terms.rounding)
    else:
        growth = _growth_alike if course.terms.periods_alike else _growth
        numerator, denominator = exact_instalment(
            principal_fen=opening, ratios=[growth(course, stretch) for stretch in stretches], accrued=(0, 1)
        )
        fixed = sum(stretch.interest_fixed_fen for stretch in stretches)
        each = divide(numerator, denominator, course.terms.rounding)
        each += divide(fixed, len(stretches), course.terms.rounding)
    if refuse_multiple and not course.terms.multiple_gives_way and 0 < each < course.terms.multiple_fen:
        raise MultipleAboveInstalment(
            "The instalment is smaller than the amount it must be a multiple of: choose fewer instalments.",
            multiple_fen=course.terms.multiple_fen,
        )
    target = to_multiple(course.terms, each)
    for stretch in stretches:
        paid = stretch.principal_paid_fen if stretch.on_top else stretch.paid_fen
        if target >= paid:
            stretch.target_fen = stretch.agreed_fen = target


def opening_fen(course: Course, first: Stretch) -> int:
    """Return what is owed when a stretch begins, with what is lent in it."""
    index = course.place_of(first)
    lent = sum(
        movement.lent_fen
        for day, movement in course.movements.items()
        if (first.start < day <= first.due or (index == 0 and day <= first.start))
    )
    return lent + (course.stretches[index - 1].balance_fen if index else 0)


def _growth(course: Course, stretch: Stretch) -> tuple[int, int]:
    """Return what a fen bears in a stretch if nothing pauses: a pause makes the last instalment smaller, not all."""
    numerator, denominator = 0, 1
    for start, end in course.parts(stretch, sorted(course.movements)):
        rate = course.rate_on(start)
        n, d = part_ratio(
            terms=course.terms, rate=rate, start=start, end=end, due=stretch.due, period_start=stretch.start
        )
        numerator, denominator = numerator * d + n * denominator, denominator * d
    return numerator, denominator


def _growth_alike(course: Course, stretch: Stretch) -> tuple[int, int]:
    """The same, as if the stretch were as long as the first of all, and its rate did not change in it."""
    first, rate = course.stretches[0], course.rate_on(stretch.start)
    return part_ratio(
        terms=course.terms, rate=rate, start=first.start, end=first.due, due=first.due, period_start=first.start
    )


def to_multiple(terms: CourseTerms, fen: int) -> int:
    """Round an instalment to the agreed multiple, unless that would leave nothing of it."""
    rounded = divide(fen, terms.multiple_fen, terms.rounding) * terms.multiple_fen
    return rounded if rounded or fen <= 0 else fen


def _set_flat_targets(course: Course, stretches: list[Stretch]) -> None:
    """Equal instalments of all principal and all interest; the last takes the tail."""
    for stretch in stretches:
        stretch.target_fen = 10**15  # room for the interest, while it is worked out
    course.reckon()
    interest = sum(stretch.interest_due_fen for stretch in stretches)  # what waits is asked for once
    whole = max(0, opening_fen(course, stretches[0])) + interest
    each = to_multiple(course.terms, divide(whole, len(stretches), course.terms.rounding))
    over = 0
    for stretch in stretches:
        target = each if stretch is not stretches[-1] else whole - each * (len(stretches) - 1)
        over += max(0, stretch.paid_fen - stretch.credited_fen - target)
        stretch.target_fen = stretch.agreed_fen = max(target, stretch.paid_fen - stretch.credited_fen)
    for stretch in reversed(stretches):
        if over and not stretch.is_paid:
            least = max(stretch.interest_fen, stretch.paid_fen - stretch.credited_fen, stretch.target_fen - over)
            over -= stretch.target_fen - least
            stretch.target_fen = least
    course.reckon()


def settle_last(course: Course, *, on: date) -> None:
    """Let the last unpaid instalment take whatever is left to repay, and interest of the stretches after it.

    `on` is the day up to which interest behind the last unpaid instalment is known.
    """
    held: list[int] = []  # places whose parts of interest leave no room to become smaller: the one before takes it
    for _ in range(SETTLE_TRIES_MAX):
        course.reckon()
        last = _last_unpaid(course, held)
        if last is None:
            return
        if _let_speak(course, last):
            course.reckon()
        owed = course.lent_fen + course.total("principal_credited_fen") + course.total("interest_due_fen")
        owed += _without_room_fen(last)
        planned = last.target_fen
        last.target_fen += owed - course.total("room_fen")
        least = last.paid_fen - last.credited_fen - (last.interest_due_fen if last.on_top else 0)
        if last.interest_fixed_fen:
            fixed = 0 if last.on_top else last.interest_fixed_fen
            credited = 0 if last.closed else last.principal_credited_fen
            least = max(least, last.principal_paid_fen - credited + fixed)
            held.append(course.place_of(last))
        if last.target_fen >= least:
            if last.target_fen != planned:
                course.reckon()
            defer(course, last, on=on)
            return
        last.target_fen = least
    raise AssertionError("a course does not settle")


def _without_room_fen(last: Stretch) -> int:
    """Return interest of the last unpaid instalment for which principal that was paid in it has left no room."""
    if last.on_top or last.waits:
        return 0
    return max(0, last.interest_fen - last.interest_due_fen)


def _let_speak(course: Course, last: Stretch) -> bool:
    """Let every open stretch bear its own interest again, none of it ahead; say whether that changes anything."""
    spoke = last.interest_ahead_fen != 0
    last.interest_ahead_fen = 0
    for stretch in course.stretches:
        if stretch.silent and not stretch.closed:
            stretch.silent = False
            spoke = True
    return spoke


def _last_unpaid(course: Course, held: list[int]) -> Stretch | None:
    for index in range(len(course.stretches) - 1, -1, -1):
        if not course.stretches[index].is_paid and index not in held:
            return course.stretches[index]
    last = course.stretches[-1]
    if not held and last.balance_fen > 0:  # all that was asked for is paid, and something is owed yet
        return last
    return None


def defer(course: Course, last: Stretch, *, on: date) -> None:
    """Make interest that was borne after the last unpaid instalment's period fall due with it."""
    if last is course.stretches[-1]:
        return
    seen = course
    if course.until != on:  # otherwise it is being looked at as of that day anyhow, and is reckoned
        seen = course.copy()
        seen.until = on
        seen.reckon()
    for stretch in reversed(seen.stretches):
        if stretch.due > last.due and stretch.unrecognized_fen > 0:
            paid_ahead = max(0, last.interest_due_fen - last.interest_fen)  # is part of what it asks for already
            last.interest_ahead_fen = stretch.unrecognized_fen
            if not last.on_top:
                last.target_fen -= min(paid_ahead, last.interest_ahead_fen)
            for later in course.stretches:
                if later.due > last.due:
                    later.silent = True
            course.reckon()
            return


def even_out(course: Course, stretches: list[Stretch]) -> None:
    """Spread a large difference between the last two of a course's last stretches over all of these.

    More than half a fen an instalment is large; a try is kept if it narrows the difference, three at most.
    """
    if course.terms.smoothing is not Smoothing.EVEN_OUT or course.terms.share is not Share.INSTALMENT:
        return
    begin = len(course.stretches) - len(stretches)
    for _ in range(SMOOTHING_TRIES_MAX):
        agreed, difference, counted = _difference(stretches)
        if abs(difference) <= counted // 2:
            return
        tried = to_multiple(course.terms, agreed + divide(difference, max(1, counted), course.terms.rounding))
        if tried == agreed:
            return
        trial = course.copy()
        for stretch in trial.stretches[begin:]:
            if tried >= stretch.paid_fen and not stretch.interest_only:
                stretch.target_fen = stretch.agreed_fen = tried
        settle_last(trial, on=stretches[0].due)
        if abs(_difference(trial.stretches)[1]) >= abs(difference):
            return
        for stretch, other in zip(stretches, trial.stretches[begin:], strict=True):
            stretch.target_fen = stretch.agreed_fen = other.target_fen
        course.reckon()


def _difference(stretches: list[Stretch]) -> tuple[int, int, int]:
    """Return the next to last open instalment, what the last one differs by, and how many are alike."""
    for before, last in zip(reversed(stretches[:-1]), reversed(stretches), strict=False):
        if not last.is_paid and not before.is_paid:
            alike = sum(1 for stretch in stretches if stretch.paid_fen <= before.target_fen)
            return before.target_fen, last.target_fen - before.target_fen, alike
    return stretches[0].target_fen, 0, len(stretches)
