"""What would be paid on a day: worked out by the very step that books it, so a quote never differs from the booking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.calendar import check_date
from mingqu.domain.course import outstanding
from mingqu.domain.loan.billing import with_penalties_billed
from mingqu.domain.loan.early import early_interest_fen, fees_early_fen
from mingqu.domain.loan.event import Event, Intent, Repaid
from mingqu.domain.loan.posting import Change
from mingqu.domain.loan.state import LoanState, Payable, Stage
from mingqu.domain.loan.step import advance, step
from mingqu.domain.loan.terms import Component, LoanTerms, Rest
from mingqu.domain.loan.working import work_on

_NO_ID: Final = UUID(int=2**128 - 1)  # behind every real id in the order of events


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What is owed if paid on `on`: `due` with penalty to the day, and `payoff_fen` for everything.

    `early_interest_fen` is the interest that a payoff adds: of the running period up to the day, or to its end if
    that is agreed, and of days that overdue principal bore; all that is left of the plan if interest follows it.
    """

    on: date
    due: Payable
    early_interest_fen: int
    principal_unbilled_fen: int
    fees_unbilled_fen: int = 0  # charged to instalments that are not due yet
    guarantor_fen: int = 0  # beside it, owed to a guarantor who paid bills: served once what is due is

    @property
    def due_fen(self) -> int:
        """What cures the loan: everything billed, and penalty to the day."""
        return self.due.total_fen

    @property
    def payoff_fen(self) -> int:
        """What settles the loan: the due amount, all other principal with its fees, and its interest to the day."""
        return self.due.total_fen + self.early_interest_fen + self.fees_unbilled_fen + self.principal_unbilled_fen

    @property
    def in_order_fen(self) -> int:
        """What puts the loan in order with everybody: what is due, and what the guarantor may claim."""
        return self.due_fen + self.guarantor_fen

    @property
    def free_fen(self) -> int:
        """What leaves nothing owed to anybody: the payoff, and what the guarantor may claim."""
        return self.payoff_fen + self.guarantor_fen

    @property
    def principal_fen(self) -> int:
        """All principal: what withdrawing in the first days takes."""
        return self.due.principal_fen + self.principal_unbilled_fen


def quote(*, terms: LoanTerms, state: LoanState, on: date) -> Quote:
    """Return what is owed on `on`, a day not before the state's own.

    Example (10,000.00 at 18 %, twelve months from 2026-08-15, three paid, on 2026-11-25): due 0.00,
    payoff 7,703.24 = 7,664.92 principal + 38.32 interest for ten days. Errors: DateOutOfRange.
    """
    check_date(on)
    dropped = Change()
    brought_up = advance(terms=terms, state=state, to=on, change=dropped)
    billed = with_penalties_billed(terms=terms, state=brought_up, on=on)
    unbilled_fen, early_fen, fees_fen = 0, 0, 0
    if billed.stage is Stage.ACTIVE and billed.course is None:
        unbilled_fen = billed.principal_unbilled_fen
        early_fen = early_interest_fen(terms=terms, state=billed, on=on)
        fees_fen = sum(fees_early_fen(terms=terms, state=billed, on=on))
    elif billed.stage in (Stage.ACTIVE, Stage.CHARGED_OFF):
        unbilled_fen = billed.principal_unbilled_fen
        early_fen = _owed_along(terms, billed, on) - billed.payable.total_fen - unbilled_fen
    return Quote(
        on=on,
        due=billed.payable,
        early_interest_fen=early_fen,
        fees_unbilled_fen=fees_fen,
        principal_unbilled_fen=unbilled_fen,
        guarantor_fen=billed.guarantor_claim_fen if terms.bill_guarantee else 0,
    )


def quote_bill(*, terms: LoanTerms, state: LoanState, on: date, bill: date) -> Payable:
    """Return what is unpaid on `on` of the bill that was due on a day, with penalty to `on`. Errors: DateOutOfRange."""
    check_date(on)
    brought_up = advance(terms=terms, state=state, to=on, change=Change())
    billed = with_penalties_billed(terms=terms, state=brought_up, on=on)
    lines = [line for line in billed.unpaid_billed if line.due == bill]
    left = {component: sum(line.outstanding_fen(component) for line in lines) for component in Component}
    return Payable(
        principal_fen=left[Component.PRINCIPAL],
        interest_fen=left[Component.INTEREST],
        penalty_fen=left[Component.PENALTY],
        fee_fen=left[Component.FEE],
    )


def payoff_fen(*, terms: LoanTerms, state: LoanState, on: date) -> int:
    """Return the amount that settles a loan if it is paid on a day, in fen.

    What is owed and interest to the day; to the end of the running period if the terms say so; all interest of the
    plan if interest follows it. A day before the state's own is answered as the state stands.
    """
    return quote(terms=terms, state=state, on=on).payoff_fen


def _owed_along(terms: LoanTerms, state: LoanState, on: date) -> int:
    """Return what settles a loan brought up to the day: along its course, or all that its lines ask for."""
    working = work_on(terms=terms, state=state)
    if not working.recalculates:
        return max(0, working.owed_fen)
    working.keep_bearing(to=on, payoff=True)
    course = working.course
    assert course is not None
    running = course.at(on)
    day = running.due if running is not None and terms.payoff_rest is Rest.PERIOD else on
    return sum(outstanding(course, on=day)) + working.beside_course_fen


def preview(*, terms: LoanTerms, state: LoanState, event: Event) -> tuple[LoanState, Change]:
    """Return the state and the postings that an event would cause if it came now; nothing is kept.

    It is the very step that books the event, so the two cannot differ. An event that lies before what the loan has
    already seen is previewed by `record`, which is pure as well. Errors: those of `step`.
    """
    change = Change()
    return step(terms=terms, state=state, event=event, change=change), change


def preview_repayment(
    *, terms: LoanTerms, state: LoanState, on: date, amount_fen: int, intent: Intent
) -> tuple[LoanState, Change]:
    """Return the state and the postings that a repayment on `on` would cause. Errors: those of `step`."""
    event = Repaid(event_id=_NO_ID, value_date=on, amount_fen=amount_fen, intent=intent)
    return preview(terms=terms, state=state, event=event)
