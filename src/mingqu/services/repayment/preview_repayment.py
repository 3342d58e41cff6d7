"""What a payment would do today, said before it is made: worked out by the very step that books it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from mingqu.domain.loan import Intent, LoanState, LoanTerms, Quote, preview_repayment, quote
from mingqu.services.house import House
from mingqu.services.loans.withdraw_loan import require_cooling_off
from mingqu.services.repayment.repay import OWING, NothingDue
from mingqu.store.loans import loan


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPreview:
    """What an amount would be used for, in fen, and the principal still out after it."""

    amount_fen: int
    principal_fen: int
    interest_fen: int
    fee_fen: int
    penalty_fen: int
    too_much_fen: int
    principal_left_fen: int
    guarantor_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaysToPay:
    """What is owed today, what a payoff spares in interest, and what one more day adds to what is overdue; in fen."""

    quote: Quote
    spared_fen: int
    next_day_fen: int


def ways_to_pay(house: House, *, person_id: UUID, loan_id: UUID) -> WaysToPay:
    """Return what paying today comes to. Errors: NotFound, NothingDue."""
    with house.database.transaction() as tx:
        of = loan.get_for(tx, person_id=person_id, loan_id=loan_id)
    return ways_of(terms=of.terms, state=of.state, today=house.clock.business_date())


def ways_of(*, terms: LoanTerms, state: LoanState, today: date) -> WaysToPay:
    """Return what paying a loan today comes to. Errors: NothingDue."""
    if state.stage not in OWING:
        raise NothingDue("Nothing is owed on this loan.")
    on = max(today, state.as_of) if state.as_of else today
    now = quote(terms=terms, state=state, on=on)
    planned_fen = sum(
        line.interest_fen - line.interest_paid_fen for line in state.instalments if not line.billed and line.due > on
    )
    overdue = state.overdue_days(on) > 0
    later = quote(terms=terms, state=state, on=on + timedelta(days=1)) if overdue else now
    return WaysToPay(
        quote=now,
        spared_fen=max(0, planned_fen - now.early_interest_fen),
        next_day_fen=max(0, later.due.penalty_fen - now.due.penalty_fen),
    )


def preview_payment(house: House, *, person_id: UUID, loan_id: UUID, amount_fen: int, intent: Intent) -> PaymentPreview:
    """Return what a payment today would be used for; nothing is kept.

    Errors: NotFound, NothingDue, CoolingOffOver, those of `step`.
    """
    with house.database.transaction() as tx:
        of = loan.get_for(tx, person_id=person_id, loan_id=loan_id)
        if of.state.stage not in OWING:
            raise NothingDue("Nothing is owed on this loan.")
        today = house.clock.business_date()
        on = max(today, of.state.as_of) if of.state.as_of else today
        if intent is Intent.WITHDRAW:
            require_cooling_off(tx, house, of=of, day=on)
    before = of.state
    after, _ = preview_repayment(terms=of.terms, state=before, on=on, amount_fen=amount_fen, intent=intent)
    was, now = _paid(before), _paid(after)
    return PaymentPreview(
        amount_fen=amount_fen,
        principal_fen=now[0] - was[0],
        interest_fen=now[1] - was[1],
        fee_fen=now[2] - was[2],
        penalty_fen=now[3] - was[3],
        too_much_fen=after.overpayment_fen - before.overpayment_fen,
        principal_left_fen=after.principal_outstanding_fen,
        guarantor_fen=before.guarantor_claim_fen - after.guarantor_claim_fen,
    )


def _paid(state: LoanState) -> tuple[int, int, int, int]:
    lines = state.instalments
    return (
        sum(line.principal_paid_fen for line in lines),
        sum(line.interest_paid_fen for line in lines),
        sum(line.fee_paid_fen for line in lines),
        sum(line.penalty_paid_fen for line in lines),
    )
