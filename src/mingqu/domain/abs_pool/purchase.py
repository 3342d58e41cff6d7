"""Buying again: which of the loans offered on a day are proposed for the cash, and why each other one is not.

A pool pays principal for a loan. So buying turns cash into loans and leaves their sum as it is: a limit is a share of
that sum, rounded down, and a loan that is taken never makes another group pass its limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mingqu.domain.abs_pool.loan import OfferedLoan, PooledLoan
from mingqu.domain.abs_pool.terms import Eligibility, Grouping, PoolTerms
from mingqu.domain.rate import PPM


class LeftOut(StrEnum):
    """Why a loan is not proposed, in the order in which reasons are named."""

    POOL_BUYS_NO_MORE = "pool_buys_no_more"
    IN_POOL_ALREADY = "in_pool_already"
    PRODUCT_NOT_ADMITTED = "product_not_admitted"
    REGION_EXCLUDED = "region_excluded"
    PRINCIPAL_TOO_SMALL = "principal_too_small"
    PRINCIPAL_TOO_LARGE = "principal_too_large"
    RATE_TOO_LOW = "rate_too_low"
    RATE_TOO_HIGH = "rate_too_high"
    TOO_FEW_PAID = "too_few_paid"
    OVERDUE = "overdue"
    WAS_OVERDUE = "was_overdue"
    ENDS_TOO_LATE = "ends_too_late"
    BORROWER_LIMIT = "borrower_limit"
    REGION_LIMIT = "region_limit"
    PRODUCT_LIMIT = "product_limit"
    CASH_TOO_SHORT = "cash_too_short"


_LIMIT_REASONS = {
    Grouping.BORROWER: LeftOut.BORROWER_LIMIT,
    Grouping.REGION: LeftOut.REGION_LIMIT,
    Grouping.PRODUCT: LeftOut.PRODUCT_LIMIT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NotProposed:
    """A loan left out, with every reason that holds."""

    loan: OfferedLoan
    reasons: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Loans to be bought at their principal, in the order in which they were taken, and loans left out; cash in fen."""

    bought: tuple[OfferedLoan, ...]
    left_out: tuple[NotProposed, ...]
    spent_fen: int
    cash_left_fen: int


def unfit_for(*, eligibility: Eligibility, loan: OfferedLoan) -> tuple[LeftOut, ...]:
    """Return every criterion that a loan misses; none: it may enter. Bounds are included.

    Example: `principal_fen_min` 50 000 admits a loan of 500.00 and not one of 499.99.
    """
    asked = eligibility
    return tuple(
        reason
        for reason, misses in (
            (LeftOut.PRODUCT_NOT_ADMITTED, loan.product not in asked.products),
            (LeftOut.REGION_EXCLUDED, loan.region in asked.regions_excluded),
            (LeftOut.PRINCIPAL_TOO_SMALL, loan.principal_fen < asked.principal_fen_min),
            (LeftOut.PRINCIPAL_TOO_LARGE, loan.principal_fen > asked.principal_fen_max),
            (LeftOut.RATE_TOO_LOW, loan.rate_ppm < asked.rate_ppm_min),
            (LeftOut.RATE_TOO_HIGH, loan.rate_ppm > asked.rate_ppm_max),
            (LeftOut.TOO_FEW_PAID, loan.paid_instalments < asked.paid_instalments_min),
            (LeftOut.OVERDUE, loan.overdue_days > asked.overdue_days_max),
            (LeftOut.WAS_OVERDUE, loan.overdue_days_ever > asked.overdue_days_ever_max),
            (LeftOut.ENDS_TOO_LATE, loan.last_due > asked.last_due_max),
        )
        if misses
    )


def propose(
    *, terms: PoolTerms, held: Sequence[PooledLoan], offered: Iterable[OfferedLoan], cash_fen: int, buys: bool
) -> Proposal:
    """Return which loans to buy for the cash: the largest first, of equal ones the first by id, each that still fits.

    A loan that does not fit, by a limit or by the cash left, is passed over and smaller ones are tried. Loans in
    default count in no limit and in no sum. Where the pool does not buy, every loan is left out for that alone.
    Example: cash 1 000.00, loans of 700.00, 400.00 and 300.00: the first and the last are proposed.
    """
    assert cash_fen >= 0, "cash is what there is"
    used, performing_fen = _used(terms, held)
    whole_fen = performing_fen + cash_fen
    most_fen = {limit.by: whole_fen * limit.share_ppm_max // PPM for limit in terms.limits}
    ids = {one.id for one in held}
    left_fen, bought, left_out = cash_fen, list[OfferedLoan](), list[NotProposed]()
    for loan in sorted(offered, key=lambda one: (-one.principal_fen, one.id)):
        reasons = _reasons(terms, loan, ids) if buys else (LeftOut.POOL_BUYS_NO_MORE,)
        if not reasons:
            reasons = tuple(
                _LIMIT_REASONS[by]
                for by, limit_fen in most_fen.items()
                if used[by, loan.group(by)] + loan.principal_fen > limit_fen
            )
            if loan.principal_fen > left_fen:
                reasons = (*reasons, LeftOut.CASH_TOO_SHORT)
        if reasons:
            left_out.append(NotProposed(loan=loan, reasons=reasons))
            continue
        bought.append(loan)
        left_fen -= loan.principal_fen
        used.update({(by, loan.group(by)): loan.principal_fen for by in most_fen})
    return Proposal(
        bought=tuple(bought), left_out=tuple(left_out), spent_fen=cash_fen - left_fen, cash_left_fen=left_fen
    )


def _reasons(terms: PoolTerms, loan: OfferedLoan, ids: Collection[str]) -> tuple[LeftOut, ...]:
    unfit = unfit_for(eligibility=terms.eligibility, loan=loan)
    return (LeftOut.IN_POOL_ALREADY, *unfit) if loan.id in ids else unfit


def _used(terms: PoolTerms, held: Sequence[PooledLoan]) -> tuple[Counter[tuple[Grouping, str]], int]:
    """Return what each group has of the loans not in default, and the sum of these, in fen."""
    used, sum_fen = Counter[tuple[Grouping, str]](), 0
    for loan in held:
        performing_fen = loan.performing_fen(triggers=terms.triggers)
        sum_fen += performing_fen
        for limit in terms.limits:
            used[limit.by, loan.group(limit.by)] += performing_fen
    return used, sum_fen
