"""Parts of a house that die at a named point: the process, the database server below it, or both.

Points are named after the use case and what it has just done. Every transaction of a use case passes

    <use case>: after <statement>     e.g. "BookOrders.hear: after UPDATE channel_order"
    <use case>: before commit
    <use case>: committed

and every call to a counterparty passes "<call>: before" and "<call>: done". Nothing in the house knows of them:
the database and the channels that are handed to it are wrapped here.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from mingqu.channels.fake.bank import FakeBank
from mingqu.channels.fake.sms import FakeSms
from mingqu.store.server.database import Database, Transaction

Who = Literal["process", "server", "both"]
EVERYONE: Final[tuple[Who, ...]] = ("process", "server", "both")
Returned = TypeVar("Returned")
_STATEMENT: Final = re.compile(r"\b(INSERT INTO|UPDATE|COPY|post_batch)\b(?:\s+([a-z_]+))?")
_CALLS: Final = {
    "send": "payout.send",
    "deduct": "collection.deduct",
    "create": "hosted.create",
    "ask": "bank.ask",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """Who dies when a point is passed for the `nth` time; any point counts when none is named.

    `torn` plants a mistake: what the transaction has written so far is committed first.
    """

    who: Who
    nth: int = 1
    point: str | None = None
    torn: bool = False


class Reaper:
    """Hears of every point that is passed and carries out at most one death; leaves the point's name in a file."""

    def __init__(self, *, death: Death | None, cluster: Path, record: Path) -> None:
        self._death, self._cluster, self._record = death, cluster, record
        self._passed = 0

    def at(self, point: str, *, tx: Transaction | None = None) -> None:
        """Pass a point, inside a transaction or outside of any."""
        death = self._death
        if death is None or death.point not in (None, point):
            return
        self._passed += 1
        if self._passed == death.nth:
            self._death = None
            self._record.write_text(point)
            if death.torn and tx is not None:
                tx.commit()
            strike(who=death.who, process=os.getpid(), cluster=self._cluster)


def strike(*, who: Who, process: int, cluster: Path) -> None:
    """Kill with SIGKILL the process, every process of the server that works in the cluster, or both."""
    if who != "process":
        kill_server(cluster)
    if who != "server":
        os.kill(process, signal.SIGKILL)


def kill_server(cluster: Path) -> None:
    """Kill the server of a cluster, all of it at once as a power cut would; nothing happens if none runs."""
    for process in sorted(_working_in(cluster)):  # the postmaster has the lowest number and starts no new one
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _working_in(cluster: Path) -> list[int]:
    found = []
    for item in Path("/proc").iterdir():
        with suppress(OSError):  # gone meanwhile, or not ours
            if item.name.isdigit() and (item / "cwd").readlink() == cluster:
                found.append(int(item.name))
    return found


class MortalTransaction:
    """A transaction that passes a point after each statement that writes."""

    def __init__(self, tx: Transaction, *, use_case: str, reaper: Reaper) -> None:
        self._tx, self._use_case, self._reaper = tx, use_case, reaper

    def execute(self, sql: str, *arguments: object, **options: object) -> object:
        """Run one statement."""
        answer = self._tx.execute(sql, *arguments, **options)
        self._written(sql)
        return answer

    def call(self, sql: str, parameters: Any) -> bytes:
        """Run one prepared statement."""
        answer = self._tx.call(sql, parameters)
        self._written(sql)
        return answer

    def together(self, statements: Any) -> list[Any]:
        """Run statements that go in one round trip, one after the other, so that it can die between them."""
        answers = []
        for statement in statements:
            answers += self._tx.together([statement])
            self._written(statement.sql)
        return answers

    def finish(self, statements: Any) -> list[Any]:
        """Run the last statements; the database commits behind the points."""
        return self.together(statements)

    def copy(self, sql: str, rows: Any) -> int:
        """Stream rows in."""
        copied = self._tx.copy(sql, rows)
        self._written(sql)
        return copied

    def executemany(self, sql: str, rows: Any) -> None:
        """Run one statement for many rows."""
        self._tx.executemany(sql, rows)
        self._written(sql)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)

    def _written(self, sql: str) -> None:
        found = _STATEMENT.search(sql)
        if found is not None:
            what = " ".join(word for word in found.groups() if word)
            self._reaper.at(f"{self._use_case}: after {what}", tx=self._tx)


class MortalDatabase(Database):
    """A database whose use cases pass the points; how it finds and brings back its server is the house's own."""

    def __init__(self, url: str, *, ensure: Callable[[], None], reaper: Reaper) -> None:
        super().__init__(url, ensure=ensure)
        self._reaper = reaper

    def run(self, work: Callable[[Transaction], Returned], *, planned: bool = False) -> Returned:
        """Do the work of a use case in a transaction, as the house does, passing its points."""
        named = work.func if isinstance(work, partial) else work
        use_case = named.__qualname__.partition(".<locals>")[0]

        def mortal(tx: Transaction) -> Returned:
            answer = work(MortalTransaction(tx, use_case=use_case, reaper=self._reaper))
            self._reaper.at(f"{use_case}: before commit", tx=tx)
            return answer

        answer = super().run(mortal, planned=planned)
        self._reaper.at(f"{use_case}: committed")
        return answer


class MortalBank:
    """The bank with a point before and after each call of an order; what the world does with it passes none."""

    def __init__(self, bank: FakeBank, *, reaper: Reaper) -> None:
        self._bank, self._reaper = bank, reaper

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._bank, name)
        return _passing(found, _CALLS[name], self._reaper) if name in _CALLS else found


class MortalSms:
    """The short messages with a point before and after each send."""

    def __init__(self, sms: FakeSms, *, reaper: Reaper) -> None:
        self.send = _passing(sms.send, "sms.send", reaper)


def _passing(call: Callable[..., Returned], name: str, reaper: Reaper) -> Callable[..., Returned]:
    def passing(*arguments: object, **named: object) -> Returned:
        reaper.at(f"{name}: before")
        try:
            return call(*arguments, **named)
        finally:
            reaper.at(f"{name}: done")  # also when the answer is lost: whatever the bank did, it did

    return passing
