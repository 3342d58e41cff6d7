"""Settlement certificates at rest: one a loan and history, never changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mingqu.domain.ownership import NotFound
from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCertificate:
    """A certificate's content in canonical bytes."""

    certificate_id: UUID
    body: bytes


def insert(
    tx: Transaction,
    *,
    certificate_id: UUID,
    loan_id: UUID,
    person_id: UUID,
    history: UUID,
    body: bytes,
    at: datetime,
) -> None:
    """Store a new certificate; `history` is the last event of the history it speaks of."""
    tx.execute(
        """INSERT INTO certificate (cell, certificate_id, loan_id, person_id, history, body, issued_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s)""",
        (tx.cell_of(loan_id), certificate_id, loan_id, person_id, history, body, at),
    )


def load(tx: Transaction, *, person_id: UUID, certificate_id: UUID) -> StoredCertificate:
    """Return a person's own certificate. Errors: NotFound, also for another person's."""
    row = tx.execute(
        "SELECT body FROM certificate WHERE cell = %s AND certificate_id = %s AND person_id = %s",
        (tx.cell_of(person_id), certificate_id, person_id),
    ).fetchone()
    if row is None:
        raise NotFound
    return StoredCertificate(certificate_id=certificate_id, body=bytes(row[0]))


def of_loan(tx: Transaction, *, loan_id: UUID, history: UUID) -> StoredCertificate | None:
    """Return a loan's certificate for a history that ends with this event, or None."""
    row = tx.execute(
        "SELECT certificate_id, body FROM certificate WHERE cell = %s AND loan_id = %s AND history = %s",
        (tx.cell_of(loan_id), loan_id, history),
    ).fetchone()
    return None if row is None else StoredCertificate(certificate_id=row[0], body=bytes(row[1]))
