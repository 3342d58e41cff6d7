"""Contacts that the gate denied: rows that are only added."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from mingqu.domain.contact import Denial, Denied, Medium
from mingqu.store.server.database import Transaction

ROWS_MAX: Final = 100  # the newest; they are read by a person


@dataclass(frozen=True, slots=True, kw_only=True)
class DeniedContact:
    """One contact that was not made: about which loan or account, why, by which row of which document, and from when it
    may be.
    """

    loan_id: UUID | None
    account_id: UUID | None
    denied_at: datetime
    medium: Medium
    reason: Denial
    rule_id: str
    document: str
    next_at: datetime | None


def insert(
    tx: Transaction,
    *,
    work_id: UUID,
    person_id: UUID,
    loan_id: UUID | None,
    account_id: UUID | None,
    medium: Medium,
    denied: Denied,
    at: datetime,
) -> None:
    """Add a denial in the person's cell; the same contact denied at the same moment is one row."""
    assert (loan_id is None) != (account_id is None), "a contact is about a loan or about an account"
    tx.execute(
        """
        INSERT INTO contact_denial
            (cell, work_id, denied_at, person_id, loan_id, account_id, medium, reason, rule_id, document, next_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (cell, work_id, denied_at) DO NOTHING
        """,
        (
            tx.cell_of(person_id),
            work_id,
            at,
            person_id,
            loan_id,
            account_id,
            medium.value,
            denied.reason.value,
            denied.rule.id,
            denied.rule.document,
            denied.next_at,
        ),
    )


def of_person(tx: Transaction, *, person_id: UUID) -> list[DeniedContact]:
    """Return the denied contacts of a person, the newest first, at most ROWS_MAX."""
    rows = tx.execute(
        """
        SELECT loan_id, account_id, denied_at, medium, reason, rule_id, document, next_at FROM contact_denial
        WHERE cell = %s AND person_id = %s ORDER BY denied_at DESC, work_id LIMIT %s
        """,
        (tx.cell_of(person_id), person_id, ROWS_MAX),
    )
    return [
        DeniedContact(
            loan_id=row[0],
            account_id=row[1],
            denied_at=row[2],
            medium=Medium(row[3]),
            reason=Denial(row[4]),
            rule_id=row[5],
            document=row[6],
            next_at=row[7],
        )
        for row in rows
    ]
