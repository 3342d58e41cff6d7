"""What was agreed of a revolving account: its days, its rate, what a bill asks at least, what instalments cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from mingqu.domain.calendar import DayCount, first_due_on
from mingqu.domain.money import Rounding
from mingqu.domain.rate import PPM, Rate, RateUnit
from mingqu.domain.refusal import Refusal
from mingqu.domain.revolving import Charge, MinimumRule, UnpaidBill

_DAYS_KEPT_MAX: Final = 4_096  # a decade of days for one bill day; a night asks for a few of them
DAY_MAX: Final = 28  # the last day that every month has
# What a repayment is used for, in the order that the product names: each of these once.
COMPONENTS: Final = ("fee", "penalty", "interest", "principal")
_DAYS_OF_YEAR: Final = {DayCount.ACT_360: 360, DayCount.ACT_365: 365}


class SpendTermsImpossible(Refusal):
    """Terms of a revolving account that contradict themselves: a day no month has, a rate that is not a line by days,
    an order of allocation with a hole."""

    code = "spend_terms_impossible"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendTerms:
    """The terms of one revolving account. Amounts in fen, shares in ppm.

    What is posted up to `bill_day` is in that day's bill, to be paid by the next `due_day`. With `free_period` a
    purchase of a bill that is paid whole bears nothing, and `unpaid_bill` says what bears otherwise; without it every
    draw bears from its day. `rate` counts days alone. What is overdue bears `penalty_multiple_ppm` of the rate.
    `instalment_fees` are (count, fee in ppm of the principal). Errors: SpendTermsImpossible.
    """

    product_id: str
    product_version: int
    bill_day: int
    due_day: int
    rate: Rate
    day_count: DayCount
    rounding: Rounding
    free_period: bool
    unpaid_bill: UnpaidBill
    minimum: MinimumRule
    penalty_multiple_ppm: int
    late_fee: Charge | None
    instalment_fees: tuple[tuple[int, int], ...]
    instalment_least_fen: int
    allocation: tuple[str, ...] = COMPONENTS

    def __post_init__(self) -> None:
        if not 1 <= self.bill_day <= DAY_MAX or not 1 <= self.due_day <= DAY_MAX or self.bill_day == self.due_day:
            raise SpendTermsImpossible(f"Bill day and due day are two days between 1 and {DAY_MAX}.")
        if self.rate.unit is not RateUnit.DAY and self.day_count not in _DAYS_OF_YEAR:
            raise SpendTermsImpossible("The rate is quoted by the day, or for a year of 360 or 365 days.")
        if tuple(sorted(self.allocation)) != tuple(sorted(COMPONENTS)):
            raise SpendTermsImpossible("A repayment's order names each component once.")
        if self.penalty_multiple_ppm < PPM:
            raise SpendTermsImpossible("What is overdue bears the rate itself at least.")
        if any(count < 2 or not 0 <= ppm <= PPM for count, ppm in self.instalment_fees):  # one part is no instalment
            raise SpendTermsImpossible("Instalments are two or more, for a fee of 0 to 100 %.")

    def fen_day(self) -> tuple[int, int]:
        """Return what one fen bears in one day, as an exact fraction of a fen. Example: 0.05 % a day is 1/2000."""
        year = 1 if self.rate.unit is RateUnit.DAY else _DAYS_OF_YEAR[self.day_count]
        months = 12 if self.rate.unit is RateUnit.MONTH else 1
        return self.rate.numerator * months, self.rate.denominator * year

    def bill_after(self, day: date) -> date:
        """Return the first bill day after a day. Example: with 1, of 2026-08-15 it is 2026-09-01."""
        return _day_after(day, self.bill_day)

    def due_of(self, billed_on: date) -> date:
        """Return the due day of a bill. Example: with 10, of the bill of 2026-09-01 it is 2026-09-10."""
        return _day_after(billed_on, self.due_day)

    def fee_ppm(self, count: int) -> int | None:
        """Return what instalments of a count cost, or None where there are none of that count."""
        return dict(self.instalment_fees).get(count)


@lru_cache(maxsize=_DAYS_KEPT_MAX)
def _day_after(day: date, day_of_month: int) -> date:
    """Return what `first_due_on` does: the accounts of a night have few bill days among them."""
    return first_due_on(start=day, day_of_month=day_of_month)
