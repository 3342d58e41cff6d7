"""A book in the middle of its life, copied for each test that closes days of it, and what a close leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final, LiteralString

from mingqu.domain.loan import fold
from mingqu.store import proof
from mingqu.store.ledgers import ledger_proof
from mingqu.store.loans import loan
from mingqu.store.server.database import Database, Transaction
from mingqu.store.server.postgres import Server
from tests.conftest import OPENED_ON, database_named
from tests.world import OpenWorld, open_world

LOANS = 100
DAYS = 34  # every loan has a bill, and whoever pays nothing is overdue on the next morning
LAST = OPENED_ON + timedelta(days=DAYS - 1)

# What a close leaves behind. Snapshots and plans are compared by telling the loans again; deltas are added up.
PORTRAIT: Final[dict[str, LiteralString]] = {
    "loan": """SELECT cell, loan_id, stage, next_event, overdue_since, principal_unbilled_fen, payable_principal_fen,
                      payable_interest_fen, payable_penalty_fen, payable_fee_fen, overpayment_fen,
                      interest_daily_micro, interest_base_micro, interest_on, penalty_daily_micro,
                      penalty_base_micro, penalty_on, as_of FROM loan ORDER BY 1, 2""",
    "transfer": "SELECT * FROM transfer ORDER BY cell, id",
    "account": "SELECT * FROM account ORDER BY cell, owner, code",
    "order": "SELECT * FROM channel_order ORDER BY cell, order_id",
    "word": "SELECT * FROM channel_word ORDER BY cell, order_id, seq",
    "repayment": "SELECT * FROM repayment ORDER BY cell, order_id",
    "work": "SELECT * FROM work ORDER BY cell, work_id",
    "group": "SELECT * FROM accrual_group ORDER BY cell, group_id, kind",
    "delta": """SELECT cell, on_date, group_id, kind, sum(slope_micro), sum(income_micro), sum(rounding_micro)
                FROM accrual_delta GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""",
    "cell": "SELECT * FROM cell ORDER BY cell",
}


def portrait(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.transaction() as tx:
        return {name: tx.execute(question).fetchall() for name, question in PORTRAIT.items()}


def assert_proved(tx: Transaction) -> None:
    assert ledger_proof.prove(tx) == []
    assert proof.loans_and_ledger(tx) == []
    assert all(total.agrees for total in proof.group_totals(tx))
    for one in proof.all_loans(tx):
        again, _ = fold(terms=one.terms, events=loan.events(tx, loan=one), as_of=one.state.as_of)
        assert again == one.state
        assert loan.summary_differs(tx, loans=[one]) == []


@contextmanager
def a_house(server: Server, lived_in: str, folder: Path, *, name: str, days_later: int = DAYS) -> Iterator[OpenWorld]:
    """A house on a copy of that book, some days later."""
    (folder / name).mkdir()
    with (
        database_named(server, f"book_{name}", copy_of=lived_in) as address,
        Database(address, ensure=server.ensure) as database,
        open_world(database=database, folder=folder / name, opened_on=OPENED_ON) as world,
    ):
        world.go_to_date(OPENED_ON + timedelta(days=days_later))
        yield world
