"""Loans that began together, followed month by month: which month of their life a day is in, and which days to look at.

A *vintage* (账龄) is all loans paid out in one calendar month; its *month on book* (MOB) 0 is that month, 1 the next.
It is looked at as each month ends. Late by "30+" is more than thirty days past the oldest unpaid due date, so that the
three marks are the bounds of the classes M2, M3 and M4 of a portfolio.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from mingqu.domain.calendar import add_months

LATE_DAYS: Final = (30, 60, 90)
WHOLE_PPM: Final = 1_000_000
_MONTHS_A_YEAR: Final = 12


def month_on_book(*, started: date, on: date) -> int:
    """Return in which month of their life loans are on a day that began in the month of `started`.

    Example: begun 2026-08-31, on 2026-09-01 they are in month 1, on 2026-08-31 in month 0.
    """
    return (on.year - started.year) * _MONTHS_A_YEAR + on.month - started.month


def looked_at(*, first: date, last: date) -> Sequence[date]:
    """Return the days on which vintages are looked at: each month's end from `first` to `last`, and `last` itself.

    Example: from 2026-08-15 to 2026-10-10: 2026-08-31, 2026-09-30, 2026-10-10.
    """
    assert first <= last, "days are in order"
    days: list[date] = []
    month = first.replace(day=1)
    while (end := add_months(day=month, months=1) - timedelta(days=1)) < last:
        days.append(end)
        month = end + timedelta(days=1)
    return [*days, last]


def month_before(*, on: date) -> date:
    """Return the end of the month before that of a day. Example: 2026-09-18 → 2026-08-31."""
    return on.replace(day=1) - timedelta(days=1)


def share_ppm(*, part: int, whole: int) -> int:
    """Return a part as parts per million of the whole, rounded down; of nothing, 0. Example: 1 of 3 is 333,333."""
    assert 0 <= part <= whole, "a part is of its whole"
    return part * WHOLE_PPM // whole if whole else 0
