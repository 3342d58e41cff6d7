"""How often people still allow a message inside WeChat. The count goes down before a message goes out, never after."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from mingqu.store.server.database import Transaction

QUOTA_MAX: Final = 100  # of one template: nobody accepts so often by hand, and the table's check knows it as well


def add(tx: Transaction, *, person_id: UUID, templates: Sequence[str], at: datetime) -> None:
    """Count one more message of each template as allowed, up to QUOTA_MAX."""
    tx.execute(
        """INSERT INTO wechat_message_quota AS q (cell, person_id, template, left_over, changed_at)
           SELECT %s, %s, t.template, 1, %s FROM unnest(%s::text[]) AS t (template)
           ON CONFLICT (cell, person_id, template) DO UPDATE
           SET left_over = least(q.left_over + 1, %s), changed_at = excluded.changed_at""",
        (tx.cell_of(person_id), person_id, at, sorted(set(templates)), QUOTA_MAX),
    )


def spend(tx: Transaction, *, person_id: UUID, template: str, at: datetime) -> bool:
    """Take one message from what is allowed, and return whether there was one."""
    spent = tx.execute(
        """UPDATE wechat_message_quota SET left_over = left_over - 1, changed_at = %s
           WHERE cell = %s AND person_id = %s AND template = %s AND left_over > 0""",
        (at, tx.cell_of(person_id), person_id, template),
    )
    return spent.rowcount == 1


def left_over(tx: Transaction, *, person_id: UUID) -> dict[str, int]:
    """Return how many messages are still allowed, by template."""
    rows = tx.execute(
        "SELECT template, left_over FROM wechat_message_quota WHERE cell = %s AND person_id = %s ORDER BY template",
        (tx.cell_of(person_id), person_id),
    )
    return {str(template): int(count) for template, count in rows}
