"""The person and the clock that every contract suite plays with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from mingqu.domain.personal import Personal

START: Final = datetime(2026, 8, 15, 2, 0, tzinfo=UTC)
CARD: Final = Personal("6200001234567892")
OTHER_CARD: Final = Personal("6200009999999990")
NAME: Final = Personal("林知夏")
OTHER_NAME: Final = Personal("周听澜")
ID_NUMBER: Final = Personal("11010519491231002X")
PHONE: Final = Personal("13800138000")
OTHER_PHONE: Final = Personal("13900139000")


def number(count: int) -> str:
    """Return the `count`-th order number, 32 hex digits."""
    return f"{count:032x}"
