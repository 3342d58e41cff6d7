"""The sandbox's time: the machine's, unless somebody set it, or hands in a clock that everybody shares."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

BEIJING: Final = timezone(timedelta(hours=8))


class Time:
    """Tells now, in UTC."""

    def __init__(self, clock: Callable[[], datetime] | None = None) -> None:
        self._clock = clock or (lambda: datetime.now(UTC))
        self._set: datetime | None = None

    def now(self) -> datetime:
        """Return the present moment."""
        return self._set or self._clock().astimezone(UTC)

    def set(self, moment: datetime | None) -> None:
        """Stand still at a moment, or with None go on with the clock."""
        self._set = None if moment is None else moment.astimezone(UTC)

    @property
    def stands(self) -> bool:
        """Whether somebody set it."""
        return self._set is not None


def beijing(moment: datetime) -> str:
    """Return a moment as WeChat writes it. Example: 2026-08-15T10:00:00+08:00."""
    return moment.astimezone(BEIJING).isoformat(timespec="seconds")


def utc(moment: datetime) -> str:
    """Return a moment as the gateway protocol writes it. Example: 2026-08-15T02:00:00Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def read(text: str) -> datetime:
    """Return the moment a text means. Errors: ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment names its time zone")
    return moment
