"""Working windows of channels, read from a file of the policies folder."""

from __future__ import annotations

import tomllib
from pathlib import Path

from mingqu.domain.working_window import WorkingWindows, WorkingWindowsMalformed, read_working_windows


def load_windows(path: Path) -> dict[str, WorkingWindows]:
    """Return the windows in a TOML file with [[channel]] rows, by channel. Errors: WorkingWindowsMalformed."""
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["channel"]
    except (OSError, ValueError, KeyError):
        raise WorkingWindowsMalformed(f"{path.name} does not read as windows of channels.") from None
    return read_working_windows(rows)
