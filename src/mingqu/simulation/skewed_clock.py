"""A counterparty's clock, which is off by some minutes."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from mingqu.domain.moment import business_date_of
from mingqu.ports.clock import Clock


class SkewedClock:
    """Tells the time of another clock, always as much too early or too late."""

    def __init__(self, *, clock: Clock, skew: timedelta) -> None:
        self._clock, self._skew = clock, skew

    def now(self) -> datetime:
        """Return the moment it shows, in UTC."""
        return self._clock.now() + self._skew

    def business_date(self) -> date:
        """Return its date in Asia/Shanghai."""
        return business_date_of(self.now())
