"""Leases on cells: one worker at a time does a task on a cell, and another follows when it is silent for too long.

A lease ends by the clock of the database, so the clocks of the machines that work may differ. It carries a fence, a
number that grows with each claim: who was taken for dead and was only slow finds that its number is old. The row's
lock is never waited for, and every statement names one cell, so that all of it lies on one server.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mingqu.store.server.database import Transaction
from mingqu.store.server.work import LeaseLost


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A task on a cell that is `holder`'s until it ends, gives it back, or is silent for longer than it said."""

    cell: int
    task: str
    holder: str
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A lease as anybody sees it, with the moment at which it ends unless it is kept."""

    lease: Lease
    expires_at: datetime


def claim(tx: Transaction, *, cell: int, task: str, holder: str, seconds: float) -> Lease | None:
    """Claim a task on a cell for `seconds`; None when another has it or is claiming it. Commit before work begins."""
    assert seconds > 0
    given = {"cell": cell, "task": task, "holder": holder, "seconds": seconds}
    row = (
        tx.execute(
            """
        WITH free AS MATERIALIZED (
            SELECT task FROM cell_lease WHERE cell = %(cell)s AND task = %(task)s AND expires_at <= now()
            FOR UPDATE SKIP LOCKED
        )
        UPDATE cell_lease l
        SET holder = %(holder)s, fence = l.fence + 1, expires_at = now() + make_interval(secs => %(seconds)s)
        FROM free WHERE l.cell = %(cell)s AND l.task = free.task
        RETURNING l.fence
        """,
            given,
        ).fetchone()
        or tx.execute(
            """
        INSERT INTO cell_lease (cell, task, holder, fence, expires_at)
        SELECT %(cell)s, %(task)s, %(holder)s, 1, now() + make_interval(secs => %(seconds)s)
        WHERE NOT EXISTS (SELECT FROM cell_lease WHERE cell = %(cell)s AND task = %(task)s)
        ON CONFLICT (cell, task) DO NOTHING RETURNING fence
        """,
            given,
        ).fetchone()
    )
    return None if row is None else Lease(cell=cell, task=task, holder=holder, fence=row[0])


def extend(tx: Transaction, *, lease: Lease, seconds: float) -> None:
    """Keep a lease for `seconds` from now, also one that ran out and that nobody took. Errors: LeaseLost."""
    assert seconds > 0
    _assert_held(
        tx.execute(
            "UPDATE cell_lease SET expires_at = now() + make_interval(secs => %s)"
            " WHERE cell = %s AND task = %s AND fence = %s",
            (seconds, lease.cell, lease.task, lease.fence),
        ).rowcount
    )


def hold(tx: Transaction, *, lease: Lease) -> None:
    """See that a lease is still ours and keep it so until the transaction ends: what is written then is fenced.

    Where the cell is locked as well, lock the cell first. Errors: LeaseLost.
    """
    _assert_held(
        len(
            tx.execute(
                "SELECT fence FROM cell_lease WHERE cell = %s AND task = %s AND fence = %s FOR UPDATE",
                (lease.cell, lease.task, lease.fence),
            ).fetchall()
        )
    )


def release(tx: Transaction, *, lease: Lease) -> None:
    """Give a task back, so that another can claim it at once. Errors: LeaseLost."""
    _assert_held(
        tx.execute(
            "UPDATE cell_lease SET expires_at = '-infinity', fence = fence + 1"
            " WHERE cell = %s AND task = %s AND fence = %s",
            (lease.cell, lease.task, lease.fence),
        ).rowcount
    )


def standing(tx: Transaction) -> list[Held]:
    """Return the leases that have not run out, of all cells."""
    rows = tx.execute(
        "SELECT cell, task, holder, fence, expires_at FROM cell_lease WHERE expires_at > now() ORDER BY cell, task"
    )
    return [
        Held(lease=Lease(cell=cell, task=task, holder=holder, fence=fence), expires_at=expires_at)
        for cell, task, holder, fence, expires_at in rows
    ]


def _assert_held(found: int) -> None:
    if found != 1:
        raise LeaseLost("Another worker has claimed this cell since.")
