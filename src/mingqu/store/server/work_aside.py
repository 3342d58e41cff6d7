"""Work that is set aside because it fails: with the reason, and until when it waits, longer with each try."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from mingqu.store.server.database import Transaction

# What a moment's trouble broke is done soon; what somebody must mend is tried four times a day until it is.
WAIT_MIN: Final = timedelta(minutes=1)
WAIT_MAX: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """Work that waits. `code` is a refusal's, or names the bug and the step it showed in."""

    cell: int
    work_id: UUID
    kind: str
    subject_id: UUID
    code: str
    since: datetime
    tried_at: datetime
    again_at: datetime
    tries: int


def wait_after(tries: int) -> timedelta:
    """Return how long work waits that failed so often. Example: a minute, two, four … six hours from the tenth on."""
    doublings = min(tries - 1, (WAIT_MAX // WAIT_MIN).bit_length())  # more would only be cut again
    return min(WAIT_MIN * (1 << doublings), WAIT_MAX)


def put(
    tx: Transaction,
    *,
    cell: int,
    work_id: UUID,
    kind: str,
    subject_id: UUID,
    code: str,
    at: datetime,
    most: timedelta = WAIT_MAX,
) -> datetime:
    """Set work aside with the reason; once more is one more try. Return until when it waits, `most` at most."""
    row = tx.execute(
        """INSERT INTO work_set_aside (cell, work_id, kind, subject_id, code, since, tried_at, again_at, tries)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 1)
           ON CONFLICT (cell, work_id, kind) DO UPDATE
           SET code = EXCLUDED.code, tried_at = EXCLUDED.tried_at, tries = work_set_aside.tries + 1
           RETURNING tries""",
        (cell, work_id, kind, subject_id, code, at, at, at),
    ).fetchone()
    assert row is not None
    until = at + min(wait_after(row[0]), most)
    tx.execute(
        "UPDATE work_set_aside SET again_at = %s WHERE cell = %s AND work_id = %s AND kind = %s",
        (until, cell, work_id, kind),
    )
    return until


def resolve(tx: Transaction, *, cell: int, work_id: UUID, kind: str) -> None:
    """Take work back: it went through, or it is nobody's any more."""
    tx.execute("DELETE FROM work_set_aside WHERE cell = %s AND work_id = %s AND kind = %s", (cell, work_id, kind))


def drop_all(tx: Transaction) -> None:
    """Take everything back, for whoever takes cells apart: what fails still is set aside anew."""
    tx.execute("DELETE FROM work_set_aside")


def among(tx: Transaction, *, cell: int, kind: str, work_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """Return which of some work of a cell is set aside, each until when."""
    rows = tx.execute(
        "SELECT work_id, again_at FROM work_set_aside WHERE cell = %s AND kind = %s AND work_id = ANY (%s)",
        (cell, kind, list(work_ids)),
    )
    return dict(rows.fetchall())


def everything(tx: Transaction, *, tried_from: datetime | None = None) -> list[Aside]:
    """Return what is set aside in the whole book, or what was tried from a moment on; the oldest first.

    What was ended in another way meanwhile is nothing that waits.
    """
    rows = tx.execute(
        """SELECT cell, work_id, kind, subject_id, code, since, tried_at, again_at, tries FROM work_set_aside x
           WHERE (%(from)s::timestamptz IS NULL OR tried_at >= %(from)s)
             AND NOT EXISTS (SELECT FROM work w WHERE w.cell = x.cell AND w.work_id = x.work_id AND w.kind = x.kind
                                                  AND w.done_at IS NOT NULL)
             AND NOT EXISTS (SELECT FROM channel_order o WHERE x.kind = 'order' AND o.cell = x.cell
                                AND o.order_id = x.work_id AND o.state IN ('PAID', 'FAILED'))
           ORDER BY since, cell, work_id, kind""",
        {"from": tried_from},
    )
    return [
        Aside(
            cell=row[0],
            work_id=row[1],
            kind=row[2],
            subject_id=row[3],
            code=row[4],
            since=row[5],
            tried_at=row[6],
            again_at=row[7],
            tries=row[8],
        )
        for row in rows
    ]
