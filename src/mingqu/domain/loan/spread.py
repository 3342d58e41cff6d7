"""What is owed is spread anew: over the instalments that are left, or over new ones."""

from __future__ import annotations

from datetime import date

from mingqu.domain import course as courses
from mingqu.domain.calendar import add_periods
from mingqu.domain.changed import changed
from mingqu.domain.course.renew import equal_parts, parts_beside, re_age_split, re_amortize_split
from mingqu.domain.course.renew import re_age as re_age_course
from mingqu.domain.course.renew import re_amortize as re_amortize_course
from mingqu.domain.course.target import settle_last, to_multiple
from mingqu.domain.loan.agree import RescheduleImpossible, on_course
from mingqu.domain.loan.event import InterestHandling, ReAged, ReAmortized
from mingqu.domain.loan.posting import Change
from mingqu.domain.loan.receive import record_use
from mingqu.domain.loan.state import Allocation, Instalment
from mingqu.domain.loan.working import Working, paid_on, renew_lines, take_in_fees
from mingqu.domain.money import divide
from mingqu.domain.refusal import Refusal
from mingqu.domain.schedule import INSTALMENTS_MAX


class NothingToSpread(Refusal):
    """Nothing is owed that could be spread over other instalments, or no instalment is left to take it."""

    code = "nothing_to_spread"
    status = 409


def re_amortize(working: Working, event: ReAmortized, change: Change) -> None:
    """Spread what is overdue over the instalments left. Errors: NothingToSpread."""
    on = event.value_date
    on_course(working)
    working.keep_bearing(to=on)
    later = [index for index in working.regular() if working.lines[index].due > on]
    past = [index for index, line in enumerate(working.lines) if line.due <= on]
    principal = sum(working.lines[i].principal_fen - working.lines[i].principal_paid_fen for i in past)
    interest = sum(working.lines[i].interest_fen - working.lines[i].interest_paid_fen for i in past)
    if not later or principal <= 0:
        raise NothingToSpread("Nothing is overdue, or no instalment is left to take it.")
    if working.recalculates:
        assert working.course is not None
        _take_in(working, on)
        if event.interest is InterestHandling.ANEW:
            re_amortize_course(working.course, on=on)
        else:
            re_amortize_split(working.course, on=on, parts_rounded_alone=working.terms.parts_rounded_alone)
        renew_lines(working, on=on)
    else:
        interest = 0
        _spread_lines(working, past, later, principal, on)
    record_use(
        working,
        change,
        Allocation(
            event_id=event.event_id,
            receipt=None,
            value_date=on,
            amount_fen=principal + interest,
            principal_fen=principal,
            interest_fen=interest,
        ),
    )


def _take_in(working: Working, on: date, *, behind: bool = False) -> None:
    """Let the course carry what is unpaid of down payments, and `behind` the plan: it bears from the day on."""
    assert working.course is not None
    for index, line in enumerate(working.lines):
        if (line.down_payment or (behind and line.additional)) and line.due <= on:
            if line.principal_fen > line.principal_paid_fen:
                working.course.move(on=on, lent_fen=line.principal_fen - line.principal_paid_fen)
            line = changed(line, principal_fen=line.principal_paid_fen)
            working.lines[index] = changed(line, paid_on=paid_on(line, on))


def _spread_lines(working: Working, past: list[int], later: list[int], principal: int, on: date) -> None:
    """Give each later line its part of overdue principal; the last takes the tail."""
    assert working.course is not None
    terms = working.course.terms
    for index in past:
        line = changed(working.lines[index], principal_fen=working.lines[index].principal_paid_fen)
        working.lines[index] = changed(line, paid_on=paid_on(line, on))
    each = to_multiple(terms, divide(principal, len(later), terms.rounding))
    for index in later:
        part = each if index != later[-1] else principal - each * (len(later) - 1)
        line = working.lines[index]
        working.lines[index] = changed(line, principal_fen=line.principal_fen + part, paid_on=None)


def re_age(working: Working, event: ReAged, change: Change) -> None:
    """End the plan and repay what is owed in new instalments. Errors: NothingToSpread."""
    on = event.value_date
    on_course(working)
    if not 1 <= event.instalments <= INSTALMENTS_MAX or event.first_due < on:
        raise RescheduleImpossible(f"There are 1 to {INSTALMENTS_MAX} new instalments, none due before the agreement.")
    working.keep_bearing(to=on)
    if working.principal_owed_fen <= 0:
        raise NothingToSpread("Nothing is owed.")
    dues = [add_periods(day=event.first_due, period=event.period, times=times) for times in range(event.instalments)]
    spread = _re_age_course if working.recalculates else _re_age_lines
    record_use(working, change, spread(working, event, dues))


def _re_age_course(working: Working, event: ReAged, dues: list[date]) -> Allocation:
    course, on = working.course, event.value_date
    assert course is not None
    fees, penalties = _lift_fees(working) if event.interest is not InterestHandling.ANEW else (0, 0)
    _take_in(working, on, behind=True)
    settle_last(course, on=on)
    again = not any(line.fee_fen or line.penalty_fen for line in working.lines)  # a fee keeps to the line it is in
    advance = sum(line.advance_fen for line in working.lines if line.due >= on and not line.down_payment)
    if event.interest is InterestHandling.ANEW:
        seen = courses.as_of(course, on=on)
        interest = sum(s.interest_unpaid_fen for s in seen.stretches if s.start < on)
        principal = sum(s.principal_unpaid_fen for s in course.stretches)
        opened = add_periods(day=event.first_due, period=event.period, times=-1)
        re_age_course(course, on=on, opened=opened, dues=dues, again=again)
    else:
        others = _others(working, fees, penalties, event.instalments)
        whole = event.interest is InterestHandling.SPLIT_ALL
        principal, interest = re_age_split(course, on=on, dues=dues, whole=whole, others=others, again=again)
    matured = course.maturity
    working.lines = [line for line in working.lines if line.due_fen or not line.additional or line.due > matured]
    renew_lines(working, on=on)
    held = next((i for i in working.regular() if working.lines[i].due == on), None)
    if held is not None:
        line = changed(working.lines[held], advance_fen=advance)
        ended = event.interest is not InterestHandling.ANEW and not line.unpaid_fen
        working.lines[held] = changed(line, paid_on=on) if ended else line
    _lay_fees(working, fees, penalties, working.regular()[-event.instalments :])
    return Allocation(
        event_id=event.event_id,
        receipt=None,
        value_date=on,
        amount_fen=principal + interest + fees + penalties,
        principal_fen=principal,
        interest_fen=interest,
        fee_fen=fees,
        penalty_fen=penalties,
    )


def _lift_fees(working: Working) -> tuple[int, int]:
    """Take unpaid fees and penalties off the lines and return them."""
    fees = penalties = 0
    for index, line in enumerate(working.lines):
        if line.down_payment:
            continue
        fees += line.fee_fen - line.fee_paid_fen
        penalties += line.penalty_fen - line.penalty_paid_fen
        working.lines[index] = changed(line, fee_fen=line.fee_paid_fen, penalty_fen=line.penalty_paid_fen)
    return fees, penalties


def _others(working: Working, fees: int, penalties: int, count: int) -> list[int]:
    """Return the fees and penalties of each new instalment, together."""
    rounding = working.terms.rounding
    return [sum(both) for both in zip(*(equal_parts(fen, count, rounding) for fen in (fees, penalties)), strict=True)]


def _lay_fees(working: Working, fees: int, penalties: int, fresh: list[int]) -> None:
    """Lay fees and penalties on the new lines in equal parts; the last takes the tail."""
    rounding, instalments = working.terms.rounding, len(fresh)
    fee_parts, penalty_parts = (equal_parts(fen, instalments, rounding) for fen in (fees, penalties))
    for index, fee, penalty in zip(fresh, fee_parts, penalty_parts, strict=True):
        line = working.lines[index]
        working.lines[index] = changed(
            line, fee_fen=line.fee_fen + fee, penalty_fen=line.penalty_fen + penalty, paid_on=None
        )


def _re_age_lines(working: Working, event: ReAged, dues: list[date]) -> Allocation:
    """The same for a loan whose interest follows its plan: what is owed is cut into equal parts."""
    on = event.value_date
    assert working.course is not None
    split = event.interest is not InterestHandling.ANEW
    fees, penalties = _lift_fees(working) if split else (0, 0)
    principal = interest = 0
    for index, line in enumerate(working.lines):
        principal += line.principal_fen - line.principal_paid_fen
        line = changed(line, principal_fen=line.principal_paid_fen)
        if split:
            interest += line.interest_fen - line.interest_paid_fen
            line = changed(line, interest_fen=line.interest_paid_fen)
        working.lines[index] = changed(line, paid_on=paid_on(line, on))
    _end_on(working, on)
    count = event.instalments
    interests = equal_parts(interest, count, working.terms.rounding)
    besides = [sum(both) for both in zip(interests, _others(working, fees, penalties, count), strict=True)]
    principals = parts_beside(working.course.terms, principal, besides)
    begun = max(
        (line.due for line in working.lines if not line.down_payment and line.due <= event.first_due), default=None
    )
    begun = begun or working.course.stretches[0].start
    for due, part, borne in zip(dues, principals, interests, strict=True):
        working.lines.append(
            Instalment(
                number=0,
                period_start=begun,
                start=begun,
                due=due,
                principal_fen=part,
                interest_fen=borne,
                renewed=True,
            )
        )
        begun = due
    if fees or penalties:
        _lay_fees(working, fees, penalties, list(range(len(working.lines) - count, len(working.lines))))
    take_in_fees(working)
    return Allocation(
        event_id=event.event_id,
        receipt=None,
        value_date=on,
        amount_fen=principal + interest + fees + penalties,
        principal_fen=principal,
        interest_fen=interest,
        fee_fen=fees,
        penalty_fen=penalties,
    )


def _end_on(working: Working, on: date) -> None:
    """Let the running line end on the day, and drop those after it; what was paid early of them is in it."""
    agreed = [working.lines[index] for index in working.agreed()]
    cut = any(line.start < on < line.due for line in agreed)
    paid = [line for line in agreed if line.due >= on and line.paid_fen]
    gone = {id(line) for line in agreed if line.due > on or line in paid}
    working.lines = [line for line in working.lines if id(line) not in gone]
    if not paid and not cut:
        return
    begun = max((line.due for line in working.lines if line.due < on and not line.down_payment), default=None)
    assert working.course is not None
    begun = begun or working.course.stretches[0].start
    working.lines.append(
        Instalment(
            number=0,
            period_start=begun,
            start=begun,
            due=on,
            principal_fen=sum(line.principal_paid_fen for line in paid),
            principal_paid_fen=sum(line.principal_paid_fen for line in paid),
            interest_fen=sum(line.interest_paid_fen for line in paid),
            interest_paid_fen=sum(line.interest_paid_fen for line in paid),
            fee_fen=sum(line.fee_paid_fen for line in paid),
            fee_paid_fen=sum(line.fee_paid_fen for line in paid),
            penalty_fen=sum(line.penalty_paid_fen for line in paid),
            penalty_paid_fen=sum(line.penalty_paid_fen for line in paid),
            advance_fen=sum(line.advance_fen for line in paid),
            paid_on=on,
            renewed=True,
        )
    )
