"""Rounds of bills: what is to be said of the bills of one chunk of a morning, in one row through all their moments.

A round is leased as work is (`store/server/work.py`), some bills at a time. It counts on with each bill of which
its moment is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, LiteralString
from uuid import UUID

from mingqu.store.server import column, work
from mingqu.store.server.column import Column
from mingqu.store.server.connection import Statement
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import LeaseLost, NewWork

_INSERT: Final[LiteralString] = """
    INSERT INTO bill_round (cell, round_id, template, billed_on, due, run_at, account_ids, numbers)
    SELECT $1::smallint, n.*, $7::uuid[], $8::bigint[]::integer[]
    FROM unnest($2::uuid[], $3::text[], $4::date[], $5::date[], $6::timestamptz[]) AS n"""
_LEFT: Final[LiteralString] = """
    SELECT n.account_id, n.number, n.place - 1 AS place
    FROM unnest(r.account_ids, r.numbers) WITH ORDINALITY AS n (account_id, number, place)
    WHERE n.place > r.told AND n.number > 0"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """One bill of a round, at its place there, counted from zero."""

    place: int
    account_id: UUID
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BillRound:
    """A leased round, with the next of its bills. `run_at` is when it was due."""

    cell: int
    round_id: UUID
    template: str
    billed_on: date
    due: date
    run_at: datetime
    fence: int
    bills: tuple[Billed, ...]


def inserted(
    *,
    cell: int,
    round_id: UUID,
    template: str,
    billed_on: date,
    due: date,
    run_at: datetime,
    account_ids: Column,
    numbers: Column,
) -> Statement:
    """Return the statement that writes a round of bills."""
    columns = (
        column.of_uuids([round_id]),
        column.of_texts([template]),
        column.of_dates([billed_on]),
        column.of_dates([due]),
        column.of_moments([run_at]),
        account_ids,
        numbers,
    )
    return Statement(_INSERT, (column.smallint(cell), *(each.packed for each in columns)))


def lease(tx: Transaction, *, cell: int, now: datetime, lease_seconds: int, limit: int) -> BillRound | None:
    """Lease the round of a cell that is due the longest, with up to `limit` of its bills; None: none is due.

    Until `now` + `lease_seconds` nobody else gets it. Commit before the work begins.
    """
    row = tx.execute(
        """WITH due AS MATERIALIZED (
               SELECT round_id, run_at FROM bill_round WHERE cell = %(cell)s AND run_at <= %(now)s
               ORDER BY run_at, round_id LIMIT 1 FOR UPDATE SKIP LOCKED
           )
           UPDATE bill_round r SET fence = r.fence + 1, run_at = %(until)s
           FROM due WHERE r.cell = %(cell)s AND r.round_id = due.round_id
           RETURNING r.round_id, r.template, r.billed_on, r.due, due.run_at, r.fence""",
        {"cell": cell, "now": now, "until": now + timedelta(seconds=lease_seconds)},
    ).fetchone()
    if row is None:
        return None
    listed = tx.execute(
        f"""SELECT n.account_id, n.number, n.place FROM bill_round r CROSS JOIN LATERAL ({_LEFT}) AS n
            WHERE r.cell = %s AND r.round_id = %s ORDER BY n.place LIMIT %s""",  # noqa: S608  Our own text.
        (cell, row[0], limit),
    )
    return BillRound(
        cell=cell,
        round_id=row[0],
        template=row[1],
        billed_on=row[2],
        due=row[3],
        run_at=row[4],
        fence=row[5],
        bills=tuple(Billed(account_id=one, number=number, place=place) for one, number, place in listed),
    )


def count(tx: Transaction, *, of: BillRound, place: int) -> None:
    """Say that the moment of the bill at a place is over. Errors: LeaseLost, as for `leave`."""
    _require_held(
        tx.execute(
            "UPDATE bill_round SET told = %s + 1 WHERE cell = %s AND round_id = %s AND fence = %s AND told <= %s",
            (place, of.cell, of.round_id, of.fence, place),
        ).rowcount
    )


def leave(tx: Transaction, *, of: BillRound, place: int, waits: NewWork | None = None) -> None:
    """Let the bill at a place leave the round: nothing is to be said of it any more, or it waits by itself.

    Errors: LeaseLost; nothing is changed then, and the transaction must be rolled back.
    """
    _require_held(
        tx.execute(
            """UPDATE bill_round SET told = %(place)s + 1, numbers[%(place)s + 1] = 0
               WHERE cell = %(cell)s AND round_id = %(round)s AND fence = %(fence)s AND told <= %(place)s""",
            {"place": place, "cell": of.cell, "round": of.round_id, "fence": of.fence},
        ).rowcount
    )
    if waits is not None:
        work.enqueue_many(tx, cell=of.cell, rows=[waits])


def put_off(tx: Transaction, *, of: BillRound, until: datetime) -> None:
    """End the lease of a round, which goes on where it is at `until`. Errors: LeaseLost."""
    _require_held(
        tx.execute(
            "UPDATE bill_round SET run_at = %s, fence = fence + 1 WHERE cell = %s AND round_id = %s AND fence = %s",
            (until, of.cell, of.round_id, of.fence),
        ).rowcount
    )


def go_on(tx: Transaction, *, of: BillRound, template: str, at: datetime | None) -> None:
    """End the lease of a round: where bills of it are left it is due again at once, or else its next moment comes.

    Without a next moment, or where every bill has left it, the round is gone. Errors: LeaseLost.
    """
    row = tx.execute(
        f"""SELECT EXISTS ({_LEFT}), 0 < ANY (numbers) FROM bill_round r
            WHERE cell = %s AND round_id = %s AND fence = %s FOR UPDATE""",  # noqa: S608  Our own text.
        (of.cell, of.round_id, of.fence),
    ).fetchone()
    _require_held(0 if row is None else 1)
    assert row is not None
    if row[0]:
        put_off(tx, of=of, until=of.run_at)
    elif at is None or not row[1]:
        tx.execute("DELETE FROM bill_round WHERE cell = %s AND round_id = %s", (of.cell, of.round_id))
    else:
        tx.execute(
            """UPDATE bill_round SET template = %s, run_at = %s, told = 0, fence = fence + 1
               WHERE cell = %s AND round_id = %s""",
            (template, at, of.cell, of.round_id),
        )


def all_left(tx: Transaction) -> list[tuple[BillRound, int]]:
    """Return every round with all bills that have not left it; of so many places its moment is over."""
    rows = tx.execute(
        """SELECT cell, round_id, template, billed_on, due, run_at, fence, told, account_ids, numbers FROM bill_round
           ORDER BY cell, round_id"""
    ).fetchall()
    return [
        (
            BillRound(
                cell=row[0],
                round_id=row[1],
                template=row[2],
                billed_on=row[3],
                due=row[4],
                run_at=row[5],
                fence=row[6],
                bills=tuple(
                    Billed(place=place, account_id=account_id, number=number)
                    for place, (account_id, number) in enumerate(zip(row[8], row[9], strict=True))
                    if number > 0
                ),
            ),
            row[7],
        )
        for row in rows
    ]


def drop_all(tx: Transaction) -> None:
    """Take all rounds away: what they had left to say is work by now."""
    tx.execute("DELETE FROM bill_round")


def _require_held(changed: int) -> None:
    if changed != 1:
        raise LeaseLost("This round was leased by another worker since.")
