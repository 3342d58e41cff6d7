"""A book whose story was told into the future goes on from there: its folder remembers how far ahead its clock is."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from mingqu.channels.system.clock import ShiftedClock, SystemClock
from mingqu.ports.clock import Clock

_FILE: Final = "clock.json"


def clock_of(data: Path) -> Clock:
    """Return the clock of a folder's book: the machine's, unless a story was told in it."""
    try:
        ahead = timedelta(seconds=int(json.loads((data / _FILE).read_text())["ahead_seconds"]))
    except (FileNotFoundError, NotADirectoryError):  # whoever opens the folder says what is wrong with it
        return SystemClock()
    return ShiftedClock(ahead=ahead)


def remember(data: Path, *, now: datetime) -> None:
    """Let the folder's book go on from a moment. A moment of the past is that of the machine."""
    ahead = max(timedelta(0), now - SystemClock().now())
    (data / _FILE).write_text(json.dumps({"ahead_seconds": int(ahead.total_seconds()) + 1}))
