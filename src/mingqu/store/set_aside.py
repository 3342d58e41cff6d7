"""Loans whose morning failed, and how the close of a day goes: what people look at while the rest goes on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from mingqu.store import close
from mingqu.store.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A loan that a close left out. `code` is a refusal's, or names the bug; `tries` is how often it failed."""

    cell: int
    on: date
    loan_id: UUID
    code: str
    since: datetime
    tried_at: datetime
    tries: int


def put(tx: Transaction, *, cell: int, on: date, loan_id: UUID, code: str, at: datetime) -> None:
    """Set a loan aside for a day: out of the diary, with the reason; once more is one more try."""
    tx.execute(
        """INSERT INTO loan_set_aside (cell, on_date, loan_id, code, since, tried_at, tries)
           VALUES (%s, %s, %s, %s, %s, %s, 1)
           ON CONFLICT (cell, on_date, loan_id) DO UPDATE
           SET code = EXCLUDED.code, tried_at = EXCLUDED.tried_at, tries = loan_set_aside.tries + 1""",
        (cell, on, loan_id, code, at, at),
    )
    close.strike(tx, cell=cell, on=on, loan_id=loan_id)


def resolve(tx: Transaction, *, cell: int, on: date, loan_id: UUID) -> None:
    """Take a loan back: its morning went through."""
    tx.execute("DELETE FROM loan_set_aside WHERE cell = %s AND on_date = %s AND loan_id = %s", (cell, on, loan_id))


def of_day(tx: Transaction, *, cell: int, on: date) -> list[SetAside]:
    """Return what was set aside of a cell's day."""
    return _read(tx, cell=cell, on=on)


def everything(tx: Transaction) -> list[SetAside]:
    """Return what is set aside in the whole book, the oldest day first."""
    return _read(tx, cell=None, on=None)


def count(tx: Transaction, *, cell: int, on: date) -> int:
    """Return how many loans of a cell's day are set aside."""
    row = tx.execute("SELECT count(*) FROM loan_set_aside WHERE cell = %s AND on_date = %s", (cell, on)).fetchone()
    assert row is not None
    return int(row[0])


def note_progress(tx: Transaction, *, cell: int, on: date, loans: int) -> None:
    """Note that so many loans more have had their morning: one row a cell and day, however many loans."""
    tx.execute(
        """INSERT INTO closing (cell, on_date, began_at, touched_at, loans)
           VALUES (%s, %s, transaction_timestamp(), clock_timestamp(), %s)
           ON CONFLICT (cell, on_date) DO UPDATE
           SET loans = closing.loans + EXCLUDED.loans, touched_at = EXCLUDED.touched_at""",
        (cell, on, loans),
    )


def note_proof(tx: Transaction, *, cell: int, on: date, proved: bool) -> None:
    """Note what the proof of a closed day said."""
    tx.execute(
        """INSERT INTO closing (cell, on_date, began_at, touched_at, loans, proved)
           VALUES (%s, %s, transaction_timestamp(), clock_timestamp(), 0, %s)
           ON CONFLICT (cell, on_date) DO UPDATE SET proved = EXCLUDED.proved""",
        (cell, on, proved),
    )


def unproved(tx: Transaction) -> list[tuple[int, date]]:
    """Return the (cell, day) whose proof failed."""
    rows = tx.execute("SELECT cell, on_date FROM closing WHERE NOT proved ORDER BY on_date, cell")
    return [(row[0], row[1]) for row in rows]


def _read(tx: Transaction, *, cell: int | None, on: date | None) -> list[SetAside]:
    rows = tx.execute(
        """SELECT cell, on_date, loan_id, code, since, tried_at, tries FROM loan_set_aside
           WHERE (%(cell)s::smallint IS NULL OR cell = %(cell)s) AND (%(on)s::date IS NULL OR on_date = %(on)s)
           ORDER BY on_date, cell, loan_id""",
        {"cell": cell, "on": on},
    )
    return [
        SetAside(cell=row[0], on=row[1], loan_id=row[2], code=row[3], since=row[4], tried_at=row[5], tries=row[6])
        for row in rows
    ]
