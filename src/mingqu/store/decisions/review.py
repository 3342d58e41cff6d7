"""What people asked a person for, in the book. The caller holds the lock of the person's cell for every write."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.rows import TupleRow

from mingqu.domain.ownership import NotFound
from mingqu.domain.review import ReviewOutcome
from mingqu.store.server.database import Transaction

ASKED: Final = "person_asked"  # the kind of work that only people take
ROWS_MAX: Final = 100  # read by people, who begin with the oldest
_SELECT: Final[LiteralString] = """
    SELECT w.work_id, (w.payload ->> 'person_id')::uuid, w.subject_id, w.payload ->> 'wish', w.run_at,
           r.taken_by, r.taken_at, r.answered_by, r.answered_at, r.outcome
    FROM work w LEFT JOIN review r ON r.cell = w.cell AND r.request_id = w.work_id
    WHERE w.cell = %(cell)s AND w.kind = 'person_asked'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody asked for, about a decision or a loan (`subject_id`), and what became of it."""

    request_id: UUID
    person_id: UUID
    subject_id: UUID
    wish: str
    asked_at: datetime
    taken_by: UUID | None = None
    taken_at: datetime | None = None
    answered_by: UUID | None = None
    answered_at: datetime | None = None
    outcome: ReviewOutcome | None = None

    @property
    def field(self) -> str:
        """The name under which the answer is sealed in the vault of whoever asked."""
        return f"review.{self.request_id.hex}"


def load(tx: Transaction, *, request_id: UUID) -> Request:
    """Return a request. Errors: NotFound."""
    parameters = {"cell": tx.cell_of(request_id), "request_id": request_id}
    row = tx.execute(_SELECT + " AND w.work_id = %(request_id)s", parameters).fetchone()
    if row is None:
        raise NotFound
    return _request(row)


def about(tx: Transaction, *, person_id: UUID, subject_id: UUID) -> list[Request]:
    """Return what a person asked about one of their decisions or loans, the newest first."""
    rows = tx.execute(
        _SELECT + " AND w.subject_id = %(subject_id)s ORDER BY w.run_at DESC, w.work_id DESC",
        {"cell": tx.cell_of(subject_id), "subject_id": subject_id},
    )
    return [one for one in map(_request, rows) if one.person_id == person_id]


def waiting(tx: Transaction) -> list[Request]:
    """Return requests that are not answered, the oldest first."""
    found: list[Request] = []
    for cell in range(tx.cells):  # each cell has its own index of open work
        found += map(
            _request,
            tx.execute(
                _SELECT + " AND w.done_at IS NULL ORDER BY w.run_at, w.work_id LIMIT %(limit)s",
                {"cell": cell, "limit": ROWS_MAX},
            ),
        )
    return sorted(found, key=lambda one: (one.asked_at, one.request_id))[:ROWS_MAX]


def waiting_count(tx: Transaction) -> int:
    """Return how many requests are not answered."""
    row = tx.execute(
        "SELECT count(*) FROM work WHERE cell = ANY (%s) AND kind = 'person_asked' AND done_at IS NULL",
        (list(range(tx.cells)),),
    ).fetchone()
    assert row is not None
    return int(row[0])


def answered(tx: Transaction) -> list[Request]:
    """Return the requests answered last, the newest first."""
    found: list[Request] = []
    for cell in range(tx.cells):
        found += map(
            _request,
            tx.execute(
                _SELECT + " AND r.answered_at IS NOT NULL ORDER BY r.answered_at DESC LIMIT %(limit)s",
                {"cell": cell, "limit": ROWS_MAX},
            ),
        )
    return sorted(found, key=lambda one: (one.answered_at or one.asked_at, one.request_id), reverse=True)[:ROWS_MAX]


def take(tx: Transaction, *, request: Request, operator_id: UUID, at: datetime) -> None:
    """Store who took a request, in place of who had it before."""
    tx.execute(
        """
        INSERT INTO review (cell, request_id, person_id, subject_id, wish, taken_by, taken_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (cell, request_id) DO UPDATE SET taken_by = EXCLUDED.taken_by, taken_at = EXCLUDED.taken_at
        """,
        (
            tx.cell_of(request.request_id),
            request.request_id,
            request.person_id,
            request.subject_id,
            request.wish,
            operator_id,
            at,
        ),
    )


def answer(tx: Transaction, *, request_id: UUID, operator_id: UUID, outcome: ReviewOutcome, at: datetime) -> None:
    """Store how a request was answered; the work is done."""
    place = (tx.cell_of(request_id), request_id)
    tx.execute(
        "UPDATE review SET answered_by = %s, answered_at = %s, outcome = %s WHERE cell = %s AND request_id = %s",
        (operator_id, at, outcome.value, *place),
    )
    tx.execute("UPDATE work SET done_at = %s, fence = fence + 1 WHERE cell = %s AND work_id = %s", (at, *place))


def _request(row: TupleRow) -> Request:
    return Request(
        request_id=row[0],
        person_id=row[1],
        subject_id=row[2],
        wish=row[3],
        asked_at=row[4],
        taken_by=row[5],
        taken_at=row[6],
        answered_by=row[7],
        answered_at=row[8],
        outcome=None if row[9] is None else ReviewOutcome(row[9]),
    )
