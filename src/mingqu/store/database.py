"""Connections and transactions: the one way to the database, plain SQL over psycopg 3.

A use case opens one transaction at its edge, hands it to the functions of the store, and commits once:

    with database.transaction() as tx:
        tx.lock_cell(cell)
        ledger.post(tx, cell=cell, transfers=transfers)
        tx.commit()

A transaction that was not committed is rolled back, whatever the reason. What reads much and writes nothing, such as a
page, opens a snapshot, in which all transactions are one:

    with database.snapshot() as then:
        ...  # every function that takes a database reads the same moment of it
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from itertools import islice
from typing import Final, LiteralString, TypeVar
from uuid import UUID

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from mingqu.domain import identifier
from mingqu.domain.refusal import Refusal
from mingqu.store.connection import Answer, Connection, Packed, call, configure, say
from mingqu.store.rows import Rows as Rows

Parameters = Sequence[object] | dict[str, object]
Returned = TypeVar("Returned")

# The errors after which the same work may simply be done again: PostgreSQL ended one of two that
# were in each other's way. Everything else is either a refusal or a bug.
TRANSIENT: Final = (errors.DeadlockDetected, errors.SerializationFailure)
# A second collision of the same work is rare and a fifth in a row means that something is wrong.
ATTEMPTS_MAX: Final = 5

# What a lost or absent server looks like from a connection that still thinks it is open.
_GONE: Final = (errors.AdminShutdown, errors.CrashShutdown, errors.CannotConnectNow)
# A caller would rather hear "unavailable" than hang; a busy pool hands out a connection in milliseconds.
_CONNECTION_SECONDS_MAX: Final = 5.0
_CONNECTIONS_MAX: Final = 16
# The first attempt finds a connection dead, the second may meet a server that is still starting.
_BEGIN_ATTEMPTS_MAX: Final = 3


_STREAMED: Final = 500  # lines written, or rows fetched, in one go: some kilobytes each at most
_BEGIN: Final = b"BEGIN"
_BEGIN_SNAPSHOT: Final = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class DatabaseUnavailable(Refusal):
    """The database could not be reached, or went away in the middle: nothing is known to be committed.

    Try again with the same idempotency key. If it went away during the commit itself, the effect may
    be there; the key tells.
    """

    code = "database_unavailable"
    status = 503


class BookMissing(Refusal):
    """The database holds no book yet."""

    code = "book_missing"
    status = 503


class Transaction:
    """One open transaction. Store functions take it first and never commit."""

    __slots__ = ("_connection", "_database", "_over")

    def __init__(self, connection: Connection, database: Database) -> None:
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

    def stream(self, sql: LiteralString, parameters: Parameters | None = None) -> Iterator[TupleRow]:
        """Yield the rows of a query that may have more than fit into memory."""
        assert not self._over, "this transaction is over"
        with self._lost_is_a_refusal(), self._connection.cursor(name="mingqu_stream") as cursor:
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
            if self._connection.closed or self._connection.broken or isinstance(error, _GONE):
                raise DatabaseUnavailable("The database went away; try again in a moment.") from error
            raise


class _Reading(Transaction):
    """The one transaction of a snapshot. It is never committed, and what it was asked before it answers from memory."""

    __slots__ = ("_answers", "_cursor")

    def __init__(self, connection: Connection, database: Database) -> None:
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

    def end(self) -> None:
        """Answer nothing any more: the moment is over, and the connection somebody else's."""
        self._over = True

    def commit(self) -> None:
        """Refuse: whoever has something to write opens a transaction of the database itself."""
        raise AssertionError("a snapshot is read and not written")


class Database:
    """A pool of connections to one book.

    `ensure`, if given, brings an embedded server back; it is called when a connection turns out dead.
    """

    def __init__(
        self,
        url: str,
        *,
        ensure: Callable[[], None] | None = None,
        connections_max: int = _CONNECTIONS_MAX,
        connection_seconds_max: float = _CONNECTION_SECONDS_MAX,
    ) -> None:
        self._url = url
        self._ensure = ensure
        self._cells: int | None = None
        self._former: tuple[int, ...] = ()  # counts of before, the first one first
        self._reading: Transaction | None = None  # the one transaction, if this is a snapshot
        self._lost = False  # a connection was found dead since the server was last seen to
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url,
            connection_class=Connection,
            # Each transaction begins and ends with our own words, so that a dead connection is found
            # by BEGIN, before any work, and replaced without the caller's knowledge.
            kwargs={"autocommit": True, "options": "-c timezone=UTC"},
            configure=self._configure,
            min_size=0,
            max_size=connections_max,
            timeout=connection_seconds_max,
            open=True,
            name="mingqu",
        )

    @property
    def url(self) -> str:
        """Where the database is, as libpq reads it."""
        return self._url

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open one transaction; it is rolled back unless `commit()` was called.

        Errors: DatabaseUnavailable when no connection can be had.
        """
        if self._reading is not None:
            yield self._reading
            return
        connection = self._connection(_BEGIN)
        try:
            yield Transaction(connection, self)
        finally:
            self._end(connection)

    @contextmanager
    def snapshot(self) -> Iterator[Database]:
        """Give the database as it is at this moment: its transactions are one, which reads and cannot commit.

        Errors: DatabaseUnavailable when no connection can be had.
        """
        if self._reading is not None:
            yield self
            return
        connection = self._connection(_BEGIN_SNAPSHOT)
        then = copy(self)
        then._reading = reading = _Reading(connection, self)
        try:
            yield then
        finally:
            reading.end()
            self._end(connection)

    def run(self, work: Callable[[Transaction], Returned]) -> Returned:
        """Do `work` in a transaction and commit it; do it again from the start after a transient error.

        `work` does not commit and has no effect outside the database. At most ATTEMPTS_MAX times, then
        the last error is raised.
        """
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                with self.transaction() as tx:
                    returned = work(tx)
                    tx.commit()
                    return returned
            except TRANSIENT:
                if attempt == ATTEMPTS_MAX:
                    raise
        raise AssertionError("the loop returns or raises")

    def call(self, sql: LiteralString, parameters: Packed) -> bytes:
        """Run one prepared statement as a transaction of its own, in one round trip, and return its one value.

        A statement on a connection that was lost may have been carried out: it is sent again, so it must be one that
        may come twice. Errors: DatabaseUnavailable.
        """
        assert self._reading is None, "a snapshot is read and not written"
        for attempt in range(1, _BEGIN_ATTEMPTS_MAX + 1):
            connection = self._connection(None)
            try:
                return call(connection, sql, parameters)
            except psycopg.OperationalError as error:
                if not (connection.closed or connection.broken or isinstance(error, _GONE)):
                    raise
                self._lost = True
                if attempt == _BEGIN_ATTEMPTS_MAX:
                    raise DatabaseUnavailable("The database went away; try again in a moment.") from error
            finally:
                self._lost = self._lost or connection.closed
                self._pool.putconn(connection)
        raise AssertionError("the loop returns or raises")

    def cells_of(self, tx: Transaction) -> int:
        """Return how many cells the book has; asked once, since it is fixed while anybody is connected."""
        cells = self._cells
        if cells is None:
            row = tx.execute("SELECT cells, ARRAY(SELECT from_cells FROM recut ORDER BY number) FROM book").fetchone()
            if row is None:
                raise BookMissing("This database holds no book yet: `mingqu migrate` makes one.")
            cells, self._former = int(row[0]), tuple(row[1])
            self._cells = cells
        return cells

    def former_of(self, tx: Transaction) -> tuple[int, ...]:
        """Return how many cells the book had before it was recut, each time; nothing if it never was."""
        self.cells_of(tx)
        return self._former

    def forget_cells(self) -> None:
        """Ask for the number of cells anew, next time."""
        self._cells = None

    def _configure(self, connection: Connection) -> None:
        """See to a new connection. While there was none the book may have been recut."""
        configure(connection)
        self._cells = None

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connection(self, begin: bytes | None) -> Connection:
        """Return a connection on which a transaction has begun, if one is to."""
        for attempt in range(1, _BEGIN_ATTEMPTS_MAX + 1):
            if self._lost:
                self._bring_back()
            try:
                connection = self._pool.getconn()
                try:
                    if begin is not None:
                        say(connection, begin)
                except BaseException:
                    connection.close()
                    self._pool.putconn(connection)
                    raise
                return connection
            except (PoolTimeout, psycopg.OperationalError) as error:
                if attempt == _BEGIN_ATTEMPTS_MAX:
                    raise DatabaseUnavailable("The database cannot be reached; try again in a moment.") from error
                self._lost = True
        raise AssertionError("the loop returns or raises")

    def _bring_back(self) -> None:
        """See to the server before the pool is asked: of itself it would wait for one that nobody starts."""
        if self._ensure is not None:
            self._ensure()
        self._lost = False
        self._pool.drain()  # what was opened to the old server is as dead as this one

    def _end(self, connection: Connection) -> None:
        try:
            if connection.pgconn.transaction_status == TransactionStatus.INTRANS:
                say(connection, b"ROLLBACK")
            elif not (connection.closed or connection.broken):
                if connection.pgconn.transaction_status != TransactionStatus.IDLE:
                    connection.ready.clear()  # after an error, too, the driver forgets all that is prepared
                connection.rollback()  # sends nothing after a commit
        except psycopg.OperationalError:
            connection.close()  # the server went away; it rolls back by itself
        finally:
            self._lost = self._lost or connection.closed
            self._pool.putconn(connection)
