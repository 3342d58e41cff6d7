"""Terms and loans of a pool for tests: everything may enter unless a test says otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any, Final

from mingqu.domain.abs_pool import OfferedLoan, PooledLoan, PoolTerms
from mingqu.domain.rate import PPM
from mingqu.store.funders.pool import load_pools

BOUGHT_ON: Final = date(2026, 8, 1)


def terms(**limits_ppm: int) -> PoolTerms:
    """Return the pool that came with the program, open to every loan; limits are named, the others left out."""
    pool = load_pools()[0]
    limits = tuple(
        replace(one, share_ppm_max=limits_ppm[one.by.value]) for one in pool.limits if one.by.value in limits_ppm
    )
    open_to_all = replace(
        pool.eligibility, principal_fen_min=1, principal_fen_max=10**15, rate_ppm_min=0, rate_ppm_max=PPM
    )
    return replace(pool, eligibility=open_to_all, limits=limits)


def pooled(**changes: Any) -> PooledLoan:
    """Return a loan of the pool of 1,000.00 on which nothing was paid."""
    plain = PooledLoan(
        id="p", borrower="a", region="CN-11", product="chengchuan-cash", bought_on=BOUGHT_ON, bought_fen=100_000,
        opening_fen=100_000, repaid_fen=0, interest_fen=0, overdue_days=0, defaulted_fen=0,
    )  # fmt: skip
    return replace(plain, **changes)


def offered(**changes: Any) -> OfferedLoan:
    """Return a loan that the pool of the program would buy."""
    plain = OfferedLoan(
        id="x", borrower="b", region="CN-31", product="chengchuan-cash", principal_fen=100_000, rate_ppm=144_000,
        paid_instalments=1, overdue_days=0, overdue_days_ever=15, last_due=date(2029, 8, 1),
    )  # fmt: skip
    return replace(plain, **changes)
