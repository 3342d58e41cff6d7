"""A revolving account's state in bytes: SQL reads its amounts, and what stood in JSON before is packed the same way."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from mingqu.domain.spend import Lot, Plan, SpendState, Statement
from mingqu.domain.spend.packed import packed, packed_bill, unpacked, unpacked_bill
from mingqu.store.server import migration
from mingqu.store.server.database import Database

_FILE: Final = Path(migration.__file__).parents[1] / "migrations" / "0110_packed_bills.sql"
BILL: Final = Statement(
    number=7, billed_on=date(2026, 9, 1), due=date(2026, 9, 10), principal_fen=10, interest_fen=20, fee_fen=30,
    penalty_fen=40, instalment_fen=50, overdue_fen=60, over_limit_fen=70, minimum_fen=80, total_fen=90,
)  # fmt: skip
NEW: Final = SpendState(day=date(2026, 8, 15), next_bill_on=date(2026, 9, 1), limit_fen=1_000_000)
FULL: Final = SpendState(
    day=date(2026, 9, 12),
    next_bill_on=date(2026, 10, 1),
    limit_fen=2**45,
    lots=(
        Lot(lot_id=UUID(int=1), posted_on=date(1999, 8, 1), principal_fen=3, since=date(2026, 9, 2)),
        Lot(
            lot_id=UUID(int=2**127),
            posted_on=date(2026, 8, 3),
            principal_fen=500,
            since=date(2026, 9, 4),
            refunded_fen=6,
            area_fen_days=2**60,
            bears=True,
            billed_on=date(2026, 9, 1),
        ),
        Lot(
            lot_id=UUID(int=3), posted_on=date(2026, 9, 1), principal_fen=7, since=date(2026, 9, 1), refunded_fen=2,
            billed_on=date(2026, 9, 1), instalment=True,
        ),
    ),
    plans=(
        Plan(plan_id=UUID(int=4), converted_on=date(2026, 8, 5), sources=(), count=3, parts=((8, 9), (10, 11))),
        Plan(
            plan_id=UUID(int=5), converted_on=date(2026, 8, 6), sources=(UUID(int=6), UUID(int=7)), count=12,
            parts=((12, 0),),
        ),
    ),
    interest_fen=13, fee_fen=14, penalty_fen=15, credit_fen=16, bill=BILL, due_open=True, paid_fen=17, converted_fen=18,
    asked_fen=19, overdue_fen=20, lacking_fen=21, overdue_since=date(2026, 9, 11), penalty_since=date(2026, 9, 10),
    penalty_area_fen_days=22, lates=((date(2026, 7, 10), date(2026, 7, 12)), (date(2026, 8, 10), date(2026, 8, 11))),
)  # fmt: skip
STATES: Final = (NEW, FULL, replace(FULL, lots=(), plans=(), bill=None), replace(FULL, due_open=False, lates=()))


def test_a_packed_state_says_what_it_said() -> None:
    assert [unpacked(packed(state)) for state in STATES] == list(STATES)
    assert unpacked_bill(packed_bill(BILL)) == BILL


def test_sql_reads_the_amounts_of_a_packed_state(database: Database) -> None:
    with database.transaction() as tx:
        rows = [tx.execute("SELECT * FROM spend_amounts(%s)", (packed(state),)).fetchone() for state in STATES]
    assert rows == [
        (
            state.limit_fen,
            state.interest_fen,
            state.fee_fen,
            state.penalty_fen,
            state.credit_fen + sum(lot.refunded_fen for lot in state.lots),
        )
        for state in STATES
    ]


def test_sql_reads_what_of_a_bill_was_late(database: Database) -> None:
    with database.transaction() as tx:
        row = tx.execute("SELECT * FROM bill_amounts(%s)", (packed_bill(BILL),)).fetchone()
    assert row == (BILL.penalty_fen, BILL.overdue_fen)


def test_what_stood_in_json_is_packed_as_the_program_packs_it(database: Database) -> None:
    with database.transaction() as tx:
        tx.script(
            """CREATE SCHEMA before; SET LOCAL search_path = before;
               CREATE TABLE spend_account (number integer, state text);
               CREATE TABLE spend_statement (
                   cell smallint, statement_id uuid, account_id uuid, number integer, body text,
                   CONSTRAINT spend_statement_pkey PRIMARY KEY (cell, statement_id));
               CREATE UNIQUE INDEX spend_statement_account ON spend_statement (cell, account_id, number);"""
        )
        for number, state in enumerate(STATES):
            tx.execute("INSERT INTO spend_account VALUES (%s, %s)", (number, msgspec.json.encode(state).decode()))
        tx.execute(
            "INSERT INTO spend_statement VALUES (0, %s, %s, 7, %s)",
            (UUID(int=1), UUID(int=2), msgspec.json.encode(BILL).decode()),
        )
        tx.script(_FILE.read_text(encoding="utf-8"))
        states = tx.execute("SELECT state FROM spend_account ORDER BY number").fetchall()
        assert states == [(packed(state),) for state in STATES]
        assert tx.execute("SELECT body FROM spend_statement").fetchall() == [(packed_bill(BILL),)]
