"""Months of a vintage's life, and the days on which it is looked at."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.cohort import looked_at, month_before, month_on_book, share_ppm

DAYS = st.dates(min_value=date(2020, 1, 1), max_value=date(2060, 1, 1))


@given(first=DAYS, length=st.integers(0, 1500))
def test_every_month_is_looked_at_once_and_the_last_day_always(first: date, length: int) -> None:
    last = first + timedelta(days=length)
    days = looked_at(first=first, last=last)
    assert days[-1] == last
    assert [month_on_book(started=first, on=day) for day in days] == list(range(len(days)))
    assert all((day + timedelta(days=1)).day == 1 for day in days[:-1])
    assert all(month_before(on=later) == day for day, later in pairwise(days))


@given(whole=st.integers(0, 10**9), data=st.data())
def test_shares_never_add_up_to_more_than_the_whole(whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, whole))
    together = share_ppm(part=part, whole=whole) + share_ppm(part=whole - part, whole=whole)
    assert together in ((999_999, 1_000_000) if whole else (0,))
