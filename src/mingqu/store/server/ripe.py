"""What the day alone makes due: holds, purchases and revolving accounts, asked for of all cells in one question."""

from __future__ import annotations

from datetime import date
from typing import Final

from mingqu.store.server.database import Transaction

HOLD: Final = "hold"
PURCHASE: Final = "purchase"
ACCOUNT: Final = "account"


def ripe(tx: Transaction, *, on: date) -> set[tuple[int, str]]:
    """Return in which cells a hold lapses, a purchase lapses or an account has a morning by a date: (cell, kind).

    One look into an index for each cell and kind. An account that waits for its payment is named as well: whoever
    takes up the cell asks about each account.
    """
    rows = tx.execute(
        """
        SELECT c.cell, one.kind FROM cell c CROSS JOIN LATERAL (
            (SELECT 'hold' FROM hold h
             WHERE h.cell = c.cell AND h.state = 1 AND h.expires_on IS NOT NULL AND h.expires_on <= %(on)s LIMIT 1)
            UNION ALL
            (SELECT 'purchase' FROM spend_purchase p
             WHERE p.cell = c.cell AND p.state = 'held' AND p.lapses_on <= %(on)s LIMIT 1)
            UNION ALL
            (SELECT 'account' FROM spend_account a WHERE a.cell = c.cell AND a.next_morning <= %(on)s LIMIT 1)
        ) AS one (kind)
        """,
        {"on": on},
    )
    return set(rows.fetchall())
