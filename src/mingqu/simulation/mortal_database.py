"""A database whose sessions end in the middle: whoever works on it dies, or is told that the server went away.

Every statement is a point, and so are the moments just before and just after a commit. At most one point of a doing is
fatal. What was not committed is rolled back by the server, as after any death; what was committed stays, though nobody
was told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Any, LiteralString

from mingqu.store.server.connection import Answer, Packed, Statement
from mingqu.store.server.database import Cells, Database, DatabaseUnavailable, Parameters, Transaction
from mingqu.store.server.rows import Rows


class WorkerKilled(BaseException):
    """The process that did this died here. No error: nothing in the house may catch it."""


class End(Enum):
    """How a doing ends in the middle."""

    KILLED = "killed"
    SESSION_LOST = "session lost"


class Fate:
    """Decides at which point the doing at hand ends, if at any."""

    def __init__(self) -> None:
        self._end: End | None = None
        self._points_left = 0
        self._behind_commit = False
        self.struck: End | None = None  # how the doing at hand ended, if it did
        self.where = ""  # and at which point

    def doom(self, end: End, *, after_points: int, behind_commit: bool) -> None:
        """Let what is done next end after so many points, or behind the first commit after them."""
        self._end, self._points_left, self._behind_commit = end, after_points, behind_commit

    def spare(self) -> None:
        """Let everything live, and forget what did not."""
        self._end = self.struck = None

    def pass_point(self, where: str) -> None:
        """Pass a point, fatal or not. Errors: WorkerKilled, DatabaseUnavailable."""
        if self._end is None:
            return
        self._points_left -= 1
        if self._points_left > 0 or (self._behind_commit and where != "behind commit"):
            return
        end, self._end = self._end, None
        self.struck, self.where = end, where
        if end is End.KILLED:
            raise WorkerKilled
        raise DatabaseUnavailable("The session was lost; try again in a moment.")


class MortalTransaction(Transaction):
    """A transaction whose every statement is a point."""

    __slots__ = ("_fate",)

    def __init__(self, tx: Transaction, database: Database, *, fate: Fate) -> None:
        super().__init__(tx._line, database)
        self._fate = fate

    def execute(self, sql: LiteralString, parameters: Parameters | None = None, *, binary: bool = False) -> Rows:
        """Run one statement and pass a point."""
        answer = super().execute(sql, parameters, binary=binary)
        self._fate.pass_point("statement")
        return answer

    def call(self, sql: LiteralString, parameters: Packed) -> bytes:
        """Run a prepared statement and pass a point."""
        answer = super().call(sql, parameters)
        self._fate.pass_point("statement")
        return answer

    def together(self, statements: Sequence[Statement]) -> list[Answer]:
        """Run statements that go in one round trip one after the other, and pass a point behind each."""
        answers = []
        for statement in statements:
            answers += super().together([statement])
            self._fate.pass_point("statement")
        return answers

    def finish(self, statements: Sequence[Statement]) -> list[Answer]:
        """Run the last statements one after the other and commit, with points between."""
        answers = self.together(statements)
        self.commit()
        return answers

    def executemany(self, sql: LiteralString, rows: Iterable[Parameters]) -> None:
        """Run one statement for many rows and pass a point."""
        super().executemany(sql, rows)
        self._fate.pass_point("statement")

    def copy(self, sql: LiteralString, rows: Iterable[Sequence[object]]) -> int:
        """Stream rows in and pass a point."""
        copied = super().copy(sql, rows)
        self._fate.pass_point("statement")
        return copied

    def columns(self, sql: LiteralString, parameters: Parameters) -> list[bytes]:
        """Read columns and pass a point."""
        answer = super().columns(sql, parameters)
        self._fate.pass_point("statement")
        return answer

    def stream(
        self, sql: LiteralString, parameters: Parameters | None = None, *, name: str = "mingqu_stream"
    ) -> Iterator[tuple[Any, ...]]:
        """Yield rows and pass a point behind the last."""
        yield from super().stream(sql, parameters, name=name)
        self._fate.pass_point("statement")

    def commit(self) -> None:
        """Commit, with a point on either side."""
        self._fate.pass_point("before commit")
        super().commit()
        self._fate.pass_point("behind commit")


class MortalDatabase(Database):
    """A database whose transactions and calls pass the points of a fate."""

    def __init__(self, url: str, *, fate: Fate) -> None:
        super().__init__(url)
        self._fate = fate

    @contextmanager
    def transaction(self, *, planned: bool = False) -> Iterator[Transaction]:
        """Open one transaction, as the house does, whose points are passed."""
        with super().transaction(planned=planned) as tx:
            yield tx if self._reading is not None else MortalTransaction(tx, self, fate=self._fate)

    def ask(self, statements: Callable[[Cells], Sequence[Statement]]) -> list[Answer]:
        """Run statements that only read and pass a point."""
        answers = super().ask(statements)
        if self._reading is None:
            self._fate.pass_point("statement")
        return answers

    def call(self, sql: LiteralString, parameters: Packed) -> bytes:
        """Run one prepared statement as a transaction of its own, with a point on either side."""
        self._fate.pass_point("before commit")
        answer = super().call(sql, parameters)
        self._fate.pass_point("behind commit")
        return answer
