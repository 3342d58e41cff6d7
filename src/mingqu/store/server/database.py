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

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Final, LiteralString, TypeVar
from uuid import UUID

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool, PoolTimeout

from mingqu.domain import identifier
from mingqu.domain.refusal import Refusal
from mingqu.store.server.connection import Answer, Connection, Packed, Statement, call, call_all, configure, say
from mingqu.store.server.rows import Rows as Rows
from mingqu.store.server.transaction import BEGIN, BEGIN_ATTEMPTS_MAX, BEGIN_PLANNED, GONE, PLANNED, Line, Reading
from mingqu.store.server.transaction import Cells as Cells
from mingqu.store.server.transaction import DatabaseUnavailable as DatabaseUnavailable
from mingqu.store.server.transaction import Parameters as Parameters
from mingqu.store.server.transaction import Transaction as Transaction

Returned = TypeVar("Returned")

# The errors after which the same work may simply be done again: PostgreSQL ended one of two that
# were in each other's way. Everything else is either a refusal or a bug.
TRANSIENT: Final = (errors.DeadlockDetected, errors.SerializationFailure)
# Trouble of the server and not of what it was asked: gone, cancelled, out of memory or disk, in each other's way.
TROUBLE: Final = (DatabaseUnavailable, psycopg.OperationalError, MemoryError)
# A second collision of the same work is rare and a fifth in a row means that something is wrong.
ATTEMPTS_MAX: Final = 5

# A caller would rather hear "unavailable" than hang; a busy pool hands out a connection in milliseconds.
_CONNECTION_SECONDS_MAX: Final = 5.0
_CONNECTIONS_MAX: Final = 16

_BEGIN_SNAPSHOT: Final = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class BookMissing(Refusal):
    """The database holds no book yet."""

    code = "book_missing"
    status = 503


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
            # Each transaction begins and ends with our own words: BEGIN goes along with its first statements.
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
    def transaction(self, *, planned: bool = False) -> Iterator[Transaction]:
        """Open one transaction, which begins with its first statements; it is rolled back unless `commit()` was called.

        In a `planned` one the plans of prepared statements are kept, and find rows by their keys.
        Errors: DatabaseUnavailable when no connection can be had, or when the book was recut while there was none.
        """
        if self._reading is not None:
            yield self._reading
            return
        known = self._cells  # by which the caller may have chosen a cell, before a new connection lets it be forgotten
        line = Line(self._connection(None), begin=BEGIN_PLANNED if planned else BEGIN, cells=known)
        try:
            tx = Transaction(line, self)
            if known is not None and self._cells is None:
                _require_count(tx.cells, known=known)
            yield tx
        finally:
            self._end(line)

    @contextmanager
    def snapshot(self) -> Iterator[Database]:
        """Give the database as it is at this moment: its transactions are one, which reads and cannot commit.

        Errors: DatabaseUnavailable when no connection can be had.
        """
        if self._reading is not None:
            yield self
            return
        line = Line(self._connection(_BEGIN_SNAPSHOT))
        then = copy(self)
        then._reading = reading = Reading(line, self)
        try:
            yield then
        finally:
            reading.end()
            self._end(line)

    def run(self, work: Callable[[Transaction], Returned], *, planned: bool = False) -> Returned:
        """Do `work` in a transaction and commit it; do it again from the start after a transient error.

        `work` commits with its last statements (`tx.finish`) or not at all, and has no effect outside the database. At
        most ATTEMPTS_MAX times, then the last error is raised. `planned` is as for `transaction`.
        """
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                with self.transaction(planned=planned) as tx:
                    returned = work(tx)
                    if not tx.is_over:
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
        return self._at_once(lambda connection: call(connection, sql, parameters))

    def ask(self, statements: Callable[[Cells], Sequence[Statement]]) -> list[Answer]:
        """Run statements that only read, in one round trip, and return the answer of each.

        They stand in no transaction that must begin and end, so each sees what was committed when it ran; what is
        decided by the answers is looked at again under a lock. `statements` is given what tells an id's cell: it is
        certain only while a connection is held, and is asked on that one. Plans are kept, as in a `planned`
        transaction. Errors: DatabaseUnavailable.
        """
        if self._reading is not None:
            return self._reading.together(statements(self._reading))
        return self._at_once(
            lambda connection: call_all(connection, [PLANNED, *statements(Transaction(Line(connection), self))])[1:]
        )

    def _at_once(self, work: Callable[[Connection], Returned]) -> Returned:
        """Do what may be done twice on a connection without a transaction. Errors: DatabaseUnavailable."""
        for attempt in range(1, BEGIN_ATTEMPTS_MAX + 1):
            connection = self._connection(None)
            try:
                return work(connection)
            except psycopg.OperationalError as error:
                if not (connection.closed or connection.broken or isinstance(error, GONE)):
                    raise
                self._lost = True
                if attempt == BEGIN_ATTEMPTS_MAX:
                    raise DatabaseUnavailable("The database went away; try again in a moment.") from error
            finally:
                self._lost = self._lost or connection.closed
                self._pool.putconn(connection)
        raise AssertionError("the loop returns or raises")

    def make_room(self, *, connections: int) -> int:
        """Let the pool hold so many connections, if the server allows them; return how many it allows us.

        The pool never shrinks, and opens none before it is needed. Errors: DatabaseUnavailable.
        """
        with self.transaction() as tx:
            row = tx.execute(
                """SELECT least(current_setting('max_connections')::int - current_setting('reserved_connections')::int
                                - current_setting('superuser_reserved_connections')::int,
                                nullif(d.datconnlimit, -1), nullif(r.rolconnlimit, -1))
                   FROM pg_database d CROSS JOIN pg_roles r
                   WHERE d.datname = current_database() AND r.rolname = current_user"""
            ).fetchone()
        assert row is not None
        allowed = int(row[0])
        if self._pool.max_size < connections <= allowed:
            self._pool.resize(min_size=0, max_size=connections)
        return allowed

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

    def cell_of(self, identity: UUID) -> int:
        """Return the cell that an id routes itself to, for who has no transaction yet."""
        cells = self._cells  # another thread may have to ask anew
        if cells is None:
            with self.transaction() as tx:
                return tx.cell_of(identity)
        return identifier.cell_of(identity, cells=cells)

    def former_of(self, tx: Transaction) -> tuple[int, ...]:
        """Return how many cells the book had before it was recut, each time; nothing if it never was."""
        self.cells_of(tx)
        return self._former

    def forget_cells(self) -> None:
        """Ask for the number of cells anew, next time."""
        self._cells = None

    def replace(self, line: Line) -> None:
        """Put a connection in the place of one that died before anything was said on it.

        Errors: DatabaseUnavailable when none can be had, or when the book was recut since the dead one was taken: what
        was to be said may name cells that are others now.
        """
        self._end(line)
        line.connection, line.held = self._connection(None), True
        if line.cells is not None:
            _require_count(self.cells_of(Transaction(Line(line.connection), self)), known=line.cells)

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
        for attempt in range(1, BEGIN_ATTEMPTS_MAX + 1):
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
                if attempt == BEGIN_ATTEMPTS_MAX:
                    raise DatabaseUnavailable("The database cannot be reached; try again in a moment.") from error
                self._lost = True
        raise AssertionError("the loop returns or raises")

    def _bring_back(self) -> None:
        """See to the server before the pool is asked: of itself it would wait for one that nobody starts."""
        if self._ensure is not None:
            self._ensure()
        self._lost = False
        self._pool.drain()  # what was opened to the old server is as dead as this one

    def _end(self, line: Line) -> None:
        if not line.held:
            return
        connection, line.held = line.connection, False
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


def _require_count(cells: int, *, known: int) -> None:
    if cells != known:
        raise DatabaseUnavailable("The book was recut; try again in a moment.")
