"""Due dates as columns, day for day what `calendar.due_dates` and `calendar.shifted` answer."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np

from mingqu.domain.batch.columns import NO_DAY_NUMBER, Flags, Integers, as_date, as_day
from mingqu.domain.calendar import YEAR_MAX, YEAR_MIN, CalendarClosed, Period, PeriodUnit, Shift, shifted
from mingqu.domain.schedule import Terms

_MONTHS: Final = np.arange(f"{YEAR_MIN}-01", f"{YEAR_MAX + 1}-02", dtype="datetime64[M]")
# The first day of each month of the years that are allowed, and of the one behind them, to know the last's length.
_FIRST_DAYS: Final = _MONTHS.astype("datetime64[D]").view(np.int64)
_MONTH_DAYS: Final = np.diff(_FIRST_DAYS)
_DAY_MIN: Final = as_day(date(YEAR_MIN, 1, 1))
_DAY_MAX: Final = as_day(date(YEAR_MAX, 12, 31))


def due_days(*, terms: Terms, start: Integers, first_due: Integers) -> tuple[Integers, Flags]:
    """Return the agreed due days [n, instalments] of n starts, and which rows stay in the years that are allowed.

    `first_due` is NO_DAY_NUMBER where the first due date is one period after the start; a first due day not
    after its start is not allowed either.
    """
    odd = first_due != NO_DAY_NUMBER
    allowed = (start >= _DAY_MIN) & (start <= _DAY_MAX)
    allowed &= ~odd | ((first_due > start) & (first_due <= _DAY_MAX))
    base = np.where(allowed, np.where(odd, first_due, start), 0)
    due = np.empty((len(start), terms.instalments), dtype=np.int64)
    for rows, times in ((~odd, range(1, terms.instalments + 1)), (odd, range(terms.instalments))):
        if rows.any():
            counted = np.arange(times.start, times.stop)
            due[rows], within = _periods_after(base[rows], terms.period, counted, terms.anchor_day)
            allowed[rows] &= within
    due[odd, 0] = base[odd]  # an anchor moves the due dates after the first one only
    return due, allowed


def first_is_whole(*, terms: Terms, start: Integers, first_due: Integers) -> Flags:
    """Return where the first period is a whole one: it ends where it would without a first due date of its own."""
    usual, _ = _periods_after(start, terms.period, np.arange(1, 2), None)
    whole: Flags = (first_due == NO_DAY_NUMBER) | (usual[:, 0] == first_due)
    return whole


def printed_days(*, terms: Terms, start: Integers, agreed: Integers) -> tuple[Integers, Flags]:
    """Return the due days after moving them off holidays, and which rows keep their order."""
    if terms.shift is Shift.NONE:
        return agreed, np.ones(len(agreed), dtype=np.bool_)
    days, places = np.unique(agreed, return_inverse=True)
    moved = np.array([_shifted(terms, as_date(day)) for day in days.tolist()], dtype=np.int64)
    printed: Integers = moved[places].reshape(agreed.shape)
    opened = np.column_stack((start, printed[:, :-1]))
    allowed: Flags = np.all(printed > opened, axis=1)
    return printed, allowed


def _shifted(terms: Terms, day: date) -> int:
    try:
        return as_day(shifted(day=day, shift=terms.shift, holidays=terms.holidays))
    except CalendarClosed:
        return NO_DAY_NUMBER  # before every other day, so that its row is out of order


def _periods_after(day: Integers, period: Period, times: Integers, anchor_day: int | None) -> tuple[Integers, Flags]:
    """Return the days [n, len(times)] that lie whole periods after each day, and which rows are within the years."""
    if period.unit is not PeriodUnit.MONTH:
        step = period.every * (7 if period.unit is PeriodUnit.WEEK else 1)
        later = day[:, None] + step * times
        return later, later[:, -1] <= _DAY_MAX
    month = np.searchsorted(_FIRST_DAYS, day, side="right") - 1
    wanted = day - _FIRST_DAYS[month] + 1 if anchor_day is None else np.full_like(day, anchor_day)
    at = month[:, None] + period.every * times
    within = at[:, -1] < len(_MONTH_DAYS)
    at = np.minimum(at, len(_MONTH_DAYS) - 1)
    return _FIRST_DAYS[at] + np.minimum(wanted[:, None], _MONTH_DAYS[at]) - 1, within
