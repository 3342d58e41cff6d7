"""A connection of the pool, and what is said to it straight through libpq: a cursor would cost more than the words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, islice
from typing import Any, NamedTuple

import psycopg
from psycopg.abc import PQGen
from psycopg.adapt import Transformer
from psycopg.generators import fetch_many, send
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult
from psycopg.rows import TupleRow

from mingqu.store.server import column

Packed = Sequence[bytes | None]  # parameters in PostgreSQL's binary format, as mingqu.store.server.column packs them


_names = count()


class Statement(NamedTuple):
    """A statement with $1, $2, …, each cast to its type, and what goes there."""

    sql: str
    parameters: Packed


class Connection(psycopg.Connection[TupleRow]):
    """A connection that remembers which statements the server has ready for it."""

    ready: dict[str, bytes]  # a statement's text, and its name there


class Answer:
    """Rows from memory, read from the start by whoever asks."""

    __slots__ = ("_left", "rowcount")

    def __init__(self, rows: list[TupleRow], rowcount: int | None = None) -> None:
        self._left, self.rowcount = iter(rows), len(rows) if rowcount is None else rowcount

    def fetchone(self) -> TupleRow | None:
        """Return the next row, or None."""
        return next(self._left, None)

    def fetchmany(self, size: int, /) -> list[TupleRow]:
        """Return up to `size` rows more."""
        return list(islice(self._left, size))

    def fetchall(self) -> list[TupleRow]:
        """Return the rows that are left."""
        return list(self._left)

    def __iter__(self) -> Iterator[TupleRow]:
        """Return the rows that are left, one after the other."""
        return self._left


def configure(connection: Connection) -> None:
    """Make a new connection of the pool ready for what is said to it here."""
    connection.ready = {}
    column.register(connection.adapters)


def call(connection: Connection, sql: str, parameters: Packed) -> bytes:
    """Run a prepared statement that returns one value.

    Straight through libpq: adapting the parameters of one transfer would cost more than the database spends on it.
    """
    name = _ready(connection, sql)
    values: list[Any] = list(parameters)  # libpq takes None for null, which the type of the next line forgets
    result = connection.pgconn.exec_prepared(name, values, [Format.BINARY] * len(values), Format.BINARY)
    _checked(connection, result, ExecStatus.TUPLES_OK)
    value = result.get_value(0, 0)
    assert value is not None, "the statement returns one value"
    return value


def call_all(connection: Connection, statements: Sequence[Statement]) -> list[Answer]:
    """Run prepared statements in one round trip, in order, and return the answer of each.

    Each sees what those before it did, and, if they waited for a lock, what was committed meanwhile. After one that
    fails none is run, and its error is raised.
    """
    named = [(_ready(connection, sql), list[Any](parameters)) for sql, parameters in statements]
    server = connection.pgconn
    server.enter_pipeline_mode()
    try:
        # They lie in libpq's buffer until the sync: sent one by one, each would wake the server, and it us, by itself.
        for name, values in named:
            server.send_query_prepared(name, values, [Format.BINARY] * len(values), Format.BINARY)
        server.pipeline_sync()
        results = connection.wait(_exchanged(connection, many=len(named) + 1))
    finally:
        if not connection.broken:
            server.exit_pipeline_mode()
    return [_answer(connection, result) for result, *_ in results[:-1]]


def _exchanged(connection: Connection, *, many: int) -> PQGen[list[list[PGresult]]]:
    """Send what lies in the buffer and take the answers, one list a command."""
    yield from send(connection.pgconn)
    results: list[list[PGresult]] = []
    for _ in range(many):
        results.append((yield from fetch_many(connection.pgconn)))
    return results


def _ready(connection: Connection, sql: str) -> bytes:
    """Return the name under which the server has a statement ready, after making it so."""
    name = connection.ready.get(sql)
    if name is None:
        name = b"call_%d" % next(_names)
        _checked(connection, connection.pgconn.prepare(name, sql.encode()), ExecStatus.COMMAND_OK)
        connection.ready[sql] = name
    return name


def _answer(connection: Connection, result: PGresult) -> Answer:
    if result.status == ExecStatus.COMMAND_OK:
        return Answer([], result.command_tuples or 0)
    _checked(connection, result, ExecStatus.TUPLES_OK)
    reader = Transformer(connection)
    reader.set_pgresult(result)
    rows: list[TupleRow] = reader.load_rows(0, result.ntuples, tuple)
    return Answer(rows)


def say(connection: Connection, word: bytes) -> bytes | None:
    """Send BEGIN, COMMIT or ROLLBACK and return what the server answers.

    Straight through libpq: a cursor for a word without parameters or rows would cost more than the word.
    """
    result = connection.pgconn.exec_(word)
    _checked(connection, result, ExecStatus.COMMAND_OK)
    return result.command_status


def _checked(connection: Connection, result: PGresult, expected: ExecStatus) -> None:
    if connection.broken:
        raise psycopg.OperationalError("the connection was lost")
    if result.status != expected:
        raise psycopg.errors.error_from_result(result)
