"""Repayment schedules: from terms to rows, exact to the fen.

`build` makes the schedule of new terms; `rebuild` makes the rows for what is left of a loan over the due
dates that remain; `accrued_ratio` says what a span inside a period has borne, as an exact fraction.
"""

from mingqu.domain.schedule.building import Row, Schedule, build, rebuild
from mingqu.domain.schedule.interest import accrued_ratio, interest_ratio, period_interest_ratio
from mingqu.domain.schedule.terms import (
    INSTALMENTS_MAX,
    BrokenPeriod,
    InstalmentBelowInterest,
    InterestBasis,
    Method,
    MultipleAboveInstalment,
    Smoothing,
    Tail,
    Terms,
    TermsImpossible,
    TooManyInstalments,
)

__all__ = [
    "INSTALMENTS_MAX",
    "BrokenPeriod",
    "InstalmentBelowInterest",
    "InterestBasis",
    "Method",
    "MultipleAboveInstalment",
    "Row",
    "Schedule",
    "Smoothing",
    "Tail",
    "Terms",
    "TermsImpossible",
    "TooManyInstalments",
    "accrued_ratio",
    "build",
    "interest_ratio",
    "period_interest_ratio",
    "rebuild",
]
