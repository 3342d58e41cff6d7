"""Days that come round: cycles with their stubs and month ends, and due dates moved off holidays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum
from itertools import pairwise
from typing import Final, NamedTuple

from mingqu.domain.calendar import (
    MONTHLY,
    DatesOutOfOrder,
    Holidays,
    Period,
    PeriodUnit,
    Shift,
    add_periods,
    check_date,
    days_in_month,
    shifted,
)
from mingqu.domain.schedule.terms import TooManyInstalments

# A date a day for a century. Whoever asks for more has mistaken a unit or an end.
CYCLE_DATES_MAX: Final = 36_600


class Stub(Enum):
    """What becomes of the part of a period that is left before the end."""

    SHORT = "short"  # a last period of its own
    LONG = "long"  # joined to the period before it


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """Days that begin at `anchor` and come round every `period`.

    With `month_end` a cycle of months whose anchor is the last day of its month keeps to the last days: 28
    February, 31 March. Otherwise it keeps the anchor's day, clipped: 28 February, 28 March.
    """

    anchor: date
    period: Period = MONTHLY
    stub: Stub = Stub.SHORT
    month_end: bool = False


class Due(NamedTuple):
    """A due date: the `day` on which it is payable, and the day up to which interest counts.

    The two differ where a holiday moves the payment and interest keeps to the day agreed. `whole` says that a
    whole period of the terms ends here, which then bears the rate of a period instead of its days.
    """

    day: date
    counted: date
    whole: bool = False


def cycle_dates(*, cycle: Cycle, end: date) -> tuple[date, ...]:
    """Return the dates of the cycle before `end`.

    A long stub leaves out the last of them if `end` is none of the cycle; a date that is alone stays, for there is no
    period to join. Example: from 15 January every month, end 1 April: 15 January, 15 February, 15 March; with a long
    stub without 15 March.
    Errors: DateOutOfRange, TooManyInstalments.
    """
    anchor = check_date(cycle.anchor)
    last_day = days_in_month(year=anchor.year, month=anchor.month)
    at_month_end = cycle.month_end and cycle.period.unit is PeriodUnit.MONTH and anchor.day == last_day
    dates: list[date] = []
    for times in range(CYCLE_DATES_MAX):
        day = add_periods(day=anchor, period=cycle.period, times=times, anchor_day=31 if at_month_end else None)
        if day >= end:
            joins = day > end and cycle.stub is Stub.LONG and len(dates) > 1
            return tuple(dates[:-1] if joins else dates)
        dates.append(day)
    raise TooManyInstalments(f"A cycle has at most {CYCLE_DATES_MAX} dates.", dates=CYCLE_DATES_MAX)


def due_on(*, day: date, shift: Shift, holidays: Holidays, shift_bears_interest: bool, whole: bool = False) -> Due:
    """Return the due date of an agreed day. Errors: CalendarClosed.

    Example: Sunday 1 September 2013, FOLLOWING: payable on the 2nd, and interest counts to the 2nd or, without
    `shift_bears_interest`, to the 1st.
    """
    moved = shifted(day=day, shift=shift, holidays=holidays)
    return Due(moved, moved if shift_bears_interest else day, whole)


def check_dues(dues: tuple[Due, ...]) -> None:
    """Refuse due dates that do not come one after the other. Errors: DatesOutOfOrder, TooManyInstalments."""
    if len(dues) > CYCLE_DATES_MAX:
        raise TooManyInstalments(f"There are at most {CYCLE_DATES_MAX} due dates.", instalments=len(dues))
    for before, after in pairwise(dues):
        if after.day <= before.day or after.counted <= before.counted:
            raise DatesOutOfOrder("Due dates come one after the other.", due=str(after.day))
