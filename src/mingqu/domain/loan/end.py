"""A loan is called in, taken for lost, or given up."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from mingqu.domain.changed import changed
from mingqu.domain.course import interest_until
from mingqu.domain.loan.balance_fee import is_for_time, lapse_later
from mingqu.domain.loan.charge import follow_instalments
from mingqu.domain.loan.event import Accelerated, ChargedOff, WrittenOff
from mingqu.domain.loan.posting import Change, Flow, Purse
from mingqu.domain.loan.receive import record_use, turn_not_borne
from mingqu.domain.loan.state import Allocation, Instalment, Stage
from mingqu.domain.loan.terms import ChargeOffRule, Component
from mingqu.domain.loan.working import Working, paid_on
from mingqu.domain.money import divide


def accelerate(working: Working, event: Accelerated, change: Change) -> None:
    """Everything is due on the day; nothing bears interest after it."""
    on = event.value_date
    working.keep_bearing(to=on)
    _all_due_on(working, on)
    turn_not_borne(working, change, on=on)
    working.state = changed(working.state, ended=True)
    record_use(working, change, _unpaid(working, event.event_id, on))


def charge_off(working: Working, event: ChargedOff, change: Change) -> None:
    """Take the loan for lost: nothing bears interest any more. The claim stays, and so do due dates, if so agreed."""
    on = event.value_date
    working.keep_bearing(to=on)
    match working.terms.charge_off:
        case ChargeOffRule.KEEP:
            pass
        case ChargeOffRule.ZERO_INTEREST:
            _without_interest_after(working, on)
        case ChargeOffRule.ACCELERATE:
            _all_due_on(working, on)
    turn_not_borne(working, change, on=on)
    follow_instalments(working, on)
    working.state = changed(working.state, stage=Stage.CHARGED_OFF, lost=True)
    record_use(working, change, _unpaid(working, event.event_id, on))


def write_off(working: Working, event: WrittenOff, change: Change) -> None:
    """Give the claim up."""
    on = event.value_date
    working.keep_bearing(to=on)
    used = _unpaid(working, event.event_id, on)
    paid = {component: getattr(used, f"{component.value}_fen") for component in Component}
    change.flows.append(Flow(purse=Purse.LOSS, paid=paid))
    working.state = changed(working.state, stage=Stage.WRITTEN_OFF, settled_on=on)
    record_use(working, change, used)


def _unpaid(working: Working, event_id: UUID, on: date) -> Allocation:
    lines = working.lines
    parts = {
        name: sum(getattr(line, f"{name}_fen") - getattr(line, f"{name}_paid_fen") for line in lines)
        for name in ("principal", "interest", "fee", "penalty")
    }
    return Allocation(
        event_id=event_id,
        receipt=None,
        value_date=on,
        amount_fen=sum(parts.values()),
        **{f"{name}_fen": fen for name, fen in parts.items()},
    )


def _borne_by(working: Working, index: int, on: date) -> int:
    """Return the interest of a running line up to a day: by the course, or its unpaid interest by days."""
    line = working.lines[index]
    stretch = working.stretch_of(index)
    if working.recalculates and stretch is not None and working.course is not None:
        return interest_until(working.course, stretch=stretch, on=on)
    unpaid = line.interest_fen - line.interest_paid_fen
    if not unpaid:
        return line.interest_fen
    return divide(unpaid * (on - line.start).days, (line.due - line.start).days, working.terms.rounding)


def _without_interest_after(working: Working, on: date) -> None:
    """Instalments keep their amounts: interest not borne becomes principal of theirs; the last ones become smaller."""
    for index in working.regular():
        line = working.lines[index]
        if line.start <= on < line.due:
            borne = _borne_by(working, index, on)
        elif line.start > on and line.unpaid_fen:
            borne = line.interest_paid_fen
        else:
            continue
        line = changed(line, interest_fen=borne, principal_fen=line.principal_fen + line.interest_fen - borne)
        working.lines[index] = changed(line, paid_on=paid_on(line, on))
    over = sum(line.principal_fen for line in working.lines if not line.additional) - working.state.disbursed_fen
    over -= sum(s.principal_credited_fen for s in working.course.stretches) if working.course else 0
    for index in reversed(working.regular()):
        line = working.lines[index]
        if not over or not line.unpaid_fen:
            continue
        taken = min(over, line.principal_fen - line.principal_paid_fen) if over > 0 else over
        less = changed(line, principal_fen=line.principal_fen - taken)
        working.lines[index] = changed(less, paid_on=paid_on(less, on))
        over -= taken


def _all_due_on(working: Working, on: date) -> None:
    """The running line ends on the day and takes all principal after it; what was paid early in those, too."""
    regular = working.regular()
    first = regular[0] if regular else None
    running = next(
        (
            i
            for i in regular
            if working.lines[i].start < on <= working.lines[i].due or (i == first and on == working.lines[i].start)
        ),
        None,
    )
    if running is None or on >= working.lines[regular[-1]].due:
        return
    later = [working.lines[index] for index in regular if working.lines[index].due > on and index != running]
    if working.fees:
        lapse_later(working, dues={other.due for other in later})
        later = [working.lines[index] for index in regular if working.lines[index].due > on and index != running]
    line = working.lines[running]
    working.fees = [
        changed(fee, line_due=on) if is_for_time(fee) and fee.line_due == line.due else fee for fee in working.fees
    ]
    interest = max(_borne_by(working, running, on), line.interest_paid_fen) if line.unpaid_fen else line.interest_fen
    fees = sum(other.fee_fen for other in later)
    penalties = sum(other.penalty_fen for other in later)
    last_fee = max((fee.due for fee in working.fees if fee.unpaid_fen and fee.due > on), default=on)
    principal = line.principal_fen + sum(other.principal_fen for other in later)
    principal_paid = line.principal_paid_fen + sum(other.principal_paid_fen for other in later)
    ended = changed(
        line,
        due=on,
        interest_fen=interest,
        principal_fen=principal,
        principal_paid_fen=principal_paid,
        interest_paid_fen=line.interest_paid_fen + sum(other.interest_paid_fen for other in later),
        advance_fen=line.advance_fen + sum(other.advance_fen for other in later),
    )
    gone = {other.due for other in later}
    working.lines = [other for other in working.lines if other.due not in gone or other.down_payment]
    working.lines[working.lines.index(line)] = changed(ended, paid_on=paid_on(ended, on))
    if working.course is not None:
        working.course.stretches = [s for s in working.course.stretches if s.due not in gone]
        working.course.stretches[-1].due = on
    if fees or penalties:
        working.lines.append(
            Instalment(
                number=0,
                period_start=on,
                start=on,
                due=last_fee,
                principal_fen=0,
                interest_fen=0,
                fee_fen=fees,
                fee_paid_fen=sum(other.fee_paid_fen for other in later),
                penalty_fen=penalties,
                penalty_paid_fen=sum(other.penalty_paid_fen for other in later),
                additional=True,
            )
        )
