"""Moments are in UTC; a business date is the day on the wall of the market.

The market's cut-off is 24:00 in Asia/Shanghai. Mainland China keeps one time zone, eight hours ahead of
UTC, and has had no daylight saving since 1992, so a fixed offset is exact and needs no time-zone data.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MARKET_TIME: Final = timezone(timedelta(hours=8), "Asia/Shanghai")


def business_date_of(moment: datetime) -> date:
    """Return the business date that a moment falls on. Example: 2026-08-15 16:00 UTC is 2026-08-16 in Shanghai."""
    assert moment.tzinfo is not None, "a moment without a time zone is not a moment"
    return moment.astimezone(MARKET_TIME).date()


def start_of(business_date: date) -> datetime:
    """Return the first moment, in UTC, of a business date. Example: 2026-08-16 starts at 2026-08-15 16:00 UTC."""
    return datetime(business_date.year, business_date.month, business_date.day, tzinfo=MARKET_TIME).astimezone(UTC)


def milliseconds_of(moment: datetime) -> int:
    """Return a moment as whole milliseconds since 1970 UTC, rounded down."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)
