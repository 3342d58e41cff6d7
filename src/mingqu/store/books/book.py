"""A book: one database, cut into cells when it is created."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from mingqu.domain.identifier import SLOTS
from mingqu.domain.refusal import Refusal
from mingqu.store.server.database import Transaction

FORMAT: Final = 1
# Enough writer lanes for one small server: on two cores more lanes only make the batches smaller.
CELLS_DEFAULT: Final = 4


class BookExists(Refusal):
    """The database holds a book already."""

    code = "book_exists"
    status = 409


class CellsOutOfRange(Refusal):
    """A book has 1 to 1,024 cells."""

    code = "cells_out_of_range"


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """What was chosen when the book was created."""

    format: int
    cells: int
    opened_on: date


def create(tx: Transaction, *, business_date: date, cells: int = CELLS_DEFAULT) -> Book:
    """Create the book and its cells; `business_date` is the first day that will be closed.

    Errors: BookExists, CellsOutOfRange.
    """
    if not 1 <= cells <= SLOTS:
        raise CellsOutOfRange(f"A book has 1 to {SLOTS} cells.", cells=cells)
    if load(tx) is not None:
        raise BookExists("This database holds a book already; give another data folder.")
    tx.execute("INSERT INTO book (format, cells, opened_on) VALUES (%s, %s, %s)", (FORMAT, cells, business_date))
    tx.execute(
        "INSERT INTO cell (cell, last_closed_on) SELECT cell, %s FROM generate_series(0, %s - 1) AS cell",
        (business_date - timedelta(days=1), cells),
    )
    return Book(format=FORMAT, cells=cells, opened_on=business_date)


def load(tx: Transaction) -> Book | None:
    """Return the book of this database, or None when there is none yet."""
    row = tx.execute("SELECT format, cells, opened_on FROM book").fetchone()
    return None if row is None else Book(format=row[0], cells=row[1], opened_on=row[2])


def untouched(tx: Transaction) -> bool:
    """Return whether nothing has happened in the book yet: nobody came, nothing was posted, no day was closed."""
    row = tx.execute(
        "SELECT NOT EXISTS (SELECT FROM person) AND NOT EXISTS (SELECT FROM transfer)"
        " AND NOT EXISTS (SELECT FROM cell, book WHERE last_closed_on >= opened_on)"
    ).fetchone()
    return row is not None and bool(row[0])


def last_closed_on(tx: Transaction, *, cell: int) -> date:
    """Return the last business date that a cell has closed; the day before the book was opened at first."""
    row = tx.execute("SELECT last_closed_on FROM cell WHERE cell = %s", (cell,)).fetchone()
    assert row is not None, "a cell is asked for that the book does not have"
    closed: date = row[0]
    return closed


def closed_by_all(tx: Transaction) -> date:
    """Return the last business date that every cell has closed."""
    row = tx.execute("SELECT min(last_closed_on) FROM cell").fetchone()
    assert row is not None, "a book has cells"
    closed: date = row[0]
    return closed


def close_day(tx: Transaction, *, cell: int, on: date) -> None:
    """Mark a day of a cell as closed; days are closed one after the other. The caller holds the cell's lock."""
    marked = tx.execute(
        "UPDATE cell SET last_closed_on = %s WHERE cell = %s AND last_closed_on = %s",
        (on, cell, on - timedelta(days=1)),
    ).rowcount
    assert marked == 1, "days are closed in order"
