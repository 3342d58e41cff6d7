"""Money goes out: the first disbursement makes the plan, a further one lays its share on what is left of it."""

from __future__ import annotations

from datetime import date

from mingqu.domain.calendar import Period, PeriodUnit, add_periods
from mingqu.domain.changed import changed
from mingqu.domain.course import Course, lend, lend_full_term, lend_whole_plan
from mingqu.domain.course.renew import parts_beside
from mingqu.domain.course.target import to_multiple
from mingqu.domain.loan.anew import pay_anew
from mingqu.domain.loan.charge import fees_at_disbursement, fees_of_instalments
from mingqu.domain.loan.event import Disbursed
from mingqu.domain.loan.plan import first_plan
from mingqu.domain.loan.posting import Change
from mingqu.domain.loan.receive import record_use, use_overpayment
from mingqu.domain.loan.state import Allocation, Instalment, Stage
from mingqu.domain.loan.terms import PPM, LoanTerms
from mingqu.domain.loan.working import Working, lines_of, new_course, paid_on, renew_lines
from mingqu.domain.money import divide
from mingqu.domain.refusal import Refusal


class LoanNotActive(Refusal):
    """The loan has not been paid out, or was paid out already, or is closed."""

    code = "loan_not_active"
    status = 409


class AmountDiffers(Refusal):
    """The channel paid out another amount than the contract names."""

    code = "disbursed_amount_differs"


class DisbursementNotAllowed(Refusal):
    """The terms allow no further disbursement, or not of this amount."""

    code = "disbursement_not_allowed"
    status = 409


def disburse(working: Working, event: Disbursed, change: Change) -> None:
    """Lend an amount, less its down payment, and say which fees are paid with it.

    Errors: DisbursementNotAllowed, LoanNotActive, AmountDiffers.
    """
    on, terms = event.value_date, working.terms
    if working.state.lost or working.state.ended:
        raise LoanNotActive("Nothing more is lent on a loan that is called in or taken for lost.")
    if not terms.uses_course:
        _disburse_plan(working, event, change)
        return
    working.state = changed(
        working.state,
        disbursements=working.state.disbursements + 1,
        disbursed_fen=working.state.disbursed_fen + event.amount_fen,
    )
    if working.state.disbursements > terms.disbursements_max:
        raise DisbursementNotAllowed("The terms allow no further disbursement.")
    if working.state.disbursed_fen > terms.principal_fen:
        raise DisbursementNotAllowed("The disbursements together are more than was agreed.")
    if working.course is None:
        working.course = new_course(terms=terms, start=terms.start or on)
        working.lines = lines_of(working.course)
        working.state = changed(working.state, stage=Stage.ACTIVE, as_of=on)
    elif working.state.stage is Stage.SETTLED:
        working.state = changed(working.state, stage=Stage.ACTIVE, settled_on=None)
    course = working.course
    working.keep_bearing(to=on)
    owed = working.principal_owed_fen
    down_fen = divide(event.amount_fen * terms.down_payment_ppm, PPM, terms.rounding)
    down_fen = min(event.amount_fen, to_multiple(course.terms, down_fen))
    if terms.down_payment_ppm:
        line = _down_payment(event, down_fen)
        working.lines.append(changed(line, paid_on=paid_on(line, on)))
    if terms.full_term_each:
        lend_full_term(course, on=on, amount_fen=event.amount_fen - down_fen, dues=_own_dues(course, terms, on))
        renew_lines(working, on=on)
    elif on > course.maturity:
        _add_behind(working, event, event.amount_fen - down_fen)
    elif terms.whole_plan_each:
        lend_whole_plan(course, on=on, amount_fen=event.amount_fen - down_fen)
        working.sync(on=on)
    else:
        lend(course, on=on, amount_fen=event.amount_fen - down_fen)
        working.sync(on=on, since=on)
    if working.state.disbursements == 1:  # what asks for nothing has nothing to wait for
        working.lines = [line if line.due_fen else changed(line, paid_on=on) for line in working.lines]
    _place(working, event, owed + event.amount_fen - working.principal_owed_fen)
    if terms.whole_plan_each and working.state.disbursements > 1:
        pay_anew(working, change)
    else:
        use_overpayment(working, change, on=on)
    record_use(
        working,
        change,
        Allocation(event_id=event.event_id, receipt=None, value_date=on, amount_fen=event.amount_fen),
    )
    fees_at_disbursement(working, event, change)
    if working.state.disbursements == 1:
        fees_of_instalments(working, event)


def _own_dues(course: Course, terms: LoanTerms, on: date) -> list[date]:
    """Return the due dates of an amount with a full term: those that are left, wherever they were moved, and more."""
    dues = [stretch.due for stretch in course.stretches if stretch.due > on][: terms.instalments]
    last, first = course.maturity, course.stretches[0].start
    clipped = add_periods(day=last, period=Period(every=1, unit=PeriodUnit.DAY), times=1).day == 1
    anchor_day = max(first.day, last.day) if clipped else last.day
    behind = range(1, terms.instalments - len(dues) + 1)
    return dues + [add_periods(day=last, period=terms.period, times=n, anchor_day=anchor_day) for n in behind]


def _disburse_plan(working: Working, event: Disbursed, change: Change) -> None:
    """Make the plan of a loan that is paid out once."""
    on, terms = event.value_date, working.terms
    if working.state.stage is not Stage.PLANNED:
        raise LoanNotActive("This loan was paid out already.")
    if event.amount_fen != terms.principal_fen:
        # 法释〔2020〕6号 art. 26: nothing is deducted in advance; what arrives is what was agreed.
        raise AmountDiffers("The amount paid out is not the amount of the contract.")
    working.lines = list(first_plan(terms=terms, start=on))
    working.state = changed(
        working.state, stage=Stage.ACTIVE, as_of=on, disbursements=1, disbursed_fen=event.amount_fen
    )
    record_use(
        working,
        change,
        Allocation(event_id=event.event_id, receipt=None, value_date=on, amount_fen=event.amount_fen),
    )
    fees_at_disbursement(working, event, change)
    if working.state.disbursements == 1:
        fees_of_instalments(working, event)


def _down_payment(event: Disbursed, amount_fen: int) -> Instalment:
    on = event.value_date
    return Instalment(
        number=0, period_start=on, start=on, due=on, principal_fen=amount_fen, interest_fen=0, down_payment=True
    )


def _place(working: Working, event: Disbursed, missing_fen: int) -> None:
    """What the course's instalments did not take falls due with those that replaced them, in equal parts.

    On a plan, an agreement may have put others in their place; the last takes the tail.
    """
    if not missing_fen:
        return
    assert working.course is not None
    agreed = working.agreed()
    taking = [i for i in agreed if working.lines[i].renewed and working.lines[i].due > event.value_date] or agreed[-1:]
    for index, part in zip(taking, parts_beside(working.course.terms, missing_fen, [0] * len(taking)), strict=True):
        line = changed(working.lines[index], principal_fen=working.lines[index].principal_fen + part)
        working.lines[index] = changed(line, paid_on=paid_on(line, event.value_date))


def _add_behind(working: Working, event: Disbursed, amount_fen: int) -> None:
    """Money lent after the plan's end is due at once, in a line of its own behind it."""
    on = event.value_date
    for index, line in enumerate(working.lines):
        if line.additional:
            line = changed(line, due=max(line.due, on), principal_fen=line.principal_fen + amount_fen)
            working.lines[index] = changed(line, paid_on=paid_on(line, on))
            return
    working.lines.append(
        Instalment(
            number=0, period_start=on, start=on, due=on, principal_fen=amount_fen, interest_fen=0, additional=True
        )
    )
