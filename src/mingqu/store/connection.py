"""A connection of the pool, and what is said to it straight through libpq: a cursor would cost more than the words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, islice
from typing import Any

import psycopg
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult
from psycopg.rows import TupleRow

from mingqu.store import column

Packed = Sequence[bytes | None]  # parameters in PostgreSQL's binary format, as mingqu.store.column packs them


_names = count()


class Connection(psycopg.Connection[TupleRow]):
    """A connection that remembers which statements the server has ready for it."""

    ready: dict[str, bytes]  # a statement's text, and its name there


class Answer:
    """Rows from memory, read from the start by whoever asks."""

    __slots__ = ("_left", "rowcount")

    def __init__(self, rows: list[TupleRow]) -> None:
        self._left, self.rowcount = iter(rows), len(rows)

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
    name = connection.ready.get(sql)
    if name is None:
        name = b"call_%d" % next(_names)
        _checked(connection, connection.pgconn.prepare(name, sql.encode()), ExecStatus.COMMAND_OK)
        connection.ready[sql] = name
    values: list[Any] = list(parameters)  # libpq takes None for null, which the type of the next line forgets
    result = connection.pgconn.exec_prepared(name, values, [Format.BINARY] * len(values), Format.BINARY)
    _checked(connection, result, ExecStatus.TUPLES_OK)
    value = result.get_value(0, 0)
    assert value is not None, "the statement returns one value"
    return value


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
