"""One open transaction, and the one of a snapshot. Store functions take it first and never commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Final, LiteralString, NamedTuple, Protocol, TypeVar
from uuid import UUID

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from mingqu.domain import identifier
from mingqu.domain.refusal import Refusal
from mingqu.store.server import column
from mingqu.store.server.connection import Answer, Connection, Packed, Statement, call, call_all, say
from mingqu.store.server.rows import Rows

Parameters = Sequence[object] | dict[str, object]
Said = TypeVar("Said")

_STREAMED: Final = 500  # lines written, or rows fetched, in one go: some kilobytes each at most

# The first attempt finds a connection dead, the second may meet a server that is still starting.
BEGIN_ATTEMPTS_MAX: Final = 3

# What a lost or absent server looks like from a connection that still thinks it is open.
GONE: Final = (errors.AdminShutdown, errors.CrashShutdown, errors.CannotConnectNow)


_COMMIT: Final = Statement("COMMIT", ())
_LOCK: Final = "SELECT cell FROM cell WHERE cell = $1::smallint FOR UPDATE"


class Beginning(NamedTuple):
    """How a transaction begins: in one word, or in statements that go along with its first ones."""

    word: bytes
    statements: tuple[Statement, ...]


BEGIN: Final = Beginning(b"BEGIN", (Statement("BEGIN", ()),))
# For who always says the same few statements, each of which finds its rows by their keys: to plan them anew for what
# they are given this time costs as much as carrying them out, and gives the same plan. One that was made when a table
# had few rows would read all of it, and be kept while it grows: so tables are read whole where there is no key.
_BY_KEYS: Final = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}
_SETS: Final = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in _BY_KEYS.items())
PLANNED: Final = Statement(f"SELECT {_SETS}", ())  # until the transaction ends, or what goes in one round trip
BEGIN_PLANNED: Final = Beginning(
    "; ".join(["BEGIN", *(f"SET LOCAL {name} = {value}" for name, value in _BY_KEYS.items())]).encode(),
    (*BEGIN.statements, PLANNED),
)


class Line:
    """A connection of the pool that a transaction holds, and how it is still to begin there; None once it has.

    `cells` is how many the book had, as far as was known when it was taken or was first asked for in its transaction;
    `held`, whether the pool lacks it.
    """

    __slots__ = ("begin", "cells", "connection", "held")

    def __init__(self, connection: Connection, *, begin: Beginning | None = None, cells: int | None = None) -> None:
        self.connection, self.begin, self.cells, self.held = connection, begin, cells, True


class Counted(Protocol):
    """Whose transaction it is: it knows how many cells the book has, and has other connections."""

    def cells_of(self, tx: Transaction) -> int:
        """Return how many cells the book has."""
        ...

    def former_of(self, tx: Transaction) -> tuple[int, ...]:
        """Return how many it had before."""
        ...

    def forget_cells(self) -> None:
        """Ask anew, next time."""
        ...

    def replace(self, line: Line) -> None:
        """Put a connection in the place of one that died before anything was said on it."""
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
    """One open transaction. Store functions take it first and never commit.

    It begins with its first statements, in the same round trip. A connection that died meanwhile is found by that,
    before any work, and replaced without the caller's knowledge.
    """

    __slots__ = ("_database", "_line", "_over")

    def __init__(self, line: Line, database: Counted) -> None:
        self._line = line
        self._database = database
        self._over = False

    def begin(self) -> None:
        """Begin now, for who wants to know that the database is there. Errors: DatabaseUnavailable."""
        assert not self._over, "this transaction is over"
        with self._lost_is_a_refusal():
            self._begun()

    def execute(self, sql: LiteralString, parameters: Parameters | None = None, *, binary: bool = False) -> Rows:
        """Run one statement and return its answer. Errors: DatabaseUnavailable when the connection is lost."""
        assert not self._over, "this transaction is over"
        with self._lost_is_a_refusal():
            return self._begun().execute(sql, parameters, binary=binary)

    def call(self, sql: LiteralString, parameters: Packed) -> bytes:
        """Run a prepared statement ($1, $2, …) that returns one value, packed both ways; see `Database.call`."""
        assert not self._over, "this transaction is over"
        with self._lost_is_a_refusal():
            return call(self._begun(), sql, parameters)

    def together(self, statements: Sequence[Statement]) -> list[Answer]:
        """Run statements in one round trip, in order, packed both ways, and return the answer of each."""
        assert not self._over, "this transaction is over"
        with self._lost_is_a_refusal():
            begin = self._line.begin
            if begin is None:
                return call_all(self._line.connection, statements)
            both = [*begin.statements, *statements]
            return self._first(lambda connection: call_all(connection, both))[len(begin.statements) :]

    def finish(self, statements: Sequence[Statement]) -> list[Answer]:
        """Run the last statements and commit, in one round trip: after one that fails nothing is committed.

        An answer comes when all is durable, so whatever must hold is for a statement to see to. After
        DatabaseUnavailable the effect may be there, as after `commit`.
        """
        assert not self._over, "a transaction is committed once"
        assert statements, "what ends with nothing is committed by `commit`, which looks at what became of it"
        with self._lost_is_a_refusal():
            # Begun by itself, if that is still to be done: what may have been committed is not said again.
            answers = call_all(self._begun(), [*statements, _COMMIT])[:-1]
        self._over = True
        return answers

    def executemany(self, sql: LiteralString, rows: Iterable[Parameters]) -> None:
        """Run one statement for each row of parameters, sent together without waiting for each answer."""
        assert not self._over, "this transaction is over"
        with self._lost_is_a_refusal(), self._begun().cursor() as cursor:
            cursor.executemany(sql, rows)

    def copy(self, sql: LiteralString, rows: Iterable[Sequence[object]]) -> int:
        """Stream rows in with COPY ... FROM STDIN and return how many went in."""
        assert not self._over, "this transaction is over"
        with self._lost_is_a_refusal(), self._begun().cursor() as cursor:
            with cursor.copy(sql) as copy:
                for row in rows:
                    copy.write_row(row)
            return cursor.rowcount

    def columns(self, sql: LiteralString, parameters: Parameters) -> list[bytes]:
        """Run a query of one row whose values are arrays, and return each as the server sends it, in binary.

        A null, which is what an aggregate of no rows is, comes as no bytes.
        """
        assert not self._over, "this transaction is over"
        with self._lost_is_a_refusal(), self._begun().cursor(binary=True) as cursor:
            cursor.execute(sql, parameters)
            row = cursor.pgresult
            assert row is not None
            assert row.ntuples == 1
            return [row.get_value(0, place) or b"" for place in range(row.nfields)]

    def copy_lines(self, sql: LiteralString, lines: Iterable[str]) -> int:
        """Stream lines in with COPY ... FROM STDIN, written as its text format has them; return how many went in."""
        assert not self._over, "this transaction is over"
        waiting = iter(lines)
        with self._lost_is_a_refusal(), self._begun().cursor() as cursor:
            with cursor.copy(sql) as copy:
                while some := "".join(islice(waiting, _STREAMED)):
                    copy.write(some)
            return cursor.rowcount

    def stream(
        self, sql: LiteralString, parameters: Parameters | None = None, *, name: str = "mingqu_stream"
    ) -> Iterator[TupleRow]:
        """Yield the rows of a query that may have more than fit into memory; two at a time take a name each."""
        assert not self._over, "this transaction is over"
        with self._lost_is_a_refusal(), self._begun().cursor(name=name) as cursor:
            cursor.itersize = _STREAMED
            yield from cursor.execute(sql, parameters)

    def script(self, text: str) -> None:
        """Run the statements of a file of our own; a text that came from anywhere else never gets here."""
        assert not self._over, "this transaction is over"
        with self._lost_is_a_refusal():
            self._begun().execute(text.encode())
        self._line.connection.ready.clear()  # after DDL the driver forgets all that is prepared, ours included

    def commit(self) -> None:
        """Make everything done so far durable and end the transaction; once, in the use case."""
        assert not self._over, "a transaction is committed once"
        if self._line.begin is None:  # otherwise nothing was said, and there is nothing to end
            with self._lost_is_a_refusal():
                answer = say(self._line.connection, b"COMMIT")
            # After an error that was caught and forgotten PostgreSQL answers a COMMIT with a rollback.
            assert answer == b"COMMIT", "a transaction with an error in it cannot be committed"
        self._over = True

    @property
    def is_over(self) -> bool:
        """Whether it was committed."""
        return self._over

    @property
    def cells(self) -> int:
        """How many cells the book has."""
        cells = self._database.cells_of(self)
        if self._line.cells is None:
            self._line.cells = cells  # what is said next may name a cell of so many
        return cells

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
        (found,) = self.together([Statement(_LOCK, (column.smallint(cell),))])
        assert found.rowcount == 1, "a cell is locked that the book does not have"

    def _begun(self) -> Connection:
        """Return the connection, on which the transaction has begun."""
        begin = self._line.begin
        if begin is not None:
            self._first(lambda connection: say(connection, begin.word))
        return self._line.connection

    def _first(self, say_it: Callable[[Connection], Said]) -> Said:
        """Say what begins the transaction, on another connection if this one is dead: nothing of it was kept then."""
        for attempt in range(1, BEGIN_ATTEMPTS_MAX + 1):
            try:
                return say_it(self._line.connection)
            except psycopg.OperationalError as error:
                if attempt == BEGIN_ATTEMPTS_MAX or not self._is_lost(error):
                    raise
                self._database.replace(self._line)
            finally:
                begun = self._line.connection.pgconn.transaction_status != TransactionStatus.IDLE
                self._line.begin = None if begun else self._line.begin
        raise AssertionError("the loop returns or raises")

    def _is_lost(self, error: psycopg.OperationalError) -> bool:
        connection = self._line.connection
        return connection.closed or connection.broken or isinstance(error, GONE)

    @contextmanager
    def _lost_is_a_refusal(self) -> Iterator[None]:
        try:
            yield
        except psycopg.OperationalError as error:
            if self._is_lost(error):
                raise DatabaseUnavailable("The database went away; try again in a moment.") from error
            raise


class Reading(Transaction):
    """The one transaction of a snapshot. It is never committed, and what it was asked before it answers from memory."""

    __slots__ = ("_answers", "_cursor")

    def __init__(self, line: Line, database: Counted) -> None:
        super().__init__(line, database)
        self._answers: dict[tuple[object, ...], list[TupleRow]] = {}
        self._cursor = line.connection.cursor()  # one for all: each answer is taken whole before the next question

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

    def finish(self, statements: Sequence[Statement]) -> list[Answer]:
        """Refuse, as `commit` does."""
        del statements  # none of them is said
        raise AssertionError("a snapshot is read and not written")

    def commit(self) -> None:
        """Refuse: whoever has something to write opens a transaction of the database itself."""
        raise AssertionError("a snapshot is read and not written")
