"""Credit without a plan (随借随还): what a principal that moves at will bears, span by span."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final, NamedTuple

from mingqu.domain.calendar import DatesOutOfOrder, DayCount, check_date
from mingqu.domain.money import AMOUNT_FEN_MAX, AmountOutOfRange
from mingqu.domain.rate import Rate, span_ratio
from mingqu.domain.schedule.repricing import Rates
from mingqu.domain.schedule.terms import TermsImpossible

# Ten a day for ten years. A line that moves more often is a till, not a loan.
MOVEMENTS_MAX: Final = 36_600


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalMovement:
    """On `day` principal is drawn (above zero) or repaid (below zero); it bears, or stops bearing, from that day on.

    Errors: TermsImpossible (an amount of zero), DateOutOfRange.
    """

    day: date
    amount_fen: int

    def __post_init__(self) -> None:
        check_date(self.day)
        if self.amount_fen == 0:
            raise TermsImpossible("A movement of principal is of at least one fen.")


class InterestPeriod(NamedTuple):
    """Days `[start, end)` of one principal and one rate, and what they bear, as an exact fraction of a fen."""

    start: date
    end: date
    principal_fen: int
    rate: Rate
    interest: tuple[int, int]


def interest_periods(
    *, movements: Sequence[PrincipalMovement], rates: Rates, day_count: DayCount, start: date, end: date
) -> tuple[InterestPeriod, ...]:
    """Return what moving principal bears in the days `[start, end)`, one period for each principal and rate.

    Movements before `start` make the principal to begin with, so a statement is a window on the same movements; the
    order of movements of a day does not matter. Days without debt are left out.
    Example: 10,000.00 drawn on 1 March, 4,000.00 repaid on 11 March, 0.05 % a day, until 21 March: 50.00 for the
    first ten days, 30.00 for the next ten.
    Errors: TermsImpossible (more repaid than owed, too many movements), DatesOutOfOrder, AmountOutOfRange.
    """
    if end < start:
        raise DatesOutOfOrder("A window ends on or after its start.", start=str(start), end=str(end))
    if len(movements) > MOVEMENTS_MAX:
        raise TermsImpossible(f"Principal moves at most {MOVEMENTS_MAX} times.", movements=len(movements))
    balance = 0
    opened = start
    periods: list[InterestPeriod] = []
    for day, amount_fen in _net_by_day(movements):
        if day >= end:
            break
        if day > opened:
            periods.extend(_periods(balance, rates, day_count, opened, day))
            opened = day
        balance += amount_fen
        if balance < 0:
            raise TermsImpossible("More principal is repaid than is owed.", day=str(day))
        if balance > AMOUNT_FEN_MAX:
            raise AmountOutOfRange(f"Principal is at most {AMOUNT_FEN_MAX} fen.")
    return (*periods, *_periods(balance, rates, day_count, opened, end))


def interest_sum(*, periods: Iterable[InterestPeriod]) -> tuple[int, int]:
    """Return what periods bear together, as an exact fraction of a fen; whoever makes it payable rounds it once."""
    total = sum((Fraction(*period.interest) for period in periods), Fraction(0))
    return total.numerator, total.denominator


def _net_by_day(movements: Sequence[PrincipalMovement]) -> list[tuple[date, int]]:
    net: dict[date, int] = {}
    for movement in movements:
        net[movement.day] = net.get(movement.day, 0) + movement.amount_fen
    return sorted((day, amount_fen) for day, amount_fen in net.items() if amount_fen)


def _periods(balance: int, rates: Rates, day_count: DayCount, start: date, end: date) -> list[InterestPeriod]:
    if balance == 0 or start == end:
        return []
    found = []
    for span in rates.spans(start=start, end=end):
        numerator, denominator = span_ratio(rate=span.rate, day_count=day_count, start=span.start, end=span.end)
        found.append(InterestPeriod(*span[:2], balance, span.rate, (balance * numerator, denominator)))
    return found
