"""Rounds of notices: what one chunk of a morning tells many borrowers, in one row until each of them is told.

A round is leased as work is (`store/server/work.py`), a few notices at a time. What becomes of a notice, sent or
waiting by itself, is a row of `work` from then on, and the round counts on, in one commit.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, LiteralString
from uuid import UUID

import numpy as np
import numpy.typing as npt

from mingqu.domain.batch.columns import Integers
from mingqu.store.server import column
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import LeaseLost, Work

_INSERT: Final[LiteralString] = """
    INSERT INTO notice_round (cell, round_id, template, on_date, run_at, loan_ids, marks, amounts_fen)
    VALUES (%s, %s, %s, %s, %s, %b::uuid[], %b::bigint[]::integer[], %b::bigint[])"""
_LEFT: Final[LiteralString] = """
    SELECT n.loan_id, n.mark, n.amount_fen, n.place - 1 AS place
    FROM unnest(r.loan_ids, r.marks, r.amounts_fen) WITH ORDINALITY AS n (loan_id, mark, amount_fen, place)
    WHERE n.place > r.told"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One notice of a round, at its place there, counted from zero."""

    place: int
    loan_id: UUID
    mark: int
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A leased round, with the next of its notices. `run_at` is when it was due."""

    cell: int
    round_id: UUID
    template: str
    on: date
    run_at: datetime
    fence: int
    notices: tuple[Notice, ...]


def insert(
    tx: Transaction,
    *,
    cell: int,
    round_id: UUID,
    template: str,
    on: date,
    run_at: datetime,
    loan_ids: npt.NDArray[np.uint8],
    marks: Integers,
    amounts_fen: Integers,
) -> None:
    """Write a round of notices that were not written before; ids are bytes [n, 16]."""
    tx.execute(
        _INSERT,
        (
            cell,
            round_id,
            template,
            on,
            run_at,
            column.of_array(loan_ids, kind=column.Kind.UUID),
            column.of_array(marks, kind=column.Kind.BIGINT),
            column.of_array(amounts_fen, kind=column.Kind.BIGINT),
        ),
    )


def lease(tx: Transaction, *, cell: int, now: datetime, lease_seconds: int, limit: int) -> Round | None:
    """Lease the round of a cell that is due the longest, with up to `limit` of its notices; None: none is due.

    Until `now` + `lease_seconds` nobody else gets it. Commit before the work begins.
    """
    row = tx.execute(
        """WITH due AS MATERIALIZED (
               SELECT round_id, run_at FROM notice_round WHERE cell = %(cell)s AND run_at <= %(now)s
               ORDER BY run_at, round_id LIMIT 1 FOR UPDATE SKIP LOCKED
           )
           UPDATE notice_round r SET fence = r.fence + 1, run_at = %(until)s
           FROM due WHERE r.cell = %(cell)s AND r.round_id = due.round_id
           RETURNING r.round_id, r.template, r.on_date, due.run_at, r.fence""",
        {"cell": cell, "now": now, "until": now + timedelta(seconds=lease_seconds)},
    ).fetchone()
    if row is None:
        return None
    listed = tx.execute(
        f"""SELECT n.loan_id, n.mark, n.amount_fen, n.place FROM notice_round r CROSS JOIN LATERAL ({_LEFT}) AS n
            WHERE r.cell = %s AND r.round_id = %s ORDER BY n.place LIMIT %s""",  # noqa: S608  Our own text.
        (cell, row[0], limit),
    )
    return Round(
        cell=cell,
        round_id=row[0],
        template=row[1],
        on=row[2],
        run_at=row[3],
        fence=row[4],
        notices=tuple(
            Notice(loan_id=loan_id, mark=mark, amount_fen=amount_fen, place=place)
            for loan_id, mark, amount_fen, place in listed
        ),
    )


def end(tx: Transaction, *, of: Round, place: int, work: Work, again_at: datetime | None, now: datetime) -> None:
    """Make the notice at a place a row of `work`: done, or to be tried by itself at `again_at`; the round counts on.

    Errors: LeaseLost; nothing is changed then, and the transaction must be rolled back.
    """
    changed = tx.execute(
        "UPDATE notice_round SET told = told + 1 WHERE cell = %s AND round_id = %s AND fence = %s AND told = %s",
        (of.cell, of.round_id, of.fence, place),
    )
    if changed.rowcount != 1:
        raise LeaseLost("This round was leased by another worker since.")
    tx.execute(
        """INSERT INTO work (cell, work_id, kind, subject_id, run_at, done_at, payload)
           VALUES (%s, %s, %s, %s, %s, %s, %s::jsonb) ON CONFLICT (cell, work_id) DO NOTHING""",
        (
            work.cell, work.work_id, work.kind, work.subject_id, again_at or work.run_at,
            now if again_at is None else None, json.dumps(work.payload),
        ),
    )  # fmt: skip


def give_back(tx: Transaction, *, of: Round) -> None:
    """End the lease of a round: it is due again at once if notices are left, or else gone. Errors: LeaseLost."""
    told = tx.execute(
        """DELETE FROM notice_round
           WHERE cell = %s AND round_id = %s AND fence = %s AND told = cardinality(loan_ids)""",
        (of.cell, of.round_id, of.fence),
    )
    if told.rowcount == 1:
        return
    left = tx.execute(
        "UPDATE notice_round SET run_at = %s, fence = fence + 1 WHERE cell = %s AND round_id = %s AND fence = %s",
        (of.run_at, of.cell, of.round_id, of.fence),
    )
    if left.rowcount != 1:
        raise LeaseLost("This round was leased by another worker since.")


def waiting_for(
    tx: Transaction, *, cell: int, loan_ids: Collection[UUID]
) -> list[tuple[UUID, datetime, datetime | None, dict[str, object]]]:
    """Return what rounds of a cell have left to tell of some loans, as `work.of_subjects` returns it."""
    rows = tx.execute(
        f"""SELECT n.loan_id, r.run_at, r.template, r.on_date, n.amount_fen
            FROM notice_round r CROSS JOIN LATERAL ({_LEFT}) AS n
            WHERE r.cell = %s AND r.loan_ids && %s::uuid[] AND n.loan_id = ANY (%s)
            ORDER BY r.run_at DESC, r.round_id, n.place""",  # noqa: S608  Our own text.
        (cell, list(loan_ids), list(loan_ids)),
    )
    return [
        (loan_id, run_at, None, {"template": template, "on": on.isoformat(), "amount_fen": amount_fen})
        for loan_id, run_at, template, on, amount_fen in rows
    ]


def all_left(tx: Transaction) -> list[tuple[int, datetime, str, date, Notice]]:
    """Return every notice that rounds have left to tell: (cell, when due, template, day, notice)."""
    rows = tx.execute(
        f"""SELECT r.cell, r.run_at, r.template, r.on_date, n.place, n.loan_id, n.mark, n.amount_fen
            FROM notice_round r CROSS JOIN LATERAL ({_LEFT}) AS n ORDER BY r.cell, r.round_id, n.place"""  # noqa: S608
    )
    return [
        (cell, run_at, template, on, Notice(place=place, loan_id=loan_id, mark=mark, amount_fen=amount_fen))
        for cell, run_at, template, on, place, loan_id, mark, amount_fen in rows
    ]


def drop_all(tx: Transaction) -> None:
    """Take all rounds away: what they had left to tell is work by now."""
    tx.execute("DELETE FROM notice_round")
