"""What was paid pays anew: a plan that was made again takes every payment from the first day on."""

from __future__ import annotations

from datetime import date

from mingqu.domain.changed import changed
from mingqu.domain.loan.allocate import PAID_FIELD, Paid, nothing_paid, pay
from mingqu.domain.loan.posting import Change, Flow, Purse
from mingqu.domain.loan.receive import by_name
from mingqu.domain.loan.state import Allocation
from mingqu.domain.loan.terms import Component
from mingqu.domain.loan.working import Working


def pay_anew(working: Working, change: Change) -> None:
    """Let every payment pay again in the order of its day, as if the plan had been what it is now from the start.

    Money that was overpaid goes the same way; what has been returned since is not paid twice. What became of each
    payment is told anew where it was told.
    """
    before = _paid(working)
    purse = sum(before.values()) + working.overpayment_fen
    overpaid = working.overpayment_fen
    _take_back(working)
    told = []
    for used in working.state.paid:
        paid = nothing_paid()
        rest = amount = min(used.amount_fen, purse)
        if amount and used.receipt is not None:
            rule = working.terms.rule_of(used.receipt, overdue_days=_overdue_days(working, used.value_date))
            rest = pay(working=working, rule=rule, amount_fen=amount, on=used.value_date, paid=paid)
        purse -= amount - rest
        told.append(changed(used, overpaid_fen=used.amount_fen - sum(paid.values()), **by_name(paid)))
    working.overpayment_fen = purse
    after = _paid(working)
    # What a component gives up comes before what another takes, so that the purse never runs dry.
    moved = sorted(((after[component] - before[component], component) for component in Component), key=_amount_of)
    change.flows.append(Flow(purse=Purse.OVERPAYMENT, paid={component: fen for fen, component in moved}))
    assert sum(fen for fen, _ in moved) == overpaid - working.overpayment_fen
    working.state = changed(working.state, paid=tuple(told))
    _tell(change, told)


def _amount_of(moved: tuple[int, Component]) -> int:
    return moved[0]


def _paid(working: Working) -> Paid:
    return {component: sum(getattr(line, PAID_FIELD[component]) for line in working.lines) for component in Component}


def _take_back(working: Working) -> None:
    """Let nothing be paid: neither of the lines, in their order, nor of the fees that are in them."""
    for line in working.lines:
        for penalty, left in ((False, line.fee_paid_fen), (True, line.penalty_paid_fen)):
            for index, fee in reversed(list(enumerate(working.fees))):
                if fee.line_due == line.due and fee.penalty is penalty and left:
                    part = min(left, fee.paid_fen)
                    working.fees[index] = changed(fee, paid_fen=fee.paid_fen - part)
                    left -= part
    nothing = dict.fromkeys((*PAID_FIELD.values(), "advance_fen", "late_fen"), 0)
    unpaid = (changed(line, paid_on=None if line.due_fen else line.paid_on, **nothing) for line in working.lines)
    working.lines = sorted(unpaid, key=working.place_of)


def _overdue_days(working: Working, on: date) -> int:
    return max([0, *((on - line.due).days for line in working.lines if line.unpaid_fen)])


def _tell(change: Change, told: list[Allocation]) -> None:
    by_event = {used.event_id: used for used in told}
    change.allocations[:] = [by_event.get(used.event_id, used) for used in change.allocations]
