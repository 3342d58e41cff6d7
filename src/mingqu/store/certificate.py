"""Settlement certificates at rest: one a loan, never changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mingqu.store.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCertificate:
    """A certificate's content in canonical bytes."""

    certificate_id: UUID
    body: bytes


def insert(tx: Transaction, *, certificate_id: UUID, loan_id: UUID, person_id: UUID, body: bytes, at: datetime) -> None:
    """Store a new certificate."""
    tx.execute(
        """INSERT INTO certificate (cell, certificate_id, loan_id, person_id, body, issued_at)
           VALUES (%s, %s, %s, %s, %s, %s)""",
        (tx.cell_of(loan_id), certificate_id, loan_id, person_id, body, at),
    )


def of_loan(tx: Transaction, *, loan_id: UUID) -> StoredCertificate | None:
    """Return a loan's certificate, or None."""
    row = tx.execute(
        "SELECT certificate_id, body FROM certificate WHERE cell = %s AND loan_id = %s", (tx.cell_of(loan_id), loan_id)
    ).fetchone()
    return None if row is None else StoredCertificate(certificate_id=row[0], body=bytes(row[1]))
