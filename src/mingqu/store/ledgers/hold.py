"""Holds that lapse: which are due, and the transfer that ends each."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from mingqu.domain.identifier import beside
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer, TransferKind
from mingqu.store.server.database import Transaction


def any_lapsed(tx: Transaction, *, cell: int, on: date) -> bool:
    """Return whether a cell has an open hold that lapses on a business date or before."""
    row = tx.execute(
        "SELECT FROM hold WHERE cell = %s AND state = 1 AND expires_on IS NOT NULL AND expires_on <= %s LIMIT 1",
        (cell, on),
    ).fetchone()
    return row is not None


def lapsed(tx: Transaction, *, cell: int, on: date, limit: int) -> list[Transfer]:
    """Return the transfer that ends each open hold that lapses on a business date or before, the earliest first.

    At most `limit`; the caller holds the cell's lock. The end counts from the day on which the hold lapsed.
    """
    rows = tx.execute(
        """
        SELECT t.id, t.debit_owner, t.debit_code, t.credit_owner, t.credit_code, t.currency, t.amount_fen, t.reason,
               t.reference, h.expires_on
        FROM hold h JOIN transfer t ON t.cell = h.cell AND t.id = h.id
        WHERE h.cell = %s AND h.state = 1 AND h.expires_on IS NOT NULL AND h.expires_on <= %s
        ORDER BY h.expires_on, h.id LIMIT %s
        """,
        (cell, on, limit),
    )
    return [
        Transfer(
            id=beside(row[0], purpose="expire"),
            kind=TransferKind.EXPIRE,
            debit=Account(owner=row[1], code=AccountCode(row[2]), currency=row[5]),
            credit=Account(owner=row[3], code=AccountCode(row[4]), currency=row[5]),
            amount_fen=row[6],
            reason=Reason(row[7]),
            value_date=row[9],
            posted_on=on,
            reference=row[8],
            pending_id=row[0],
        )
        for row in rows
    ]


def state_of(tx: Transaction, *, cell: int, hold_id: UUID) -> str | None:
    """Return what became of a hold: open, posted, voided or expired; None if there is none of this id."""
    row = tx.execute("SELECT state FROM hold WHERE cell = %s AND id = %s", (cell, hold_id)).fetchone()
    return None if row is None else {1: "open", 2: "posted", 3: "voided", 4: "expired"}[row[0]]
