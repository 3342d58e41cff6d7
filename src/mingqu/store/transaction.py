"""One open transaction, and the one of a snapshot. Store functions take it first and never commit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Final, LiteralString, Protocol
from uuid import UUID

import psycopg
from psycopg import errors
from psycopg.rows import TupleRow

from mingqu.domain import identifier
from mingqu.domain.refusal import Refusal
from mingqu.store.connection import Answer, Connection, Packed, Statement, call, call_all, say
from mingqu.store.rows import Rows

Parameters = Sequence[object] | dict[str, object]

_STREAMED: Final = 500  # lines written, or rows fetched, in one go: some kilobytes each at most

# What a lost or absent server looks like from a connection that still thinks it is open.
GONE: Final = (errors.AdminShutdown, errors.CrashShutdown, errors.CannotConnectNow)


class Counted(Protocol):
    """Whose transaction it is: it knows how many cells the book has."""

    def cells_of(self, tx: Transaction) -> int:
        """Return how many cells the book has."""
        ...

    def former_of(self, tx: Transaction) -> tuple[int, ...]:
        """Return how many it had before."""
        ...

    def forget_cells(self) -> None:
        """Ask anew, next time."""
        ...


class Cells(Protocol):
    """What tells in which cell something lies."""

    @property
    def cells(self) -> int:
        """How many cells the book has."""
        ...

    def cell_of(self, identity: UUID) -> int:
        """Return the cell that an id routes itself to."""
        ...


class DatabaseUnavailable(Refusal):
    """The database could not be reached, or went away in the middle: nothing is known to be committed.

    Try again with the same idempotency key. If it went away during the commit itself, the effect may
    be there; the key tells.
    """

    code = "database_unavailable"
    status = 503


class Transaction:
    """One open transaction. Store functions take it first and never commit."""

    __slots__ = ("_connection", "_database", "_over")

    def __init__(self, connection: Connection, database: Counted) -> None:
        self._connection = connection
        self._database = database
        self._over = False

    def execute(self, sql: LiteralString, parameters: Parameters | None = None, *, binary: bool = False) -> Rows:
        """Run one statement and return its answer. Errors: DatabaseUnavailable when the connection is lost."""
        assert not self._over, "this transaction is over"
        with self._lost_is_a_refusal():
            return self._connection.execute(sql, parameters, binary=binary)

    def call(self, sql: LiteralString, parameters: Packed) -> bytes:
        """Run a prepared statement ($1, $2, …) that returns one value, packed both ways; see `Database.call`."""
        assert not self._over, "this transaction is over"
        with self._lost_is_a_refusal():
            return call(self._connection, sql, parameters)

    def together(self, statements: Sequence[Statement]) -> list[Answer]:
        """Run statements in one round trip, in order, packed both ways, and return the answer of each."""
        assert not self._over, "this transaction is over"
        with self._lost_is_a_refusal():
            return call_all(self._connection, statements)

    def executemany(self, sql: LiteralString, rows: Iterable[Parameters]) -> None:
        """Run one statement for each row of parameters, sent together without waiting for each answer."""
        assert not self._over, "this transaction is over"
        with self._lost_is_a_refusal(), self._connection.cursor() as cursor:
            cursor.executemany(sql, rows)

    def copy(self, sql: LiteralString, rows: Iterable[Sequence[object]]) -> int:
        """Stream rows in with COPY ... FROM STDIN and return how many went in."""
        assert not self._over, "this transaction is over"
        with self._lost_is_a_refusal(), self._connection.cursor() as cursor:
            with cursor.copy(sql) as copy:
                for row in rows:
                    copy.write_row(row)
            return cursor.rowcount

    def columns(self, sql: LiteralString, parameters: Parameters) -> list[bytes]:
        """Run a query of one row whose values are arrays, and return each as the server sends it, in binary.

        A null, which is what an aggregate of no rows is, comes as no bytes.
        """
        assert not self._over, "this transaction is over"
        with self._lost_is_a_refusal(), self._connection.cursor(binary=True) as cursor:
            cursor.execute(sql, parameters)
            row = cursor.pgresult
            assert row is not None
            assert row.ntuples == 1
            return [row.get_value(0, place) or b"" for place in range(row.nfields)]

    def copy_lines(self, sql: LiteralString, lines: Iterable[str]) -> int:
        """Stream lines in with COPY ... FROM STDIN, written as its text format has them; return how many went in."""
        assert not self._over, "this transaction is over"
        waiting = iter(lines)
        with self._lost_is_a_refusal(), self._connection.cursor() as cursor:
            with cursor.copy(sql) as copy:
                while some := "".join(islice(waiting, _STREAMED)):
                    copy.write(some)
            return cursor.rowcount

    def stream(
        self, sql: LiteralString, parameters: Parameters | None = None, *, name: str = "mingqu_stream"
    ) -> Iterator[TupleRow]:
        """Yield the rows of a query that may have more than fit into memory; two at a time take a name each."""
        assert not self._over, "this transaction is over"
        with self._lost_is_a_refusal(), self._connection.cursor(name=name) as cursor:
            cursor.itersize = _STREAMED
            yield from cursor.execute(sql, parameters)

    def script(self, text: str) -> None:
        """Run the statements of a file of our own; a text that came from anywhere else never gets here."""
        assert not self._over, "this transaction is over"
        with self._lost_is_a_refusal():
            self._connection.execute(text.encode())
        self._connection.ready.clear()  # after DDL the driver forgets all that is prepared, ours included

    def commit(self) -> None:
        """Make everything done so far durable and end the transaction; once, in the use case."""
        assert not self._over, "a transaction is committed once"
        with self._lost_is_a_refusal():
            answer = say(self._connection, b"COMMIT")
        # After an error that was caught and forgotten PostgreSQL answers a COMMIT with a rollback.
        assert answer == b"COMMIT", "a transaction with an error in it cannot be committed"
        self._over = True

    @property
    def cells(self) -> int:
        """How many cells the book has."""
        return self._database.cells_of(self)

    def cell_of(self, identity: UUID) -> int:
        """Return the cell that an id routes itself to."""
        return identifier.cell_of(identity, cells=self.cells)

    @property
    def counts(self) -> tuple[int, ...]:
        """How many cells the book had, from the first count to the one of now: one, unless it was recut."""
        return (*self._database.former_of(self), self.cells)

    def recounted(self) -> None:
        """Ask anew how many cells there are, next time: this transaction has changed it, or was not to be."""
        self._database.forget_cells()

    def lock_cell(self, cell: int) -> None:
        """Wait for and take the cell's writer lock until the transaction ends.

        Lock before reading what will be written; several cells in ascending order, so that two
        transactions never wait for each other.
        """
        found = self.execute("SELECT cell FROM cell WHERE cell = %s FOR UPDATE", (cell,)).fetchone()
        assert found is not None, "a cell is locked that the book does not have"

    @contextmanager
    def _lost_is_a_refusal(self) -> Iterator[None]:
        try:
            yield
        except psycopg.OperationalError as error:
            if self._connection.closed or self._connection.broken or isinstance(error, GONE):
                raise DatabaseUnavailable("The database went away; try again in a moment.") from error
            raise


class Reading(Transaction):
    """The one transaction of a snapshot. It is never committed, and what it was asked before it answers from memory."""

    __slots__ = ("_answers", "_cursor")

    def __init__(self, connection: Connection, database: Counted) -> None:
        super().__init__(connection, database)
        self._answers: dict[tuple[object, ...], list[TupleRow]] = {}
        self._cursor = connection.cursor()  # one for all: each answer is taken whole before the next question

    def execute(self, sql: LiteralString, parameters: Parameters | None = None, *, binary: bool = False) -> Rows:
        """Run one statement, or return what it returned before: nothing changes within a snapshot."""
        assert not self._over, "this snapshot is over"
        given = [parameters[name] for name in sorted(parameters)] if isinstance(parameters, dict) else parameters or ()
        # 1, 1.0 and True are equal here, and three types there.
        asked = (sql, *((type(value), tuple(value) if isinstance(value, list) else value) for value in given))
        if asked not in self._answers:
            with self._lost_is_a_refusal():
                self._answers[asked] = self._cursor.execute(sql, parameters, binary=binary).fetchall()
        return Answer(self._answers[asked])

    def together(self, statements: Sequence[Statement]) -> list[Answer]:
        """Run statements in one round trip, or return what they returned before."""
        assert not self._over, "this snapshot is over"
        asked = [(sql, *parameters) for sql, parameters in statements]
        new = {one: statement for one, statement in zip(asked, statements, strict=True) if one not in self._answers}
        if new:
            for one, answer in zip(new, super().together(list(new.values())), strict=True):
                self._answers[one] = answer.fetchall()
        return [Answer(self._answers[one]) for one in asked]

    def end(self) -> None:
        """Answer nothing any more: the moment is over, and the connection somebody else's."""
        self._over = True

    def commit(self) -> None:
        """Refuse: whoever has something to write opens a transaction of the database itself."""
        raise AssertionError("a snapshot is read and not written")
