"""Decisions on whether a card with a purpose may be used in a wallet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A decision as it lies in the book."""

    binding_id: UUID
    person_id: UUID
    card_id: UUID
    wallet: str
    outcome: str
    record: bytes
    table_version: int
    decided_at: datetime


def insert(tx: Transaction, *, binding: Binding) -> None:
    """Store a decision; the caller holds the cell's lock."""
    tx.execute(
        """INSERT INTO wallet_binding (cell, binding_id, person_id, card_id, wallet, outcome, record, table_version,
               decided_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            tx.cell_of(binding.person_id),
            binding.binding_id,
            binding.person_id,
            binding.card_id,
            binding.wallet,
            binding.outcome,
            binding.record,
            binding.table_version,
            binding.decided_at,
        ),
    )


def of_card(tx: Transaction, *, card_id: UUID, limit: int) -> list[Binding]:
    """Return what was decided about a card, the newest first."""
    rows = tx.execute(
        """SELECT binding_id, person_id, card_id, wallet, outcome, record, table_version, decided_at FROM wallet_binding
           WHERE cell = %s AND card_id = %s ORDER BY decided_at DESC, binding_id DESC LIMIT %s""",
        (tx.cell_of(card_id), card_id, limit),
    )
    return [
        Binding(
            binding_id=row[0],
            person_id=row[1],
            card_id=row[2],
            wallet=row[3],
            outcome=row[4],
            record=bytes(row[5]),
            table_version=row[6],
            decided_at=row[7],
        )
        for row in rows
    ]
