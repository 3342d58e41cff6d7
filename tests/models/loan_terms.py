"""Terms that tests share."""

from __future__ import annotations

from mingqu.domain.calendar import DayCount, Period, PeriodUnit
from mingqu.domain.loan import LoanTerms
from mingqu.domain.money import Rounding
from mingqu.domain.rate import Rate
from mingqu.domain.schedule import InterestBasis, Method


def monthly_terms(
    *,
    principal_fen: int = 1_000_000,
    months: int = 12,
    ppm: int = 180_000,
    method: Method = Method.EQUAL_INSTALMENT,
    grace_days: int = 0,
) -> LoanTerms:
    """Return the terms of a Chinese instalment loan: a twelfth of the year's rate a month, days on a 360 base."""
    return LoanTerms(
        principal_fen=principal_fen,
        currency="CNY",
        method=method,
        rate=Rate.per_year(ppm=ppm),
        instalments=months,
        period=Period(every=1, unit=PeriodUnit.MONTH),
        interest_basis=InterestBasis.PERIOD,
        day_count=DayCount.ACT_360,
        rounding=Rounding.HALF_UP,
        penalty_multiple_ppm=1_500_000,
        grace_days=grace_days,
    )
