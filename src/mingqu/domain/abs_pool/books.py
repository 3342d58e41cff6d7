"""A pool's own books: what a day moves between the accounts of its trust, and under which id these accounts lie.

They are memoranda beside the lender's books, for the trust is another person: what it holds, owes and paid stands on
them, and each fen that came in is on the cash account or on that of whoever had it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from mingqu.domain.abs_pool.month import PoolReport
from mingqu.domain.ledger import AccountCode, Reason

_C: Final = AccountCode
TRUST_CODES: Final = (
    _C.TRUST_CASH,
    _C.TRUST_LOANS,
    _C.TRUST_SENIOR,
    _C.TRUST_SUBORDINATE,
    _C.TRUST_EARNED,
    _C.TRUST_FEE,
    _C.TRUST_INTEREST,
    _C.TRUST_EXCESS,
    _C.TRUST_LOST,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustMove:
    """One line of a trust's day in fen, below zero where it is turned about; `place` is the same each day."""

    place: int
    debit: AccountCode
    credit: AccountCode
    fen: int
    reason: Reason


def trust_id(*, pool_id: str) -> UUID:
    """Return under which id a pool's accounts lie: it follows from the pool's name and routes to the first cell."""
    digest = hashlib.sha256(pool_id.encode()).hexdigest()
    return UUID(f"00000000-0000-7000-8{digest[:3]}-{digest[3:13]}00")


def moves_of(
    *, report: PoolReport, given_up_fen: int, first: bool, returned_fen: tuple[int, int] = (0, 0)
) -> tuple[TrustMove, ...]:
    """Return what a day moves on a trust's accounts, in the order in which it is posted; nothing moves by zero.

    On the `first` day the notes come in. `given_up_fen` is principal of its loans for which no money came;
    `returned_fen` is what of the day's principal and of all else was the originator's, for loans that went back to it.
    """
    parts, opening = report.distribution, report.month.opening
    issued = (opening.senior_fen, opening.subordinate_fen) if first else (0, 0)
    lines = (
        (_C.TRUST_CASH, _C.TRUST_SENIOR, issued[0], Reason.TRUST_ISSUE),
        (_C.TRUST_CASH, _C.TRUST_SUBORDINATE, issued[1], Reason.TRUST_ISSUE),
        (_C.TRUST_CASH, _C.TRUST_LOANS, report.repaid_fen - returned_fen[0], Reason.TRUST_COLLECT),
        (_C.TRUST_CASH, _C.TRUST_EARNED, report.interest_fen - returned_fen[1], Reason.TRUST_COLLECT),
        (_C.TRUST_LOST, _C.TRUST_LOANS, given_up_fen, Reason.TRUST_LOSE),
        (_C.TRUST_FEE, _C.TRUST_CASH, sum(one.paid_fen for one in parts.fees), Reason.TRUST_PAY),
        (_C.TRUST_INTEREST, _C.TRUST_CASH, parts.senior_interest.paid_fen, Reason.TRUST_PAY),
        (_C.TRUST_SENIOR, _C.TRUST_CASH, parts.senior_principal_fen, Reason.TRUST_PAY),
        (_C.TRUST_SUBORDINATE, _C.TRUST_CASH, parts.subordinate_principal_fen, Reason.TRUST_PAY),
        (_C.TRUST_EXCESS, _C.TRUST_CASH, parts.subordinate_excess_fen, Reason.TRUST_PAY),
        (_C.TRUST_LOANS, _C.TRUST_CASH, report.proposal.spent_fen, Reason.TRUST_BUY),
        (_C.TRUST_CASH, _C.TRUST_LOANS, returned_fen[0], Reason.TRUST_RETURN),
        (_C.TRUST_CASH, _C.TRUST_EARNED, returned_fen[1], Reason.TRUST_RETURN),
    )
    return tuple(
        TrustMove(place=place, debit=debit, credit=credit, fen=fen, reason=reason)
        for place, (debit, credit, fen, reason) in enumerate(lines, start=1)
        if fen
    )
