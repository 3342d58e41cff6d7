"""The only place that knows what time it is."""

from __future__ import annotations

from datetime import date, datetime
from typing import Protocol


class Clock(Protocol):
    """Now, twice: as a moment and as the market's business date. Both tell the same instant."""

    def now(self) -> datetime:
        """Return the present moment in UTC, with its time zone, never earlier than an answer given before."""
        ...

    def business_date(self) -> date:
        """Return the date in Asia/Shanghai at this moment; the day ends at 24:00 there."""
        ...
