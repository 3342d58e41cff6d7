"""The answer to a statement: rows that come from the server, or from memory."""

from __future__ import annotations

from collections.abc import Iterator
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
