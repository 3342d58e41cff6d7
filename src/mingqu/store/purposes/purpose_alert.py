"""Alerts about cards whose money is bound to a purpose. The caller holds the cell's lock for every write."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from mingqu.store.server.database import Transaction

_SELECT: Final[LiteralString] = """
    SELECT alert_id, card_id, person_id, rule, deed, facts, raised_at, closed_at FROM purpose_alert"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What was found about a card, by which rule, and what was done."""

    alert_id: UUID
    card_id: UUID
    person_id: UUID
    rule: str
    deed: str
    facts: dict[str, str | int]
    raised_at: datetime
    closed_at: datetime | None = None


def insert(tx: Transaction, *, alert: Alert) -> bool:
    """Store an alert and return whether it is new."""
    added = tx.execute(
        """INSERT INTO purpose_alert (cell, alert_id, card_id, person_id, rule, deed, facts, raised_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (cell, alert_id) DO NOTHING""",
        (
            tx.cell_of(alert.card_id),
            alert.alert_id,
            alert.card_id,
            alert.person_id,
            alert.rule,
            alert.deed,
            json.dumps(alert.facts, ensure_ascii=False),
            alert.raised_at,
        ),
    )
    return added.rowcount == 1


def of_card(tx: Transaction, *, card_id: UUID, limit: int) -> list[Alert]:
    """Return the alerts of a card, the newest first."""
    rows = tx.execute(
        _SELECT + " WHERE cell = %s AND card_id = %s ORDER BY raised_at DESC, alert_id DESC LIMIT %s",
        (tx.cell_of(card_id), card_id, limit),
    )
    return _read(rows.fetchall())


def standing(tx: Transaction, *, limit: int) -> list[Alert]:
    """Return the open alerts of the whole book, the oldest first."""
    rows = tx.execute(_SELECT + " WHERE closed_at IS NULL ORDER BY raised_at, alert_id LIMIT %s", (limit,))
    return _read(rows.fetchall())


def stops(tx: Transaction, *, card_id: UUID) -> str | None:
    """Return the rule of the oldest open alert by which a card is stopped, or None."""
    row = tx.execute(
        """SELECT rule FROM purpose_alert
           WHERE cell = %s AND card_id = %s AND closed_at IS NULL AND deed <> 'watch'
           ORDER BY raised_at, alert_id LIMIT 1""",
        (tx.cell_of(card_id), card_id),
    ).fetchone()
    return None if row is None else str(row[0])


def close_all(tx: Transaction, *, card_id: UUID, by: UUID, at: datetime) -> None:
    """Close what is open about a card; `by` is the proposal that let it go on."""
    tx.execute(
        """UPDATE purpose_alert SET closed_at = %s, closed_by = %s
           WHERE cell = %s AND card_id = %s AND closed_at IS NULL""",
        (at, by, tx.cell_of(card_id), card_id),
    )


def _read(rows: Sequence[Sequence[object]]) -> list[Alert]:
    names = ("alert_id", "card_id", "person_id", "rule", "deed", "facts", "raised_at", "closed_at")
    return [Alert(**dict(zip(names, row, strict=True))) for row in rows]  # type: ignore[arg-type]
