"""An order waits for its channel: never into the dark, never longer than it must."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.working_window import Window, WorkingWindows, WorkingWindowsMalformed, read_working_windows

MARKET = ZoneInfo("Asia/Shanghai")
OFFICE = Window(weekdays=frozenset(range(5)), opens=time(8, 30), closes=time(17, 15))
NIGHT = (datetime(2026, 8, 17, 1, tzinfo=UTC), datetime(2026, 8, 17, 3, tzinfo=UTC))  # Monday, 09:00 to 11:00 there
CLEARING = WorkingWindows(channel="clearing", windows=(OFFICE,), dark=(NIGHT,))


def there(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 8, day, hour, minute, tzinfo=MARKET)


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        (there(14, 12), there(14, 12)),  # Friday at noon
        (there(14, 17, 14), there(14, 17, 14)),
        (there(14, 17, 15), there(17, 8, 30)),  # closed: Monday
        (there(17, 8), there(17, 8, 30)),
        (there(17, 9), there(17, 11)),  # in the dark of that day
        (there(17, 11), there(17, 11)),
    ],
)
def test_it_waits_for_the_next_moment_at_which_the_channel_works(at: datetime, opens: datetime) -> None:
    assert CLEARING.opens_at(at.astimezone(UTC)) == opens


@given(st.integers(0, 20 * 24 * 60))
def test_it_opens_at_the_first_minute_that_an_independent_look_at_the_clock_finds(minutes: int) -> None:
    at = datetime(2026, 8, 10, tzinfo=UTC) + timedelta(minutes=minutes)
    moment = at
    while True:  # ends: there is a Tuesday in every week
        local = moment.astimezone(MARKET)
        if local.weekday() < 5 and time(8, 30) <= local.time() < time(17, 15) and not NIGHT[0] <= moment < NIGHT[1]:
            break
        moment += timedelta(minutes=1)
    assert CLEARING.opens_at(at) == moment


def test_a_channel_without_windows_works_at_any_hour() -> None:
    always = WorkingWindows(channel="bank")
    assert always.opens_at(NIGHT[0]) == NIGHT[0]


def test_a_channel_that_never_works_is_said_to_be_so() -> None:
    never = WorkingWindows(channel="x", windows=(Window(weekdays=frozenset(), opens=time(1), closes=time(2)),))
    with pytest.raises(WorkingWindowsMalformed):
        never.opens_at(NIGHT[0])


def test_the_file_of_this_house_reads() -> None:
    rows = tomllib.loads(Path("policies/channels/windows.toml").read_text())["channel"]
    assert set(read_working_windows(rows)) == {"clearing"}


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"channel": 1},
        {"channel": "a", "hours": []},
        {"channel": "a", "windows": [{}]},
        {"channel": "a", "windows": [{"weekdays": ["day"], "opens": time(1), "closes": time(2)}]},
        {"channel": "a", "windows": [{"weekdays": ["mon"], "opens": time(2), "closes": time(1)}]},
        {"channel": "a", "dark": [{"from": NIGHT[1], "to": NIGHT[0]}]},
        {"channel": "a", "dark": [{"from": NIGHT[0].replace(tzinfo=None), "to": NIGHT[1]}]},
        {"channel": "a", "dark": [{"from": NIGHT[0], "to": NIGHT[1]}] * 2},
    ],
)
def test_what_is_not_right_is_refused(row: dict[str, object]) -> None:
    with pytest.raises(WorkingWindowsMalformed):
        read_working_windows([row])
