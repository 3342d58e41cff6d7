"""冷静期: within the first days a borrower gives the principal back and owes nothing more."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from mingqu.domain.changed import made
from mingqu.domain.loan.allocate import nothing_paid, pay
from mingqu.domain.loan.early import repay_early
from mingqu.domain.loan.event import Receipt, Repaid
from mingqu.domain.loan.posting import Change, Flow, Kind, Purse
from mingqu.domain.loan.state import Allocation, Stage
from mingqu.domain.loan.terms import ALLOCATION_IN_ADVANCE, AllocationRule, Component, Direction, Timing, by_component
from mingqu.domain.loan.working import Working
from mingqu.domain.money import AMOUNT_FEN_MAX

_PRINCIPAL: Final = AllocationRule(order=tuple((timing, Component.PRINCIPAL) for timing in Timing))
_EVERYTHING: Final = AllocationRule(order=ALLOCATION_IN_ADVANCE)


def cooling_off_ends(*, disbursed_on: date, days: int) -> date:
    """Return the last day on which a borrower may step back: the day the money came is the first of them.

    Example: money that came on 2026-08-15 with seven days may be given back up to 2026-08-21.
    """
    return disbursed_on + timedelta(days=days - 1)


def withdraw(working: Working, event: Repaid, change: Change) -> bool:
    """Let the amount pay all principal, and the lender give up whatever else the loan has come to owe.

    Interest of the days and fees are billed and conceded, so that the ledger shows what was forgone and the group's
    accrual ends where it must. Example: 10,000.00 at 18 % for three days on a base of 360: 10,000.00 in cash, 15.00 of
    interest conceded, and the loan is settled. What exceeds the principal is owed back to the payer.

    False, with nothing changed, where it cannot be so: the amount is below the principal, the loan follows a course, or
    it does not run. Then the caller takes the money as early repayment, for money that came is never refused.
    """
    on, state = event.value_date, working.state
    principal_fen = working.principal_owed_fen
    runs = state.stage is Stage.ACTIVE and working.course is None and event.receipt is Receipt.REPAYMENT
    if not runs or not 0 < principal_fen <= event.amount_fen:
        return False
    was_overdue = state.overdue_days(on)
    repay_early(working, amount_fen=AMOUNT_FEN_MAX, on=on, change=change)
    cash, conceded = nothing_paid(), nothing_paid()
    # Whatever is older than a line's principal, interest and fees among it, waits for the concession.
    rest = pay(
        working=working, rule=_PRINCIPAL, amount_fen=principal_fen, on=on, paid=cash, direction=Direction.VERTICAL
    )
    rest += pay(working=working, rule=_EVERYTHING, amount_fen=working.owed_fen, on=on, paid=conceded)
    assert not rest, "all that is owed is billed by now"
    surplus = event.amount_fen - principal_fen
    if was_overdue:
        change.tell(Kind.CURED, on, event.amount_fen)
    if surplus:
        working.overpayment_fen += surplus
        change.tell(Kind.OVERPAID, on, surplus)
    change.flows.append(Flow(purse=Purse.CASH, paid=cash, overpaid_fen=surplus))
    given_fen = sum(conceded.values())
    if given_fen:
        change.flows.append(Flow(purse=Purse.CONCESSION, paid=conceded))
    used = (event.event_id, event.receipt, on, event.amount_fen, *by_component(cash), surplus, 0, 0)
    change.allocations.append(made(Allocation, *used))
    return True
