"""Moments and the business date they fall on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.moment import business_date_of, milliseconds_of, start_of

DATES = st.dates(min_value=date(1992, 1, 1), max_value=date(2199, 12, 31))
MOMENTS = st.datetimes(min_value=datetime(1992, 1, 1), max_value=datetime(2199, 12, 31)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=UTC)
)


@given(DATES)
def test_a_business_date_starts_at_midnight_in_shanghai(day: date) -> None:
    assert business_date_of(start_of(day)) == day
    assert business_date_of(start_of(day) - timedelta(microseconds=1)) == day - timedelta(days=1)


@pytest.mark.skipif("Asia/Shanghai" not in available_timezones(), reason="this machine has no time-zone data")
@given(MOMENTS)
def test_the_fixed_offset_agrees_with_the_time_zone_data(moment: datetime) -> None:
    assert business_date_of(moment) == moment.astimezone(ZoneInfo("Asia/Shanghai")).date()


def test_milliseconds_count_from_1970_rounded_down() -> None:
    assert milliseconds_of(datetime(1970, 1, 1, 0, 0, 1, 999, tzinfo=UTC)) == 1_000
