"""Repayment schedules: from terms to rows, exact to the fen.

Regular loans: `build` makes the schedule of new terms; `rebuild` makes the rows for what is left of a loan over the
due dates that remain; `accrued_ratio` says what a span inside a period has borne, as an exact fraction.
Any other loan: `DatedTerms` say date by date what is agreed, `unfold` makes their rows, `owed_on` says what is owed on
a day. Credit without a plan: `interest_periods`.
"""

from mingqu.domain.schedule.building import Row, Schedule, build, rebuild
from mingqu.domain.schedule.dated import DatedTerms, PrincipalDue, Redemption, dated
from mingqu.domain.schedule.interest import accrued_ratio, interest_ratio, period_interest_ratio
from mingqu.domain.schedule.repricing import RateChange, Rates, RateSpan, Repricing, varying_ratio
from mingqu.domain.schedule.running import InterestPeriod, PrincipalMovement, interest_periods, interest_sum
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
from mingqu.domain.schedule.timetable import Cycle, Due, Stub, cycle_dates, due_on
from mingqu.domain.schedule.unfolding import DatedRow, Owed, owed_on, unfold

__all__ = [
    "INSTALMENTS_MAX",
    "BrokenPeriod",
    "Cycle",
    "DatedRow",
    "DatedTerms",
    "Due",
    "InstalmentBelowInterest",
    "InterestBasis",
    "InterestPeriod",
    "Method",
    "MultipleAboveInstalment",
    "Owed",
    "PrincipalDue",
    "PrincipalMovement",
    "RateChange",
    "RateSpan",
    "Rates",
    "Redemption",
    "Repricing",
    "Row",
    "Schedule",
    "Smoothing",
    "Stub",
    "Tail",
    "Terms",
    "TermsImpossible",
    "TooManyInstalments",
    "accrued_ratio",
    "build",
    "cycle_dates",
    "dated",
    "due_on",
    "interest_periods",
    "interest_ratio",
    "interest_sum",
    "owed_on",
    "period_interest_ratio",
    "rebuild",
    "unfold",
    "varying_ratio",
]
