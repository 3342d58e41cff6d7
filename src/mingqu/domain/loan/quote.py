"""What would be paid on a day: worked out by the very step that books it, so a quote never differs from the booking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.loan.event import Intent, Repaid
from mingqu.domain.loan.posting import Change
from mingqu.domain.loan.state import LoanState, Payable, Stage
from mingqu.domain.loan.step import advance, early_interest_fen, step, with_penalties_billed
from mingqu.domain.loan.terms import LoanTerms

_NO_ID: Final = UUID(int=2**128 - 1)  # behind every real id in the order of events


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What is owed if paid on `on`: `due` with penalty to the day, and `payoff_fen` for everything."""

    on: date
    due: Payable
    early_interest_fen: int
    principal_unbilled_fen: int

    @property
    def due_fen(self) -> int:
        """What cures the loan: everything billed, and penalty to the day."""
        return self.due.total_fen

    @property
    def payoff_fen(self) -> int:
        """What settles the loan: the due amount, all other principal and its interest to the day."""
        return self.due.total_fen + self.early_interest_fen + self.principal_unbilled_fen


def quote(*, terms: LoanTerms, state: LoanState, on: date) -> Quote:
    """Return what is owed on `on`, a day not before the state's own.

    Example (10,000.00 at 18 %, twelve months from 2026-08-15, three paid, on 2026-11-25): due 0.00,
    payoff 7,703.24 = 7,664.92 principal + 38.32 interest for ten days.
    """
    dropped = Change()
    brought_up = advance(terms=terms, state=state, to=on, change=dropped)
    billed = with_penalties_billed(terms=terms, state=brought_up, on=on, change=dropped)
    return Quote(
        on=on,
        due=billed.payable,
        early_interest_fen=early_interest_fen(terms=terms, state=billed, on=on),
        principal_unbilled_fen=billed.principal_unbilled_fen if billed.stage is Stage.ACTIVE else 0,
    )


def preview_repayment(
    *, terms: LoanTerms, state: LoanState, on: date, amount_fen: int, intent: Intent
) -> tuple[LoanState, Change]:
    """Return the state and the postings that a repayment on `on` would cause. Errors: those of `step`."""
    change = Change()
    event = Repaid(event_id=_NO_ID, value_date=on, amount_fen=amount_fen, intent=intent)
    return step(terms=terms, state=state, event=event, change=change), change
