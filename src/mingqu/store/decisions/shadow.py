"""What was decided beside: one row a decision and variant; the record is sealed in the vault under its field."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """What another version said beside a decision, or the trouble it had."""

    decision_id: UUID
    variant: str
    person_id: UUID
    decided_at: datetime
    outcome: str | None
    record_hash: bytes | None
    trouble: str | None


def field_of(*, decision_id: UUID, variant: str) -> str:
    """Return the name of the vault's field that holds the record."""
    return f"shadow.{decision_id.hex}.{variant}"


def insert(tx: Transaction, *, shadow: Shadow) -> bool:
    """Store what was decided beside, once, and return whether it is new."""
    added = tx.execute(
        """
        INSERT INTO shadow_decision (cell, decision_id, variant, person_id, decided_at, outcome, record_hash, trouble)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
        """,
        (
            tx.cell_of(shadow.person_id),
            shadow.decision_id,
            shadow.variant,
            shadow.person_id,
            shadow.decided_at,
            shadow.outcome,
            shadow.record_hash,
            shadow.trouble,
        ),
    )
    return added.rowcount == 1


def of_decision(tx: Transaction, *, decision_id: UUID) -> list[Shadow]:
    """Return what was decided beside one decision, by variant."""
    rows = tx.execute(
        """SELECT decision_id, variant, person_id, decided_at, outcome, record_hash, trouble FROM shadow_decision
           WHERE cell = %s AND decision_id = %s ORDER BY variant""",
        (tx.cell_of(decision_id), decision_id),
    )
    return [
        Shadow(
            decision_id=row[0],
            variant=row[1],
            person_id=row[2],
            decided_at=row[3],
            outcome=row[4],
            record_hash=None if row[5] is None else bytes(row[5]),
            trouble=row[6],
        )
        for row in rows
    ]


def counts(tx: Transaction, *, since: datetime) -> list[tuple[str, str, str, int]]:
    """Return (variant, what it said or its trouble, what was decided, how many) since a moment, in order."""
    rows = tx.execute(
        """SELECT s.variant, coalesce(s.outcome, s.trouble), d.outcome, count(*)
           FROM cell c
           JOIN shadow_decision s ON s.cell = c.cell AND s.decided_at >= %s
           JOIN decision d ON d.cell = s.cell AND d.decision_id = s.decision_id
           GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
        (since,),
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]
