"""The clock of the machine."""

from __future__ import annotations

from datetime import UTC, date, datetime

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
