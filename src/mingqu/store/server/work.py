"""Work to do: rows written with the business row, leased by one worker at a time, taken over when it dies.

A lease lasts a stated time and carries a fence, a number that grows with each lease. Who completes or
moves work shows the fence; when another worker has leased it since, the first one is refused.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import numpy as np
import numpy.typing as npt

from mingqu.domain.refusal import Refusal
from mingqu.store.server import column
from mingqu.store.server.connection import Statement
from mingqu.store.server.database import Transaction

# One worker takes no more at once than it does well within a lease.
LEASES_MAX: Final = 1_000
_ENQUEUE: Final = """
    INSERT INTO work (cell, work_id, kind, subject_id, run_at, payload)
    SELECT $1::smallint, w.work_id, w.kind, w.subject_id, w.run_at, w.payload::jsonb
    FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[], $6::text[])
         AS w (work_id, kind, subject_id, run_at, payload)
    ON CONFLICT (cell, work_id) DO NOTHING"""


class LeaseLost(Refusal):
    """Another worker has leased this work since, or has done it: drop what was being done."""

    code = "lease_lost"
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A leased piece of work. `run_at` is when it was due."""

    cell: int
    work_id: UUID
    kind: str
    subject_id: UUID
    run_at: datetime
    fence: int
    payload: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWork:
    """Work to be done at `run_at` or later. The same id twice is one piece of work."""

    work_id: UUID
    kind: str
    subject_id: UUID
    run_at: datetime
    payload: dict[str, object]


def enqueue(
    tx: Transaction,
    *,
    cell: int,
    work_id: UUID,
    kind: str,
    subject_id: UUID,
    run_at: datetime,
    payload: dict[str, object],
) -> bool:
    """Write work to be done at `run_at` or later; return whether it is new. The same id twice is one piece of work."""
    new = NewWork(work_id=work_id, kind=kind, subject_id=subject_id, run_at=run_at, payload=payload)
    return enqueue_many(tx, cell=cell, rows=[new]) == 1


def enqueue_many(tx: Transaction, *, cell: int, rows: Sequence[NewWork]) -> int:
    """Write work of one cell in one statement and return how much of it is new."""
    if not rows:
        return 0
    (answer,) = tx.together([enqueued(cell=cell, rows=rows)])
    return answer.rowcount


def enqueued(*, cell: int, rows: Sequence[NewWork]) -> Statement:
    """Return the statement of `enqueue_many`."""
    values = (
        column.of_uuids([row.work_id for row in rows]),
        column.of_texts([row.kind for row in rows]),
        column.of_uuids([row.subject_id for row in rows]),
        column.of_moments([row.run_at for row in rows]),
        column.of_texts([json.dumps(row.payload) for row in rows]),
    )
    return Statement(_ENQUEUE, (column.smallint(cell), *(each.packed for each in values)))


def enqueue_columns(
    tx: Transaction,
    *,
    cell: int,
    work_ids: npt.NDArray[np.uint8],
    kind: str,
    subject_ids: npt.NDArray[np.uint8],
    run_at: datetime,
    payloads: Sequence[str],
) -> None:
    """Write work of one kind and moment, as `enqueue_many` does; ids are bytes [n, 16], payloads are JSON."""
    if not payloads:
        return
    tx.execute(
        """
        INSERT INTO work (cell, work_id, kind, subject_id, run_at, payload)
        SELECT %s, w.work_id, %s, w.subject_id, %s, w.payload::jsonb
        FROM unnest(%b::uuid[], %b::uuid[], %b::text[]) AS w (work_id, subject_id, payload)
        ON CONFLICT (cell, work_id) DO NOTHING
        """,
        (
            cell,
            kind,
            run_at,
            column.of_array(work_ids, kind=column.Kind.UUID),
            column.of_array(subject_ids, kind=column.Kind.UUID),
            column.of_texts(payloads),
        ),
    )


def lease(
    tx: Transaction, *, cell: int, kinds: Collection[str], now: datetime, lease_seconds: int, limit: int
) -> list[Work]:
    """Lease up to `limit` pieces of work of these kinds that are due in a cell, the longest due first.

    Until `now` + `lease_seconds` nobody else gets them; rows that another worker is leasing at this
    moment are passed over. Commit before the work begins. At most LEASES_MAX.
    """
    assert 0 < limit <= LEASES_MAX
    assert lease_seconds > 0
    rows = tx.execute(
        """
        WITH due AS MATERIALIZED (
            SELECT work_id, run_at FROM work
            WHERE cell = %(cell)s AND kind = ANY (%(kinds)s) AND done_at IS NULL AND run_at <= %(now)s
            ORDER BY run_at, work_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
        )
        UPDATE work w SET fence = w.fence + 1, run_at = %(until)s
        FROM due WHERE w.cell = %(cell)s AND w.work_id = due.work_id
        RETURNING w.work_id, w.kind, w.subject_id, due.run_at, w.fence, w.payload
        """,
        {
            "cell": cell,
            "kinds": sorted(kinds),
            "now": now,
            "until": now + timedelta(seconds=lease_seconds),
            "limit": limit,
        },
    ).fetchall()
    leased = [
        Work(cell=cell, work_id=row[0], kind=row[1], subject_id=row[2], run_at=row[3], fence=row[4], payload=row[5])
        for row in rows
    ]
    return sorted(leased, key=lambda work: (work.run_at, work.work_id))


def waiting(tx: Transaction, *, kinds: Collection[str], now: datetime) -> set[tuple[int, str]]:
    """Return in which cells work of which kinds is due: (cell, kind), one question for the whole book, rounds included.

    One look into the index for each cell and kind, however much waits there.
    """
    rows = tx.execute(
        """
        SELECT c.cell, k.kind FROM cell c CROSS JOIN unnest(%(kinds)s::text[]) AS k (kind)
        CROSS JOIN LATERAL (
            SELECT FROM work w WHERE w.cell = c.cell AND w.kind = k.kind AND w.done_at IS NULL AND w.run_at <= %(now)s
            LIMIT 1
        ) AS one
        UNION SELECT cell, 'notice' FROM notice_round WHERE run_at <= %(now)s AND 'notice' = ANY (%(kinds)s)
        UNION SELECT cell, 'bill_notice' FROM bill_round WHERE run_at <= %(now)s AND 'bill_notice' = ANY (%(kinds)s)
        """,
        {"kinds": sorted(kinds), "now": now},
    )
    return set(rows.fetchall())


def complete(tx: Transaction, *, work: Work, now: datetime, payload: Mapping[str, object] | None = None) -> None:
    """Mark work as done, with a payload that says how it ended, or as it was.

    Errors: LeaseLost; nothing is changed then, and the transaction must be rolled back.
    """
    changed = tx.execute(
        "UPDATE work SET done_at = %s, payload = coalesce(%s::jsonb, payload)"
        " WHERE cell = %s AND work_id = %s AND fence = %s AND done_at IS NULL",
        (now, None if payload is None else json.dumps(payload), work.cell, work.work_id, work.fence),
    )
    _assert_held(changed.rowcount)


def reschedule(tx: Transaction, *, work: Work, run_at: datetime, payload: Mapping[str, object] | None = None) -> None:
    """Give work back to be done at `run_at`, which ends the lease; with a new payload, or as it was.

    Errors: LeaseLost, as for `complete`.
    """
    changed = tx.execute(
        "UPDATE work SET run_at = %s, fence = fence + 1, payload = coalesce(%s::jsonb, payload)"
        " WHERE cell = %s AND work_id = %s AND fence = %s AND done_at IS NULL",
        (run_at, None if payload is None else json.dumps(payload), work.cell, work.work_id, work.fence),
    )
    _assert_held(changed.rowcount)


def payload_of(tx: Transaction, *, cell: int, work_id: UUID) -> dict[str, object] | None:
    """Return the payload of a piece of work, done or not; None if there is none of this id."""
    row = tx.execute("SELECT payload FROM work WHERE cell = %s AND work_id = %s", (cell, work_id)).fetchone()
    return row[0] if row else None


def pending(tx: Transaction) -> dict[str, int]:
    """Return how many pieces of work of each kind are not done, in the whole book, those of rounds included."""
    return dict(
        tx.execute(
            """SELECT kind, sum(count)::bigint FROM (
                   SELECT kind, count(*) FROM work WHERE done_at IS NULL GROUP BY kind UNION ALL
                   SELECT 'notice', cardinality(loan_ids) - told FROM notice_round UNION ALL
                   SELECT 'bill_notice', cardinality(array_remove(numbers, 0)) FROM bill_round
               ) AS left_over GROUP BY kind ORDER BY kind"""
        ).fetchall()
    )


def of_subjects(
    tx: Transaction, *, cell: int, kind: str, subject_ids: Collection[UUID], limit: int
) -> list[tuple[UUID, datetime, datetime | None, dict[str, object]]]:
    """Return work of a kind about subjects of a cell as (subject, due, done, payload), the latest first."""
    rows = tx.execute(
        """SELECT subject_id, run_at, done_at, payload FROM work
           WHERE cell = %s AND subject_id = ANY (%s) AND kind = %s ORDER BY run_at DESC, work_id LIMIT %s""",
        (cell, list(subject_ids), kind, limit),
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def _assert_held(changed: int) -> None:
    if changed != 1:
        raise LeaseLost("This work was leased by another worker since.")
