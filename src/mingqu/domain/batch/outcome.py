"""What a morning causes, as columns: postings, happenings, accrual gained, lines and the next event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from mingqu.domain.batch.accrual import LineColumns
from mingqu.domain.batch.columns import Days, Flags, Integers
from mingqu.domain.ledger import AccountCode, Reason
from mingqu.domain.loan import Accrual, Happening, Kind, Posting

# What `HappeningColumns.kind` counts in.
KINDS: Final = (Kind.OVERDUE, Kind.BILLED)
_OVERDUE, _BILLED = range(len(KINDS))
_BILL_PRINCIPAL: Final = (AccountCode.LOAN_PRINCIPAL_DUE, AccountCode.LOAN_PRINCIPAL, Reason.BILL_PRINCIPAL)
_BILL_INTEREST: Final = (AccountCode.LOAN_INTEREST_DUE, AccountCode.ACCRUED_INTEREST, Reason.BILL_INTEREST)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PostingColumns:
    """Postings in order of loan: `loan` is its place in the batch; all have the morning as their value date.

    `debit`, `credit`: int64, AccountCode. `reason`: int64, Reason. `amount_fen`: int64, above zero.
    """

    loan: Integers
    debit: Integers
    credit: Integers
    amount_fen: Integers
    reason: Integers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HappeningColumns:
    """Happenings in order of loan: `kind` int64, a place in KINDS; `instalment` its number; `amount_fen` int64."""

    loan: Integers
    kind: Integers
    instalment: Integers
    amount_fen: Integers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AccrualColumns:
    """What each loan's group gains, int64 [n]; see `mingqu.domain.loan.Accrual`."""

    slope_micro: Integers
    income_micro: Integers
    rounding_micro: Integers

    def of(self, loan: int) -> Accrual:
        """Return one loan's gain as a value."""
        return Accrual(
            slope_micro=int(self.slope_micro[loan]),
            income_micro=int(self.income_micro[loan]),
            rounding_micro=int(self.rounding_micro[loan]),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MorningOutcome:
    """What the morning of `on` does to n loans; columns of length n unless they say otherwise.

    `scalar`: bool, the loan goes to the scalar reference and nothing else here speaks of it.
    `billed`: bool, the running instalment fell due.
    `overdue`: bool, the waiting instalment is overdue and bears penalty from its due day on.
    `next_event`: datetime64[D], NaT if nothing will happen by itself. `interest_line`, `penalty_line`: the lines
    after the morning. `interest`, `penalty`: what the groups gain.
    """

    on: date
    scalar: Flags
    billed: Flags
    overdue: Flags
    postings: PostingColumns
    happenings: HappeningColumns
    next_event: Days
    interest: AccrualColumns
    penalty: AccrualColumns
    interest_line: LineColumns
    penalty_line: LineColumns

    def postings_of(self, loan: int) -> list[Posting]:
        """Return one loan's postings as values."""
        made = self.postings
        return [
            Posting(
                debit=AccountCode(int(made.debit[at])),
                credit=AccountCode(int(made.credit[at])),
                amount_fen=int(made.amount_fen[at]),
                reason=Reason(int(made.reason[at])),
                value_date=self.on,
            )
            for at in range(*np.searchsorted(made.loan, (loan, loan + 1)).tolist())
        ]

    def happenings_of(self, loan: int) -> list[Happening]:
        """Return one loan's happenings as values."""
        made = self.happenings
        return [
            Happening(
                kind=KINDS[int(made.kind[at])],
                on=self.on,
                instalment=int(made.instalment[at]),
                amount_fen=int(made.amount_fen[at]),
            )
            for at in range(*np.searchsorted(made.loan, (loan, loan + 1)).tolist())
        ]


def billed_postings(*, billed: Flags, principal_fen: Integers, interest_fen: Integers) -> PostingColumns:
    """Return the postings of bills: principal, then interest of each loan; zero amounts are no postings."""
    loans = np.flatnonzero(billed)
    amounts = np.column_stack((principal_fen[loans], interest_fen[loans])).ravel()
    kinds = np.array([_BILL_PRINCIPAL, _BILL_INTEREST], dtype=np.int64)
    debit, credit, reason = (np.tile(kinds[:, part], len(loans)) for part in range(3))
    kept = amounts > 0
    return PostingColumns(
        loan=np.repeat(loans, len(kinds))[kept],
        debit=debit[kept],
        credit=credit[kept],
        amount_fen=amounts[kept],
        reason=reason[kept],
    )


def happenings(
    *,
    overdue: Flags,
    overdue_number: Integers,
    overdue_fen: Integers,
    billed: Flags,
    billed_number: Integers,
    billed_fen: Integers,
) -> HappeningColumns:
    """Return the happenings: what became overdue before what was billed, as the instalments lie in the schedule."""
    kept = np.column_stack((overdue, billed)).ravel()
    loans = np.repeat(np.arange(len(overdue)), len(KINDS))[kept]
    return HappeningColumns(
        loan=loans,
        kind=np.tile(np.array([_OVERDUE, _BILLED], dtype=np.int64), len(overdue))[kept],
        instalment=np.column_stack((overdue_number, billed_number)).ravel()[kept],
        amount_fen=np.column_stack((overdue_fen, billed_fen)).ravel()[kept],
    )
