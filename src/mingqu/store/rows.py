"""The answer to a statement: rows that come from the server, or from memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Protocol

from psycopg.rows import TupleRow


class Rows(Protocol):
    """The answer to a statement: rows as psycopg gives them; store functions turn them into domain values at once."""

    @property
    def rowcount(self) -> int:
        """How many rows the statement returned or changed."""
        ...

    def fetchone(self) -> TupleRow | None:
        """Return the next row, or None."""
        ...

    def fetchmany(self, size: int, /) -> list[TupleRow]:
        """Return up to `size` rows more."""
        ...

    def fetchall(self) -> list[TupleRow]:
        """Return the rows that are left."""
        ...

    def __iter__(self) -> Iterator[TupleRow]:
        """Return the rows that are left, one after the other."""
        ...


class Answer:
    """Rows from memory, read from the start by whoever asks."""

    __slots__ = ("_left", "rowcount")

    def __init__(self, rows: list[TupleRow]) -> None:
        self._left, self.rowcount = iter(rows), len(rows)

    def fetchone(self) -> TupleRow | None:
        return next(self._left, None)

    def fetchmany(self, size: int, /) -> list[TupleRow]:
        return list(islice(self._left, size))

    def fetchall(self) -> list[TupleRow]:
        return list(self._left)

    def __iter__(self) -> Iterator[TupleRow]:
        return self._left
