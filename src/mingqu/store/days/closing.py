"""How the close of each cell's day goes and what its proof said: one row a cell and day, for whoever watches."""

from __future__ import annotations

from datetime import date, timedelta

from mingqu.store.server.database import Transaction


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
        """INSERT INTO closing (cell, on_date, began_at, touched_at, loans, proved, proved_at)
           VALUES (%s, %s, transaction_timestamp(), clock_timestamp(), 0, %s, clock_timestamp())
           ON CONFLICT (cell, on_date) DO UPDATE SET proved = EXCLUDED.proved, proved_at = EXCLUDED.proved_at""",
        (cell, on, proved),
    )


def cells_to_close(tx: Transaction, *, to: date, retry_after: timedelta) -> list[int]:
    """Return the cells with something to do for a close up to `to`, asked of all at once: a worker asks every second.

    That is a day that is open, or a last closed one that is not proved (as `to_prove` says) or not added up.
    """
    rows = tx.execute(
        """SELECT c.cell FROM cell c CROSS JOIN book b
           LEFT JOIN closing n ON n.cell = c.cell AND n.on_date = c.last_closed_on
           LEFT JOIN day_sum s ON s.cell = c.cell
           WHERE c.last_closed_on < %(to)s
              OR c.last_closed_on > coalesce(s.summed_to, b.opened_on - 1)
              OR (c.last_closed_on >= b.opened_on AND n.proved IS NOT TRUE AND (
                  n.proved IS NULL OR n.proved_at IS NULL
                  OR n.proved_at <= clock_timestamp() - %(retry_after)s::interval))
           ORDER BY c.cell""",
        {"to": to, "retry_after": retry_after},
    )
    return [row[0] for row in rows]


def to_prove(tx: Transaction, *, cell: int, retry_after: timedelta) -> date | None:
    """Return the last closed day of a cell if its proof was not asked for, or failed at least `retry_after` ago.

    None as well where no day was closed yet. Earlier days need none of their own: a proof speaks for all before it.
    """
    row = tx.execute(
        """SELECT c.last_closed_on FROM cell c CROSS JOIN book b
           LEFT JOIN closing n ON n.cell = c.cell AND n.on_date = c.last_closed_on
           WHERE c.cell = %s AND c.last_closed_on >= b.opened_on AND n.proved IS NOT TRUE
             AND (n.proved IS NULL OR n.proved_at IS NULL OR n.proved_at <= clock_timestamp() - %s::interval)""",
        (cell, retry_after),
    ).fetchone()
    return None if row is None else row[0]


def unproved(tx: Transaction) -> list[tuple[int, date]]:
    """Return the (cell, day) whose proof failed, until a later one of the same cell holds."""
    rows = tx.execute(
        """SELECT cell, on_date FROM closing c WHERE NOT proved AND NOT EXISTS (
               SELECT FROM closing n WHERE n.cell = c.cell AND n.on_date > c.on_date AND n.proved)
           ORDER BY on_date, cell"""
    )
    return [(row[0], row[1]) for row in rows]
