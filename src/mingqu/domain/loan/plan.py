"""The schedule of a loan, made when the money arrives and made again after an early repayment."""

from __future__ import annotations

from datetime import date

from mingqu.domain import schedule
from mingqu.domain.changed import made
from mingqu.domain.loan.state import Instalment
from mingqu.domain.loan.terms import LoanTerms


def first_plan(*, terms: LoanTerms, start: date) -> tuple[Instalment, ...]:
    """Return the instalments of a loan whose money arrived on `start`."""
    built = schedule.build(terms=terms.schedule_terms(start=start, first_due=terms.first_due))
    return _instalments(built.rows, first_period_start=start)


def replan(
    *, terms: LoanTerms, planned: tuple[Instalment, ...], principal_fen: int, start: date
) -> tuple[Instalment, ...]:
    """Return what is left after principal was repaid early on `start`: the same due dates, smaller instalments.

    Interest up to `start` was billed with the early repayment, so the running period starts anew there.
    """
    running = planned[0]
    rebuilt = schedule.rebuild(
        terms=terms.schedule_terms(start=running.period_start),
        principal_fen=principal_fen,
        start=start,
        period_start=running.period_start,
        dues=[line.due for line in planned],
        first_number=running.number,
    )
    return _instalments(rebuilt.rows, first_period_start=running.period_start)


def _instalments(rows: tuple[schedule.Row, ...], *, first_period_start: date) -> tuple[Instalment, ...]:
    return tuple(
        made(Instalment, number, start if index else first_period_start, start, due, principal_fen, interest_fen)
        for index, (number, start, due, _, principal_fen, interest_fen) in enumerate(rows)
    )
