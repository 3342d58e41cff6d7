"""What a course is worked out by."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import Enum

from mingqu.domain.calendar import DayCount, Period
from mingqu.domain.money import Rounding
from mingqu.domain.schedule import InterestBasis, Smoothing


class Bearing(Enum):
    """What principal bears interest."""

    DECLINING = "declining"  # what is still owed
    FLAT = "flat"  # all that was lent, to the end (等本等息)


class Share(Enum):
    """What is agreed on for each stretch."""

    INSTALMENT = "instalment"  # principal and interest together are alike (等额本息)
    PRINCIPAL = "principal"  # principal is alike, interest comes on top (等额本金)
    AT_THE_END = "at_the_end"  # interest only, all principal with the last (先息后本)


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseTerms:
    """The terms of a course; the rate is dated and therefore part of the course itself.

    `recalculated` says that payments move the interest; without it, instalments follow the plan whatever is paid.
    """

    period: Period
    basis: InterestBasis
    day_count: DayCount
    rounding: Rounding
    bearing: Bearing = Bearing.DECLINING
    share: Share = Share.INSTALMENT
    multiple_fen: int = 1
    multiple_gives_way: bool = False  # an instalment below the multiple stays as it is; otherwise it is refused
    smoothing: Smoothing = field(default=Smoothing.NONE)
    recalculated: bool = True
    part_periods: bool = True  # money lent inside a period bears from its day; otherwise as if lent when it began
    principal_grace: int = 0  # the first instalments ask for interest only
    interest_grace: int = 0  # interest of the first instalments falls due with the one after them
    periods_alike: bool = False  # instalments are worked out as if every period were as long as the first
    rounded_at_changes: bool = False  # interest is rounded whenever what bears it changes; otherwise once a period
    rate_digits: int | None = None  # what a fen bears in a part of a period is rounded to so many; otherwise exact
    anchor: date | None = None  # where whole periods are counted from; the first period's start if not given
