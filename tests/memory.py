"""Where tests put what is gone when they end: in memory, where the machine has a place for it.

What dies in a test is processes, never the machine, so that a write needs no disk to outlive them. Every server runs
with the settings it always has and syncs what it says is kept; only the disk that a sync waits for is not there.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final, LiteralString

_MEMORY: Final = Path("/dev/shm")
_BYTES_MIN: Final = 2 << 30  # three processes with a server each, whose books are 10 MB, and a few servers beside them


def _has_place() -> bool:
    if not _MEMORY.is_dir() or shutil.disk_usage(_MEMORY).free < _BYTES_MIN:
        return False
    return not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC  # an installed wheel is run where it was put


IN_MEMORY: Final = _has_place()
# How PostgreSQL copies a database. By files there is no log to keep, but two checkpoints, which a disk makes long.
COPIED_BY: Final[LiteralString] = "FILE_COPY" if IN_MEMORY else "WAL_LOG"


def use_memory() -> None:
    """Let this process, and every one it starts, make its temporary folders in memory if there is a place."""
    if IN_MEMORY and "TMPDIR" not in os.environ:
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None  # asked for again
