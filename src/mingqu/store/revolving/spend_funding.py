"""Which source funds each revolving account, and what accounts owe and hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mingqu.domain.ledger import AccountCode
from mingqu.store.funders.fund_view import Routed
from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendFunding:
    """How a revolving account was routed: product and version of its plan, and the source."""

    account_id: UUID
    product_id: str
    plan_version: int
    source_id: str
    routed_at: datetime


def insert(tx: Transaction, *, cell: int, funding: SpendFunding) -> None:
    """Store how an account was routed; the caller holds the cell's lock."""
    tx.execute(
        """INSERT INTO spend_funding (cell, account_id, product_id, plan_version, source_id, routed_at)
           VALUES (%s, %s, %s, %s, %s, %s)""",
        (cell, funding.account_id, funding.product_id, funding.plan_version, funding.source_id, funding.routed_at),
    )


def of_account(tx: Transaction, *, account_id: UUID) -> SpendFunding | None:
    """Return how an account was routed, or None before its first purchase or draw, or without a plan."""
    row = tx.execute(
        """SELECT product_id, plan_version, source_id, routed_at FROM spend_funding
           WHERE cell = %s AND account_id = %s""",
        (tx.cell_of(account_id), account_id),
    ).fetchone()
    if row is None:
        return None
    return SpendFunding(
        account_id=account_id, product_id=row[0], plan_version=row[1], source_id=row[2], routed_at=row[3]
    )


def routed(tx: Transaction, *, cell: int, after: UUID | None, limit: int) -> list[Routed]:
    """Return the next routed accounts of a cell, in the order of their ids, behind `after`, as loans are returned.

    Their principal is what the ledger says they owe and hold.
    """
    rows = tx.execute(
        """SELECT f.account_id, f.product_id, f.source_id, f.plan_version,
                  (SELECT coalesce(sum(debits_posted_fen - credits_posted_fen + debits_pending_fen), 0)::bigint
                   FROM account a WHERE a.cell = f.cell AND a.owner = f.account_id AND a.code = %(owed)s),
                  u.ids, u.fen
           FROM spend_funding f CROSS JOIN LATERAL (
               SELECT array_agg(headroom_id) AS ids, array_agg(amount_fen) AS fen
               FROM headroom_use WHERE cell = f.cell AND use_id = f.account_id) u
           WHERE f.cell = %(cell)s AND (%(after)s::uuid IS NULL OR f.account_id > %(after)s)
           ORDER BY f.account_id LIMIT %(most)s""",
        {"cell": cell, "after": after, "most": limit, "owed": int(AccountCode.SPEND_PRINCIPAL)},
    )
    return [
        Routed(
            loan_id=row[0],
            key=(row[1], row[2]),
            plan_version=row[3],
            principal_fen=row[4],
            uses=dict(zip(row[5] or (), row[6] or (), strict=True)),
            in_pool=False,
        )
        for row in rows
    ]
