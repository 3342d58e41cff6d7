"""Loans that ended unpaid after their payout had come back. The caller holds the lock of the person's cell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from mingqu.store.server.database import Transaction


class Cause(Enum):
    """Why a loan was called off. Words are stored: never changed, never used again."""

    BORROWER = "borrower"
    TIME = "time"  # nobody asked for it again for as long as the house waits


@dataclass(frozen=True, slots=True, kw_only=True)
class CalledOff:
    """That a loan was called off: `event_id` is its event of that, `returned_id` the payout that had come back."""

    event_id: UUID
    loan_id: UUID
    person_id: UUID
    returned_id: UUID
    cause: Cause
    called_off_at: datetime


def insert(tx: Transaction, *, made: CalledOff) -> None:
    """Store that a loan was called off; a loan is called off once."""
    tx.execute(
        """
        INSERT INTO loan_called_off (cell, event_id, loan_id, person_id, returned_id, cause, called_off_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        """,
        (
            tx.cell_of(made.loan_id),
            made.event_id,
            made.loan_id,
            made.person_id,
            made.returned_id,
            made.cause.value,
            made.called_off_at,
        ),
    )
