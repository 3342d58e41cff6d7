"""Rates that change on agreed days (LPR 重定价), and what a new rate is made from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import Final, NamedTuple

from mingqu.domain.calendar import DatesOutOfOrder, DayCount, check_date
from mingqu.domain.rate import PPM, Rate, RateUnit, span_ratio
from mingqu.domain.schedule.terms import INSTALMENTS_MAX, TermsImpossible, TooManyInstalments

# A rate that changes with every instalment changes as often as there may be instalments.
RATE_CHANGES_MAX: Final = INSTALMENTS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class RateChange:
    """From `day` on, that day included, the debt bears `rate`.

    Equal instalments are computed anew for the dates that are left; with `keeps_instalment` they stay, and the
    last one takes the difference.
    """

    day: date
    rate: Rate
    keeps_instalment: bool = False


class RateSpan(NamedTuple):
    """Days `[start, end)` that bear one rate."""

    start: date
    end: date
    rate: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """The first rate and its changes in order of their days; a change to the same rate is none.

    Errors: DatesOutOfOrder, TooManyInstalments (more than 1,200 changes), DateOutOfRange.
    """

    first: Rate
    changes: tuple[RateChange, ...] = ()

    def __post_init__(self) -> None:
        if len(self.changes) > RATE_CHANGES_MAX:
            raise TooManyInstalments(f"A rate changes at most {RATE_CHANGES_MAX} times.", changes=len(self.changes))
        for before, after in pairwise(self.changes):
            if after.day <= before.day:
                raise DatesOutOfOrder("Changes of the rate come one after the other.", day=str(after.day))
        for change in self.changes:
            check_date(change.day)

    def on(self, *, day: date) -> Rate:
        """Return the rate that holds on a day."""
        return next((change.rate for change in reversed(self.changes) if change.day <= day), self.first)

    def spans(self, *, start: date, end: date) -> tuple[RateSpan, ...]:
        """Return the days `[start, end)` as spans of one rate each, neighbours of different rates.

        Errors: DatesOutOfOrder.
        """
        if end < start:
            raise DatesOutOfOrder("A span ends on or after its start.", start=str(start), end=str(end))
        spans: list[RateSpan] = []
        opened, rate = start, self.on(day=start)
        for change in self.changes:
            if start < change.day < end and change.rate != rate:
                spans.append(RateSpan(opened, change.day, rate))
                opened, rate = change.day, change.rate
        return (*spans, RateSpan(opened, end, rate))


def varying_ratio(*, rates: Rates, day_count: DayCount, start: date, end: date) -> tuple[int, int]:
    """Return what one fen bears in the days `[start, end)` at rates that change, as an exact fraction of a fen.

    Each span of one rate is counted on its own. Example: 6 % a year until 16 January, 5 % from then, act/360, the
    31 days from 1 January: 15 × 6 %/360 + 16 × 5 %/360 = 17/3600.
    Errors: DatesOutOfOrder.
    """
    total = sum(
        (
            Fraction(*span_ratio(rate=span.rate, day_count=day_count, start=span.start, end=span.end))
            for span in rates.spans(start=start, end=end)
        ),
        Fraction(0),
    )
    return total.numerator, total.denominator


@dataclass(frozen=True, slots=True, kw_only=True)
class Repricing:
    """How a reference rate (in China the LPR) makes the rate of a loan: all in parts per million of a year.

    The reference is multiplied, then the spread (加点, may be negative) is added; the step from the rate before is
    at most `fall_ppm_max` down and `rise_ppm_max` up; last, the rate lies within floor and cap. What is not agreed
    does not bind. Errors: TermsImpossible.
    """

    spread_ppm: int = 0
    multiplier: tuple[int, int] = (1, 1)
    floor_ppm: int | None = None
    cap_ppm: int | None = None
    fall_ppm_max: int | None = None
    rise_ppm_max: int | None = None

    def __post_init__(self) -> None:
        if self.multiplier[0] < 0 or self.multiplier[1] < 1:
            raise TermsImpossible("A reference rate is multiplied by a fraction that is not negative.")
        if self.floor_ppm is not None and self.cap_ppm is not None and self.floor_ppm > self.cap_ppm:
            raise TermsImpossible("The floor of a rate lies below its cap.", floor_ppm=self.floor_ppm)
        if min(self.fall_ppm_max or 0, self.rise_ppm_max or 0) < 0:
            raise TermsImpossible("The largest step of a rate is not negative.")

    def rate(self, *, reference: Rate, before: Rate) -> Rate:
        """Return the yearly rate that follows from the reference and the rate before, exactly.

        Example: LPR 3.00 %, spread 60 basis points: 3.60 %; after 4.50 % with steps of at most 0.50 %: 4.00 %.
        Errors: RateOutOfRange (below zero, or finer than a quotation can be).
        """
        yearly, old = _fraction(reference), _fraction(before)
        wanted = yearly * Fraction(*self.multiplier) + Fraction(self.spread_ppm, PPM)
        if self.fall_ppm_max is not None:
            wanted = max(wanted, old - Fraction(self.fall_ppm_max, PPM))
        if self.rise_ppm_max is not None:
            wanted = min(wanted, old + Fraction(self.rise_ppm_max, PPM))
        if self.floor_ppm is not None:
            wanted = max(wanted, Fraction(self.floor_ppm, PPM))
        if self.cap_ppm is not None:
            wanted = min(wanted, Fraction(self.cap_ppm, PPM))
        return Rate(numerator=wanted.numerator, denominator=wanted.denominator, unit=RateUnit.YEAR)


def _fraction(rate: Rate) -> Fraction:
    yearly = rate.yearly()
    return Fraction(yearly.numerator, yearly.denominator)
