"""Which source funds each revolving account, whose it is, and what accounts owe and hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from mingqu.domain.funding import Funding
from mingqu.domain.ledger import AccountCode
from mingqu.store.funders.fund_view import Routed
from mingqu.store.loans.loan_funding import Shared, funding_of, shared_in, shared_text, slices_of
from mingqu.store.server import column
from mingqu.store.server.connection import Statement
from mingqu.store.server.database import Transaction

_SHARED: Final = shared_text(table="spend_funding", key="account_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendFunding:
    """How a revolving account was routed: product and version of its plan, the source, whose the account is."""

    account_id: UUID
    product_id: str
    plan_version: int
    source_id: str
    funding: Funding
    routed_at: datetime

    @property
    def slices(self) -> tuple[UUID, ...]:
        """Whose names the funders' memorandum accounts bear; none where the account is one lender's."""
        return slices_of(self.account_id, self.funding)


def insert(tx: Transaction, *, cell: int, funding: SpendFunding) -> None:
    """Store how an account was routed; the caller holds the cell's lock."""
    tx.execute(
        """INSERT INTO spend_funding (cell, account_id, product_id, plan_version, source_id, funders, shares_ppm,
               slices, routed_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            cell,
            funding.account_id,
            funding.product_id,
            funding.plan_version,
            funding.source_id,
            [share.lender_id for share in funding.funding.shares],
            [share.ppm for share in funding.funding.shares],
            list(funding.slices),
            funding.routed_at,
        ),
    )


def of_account(tx: Transaction, *, account_id: UUID) -> SpendFunding | None:
    """Return how an account was routed, or None before its first purchase or draw, or without a plan."""
    row = tx.execute(
        """SELECT product_id, plan_version, source_id, funders, shares_ppm, routed_at FROM spend_funding
           WHERE cell = %s AND account_id = %s""",
        (tx.cell_of(account_id), account_id),
    ).fetchone()
    if row is None:
        return None
    return SpendFunding(
        account_id=account_id,
        product_id=row[0],
        plan_version=row[1],
        source_id=row[2],
        funding=funding_of(row[3], row[4]),
        routed_at=row[5],
    )


def shared_of(tx: Transaction, *, cell: int, account_ids: Sequence[UUID]) -> dict[UUID, Shared]:
    """Return those of some accounts of a cell that are joint, as they stand now."""
    (answer,) = tx.together([Statement(_SHARED, (column.smallint(cell), column.of_uuids(account_ids).packed))])
    return shared_in(answer)


def routed(
    tx: Transaction, *, cell: int, after: UUID | None, limit: int, account_id: UUID | None = None
) -> list[Routed]:
    """Return the next routed accounts of a cell, in the order of their ids, behind `after`, as loans are returned.

    Their principal is what the ledger says they owe and hold. With `account_id` only this one.
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
             AND (%(one)s::uuid IS NULL OR f.account_id = %(one)s)
           ORDER BY f.account_id LIMIT %(most)s""",
        {"cell": cell, "after": after, "most": limit, "one": account_id, "owed": int(AccountCode.SPEND_PRINCIPAL)},
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
