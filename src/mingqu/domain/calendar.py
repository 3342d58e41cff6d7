"""Dates as lenders count them: periods, due dates, business days and day counts. Every date is an argument.

A span is `[start, end)`: the first day bears interest and the last does not (算头不算尾).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from math import gcd
from typing import Final

from mingqu.domain.refusal import Refusal

# Dates outside these years are slips of a pen: no loan made here began before 1900 or will end after 2200.
YEAR_MIN: Final = 1900
YEAR_MAX: Final = 2200
# A period is at most a century long; longer ones come from a unit confused with another.
MONTHS_MAX: Final = 1200
_DUE_DAYS: Final = 28  # every month has them
DAYS_MAX: Final = 36_600
# The longest public holiday known is under two weeks; a calendar that closes a month on end is wrong.
CLOSED_DAYS_MAX: Final = 31


class DateOutOfRange(Refusal):
    """The date lies outside the years 1900 to 2200."""

    code = "date_out_of_range"


class PeriodMalformed(Refusal):
    """The period is not a positive number of days, weeks or months within a century."""

    code = "period_malformed"


class DatesOutOfOrder(Refusal):
    """A date that must come later comes earlier."""

    code = "dates_out_of_order"


class CalendarClosed(Refusal):
    """The holiday calendar has no business day near the date."""

    code = "calendar_closed"


def check_date(day: date) -> date:
    """Return the date if its year is 1900 … 2200. Errors: DateOutOfRange."""
    assert not isinstance(day, datetime), "a business date is not a timestamp"
    if not YEAR_MIN <= day.year <= YEAR_MAX:
        raise DateOutOfRange(f"A date lies in the years {YEAR_MIN} to {YEAR_MAX}.", year=day.year)
    return day


class PeriodUnit(Enum):
    """What a period counts."""

    __hash__ = object.__hash__  # one of a kind each, and keys of caches in inner loops

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A whole number of days, weeks or months, e.g. Period(every=3, unit=PeriodUnit.MONTH) is a quarter.

    Errors: PeriodMalformed.
    """

    every: int = 1
    unit: PeriodUnit = PeriodUnit.MONTH

    def __post_init__(self) -> None:
        limit = {PeriodUnit.DAY: DAYS_MAX, PeriodUnit.WEEK: DAYS_MAX // 7, PeriodUnit.MONTH: MONTHS_MAX}[self.unit]
        if not 1 <= self.every <= limit:
            raise PeriodMalformed(f"A period is 1 to {limit} {self.unit.value}s.", every=self.every)

    def per_year(self) -> tuple[int, int]:
        """Return how many such periods a year of 12 months, 52 weeks or 365 days has, as (numerator, denominator)."""
        return {PeriodUnit.DAY: 365, PeriodUnit.WEEK: 52, PeriodUnit.MONTH: 12}[self.unit], self.every


MONTHLY: Final = Period(every=1, unit=PeriodUnit.MONTH)


def is_leap(year: int) -> bool:
    """Return whether the year has a 29 February."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_in_month(*, year: int, month: int) -> int:
    """Return the number of days of a month, 28 … 31."""
    return 29 if month == 2 and is_leap(year) else _MONTH_DAYS[month - 1]


_MONTH_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def add_months(*, day: date, months: int, anchor_day: int | None = None) -> date:
    """Return the date `months` later (or earlier), clipped to the end of a shorter month.

    `anchor_day` is the day of the month that was agreed; without it the day of `day`. Counting always
    from the first date keeps the anchor: 31 January + 1 month = 28 February, + 2 months = 31 March.
    Errors: DateOutOfRange.
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    if not YEAR_MIN <= year <= YEAR_MAX:
        raise DateOutOfRange(f"A date lies in the years {YEAR_MIN} to {YEAR_MAX}.", year=year)
    wanted = anchor_day or day.day
    return date(year, month + 1, wanted if wanted <= 28 else min(wanted, days_in_month(year=year, month=month + 1)))


def add_periods(*, day: date, period: Period, times: int, anchor_day: int | None = None) -> date:
    """Return the date `times` periods after `day`. Errors: DateOutOfRange."""
    if period.unit is PeriodUnit.MONTH:
        return add_months(day=day, months=period.every * times, anchor_day=anchor_day)
    days = period.every * times * (7 if period.unit is PeriodUnit.WEEK else 1)
    if not date(YEAR_MIN, 1, 1).toordinal() <= day.toordinal() + days <= date(YEAR_MAX, 12, 31).toordinal():
        raise DateOutOfRange(f"A date lies in the years {YEAR_MIN} to {YEAR_MAX}.", days=days)
    return day + timedelta(days=days)


def due_dates(
    *, start: date, period: Period, instalments: int, first_due: date | None = None, anchor_day: int | None = None
) -> tuple[date, ...]:
    """Return the due dates of `instalments` periods that begin at `start`.

    Without `first_due` the first is one period after `start`. With it the others follow in whole periods, on
    `anchor_day` (1 … 31, clipped at month ends) or else on the first due date's own day.
    Example: 31 January 2026, 3 months: 28 February, 31 March, 30 April.
    Errors: DateOutOfRange, DatesOutOfOrder (first due not after the start).
    """
    check_date(start)
    if first_due is None:
        return _periods_after(day=start, period=period, times_max=instalments, anchor_day=anchor_day)
    check_date(first_due)
    if first_due <= start:
        raise DatesOutOfOrder("The first due date comes after the start.", start=str(start), first_due=str(first_due))
    later = _periods_after(day=first_due, period=period, times_max=instalments - 1, anchor_day=anchor_day)
    return (first_due, *later)


def _periods_after(*, day: date, period: Period, times_max: int, anchor_day: int | None) -> tuple[date, ...]:
    """Return what `add_periods` gives for 1 … `times_max` times; only the last of them can lie out of range."""
    if times_max < 1:
        return ()
    last = add_periods(day=day, period=period, times=times_max, anchor_day=anchor_day)
    if period.unit is not PeriodUnit.MONTH:
        days = (last - day).days // times_max
        return tuple([date.fromordinal(day.toordinal() + days * times) for times in range(1, times_max + 1)])
    wanted = anchor_day or day.day
    index = day.year * 12 + day.month - 1
    indexes = range(index + period.every, index + period.every * times_max + 1, period.every)
    if wanted <= 28:
        return tuple([date(at // 12, at % 12 + 1, wanted) for at in indexes])
    months = [divmod(at, 12) for at in indexes]
    return tuple(
        [date(year, month + 1, min(wanted, days_in_month(year=year, month=month + 1))) for year, month in months]
    )


def first_due_on(*, start: date, day_of_month: int, days_min: int = 1) -> date:
    """Return the first date on a fixed day of the month that is at least `days_min` days after `start`.

    Example: start 10 March, day 5, at least 15 days: 5 April. Errors: PeriodMalformed, DateOutOfRange.
    """
    if not (1 <= day_of_month <= 31 and 1 <= days_min <= DAYS_MAX):
        raise PeriodMalformed("A due day is 1 to 31, at least one day after the start.", day=day_of_month)
    earliest = add_periods(day=check_date(start), period=Period(every=days_min, unit=PeriodUnit.DAY), times=1)
    candidate = add_months(day=earliest, months=0, anchor_day=day_of_month)
    if candidate >= earliest:
        return candidate
    return add_months(day=earliest, months=1, anchor_day=day_of_month)


def spread_due_day(*, slot: int) -> int:
    """Return the day of the month, 1 to 28, on which loans of a person's slot fall due where a product fixes the day.

    People who come after payday would otherwise all fall due on it, and a close does as much on one day as in a week.
    By the slot the days of a person's loans are one day, and in every cell each day has as many slots as any other, but
    for one. 29 to 31 are left out: not every month has them. Example: slot 0 falls due on the 1st, slot 28 again.
    """
    return slot % _DUE_DAYS + 1


class Shift(Enum):
    """Where a due date goes that falls on a day without business."""

    NONE = "none"
    FOLLOWING = "following"
    MODIFIED_FOLLOWING = "modified_following"  # the following one, unless that is in the next month
    PRECEDING = "preceding"
    MODIFIED_PRECEDING = "modified_preceding"  # the preceding one, unless that is in the month before


@dataclass(frozen=True, slots=True, kw_only=True)
class Holidays:
    """The days without business: weekends and `closed`, but not `open` (working weekends, 调休)."""

    closed: frozenset[date] = frozenset()
    open: frozenset[date] = frozenset()

    def is_business_day(self, day: date) -> bool:
        """Return whether there is business on that day."""
        return day in self.open or (day.weekday() < 5 and day not in self.closed)


def shifted(*, day: date, shift: Shift, holidays: Holidays) -> date:
    """Return the day, or the business day that the rule puts in its place. Errors: CalendarClosed.

    Example: Saturday 31 January 2026, FOLLOWING: 2 February; MODIFIED_FOLLOWING: 30 January.
    """
    if shift is Shift.NONE or holidays.is_business_day(day):
        return day
    step = -1 if shift in (Shift.PRECEDING, Shift.MODIFIED_PRECEDING) else 1
    found = _next_business_day(day=day, step=step, holidays=holidays)
    if shift in (Shift.MODIFIED_FOLLOWING, Shift.MODIFIED_PRECEDING) and found.month != day.month:
        return _next_business_day(day=day, step=-step, holidays=holidays)
    return found


def _next_business_day(*, day: date, step: int, holidays: Holidays) -> date:
    for distance in range(1, CLOSED_DAYS_MAX + 1):
        candidate = day + timedelta(days=step * distance)
        if holidays.is_business_day(candidate):
            return candidate
    raise CalendarClosed("The calendar has no business day within a month.", day=str(day))


class DayCount(Enum):
    """How days become a part of a year. The rule of each is worked through in docs/algorithms/day-counts.md."""

    __hash__ = object.__hash__  # one of a kind each, and keys of caches in inner loops

    THIRTY_360 = "30/360"  # months of 30 days; the 31st counts as the 30th, at the end only after a 30th or 31st
    THIRTY_E_360 = "30e/360"  # months of 30 days; a 31st always counts as the 30th
    ACT_360 = "act/360"
    ACT_364 = "act/364"  # fifty-two weeks
    ACT_365 = "act/365"
    # Actual days over the length of the year they lie in; the two differ in the day on which the year changes.
    ACT_ACT_1_JANUARY = "act/act, year changes on 1 January"
    ACT_ACT_31_DECEMBER = "act/act, year changes on 31 December"
    # Actual days over 366 if a 29 February lies in (start, end], over 365 otherwise.
    ACT_365_LEAP_DAY = "act/365, 366 with a 29 February"


_YEAR_DAYS: Final = {DayCount.ACT_360: 360, DayCount.ACT_364: 364, DayCount.ACT_365: 365}


def days_between(*, start: date, end: date, day_count: DayCount) -> int:
    """Return the days of the span as the day count sees them: actual days, or months of 30 days."""
    if day_count is DayCount.THIRTY_360 or day_count is DayCount.THIRTY_E_360:
        first = min(start.day, 30)
        last = end.day
        if last == 31 and (day_count is DayCount.THIRTY_E_360 or first == 30):
            last = 30
        return (end.year - start.year) * 360 + (end.month - start.month) * 30 + last - first
    return (end - start).days


def year_fraction(*, start: date, end: date, day_count: DayCount) -> tuple[int, int]:
    """Return the span as an exact part of a year, (numerator, denominator) in lowest terms.

    Example: 10 March to 10 April 2026 is 31/360 under act/360, 31/365 under act/365, 1/12 under 30/360.
    Source: ISDA 2006 definitions, section 4.16, for 30/360, 30E/360, act/360, act/365 and act/act.
    Errors: DatesOutOfOrder.
    """
    if end < start:
        raise DatesOutOfOrder("A span ends on or after its start.", start=str(start), end=str(end))
    year_days = _YEAR_DAYS.get(day_count)
    if year_days is not None:
        return _lowest((end - start).days, year_days)
    if day_count is DayCount.THIRTY_360 or day_count is DayCount.THIRTY_E_360:
        # An end on the 30th after a start on the 31st of the same month is no time, never negative time.
        return _lowest(max(days_between(start=start, end=end, day_count=day_count), 0), 360)
    if day_count is DayCount.ACT_365_LEAP_DAY:
        return _lowest((end - start).days, 366 if has_leap_day(start=start, end=end) else 365)
    return _actual_actual(start=start, end=end, last_day_is_next_year=day_count is DayCount.ACT_ACT_31_DECEMBER)


def has_leap_day(*, start: date, end: date) -> bool:
    """Return whether a 29 February lies after `start` and not after `end`."""
    return any(
        is_leap(year) and start < date(year, 2, 29) <= end
        for year in range(start.year, end.year + 1)  # at most 301 years: dates are checked
    )


def _actual_actual(*, start: date, end: date, last_day_is_next_year: bool) -> tuple[int, int]:
    """Sum the days of each year over its length; with `last_day_is_next_year` a 31 December opens the next year."""
    move = timedelta(days=1) if last_day_is_next_year else timedelta(0)
    first, last = start + move, end + move
    common_days = leap_days = 0
    for year in range(first.year, last.year + 1):  # at most 301 years: dates are checked
        days = (min(last, date(year + 1, 1, 1)) - max(first, date(year, 1, 1))).days
        if is_leap(year):
            leap_days += days
        else:
            common_days += days
    if leap_days == 0:
        return _lowest(common_days, 365)
    if common_days == 0:
        return _lowest(leap_days, 366)
    return _lowest(common_days * 366 + leap_days * 365, 365 * 366)


def _lowest(numerator: int, denominator: int) -> tuple[int, int]:
    divisor = gcd(numerator, denominator)
    return numerator // divisor, denominator // divisor
