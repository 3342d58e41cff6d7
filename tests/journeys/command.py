"""The command `mingqu` as its users have it: a process of its own, and folders that its server can reach."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
# The columns of the Taiwan data that the shipped mapping reads, and what became of the person.
COLUMNS: Final = (
    *("LIMIT_BAL", "AGE", "PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6"),
    *(f"BILL_AMT{month}" for month in range(1, 7)),
    *(f"PAY_AMT{month}" for month in range(1, 7)),
    "class",
)
# Somebody with a good record, column by column.
SOUND: Final = dict.fromkeys(COLUMNS, "0") | {
    "LIMIT_BAL": "200000",
    "AGE": "35",
    **{f"BILL_AMT{month}": "20000" for month in range(1, 7)},
    **{f"PAY_AMT{month}": "3000" for month in range(1, 7)},
}
SECONDS_MAX: Final = 240  # a command that takes longer than this on a busy machine hangs


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """The one JSON value on standard output; a second one, or a word of prose, is a fault."""
        return json.loads(self.out)


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment without what would point a command elsewhere."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MINGQU_")}
    state = os.environ.get("MINGQU_STATE_DIR")
    return own | ({"MINGQU_STATE_DIR": state} if state else {}) | more


def command(*words: str | Path) -> list[str]:
    """Return the words that start `mingqu` in the Python that runs the tests."""
    return [sys.executable, "-m", "mingqu.main", *map(str, words)]


def mingqu(*words: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Said:
    """Run a command to its end."""
    ended = subprocess.run(
        command(*words),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_MAX,
        env=environment() if env is None else env,
        cwd=cwd,
    )
    return Said(code=ended.returncode, out=ended.stdout, err=ended.stderr)


@contextmanager
def passing_folder() -> Iterator[Path]:
    """A folder that the account which runs the server for root may pass, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="mingqu-test-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def write_applicants(file: Path, *people: Mapping[str, str]) -> Path:
    """Write a CSV of applicants; each is a sound one but for what is given."""
    rows = [",".join(COLUMNS), *(",".join((SOUND | person)[name] for name in COLUMNS) for person in people)]
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return file
