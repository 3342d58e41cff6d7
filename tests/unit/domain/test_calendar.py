"""Dates: anchored month ends, first due dates, business days, day counts."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from fractions import Fraction

import pytest

from mingqu.domain.calendar import (
    MONTHLY,
    CalendarClosed,
    DateOutOfRange,
    DatesOutOfOrder,
    DayCount,
    Holidays,
    Period,
    PeriodMalformed,
    PeriodUnit,
    Shift,
    add_months,
    add_periods,
    check_date,
    due_dates,
    first_due_on,
    shifted,
    spread_due_day,
    year_fraction,
)
from mingqu.domain.identifier import SLOTS, cell_of_slot


def test_month_ends_clip_and_come_back_to_the_day_that_was_agreed() -> None:
    days = due_dates(start=date(2026, 1, 31), period=MONTHLY, instalments=4)
    assert [day.isoformat() for day in days] == ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]


def test_a_first_due_date_sets_the_day_of_the_others() -> None:
    days = due_dates(start=date(2026, 1, 31), period=MONTHLY, instalments=3, first_due=date(2026, 3, 5))
    assert [day.isoformat() for day in days] == ["2026-03-05", "2026-04-05", "2026-05-05"]


def test_a_clipped_first_due_date_keeps_its_anchor() -> None:
    days = due_dates(start=date(2026, 1, 10), period=MONTHLY, instalments=3, first_due=date(2026, 2, 28), anchor_day=31)
    assert [day.isoformat() for day in days] == ["2026-02-28", "2026-03-31", "2026-04-30"]


@pytest.mark.parametrize(
    ("period", "second"),
    [
        (Period(every=15, unit=PeriodUnit.DAY), "2026-02-14"),
        (Period(every=2, unit=PeriodUnit.WEEK), "2026-02-12"),
        (Period(every=3, unit=PeriodUnit.MONTH), "2026-07-15"),
    ],
)
def test_periods_are_days_weeks_or_months(period: Period, second: str) -> None:
    assert due_dates(start=date(2026, 1, 15), period=period, instalments=2)[1].isoformat() == second


def test_a_first_due_date_before_the_start_is_refused() -> None:
    with pytest.raises(DatesOutOfOrder):
        due_dates(start=date(2026, 1, 15), period=MONTHLY, instalments=2, first_due=date(2026, 1, 15))


@pytest.mark.parametrize("every", [0, -1, 1201])
def test_a_period_of_no_time_or_of_ages_is_refused(every: int) -> None:
    with pytest.raises(PeriodMalformed):
        Period(every=every)


@pytest.mark.parametrize("day", [date(1899, 12, 31), date(2201, 1, 1)])
def test_dates_outside_the_years_are_refused(day: date) -> None:
    with pytest.raises(DateOutOfRange) as refused:
        check_date(day)
    assert refused.value.code == "date_out_of_range"


def test_counting_past_the_last_year_is_refused() -> None:
    for period in (MONTHLY, Period(every=40, unit=PeriodUnit.DAY)):
        with pytest.raises(DateOutOfRange):
            add_periods(day=date(2200, 12, 15), period=period, times=1)
    with pytest.raises(DateOutOfRange):
        add_months(day=date(1900, 1, 1), months=-1)


@pytest.mark.parametrize(
    ("start", "due_day", "days_min", "expected"),
    [
        (date(2026, 3, 10), 5, 15, "2026-04-05"),
        (date(2026, 3, 10), 20, 1, "2026-03-20"),
        (date(2026, 3, 10), 10, 1, "2026-04-10"),
        (date(2026, 1, 31), 31, 1, "2026-02-28"),
    ],
)
def test_the_first_due_date_is_the_next_one_on_a_fixed_day(
    start: date, due_day: int, days_min: int, expected: str
) -> None:
    assert first_due_on(start=start, day_of_month=due_day, days_min=days_min).isoformat() == expected


SATURDAY = date(2026, 1, 31)


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        (Shift.NONE, "2026-01-31"),
        (Shift.FOLLOWING, "2026-02-02"),
        (Shift.MODIFIED_FOLLOWING, "2026-01-30"),
        (Shift.PRECEDING, "2026-01-30"),
        (Shift.MODIFIED_PRECEDING, "2026-01-30"),
    ],
)
def test_a_saturday_moves_as_the_rule_says(shift: Shift, expected: str) -> None:
    assert shifted(day=SATURDAY, shift=shift, holidays=Holidays()).isoformat() == expected


def test_a_working_weekend_is_a_business_day_and_a_holiday_is_none() -> None:
    holidays = Holidays(open=frozenset({SATURDAY}), closed=frozenset({date(2026, 2, 2)}))
    assert shifted(day=SATURDAY, shift=Shift.FOLLOWING, holidays=holidays) == SATURDAY
    assert shifted(day=date(2026, 2, 1), shift=Shift.FOLLOWING, holidays=holidays) == date(2026, 2, 3)


def test_a_calendar_without_business_days_is_refused() -> None:
    closed = frozenset(SATURDAY + timedelta(days=count) for count in range(60))
    with pytest.raises(CalendarClosed):
        shifted(day=SATURDAY, shift=Shift.FOLLOWING, holidays=Holidays(closed=closed))


@pytest.mark.parametrize(
    ("day_count", "start", "end", "expected"),
    [
        (DayCount.ACT_360, "2026-03-10", "2026-04-10", Fraction(31, 360)),
        (DayCount.ACT_364, "2026-03-10", "2026-03-24", Fraction(14, 364)),
        (DayCount.ACT_365, "2024-02-28", "2024-03-01", Fraction(2, 365)),
        (DayCount.THIRTY_360, "2026-01-31", "2026-03-31", Fraction(60, 360)),
        (DayCount.THIRTY_360, "2026-01-15", "2026-01-31", Fraction(16, 360)),
        (DayCount.THIRTY_E_360, "2026-01-15", "2026-01-31", Fraction(15, 360)),
        (DayCount.THIRTY_360, "2026-01-31", "2026-02-28", Fraction(28, 360)),
        (DayCount.ACT_ACT_1_JANUARY, "2023-12-12", "2024-01-12", Fraction(20, 365) + Fraction(11, 366)),
        (DayCount.ACT_ACT_31_DECEMBER, "2023-12-12", "2024-01-12", Fraction(19, 365) + Fraction(12, 366)),
        (DayCount.ACT_ACT_1_JANUARY, "2023-07-01", "2025-07-01", Fraction(184 + 181, 365) + 1),
        (DayCount.ACT_365_LEAP_DAY, "2024-02-12", "2024-03-12", Fraction(29, 366)),
        (DayCount.ACT_365_LEAP_DAY, "2024-01-12", "2024-02-12", Fraction(31, 365)),
        (DayCount.ACT_365_LEAP_DAY, "2024-01-29", "2024-02-29", Fraction(31, 366)),
    ],
)
def test_each_day_count_turns_days_into_its_part_of_a_year(
    day_count: DayCount, start: str, end: str, expected: Fraction
) -> None:
    found = year_fraction(start=date.fromisoformat(start), end=date.fromisoformat(end), day_count=day_count)
    assert Fraction(*found) == expected


def test_a_span_that_runs_backwards_is_refused() -> None:
    for day_count in DayCount:
        with pytest.raises(DatesOutOfOrder):
            year_fraction(start=date(2026, 1, 2), end=date(2026, 1, 1), day_count=day_count)


@pytest.mark.parametrize("cells", [1, 4, 16, 32])
def test_due_days_by_slot_are_even_in_every_cell_and_in_every_month(cells: int) -> None:
    days: dict[int, Counter[int]] = {cell: Counter() for cell in range(cells)}
    for slot in range(SLOTS):
        days[cell_of_slot(slot, cells=cells)][spread_due_day(slot=slot)] += 1
    for counted in days.values():
        assert set(counted) == set(range(1, 29))
        assert max(counted.values()) - min(counted.values()) <= 1
