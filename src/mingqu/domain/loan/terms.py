"""What a borrower and a lender agreed on: everything the loan's life is computed from, besides its events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import lru_cache
from typing import Final

from mingqu.domain import schedule
from mingqu.domain.calendar import DayCount, Period
from mingqu.domain.money import Money, Rounding
from mingqu.domain.rate import Rate
from mingqu.domain.refusal import Refusal
from mingqu.domain.schedule import BrokenPeriod, InterestBasis, Method

PPM: Final = 1_000_000
GRACE_DAYS_MAX: Final = 30  # past a month a "grace" would be another term


class LoanTermsImpossible(Refusal):
    """The terms of the loan contradict themselves, so no loan can have them."""

    code = "loan_terms_impossible"


class Component(Enum):
    """What a fen of a repayment can pay."""

    PENALTY = "penalty"  # 罚息
    FEE = "fee"  # 费用
    INTEREST = "interest"  # 利息
    PRINCIPAL = "principal"  # 本金


class Timing(Enum):
    """When an instalment fell due, seen from the day of the payment."""

    PAST_DUE = "past_due"
    DUE = "due"
    IN_ADVANCE = "in_advance"


AllocationStep = tuple[Timing, Component]

# The methods whose early repayment and penalty are worked out here; schedules know more of them.
METHODS: Final = (Method.EQUAL_INSTALMENT, Method.EQUAL_PRINCIPAL, Method.INTEREST_ONLY)

# 费用 → 罚息 → 利息 → 本金, the oldest instalment first: the order banks print in their contracts.
_COMPONENTS = (Component.FEE, Component.PENALTY, Component.INTEREST, Component.PRINCIPAL)
ALLOCATION_USUAL: Final[tuple[AllocationStep, ...]] = tuple(
    (timing, component) for timing in (Timing.PAST_DUE, Timing.DUE) for component in _COMPONENTS
)
# Beyond ninety days overdue a repayment reduces principal first (accounting practice for non-accrual loans).
_PRINCIPAL_FIRST = (Component.PRINCIPAL, Component.INTEREST, Component.FEE, Component.PENALTY)
ALLOCATION_NON_ACCRUAL: Final[tuple[AllocationStep, ...]] = tuple(
    (timing, component) for timing in (Timing.PAST_DUE, Timing.DUE) for component in _PRINCIPAL_FIRST
)
NON_ACCRUAL_AFTER_DAYS: Final = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanTerms:
    """The terms of one loan. Amounts in fen of `currency`, rates exact, days are calendar days.

    The dates follow from the day the money arrives, which the terms cannot know: the first instalment
    falls due one `period` after it, the others on the same day of later months (anchored).
    """

    principal_fen: int
    currency: str
    method: Method
    rate: Rate
    instalments: int
    period: Period
    interest_basis: InterestBasis
    day_count: DayCount  # for days inside a period: early repayment, and penalty
    rounding: Rounding
    penalty_multiple_ppm: int  # 1,500,000 is one and a half times the rate (银发〔2003〕251号: +30 … +50 %)
    grace_days: int = 0
    allocation: tuple[AllocationStep, ...] = ALLOCATION_USUAL
    allocation_non_accrual: tuple[AllocationStep, ...] = ALLOCATION_NON_ACCRUAL

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise LoanTermsImpossible("A loan is repaid by equal instalments, equal principal or interest first.")
        if self.penalty_multiple_ppm < 0:
            raise LoanTermsImpossible("A penalty cannot be negative.")
        if not 0 <= self.grace_days <= GRACE_DAYS_MAX:
            raise LoanTermsImpossible(f"Grace is between 0 and {GRACE_DAYS_MAX} days.")
        if not (_is_complete(self.allocation) and _is_complete(self.allocation_non_accrual)):
            raise LoanTermsImpossible("An allocation order names each timing and component once.")

    @property
    def basis(self) -> InterestBasis:
        """What interest is counted by, under the name that schedules know it by."""
        return self.interest_basis

    @property
    def broken_period(self) -> BrokenPeriod:
        """What a part of a period bears: its days."""
        return BrokenPeriod.BY_DAY_COUNT

    def schedule_terms(self, *, start: date) -> schedule.Terms:
        """Return the terms of the schedule of money that arrived on `start`. Errors: those of `schedule.Terms`."""
        return schedule.Terms(
            principal=Money(self.principal_fen, self.currency),
            method=self.method,
            rate=self.rate,
            start=start,
            instalments=self.instalments,
            day_count=self.day_count,
            period=self.period,
            basis=self.basis,
            broken_period=self.broken_period,
            rounding=self.rounding,
        )


# A house has a few orders, one or two for each product, and reads millions of terms.
@lru_cache(maxsize=256)
def _is_complete(order: tuple[AllocationStep, ...]) -> bool:
    return set(order) >= set(ALLOCATION_USUAL) and len(set(order)) == len(order)
