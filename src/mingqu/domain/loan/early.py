"""Early repayment of a loan that follows a plan: interest to the day, and a new plan for what is left."""

from __future__ import annotations

from datetime import date

from mingqu.domain.loan.balance_fee import charge_anew, end_fees, lapsing_fen
from mingqu.domain.loan.billing import bill
from mingqu.domain.loan.plan import replan
from mingqu.domain.loan.posting import Change
from mingqu.domain.loan.state import Instalment, LoanState, exact_interest
from mingqu.domain.loan.terms import LoanTerms
from mingqu.domain.loan.working import Working
from mingqu.domain.money import divide


def early_interest_fen(*, terms: LoanTerms, state: LoanState, on: date) -> int:
    """Return the interest of the running instalment up to `on`, in fen: by days, never above the whole period's.

    Example: 7,664.92 at 18 % a year, ten days on a base of 360: 38.32.
    """
    line = state.current
    if line is None or on <= line.start:
        return 0
    numerator, denominator = exact_interest(terms=terms, line=line, principal_fen=state.principal_unbilled_fen, end=on)
    return min(divide(numerator, denominator, terms.rounding), line.interest_fen)


def fees_unbilled_fen(state: LoanState) -> tuple[int, int]:
    """Return fees, and penalties charged like fees, that stand in instalments not yet due."""
    lines = [line for line in state.instalments if not line.billed]
    return (
        sum(line.fee_fen - line.fee_paid_fen for line in lines),
        sum(line.penalty_fen - line.penalty_paid_fen for line in lines),
    )


def fees_early_fen(*, terms: LoanTerms, state: LoanState, on: date) -> tuple[int, int]:
    """Return the same as far as repaying early on a day makes them due: of fees on the balance, the days up to it."""
    fees_fen, penalties_fen = fees_unbilled_fen(state)
    return fees_fen - (lapsing_fen(terms=terms, state=state, on=on) if state.fees else 0), penalties_fen


def repay_early(working: Working, *, amount_fen: int, on: date, change: Change) -> None:
    """Bill interest to the day and as much principal as the amount reaches; plan the rest anew.

    Fees that were charged to instalments not yet due fall due with it, for those instalments are no more.
    Too little to reach principal changes nothing: it is a surplus. Enough for everything settles the loan.
    """
    terms, state = working.terms, working.save()
    line = state.current
    if line is None:
        return
    interest_fen = early_interest_fen(terms=terms, state=state, on=on)
    unbilled = state.principal_unbilled_fen
    fees_fen, penalties_fen = fees_early_fen(terms=terms, state=state, on=on)
    before = interest_fen + fees_fen + penalties_fen
    whole = amount_fen >= before + unbilled
    principal_fen = unbilled if whole else amount_fen - before
    if principal_fen <= 0:
        return
    early = Instalment(
        number=line.number,
        period_start=line.period_start,
        start=line.start,
        due=on,
        principal_fen=principal_fen,
        interest_fen=interest_fen,
        fee_fen=fees_fen,
        penalty_fen=penalties_fen,
        early=True,
    )
    kept = [other for other in working.lines if other.billed]
    planned = tuple(other for other in working.lines if not other.billed)
    rows = () if whole else replan(terms=terms, planned=planned, principal_fen=unbilled - principal_fen, start=on)
    if working.fees:
        before_fees = state.fees
        end_fees(working, state=state, on=on)
        rows = tuple(charge_anew(working, rows=rows, before=before_fees))
    working.lines = [*kept, bill(early, on, change), *rows]
