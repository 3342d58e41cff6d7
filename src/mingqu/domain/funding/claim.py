"""What each funder of a joint loan or account has lent, had back, lost and earned: memorandum accounts beside its own.

The loan is one claim on its borrower and stands in one set of accounts; whose it is stands beside it. What a funder has
had of principal, interest, penalty or fees is its share of all that the loan has had of it, rounded down; the last one
has the rest (docs/algorithms/joint-loan.md). A movement is the difference of two such sums, so a line taken back takes
back exactly what it gave, in whatever order news arrives, and a loan that is repaid leaves nobody a claim.
A revolving account is split by the same sums, from its first day to its last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from mingqu.domain.funding.share import Funding
from mingqu.domain.ledger import AccountCode, Reason, Transfer, TransferKind

_C: Final = AccountCode
SHARE_CODES: Final = (
    _C.SHARE_PRINCIPAL, _C.SHARE_LENT, _C.SHARE_RECEIVED, _C.SHARE_LOST, _C.SHARE_INTEREST, _C.SHARE_PENALTY,
    _C.SHARE_FEE,
)  # fmt: skip
# What was agreed for a part that is bought back, beside what it moves.
SALE_CODES: Final = (_C.SHARE_PRICE, _C.SHARE_SOLD)
_LENT: Final = (_C.LOAN_PRINCIPAL, _C.LENDER_CASH)
_LENT_BY: Final = {
    (_C.SPEND_PRINCIPAL, _C.LENDER_CASH, reason) for reason in (Reason.SPEND_PURCHASE, Reason.SPEND_DRAW)
}
_REFUNDED: Final = (_C.LENDER_CASH, _C.SPEND_PRINCIPAL, Reason.SPEND_REFUND)
_PRINCIPAL: Final = frozenset({_C.LOAN_PRINCIPAL, _C.LOAN_PRINCIPAL_DUE, _C.SPEND_PRINCIPAL})
_EARNED: Final = {
    _C.LOAN_INTEREST_DUE: (_C.SHARE_INTEREST, Reason.SHARE_INTEREST_PAID),
    _C.LOAN_PENALTY_DUE: (_C.SHARE_PENALTY, Reason.SHARE_PENALTY_PAID),
    _C.LOAN_FEE_DUE: (_C.SHARE_FEE, Reason.SHARE_FEE_PAID),
    _C.SPEND_INTEREST_DUE: (_C.SHARE_INTEREST, Reason.SHARE_INTEREST_PAID),
    _C.SPEND_PENALTY_DUE: (_C.SHARE_PENALTY, Reason.SHARE_PENALTY_PAID),
    _C.SPEND_FEE_DUE: (_C.SHARE_FEE, Reason.SHARE_FEE_PAID),
}
_CASH: Final = frozenset({_C.COLLECTION_CLEARING, _C.OVERPAYMENT, _C.SPEND_CREDIT, _C.SPEND_RETURNING})
_GIVEN_UP: Final = frozenset({_C.CONCESSION, _C.CREDIT_LOSS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What a joint loan came to so far, all funders together, in fen: lent, principal gone, and earned in cash."""

    lent_fen: int = 0
    gone_fen: int = 0
    interest_fen: int = 0
    penalty_fen: int = 0
    fee_fen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareMove:
    """One movement of one funder's part (by its place among the shares) between two of its accounts."""

    place: int
    debit: AccountCode
    credit: AccountCode
    amount_fen: int
    reason: Reason
    value_date: date


_Line = tuple[date, Reason]


def moved_by(transfers: Iterable[Transfer]) -> dict[_Line, int]:
    """Return what the transfers of a loan or account move that funders share, by value date and reason.

    Below zero it is taken back. Bills move nothing between funders, nor do conversions and limits. Of interest, penalty
    and fees only what was paid counts: what is given up was never anybody's. What a seller refunds of an account's
    principal came back as if it were repaid; what waits there as the borrower's own moves when it pays.
    """
    found: defaultdict[_Line, int] = defaultdict(int)
    for one in transfers:
        if one.kind in (TransferKind.POSTED, TransferKind.POST):
            for debit, credit, sign in (
                (one.debit.code, one.credit.code, 1),
                (one.credit.code, one.debit.code, -1),
            ):
                if (reason := _shared(debit, credit, one.reason)) is not None:
                    found[one.value_date, reason] += sign * one.amount_fen
                    break
    return {line: fen for line, fen in found.items() if fen}


def _shared(debit: AccountCode, credit: AccountCode, reason: Reason) -> Reason | None:
    if (debit, credit) == _LENT or (debit, credit, reason) in _LENT_BY:
        return Reason.SHARE_LEND
    if (debit, credit, reason) == _REFUNDED or (credit in _PRINCIPAL and debit in _CASH):
        return Reason.SHARE_REPAY
    if credit in _PRINCIPAL and debit in _GIVEN_UP:
        return Reason.SHARE_LOSE
    if credit in _EARNED and debit in _CASH:
        return _EARNED[credit][1]
    return None


_BETWEEN: Final = {
    Reason.SHARE_LEND: (_C.SHARE_PRINCIPAL, _C.SHARE_LENT),
    Reason.SHARE_REPAY: (_C.SHARE_RECEIVED, _C.SHARE_PRINCIPAL),
    Reason.SHARE_LOSE: (_C.SHARE_LOST, _C.SHARE_PRINCIPAL),
    Reason.SHARE_INTEREST_PAID: (_C.SHARE_RECEIVED, _C.SHARE_INTEREST),
    Reason.SHARE_PENALTY_PAID: (_C.SHARE_RECEIVED, _C.SHARE_PENALTY),
    Reason.SHARE_FEE_PAID: (_C.SHARE_RECEIVED, _C.SHARE_FEE),
}
_SUM_OF: Final = {
    Reason.SHARE_LEND: "lent_fen",
    Reason.SHARE_REPAY: "gone_fen",
    Reason.SHARE_LOSE: "gone_fen",
    Reason.SHARE_INTEREST_PAID: "interest_fen",
    Reason.SHARE_PENALTY_PAID: "penalty_fen",
    Reason.SHARE_FEE_PAID: "fee_fen",
}


def share_moves(*, funding: Funding, before: Totals, moved: dict[_Line, int]) -> tuple[list[ShareMove], Totals]:
    """Return each funder's part of what moved, in an order in which no claim runs dry, and the totals after it.

    Example: 30 % and 70 %, 784.34 of principal paid: 235.30 and 549.04; then 0.01: 0.00 and 0.01.
    """
    moves: list[ShareMove] = []
    totals = before
    for (on, reason), fen in sorted(moved.items(), key=_turn):
        name = _SUM_OF[reason]
        was_fen = getattr(totals, name)
        totals = replace(totals, **{name: was_fen + fen})
        moves += _moves(funding, reason, on, was_fen, was_fen + fen)
    assert 0 <= totals.gone_fen <= totals.lent_fen, "no more principal goes than was lent"
    return moves, totals


def _turn(line: tuple[_Line, int]) -> tuple[int, date, int]:
    """Return when a line has its turn: principal comes before it goes, and goes back before it is taken back."""
    (on, reason), fen = line
    comes = (reason is Reason.SHARE_LEND) == (fen > 0)
    return (0 if comes else 1), on, int(reason)


def _moves(funding: Funding, reason: Reason, on: date, was_fen: int, is_fen: int) -> Sequence[ShareMove]:
    debit, credit = _BETWEEN[reason]
    parts = zip(_split(funding, was_fen), _split(funding, is_fen), strict=True)
    return [
        ShareMove(
            place=place,
            debit=debit if after > before else credit,
            credit=credit if after > before else debit,
            amount_fen=abs(after - before),
            reason=reason,
            value_date=on,
        )
        for place, (before, after) in enumerate(parts)
        if after != before
    ]


def _split(funding: Funding, total_fen: int) -> tuple[int, ...]:
    """Split a running total. One below zero, which a retold story may pass through, is split as what it takes back."""
    parts = funding.split(abs(total_fen))
    return parts if total_fen >= 0 else tuple(-part for part in parts)
