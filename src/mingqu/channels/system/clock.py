"""The clock of the machine, as it is or ahead of itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from mingqu.domain.moment import business_date_of


class SystemClock:
    """Tells the machine's time; if that is set back, it stands still until the old moment has come again."""

    def __init__(self) -> None:
        self._latest = datetime.now(UTC)

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        self._latest = max(self._latest, datetime.now(UTC))
        return self._latest

    def business_date(self) -> date:
        """Return today's date in Asia/Shanghai."""
        return business_date_of(self.now())


class ShiftedClock:
    """The machine's clock, ahead by a fixed time: a book whose story was told into the future goes on from there."""

    def __init__(self, *, ahead: timedelta) -> None:
        assert ahead >= timedelta(0), "a book does not go back in time"
        self._clock, self._ahead = SystemClock(), ahead

    def now(self) -> datetime:
        """Return the present moment of the story, in UTC."""
        return self._clock.now() + self._ahead

    def business_date(self) -> date:
        """Return the story's date in Asia/Shanghai."""
        return business_date_of(self.now())
