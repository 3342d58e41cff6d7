"""A clock that stands still until it is told to go on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from mingqu.domain.moment import business_date_of, start_of


class SettableClock:
    """Tells the moment it was set to. It never goes back."""

    def __init__(self, *, start: datetime) -> None:
        assert start.tzinfo is not None
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the moment it stands at, in UTC."""
        return self._now

    def business_date(self) -> date:
        """Return its date in Asia/Shanghai."""
        return business_date_of(self._now)

    def advance(self, by: timedelta) -> datetime:
        """Go on by some time and return the new moment."""
        return self.advance_to(self._now + by)

    def advance_to(self, moment: datetime) -> datetime:
        """Go on to a moment and return it."""
        assert moment >= self._now, "time does not go back"
        self._now = moment.astimezone(UTC)
        return self._now

    def advance_to_date(self, business_date: date) -> datetime:
        """Go on to the first moment of a business date and return it."""
        return self.advance_to(start_of(business_date))
