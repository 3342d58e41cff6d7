"""Mornings: what happens to a loan by itself. Plans become bills, and bills become overdue."""

from __future__ import annotations

from datetime import date

from mingqu.domain.changed import changed
from mingqu.domain.loan.posting import Change, Kind
from mingqu.domain.loan.state import Instalment, LoanState, overdue_start, penalty_exact
from mingqu.domain.loan.terms import LoanTerms
from mingqu.domain.money import divide


def morning(*, terms: LoanTerms, state: LoanState, on: date, change: Change) -> LoanState:
    """Do what falls on one morning: first the new bill, then what became overdue, at last whether income goes on."""
    lines = list(state.instalments)
    current = state.current
    for index, line in enumerate(state.instalments):
        if line is current:
            if line.due <= on:
                lines[index] = bill(line, on, change)
        elif line.paid_on is not None or not line.billed or line.penalty_from is not None:
            continue  # nearly all of them
        elif line.unpaid_fen > 0 and overdue_start(line, terms) <= on:
            change.tell(Kind.OVERDUE, on, line.unpaid_fen, instalment=line.number)
            # Whoever pays within grace owes no penalty; whoever does not owes it from the due date on.
            lines[index] = changed(line, penalty_from=line.due)
    suspends_on = state.suspends_on(terms)
    suspended = state.suspended or (suspends_on is not None and suspends_on <= on)
    return changed(state, instalments=tuple(lines), as_of=on, suspended=suspended)


def bill(line: Instalment, on: date, change: Change) -> Instalment:
    """Make the planned figures of an instalment payable."""
    unpaid_fen = line.unpaid_fen
    if not line.early and unpaid_fen:  # nobody is told that something is due that is paid, or just being paid
        change.tell(Kind.BILLED, on, unpaid_fen, instalment=line.number)
    return changed(line, billed=True, paid_on=None if unpaid_fen else line.paid_on or on)


def with_penalties_billed(*, terms: LoanTerms, state: LoanState, on: date) -> LoanState:
    """Turn running penalties into payable ones, each rounded once at the day a payment arrives."""
    if not terms.penalty_multiple_ppm:
        return state
    lines: list[Instalment] = []
    for index, line in enumerate(state.instalments):
        if line.penalty_from is None or line.paid_on is not None:
            continue  # nearly all of them
        principal_fen = line.principal_fen - line.principal_paid_fen
        if line.billed and line.penalty_from < on and principal_fen:
            numerator, denominator = penalty_exact(
                terms=terms, principal_fen=principal_fen, start=line.penalty_from, end=on
            )
            penalty_fen = divide(numerator, denominator, terms.rounding)
            lines = lines or list(state.instalments)
            lines[index] = changed(line, penalty_fen=line.penalty_fen + penalty_fen, penalty_from=on)
    return changed(state, instalments=tuple(lines)) if lines else state
