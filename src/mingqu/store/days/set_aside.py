"""Loans whose morning failed: out of their day's diary, with the reason, while the rest goes on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from mingqu.store.days import close
from mingqu.store.server.database import Transaction


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


def put(tx: Transaction, *, cell: int, on: date, loan_id: UUID, code: str, at: datetime) -> timedelta:
    """Set a loan aside for a day: out of the diary, with the reason; once more is one more try.

    Return for how long it has been.
    """
    row = tx.execute(
        """INSERT INTO loan_set_aside (cell, on_date, loan_id, code, since, tried_at, tries)
           VALUES (%s, %s, %s, %s, %s, %s, 1)
           ON CONFLICT (cell, on_date, loan_id) DO UPDATE
           SET code = EXCLUDED.code, tried_at = EXCLUDED.tried_at, tries = loan_set_aside.tries + 1
           RETURNING since""",
        (cell, on, loan_id, code, at, at),
    ).fetchone()
    assert row is not None
    close.strike(tx, cell=cell, on=on, loan_id=loan_id)
    since: datetime = row[0]
    return at - since


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


def is_noted(tx: Transaction, *, cell: int, on: date) -> bool:
    """Return whether a cell's day has a line in the diary that is not struck off."""
    return bool(close.noted(tx, cell=cell, on=on, loans_max=1))


def cells_with_morning(tx: Transaction, *, on: date, tried_before: datetime) -> list[int]:
    """Return the cells with something to do on a day: a loan in its diary, or one that was set aside and last tried
    before a moment. Asked of all at once: a worker asks every second, and mostly there is none.
    """
    rows = tx.execute(
        """SELECT cell FROM cell c
           WHERE EXISTS (SELECT FROM loan_diary d WHERE d.cell = c.cell AND d.on_date = %(on)s)
              OR EXISTS (SELECT FROM loan_set_aside s
                         WHERE s.cell = c.cell AND s.on_date = %(on)s AND s.tried_at <= %(tried_before)s)
           ORDER BY cell""",
        {"on": on, "tried_before": tried_before},
    )
    return [row[0] for row in rows]


def next_day(tx: Transaction, *, cell: int, after: date, to: date, tried_before: datetime) -> date | None:
    """Return the next day of a cell, behind `after` and up to `to`, with something to do: a loan in its diary, or one
    that was set aside and last tried before a moment. None when there is no such day.
    """
    row = tx.execute(
        """SELECT least((SELECT min(on_date) FROM loan_diary
                         WHERE cell = %(cell)s AND on_date > %(after)s AND on_date <= %(to)s),
                        (SELECT min(on_date) FROM loan_set_aside
                         WHERE cell = %(cell)s AND on_date > %(after)s AND on_date <= %(to)s
                           AND tried_at <= %(tried_before)s))""",
        {"cell": cell, "after": after, "to": to, "tried_before": tried_before},
    ).fetchone()
    assert row is not None
    found: date | None = row[0]
    return found


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
