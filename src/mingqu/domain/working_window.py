"""When a channel works: windows of each day of the week, and dark periods announced for a while.

A clearing system has working hours, a bank its nightly batch, and each announces when it is dark. Outside, an order
waits (or takes another channel): sent into the dark it would only be silent, and its borrower would be told of a doubt
where there is none. Questions are asked at any hour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Final

from mingqu.domain.moment import business_date_of, start_of
from mingqu.domain.refusal import Refusal

# Longer than any holiday: a channel that is dark for longer is not one to wait for.
DAYS_MAX: Final = 31
DARK_MAX: Final = 1_000  # a night a day for some years
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MIDNIGHT: Final = time(0)


class WorkingWindowsMalformed(Refusal):
    """A channel's working windows are not right; the message names the channel and what is wrong."""

    code = "working_windows_malformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From `opens` to before `closes` in the market on some weekdays (0 is Monday); closing at 00:00 is midnight."""

    weekdays: frozenset[int]
    opens: time
    closes: time


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingWindows:
    """When one channel works; without windows at any hour. Dark periods are `[from, to)` in UTC, apart and in order."""

    channel: str
    windows: tuple[Window, ...] = ()
    dark: tuple[tuple[datetime, datetime], ...] = ()

    def opens_at(self, at: datetime) -> datetime:
        """Return `at` when the channel works then, or else the next moment at which it does, in UTC.

        Example: windows of Monday to Friday, 08:30 to 17:15; Friday 17:15 becomes Monday 08:30.
        Errors: WorkingWindowsMalformed, when it does not work within DAYS_MAX days.
        """
        moment = at
        for _ in range(2 * (DAYS_MAX + len(self.dark))):  # each turn passes a night or a dark period
            lit = next((end for start, end in self.dark if start <= moment < end), moment)
            inside = self._inside(lit)
            if lit == moment and inside == moment:
                return moment
            moment = max(lit, inside)
            if moment - at > timedelta(days=DAYS_MAX):
                break
        raise WorkingWindowsMalformed(f"The channel {self.channel} does not work within {DAYS_MAX} days.")

    def _inside(self, at: datetime) -> datetime:
        """Return `at` inside a window, or the opening of the next one."""
        if not self.windows:
            return at
        today = business_date_of(at)
        for days in range(DAYS_MAX + 1):
            day = today + timedelta(days=days)
            midnight = start_of(day)
            openings = sorted(
                (midnight + _since_midnight(one.opens), midnight + (_since_midnight(one.closes) or timedelta(days=1)))
                for one in self.windows
                if day.weekday() in one.weekdays
            )
            for opens, closes in openings:
                if at < closes:
                    return max(at, opens)
        raise WorkingWindowsMalformed(f"The channel {self.channel} does not work within {DAYS_MAX} days.")


def read_working_windows(rows: Sequence[Mapping[str, object]]) -> dict[str, WorkingWindows]:
    """Return the windows of channels out of parsed rows (channel, windows, dark), by channel.

    A window is {weekdays = ["mon", …], opens = 08:30:00, closes = 17:15:00}, a dark period {from, to} with offsets.
    Errors: WorkingWindowsMalformed.
    """
    found: dict[str, WorkingWindows] = {}
    for row in rows:
        channel, windows, dark = row.get("channel"), row.get("windows", []), row.get("dark", [])
        if set(row) - {"channel", "windows", "dark"} or not isinstance(channel, str) or channel in found:
            raise WorkingWindowsMalformed("A channel has its name, once, with windows and dark periods.")
        if not isinstance(windows, list) or not isinstance(dark, list) or len(dark) > DARK_MAX:
            raise WorkingWindowsMalformed(f"The windows or dark periods of {channel} are no lists.")
        periods = sorted(_dark(channel, one) for one in dark)
        if any(before[1] > after[0] for before, after in pairwise(periods)):
            raise WorkingWindowsMalformed(f"Dark periods of {channel} overlap.")
        found[channel] = WorkingWindows(
            channel=channel, windows=tuple(_window(channel, one) for one in windows), dark=tuple(periods)
        )
    return found


def _window(channel: str, given: object) -> Window:
    if isinstance(given, Mapping) and set(given) == {"weekdays", "opens", "closes"}:
        days, opens, closes = given["weekdays"], given["opens"], given["closes"]
        known = isinstance(days, list) and bool(days) and all(day in WEEKDAYS for day in days)
        if known and isinstance(opens, time) and isinstance(closes, time) and (opens < closes or closes == MIDNIGHT):
            return Window(weekdays=frozenset(map(WEEKDAYS.index, days)), opens=opens, closes=closes)
    raise WorkingWindowsMalformed(f"A window of {channel} has weekdays, and opens before it closes.")


def _dark(channel: str, given: object) -> tuple[datetime, datetime]:
    if isinstance(given, Mapping) and set(given) == {"from", "to"}:
        since, until = given["from"], given["to"]
        known = isinstance(since, datetime) and isinstance(until, datetime) and since.tzinfo and until.tzinfo
        if known and since < until <= since + timedelta(days=DAYS_MAX):
            return since, until
    raise WorkingWindowsMalformed(f"A dark period of {channel} lies between two moments with their offsets.")


def _since_midnight(at: time) -> timedelta:
    return timedelta(hours=at.hour, minutes=at.minute, seconds=at.second)
