"""What a stretch of work costs everybody in it: this process, its children, and every process of the server."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass
from pathlib import Path

from mingqu.store.server.database import Database

TICKS_PER_SECOND = 100  # of /proc/*/stat on Linux, whatever the kernel's own clock
_PARENT, _UTIME, _STIME, _CUTIME, _CSTIME = 1, 11, 12, 13, 14  # of /proc/*/stat, behind the name


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Processor seconds of this process (and its children) and of the server's, and seconds on the wall."""

    client: float
    server: float
    wall: float

    @property
    def cpu(self) -> float:
        """Processor seconds of everybody."""
        return self.client + self.server

    def __add__(self, other: Spent) -> Spent:
        """Return both together."""
        return Spent(client=self.client + other.client, server=self.server + other.server, wall=self.wall + other.wall)


class Meter:
    """Measures a stretch of work from its making on. Begin after the connections are open."""

    def __init__(self, database: Database) -> None:
        with database.transaction() as tx:
            row = tx.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        self._postmaster = int(_stat(row[0])[_PARENT])
        self._began = self._now()

    def spent(self) -> Spent:
        """Return what was spent since the meter was made."""
        client, server, wall = (now - then for now, then in zip(self._now(), self._began, strict=True))
        return Spent(client=client, server=server, wall=wall)

    def _now(self) -> tuple[float, float, float]:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        client = time.process_time() + children.ru_utime + children.ru_stime
        return client, self._server_seconds(), time.monotonic()

    def _server_seconds(self) -> float:
        """Add up the postmaster, its children, and the children that have ended and that it waited for."""
        ticks = 0
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = _stat(int(entry.name))
                except (FileNotFoundError, ProcessLookupError):
                    continue  # it ended just now; its parent has its ticks
                if int(entry.name) == self._postmaster:
                    ticks += sum(int(fields[at]) for at in (_UTIME, _STIME, _CUTIME, _CSTIME))
                elif int(fields[_PARENT]) == self._postmaster:
                    ticks += int(fields[_UTIME]) + int(fields[_STIME])
        return ticks / TICKS_PER_SECOND


def _stat(process: int) -> list[str]:
    """Return the fields of a process behind its name, which may hold spaces and parentheses."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
