"""Accrual groups at rest: one row a group and kind, changed by the close alone; online writes only add deltas."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain import identifier
from mingqu.domain.accrual import AccrualDelta, AccrualGroup
from mingqu.store.server import column
from mingqu.store.server.connection import Statement
from mingqu.store.server.database import Transaction

INTEREST: Final = "interest"
PENALTY: Final = "penalty"
KINDS: Final = (INTEREST, PENALTY)
_ADD: Final = """INSERT INTO accrual_delta
    (cell, delta_id, group_id, kind, on_date, slope_micro, income_micro, rounding_micro)
    SELECT $1::smallint, * FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::date[], $6::bigint[], $7::bigint[],
                                       $8::bigint[])"""
_GROUP_EPOCH: Final = date(2020, 1, 1)  # only the place of group ids in the order of ids


def group_id(*, lender_id: UUID, product_id: str, currency: str, stage: str = "performing") -> UUID:
    """Return the id of a group, the same in every cell; with the cell it names the group's accounts."""
    return identifier.dated(lender_id, on=_GROUP_EPOCH, purpose=f"{product_id}:{currency}:{stage}")


def ensure(
    tx: Transaction, *, cell: int, group: UUID, lender_id: UUID, product_id: str, currency: str, accrued_to: date
) -> bool:
    """Make the group's rows where they are missing and say whether any was made; the cell is locked."""
    made = tx.execute(
        """INSERT INTO accrual_group (cell, group_id, kind, product_id, lender_id, currency, stage, accrued_to)
           SELECT %s, %s, kind, %s, %s, %s, 'performing', %s FROM unnest(%s::text[]) AS kind
           ON CONFLICT DO NOTHING""",
        (cell, group, product_id, lender_id, currency, accrued_to, list(KINDS)),
    )
    return made.rowcount > 0


def add_deltas(tx: Transaction, *, cell: int, rows: Iterable[tuple[UUID, UUID, str, AccrualDelta]]) -> None:
    """Append what loans changed; each row is (id of the cause, group, kind, delta). All-zero deltas are left out."""
    statements = added(cell=cell, rows=rows)
    if statements:
        tx.together(statements)


def added(*, cell: int, rows: Iterable[tuple[UUID, UUID, str, AccrualDelta]]) -> list[Statement]:
    """Return the statement of `add_deltas`, or none if there is nothing to add."""
    listed = [row for row in rows if row[3].slope_micro or row[3].income_micro or row[3].rounding_micro]
    if not listed:
        return []
    values = (
        column.of_uuids([row[0] for row in listed]),
        column.of_uuids([row[1] for row in listed]),
        column.of_texts([row[2] for row in listed]),
        column.of_dates([row[3].on_date for row in listed]),
        column.of_bigints([row[3].slope_micro for row in listed]),
        column.of_bigints([row[3].income_micro for row in listed]),
        column.of_bigints([row[3].rounding_micro for row in listed]),
    )
    return [Statement(_ADD, (column.smallint(cell), *(each.packed for each in values)))]


def groups(tx: Transaction, *, cell: int) -> list[AccrualGroup]:
    """Return the groups of a cell."""
    rows = tx.execute(
        """SELECT group_id, kind, lender_id, currency, slope_micro, income_carry_micro, rounding_carry_micro,
               accrued_to FROM accrual_group WHERE cell = %s ORDER BY group_id, kind""",
        (cell,),
    )
    return [
        AccrualGroup(
            group_id=row[0],
            kind=row[1],
            lender_id=row[2],
            currency=row[3],
            slope_micro=row[4],
            income_carry_micro=row[5],
            rounding_carry_micro=row[6],
            accrued_to=row[7],
        )
        for row in rows
    ]


def deltas_on(tx: Transaction, *, cell: int, on: date) -> dict[tuple[UUID, str], list[AccrualDelta]]:
    """Return the day's deltas, added up, for each (group, kind)."""
    rows = tx.execute(
        """SELECT group_id, kind, sum(slope_micro)::bigint, sum(income_micro)::bigint, sum(rounding_micro)::bigint
           FROM accrual_delta WHERE cell = %s AND on_date = %s GROUP BY group_id, kind""",
        (cell, on),
    )
    found: dict[tuple[UUID, str], list[AccrualDelta]] = defaultdict(list)
    for group, kind, slope, income, rounding in rows:
        found[(group, kind)].append(
            AccrualDelta(on_date=on, slope_micro=slope, income_micro=income, rounding_micro=rounding)
        )
    return found


def save(tx: Transaction, *, cell: int, group: AccrualGroup) -> None:
    """Write a group's figures after a day."""
    tx.execute(
        """UPDATE accrual_group SET slope_micro = %s, income_carry_micro = %s, rounding_carry_micro = %s,
               accrued_to = %s WHERE cell = %s AND group_id = %s AND kind = %s""",
        (
            group.slope_micro,
            group.income_carry_micro,
            group.rounding_carry_micro,
            group.accrued_to,
            cell,
            group.group_id,
            group.kind,
        ),
    )
