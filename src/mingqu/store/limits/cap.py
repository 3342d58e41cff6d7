"""Borrowers' own caps in the book. The caller holds the lock of the person's cell for every write."""

from __future__ import annotations

from uuid import UUID

from mingqu.domain.cap import Cap
from mingqu.store.server.database import Transaction


def insert(tx: Transaction, *, cap: Cap) -> None:
    """Store a word on a cap."""
    tx.execute(
        """INSERT INTO limit_cap (cell, cap_id, person_id, number, amount_fen, set_at, starts_at, used_fen)
           SELECT %(cell)s, %(cap_id)s, %(person_id)s, coalesce(max(number), 0) + 1, %(amount_fen)s, %(set_at)s,
                  %(starts_at)s, %(used_fen)s
           FROM limit_cap WHERE cell = %(cell)s AND person_id = %(person_id)s""",
        {
            "cell": tx.cell_of(cap.person_id),
            "cap_id": cap.cap_id,
            "person_id": cap.person_id,
            "amount_fen": cap.amount_fen,
            "set_at": cap.set_at,
            "starts_at": cap.starts_at,
            "used_fen": cap.used_fen,
        },
    )


def said_by(tx: Transaction, *, person_id: UUID) -> list[Cap]:
    """Return what a person said of their cap, in order."""
    rows = tx.execute(
        """SELECT cap_id, person_id, amount_fen, set_at, starts_at, used_fen FROM limit_cap
           WHERE cell = %s AND person_id = %s ORDER BY number""",
        (tx.cell_of(person_id), person_id),
    )
    return [
        Cap(cap_id=row[0], person_id=row[1], amount_fen=row[2], set_at=row[3], starts_at=row[4], used_fen=row[5])
        for row in rows
    ]
