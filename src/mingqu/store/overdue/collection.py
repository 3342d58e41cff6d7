"""Steps of collection, which are only ever added to, and the loans that there is something to collect of.

Revolving accounts that are late: `store/revolving/late.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.rows import TupleRow

from mingqu.domain.collection import Bucket, Step, StepKind
from mingqu.store.server.database import Transaction

ROWS_MAX: Final = 200  # of a bucket, the longest overdue first: more than a desk works off in a day
STEPS_MAX: Final = 500  # of a debt; six calls a day for months
_SELECT: Final[LiteralString] = """
    SELECT step_id, debt_id, person_id, kind, at, operator_id, number_hash, effective, amount_fen, until, party
    FROM collection_step
"""
_NEWEST: Final = f"""
    SELECT s.* FROM unnest(%s::uuid[]) AS asked (id) CROSS JOIN LATERAL (
        {_SELECT} WHERE cell = %s AND debt_id = asked.id ORDER BY at DESC, step_id DESC LIMIT %s
    ) s ORDER BY at, step_id"""  # noqa: S608  Our own columns.
# The first and last day past due of each bucket.
DAYS: Final = {Bucket.M1: (1, 30), Bucket.M2: (31, 60), Bucket.M3: (61, 90), Bucket.M4: (91, 36_525)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """A loan, or a revolving account, with something to collect, or to remind of: amounts in fen.

    `overdue_since` is the due day that was missed, None in M0; `payable_fen` is what cures it, `principal_fen` all that
    is owed of principal.
    """

    debt_id: UUID
    person_id: UUID
    product_id: str
    lender_id: UUID
    overdue_since: date | None
    payable_fen: int
    principal_fen: int
    next_event: date | None
    is_account: bool = False
    product_version: int | None = None  # of an account


def insert(tx: Transaction, *, step: Step) -> None:
    """Add a step in the cell of its person."""
    tx.execute(
        """
        INSERT INTO collection_step (cell, step_id, debt_id, person_id, kind, at, operator_id, number_hash, effective,
                                     amount_fen, until, party)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            tx.cell_of(step.person_id),
            step.step_id,
            step.debt_id,
            step.person_id,
            step.kind.value,
            step.at,
            step.operator_id,
            step.number_hash,
            step.effective,
            step.amount_fen,
            step.until,
            step.party,
        ),
    )


def of_debts(tx: Transaction, *, cell: int, debt_ids: Sequence[UUID]) -> dict[UUID, list[Step]]:
    """Return the steps of debts of a cell, each in order; of one that has more than STEPS_MAX the newest."""
    found: dict[UUID, list[Step]] = {debt_id: [] for debt_id in debt_ids}
    rows = tx.execute(
        _NEWEST,
        (list(debt_ids), cell, STEPS_MAX),
    )
    for row in rows:
        step = _step(row)
        found[step.debt_id].append(step)
    return found


def calls_of_person(tx: Transaction, *, person_id: UUID, since: datetime) -> list[Step]:
    """Return every call to a person since a moment, about whichever debt: the standard counts the debtor."""
    rows = tx.execute(
        _SELECT + " WHERE cell = %s AND person_id = %s AND at >= %s AND kind = 'called' ORDER BY at, step_id",
        (tx.cell_of(person_id), person_id, since),
    )
    return [_step(row) for row in rows]


def counts(tx: Transaction, *, on: date, soon: date) -> dict[Bucket, tuple[int, int]]:
    """Return of each bucket how many loans it has, and what of them is payable in fen."""
    found = dict.fromkeys(Bucket, (0, 0))
    for bucket, (least, most) in DAYS.items():
        row = tx.execute(
            """
            SELECT count(*), coalesce(sum(payable_principal_fen + payable_interest_fen + payable_penalty_fen
                                          + payable_fee_fen), 0)
            FROM loan WHERE cell = ANY (%s) AND overdue_since BETWEEN %s::date - %s AND %s::date - %s
              AND stage IN ('active', 'charged_off')
            """,
            (list(range(tx.cells)), on, most, on, least),
        ).fetchone()
        assert row is not None
        found[bucket] = (int(row[0]), int(row[1]))
    row = tx.execute(
        """
        SELECT count(*) FROM loan_diary d JOIN loan l ON l.cell = d.cell AND l.loan_id = d.loan_id
        WHERE d.cell = ANY (%s) AND d.on_date > %s AND d.on_date <= %s AND l.next_event = d.on_date
          AND l.overdue_since IS NULL AND l.stage = 'active'
        """,
        (list(range(tx.cells)), on, soon),
    ).fetchone()
    assert row is not None
    return {**found, Bucket.M0: (int(row[0]), 0)}


def worklist(
    tx: Transaction, *, bucket: Bucket, on: date, soon: date, rows_max: int | None = ROWS_MAX
) -> list[Overdue]:
    """Return the loans of a bucket on a day, the longest overdue first; of M0 those due soonest. None: all of them."""
    columns: LiteralString = """
        SELECT l.loan_id, l.person_id, l.product_id, l.lender_id, l.overdue_since,
               l.payable_principal_fen + l.payable_interest_fen + l.payable_penalty_fen + l.payable_fee_fen,
               l.principal_unbilled_fen + l.payable_principal_fen, l.next_event
    """
    cells = list(range(tx.cells))
    if bucket is Bucket.M0:
        rows = tx.execute(
            columns
            + """
            FROM loan_diary d JOIN loan l ON l.cell = d.cell AND l.loan_id = d.loan_id
            WHERE d.cell = ANY (%s) AND d.on_date > %s AND d.on_date <= %s AND l.next_event = d.on_date
              AND l.overdue_since IS NULL AND l.stage = 'active'
            ORDER BY d.on_date, l.loan_id LIMIT %s
            """,
            (cells, on, soon, rows_max),
        )
    else:
        least, most = DAYS[bucket]
        rows = tx.execute(
            columns
            + """
            FROM loan l WHERE l.cell = ANY (%s) AND l.overdue_since BETWEEN %s::date - %s AND %s::date - %s
              AND l.stage IN ('active', 'charged_off')
            ORDER BY l.overdue_since, l.loan_id LIMIT %s
            """,
            (cells, on, most, on, least, rows_max),
        )
    return [
        Overdue(
            debt_id=row[0],
            person_id=row[1],
            product_id=row[2],
            lender_id=row[3],
            overdue_since=row[4],
            payable_fen=row[5],
            principal_fen=row[6],
            next_event=row[7],
        )
        for row in rows
    ]


def _step(row: TupleRow) -> Step:
    return Step(
        step_id=row[0],
        debt_id=row[1],
        person_id=row[2],
        kind=StepKind(row[3]),
        at=row[4],
        operator_id=row[5],
        number_hash=None if row[6] is None else bytes(row[6]),
        effective=row[7],
        amount_fen=row[8],
        until=row[9],
        party=row[10],
    )
