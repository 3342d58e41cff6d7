"""A close in columns writes what a close loan by loan writes; a loan that fails waits, and the others do not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Final, LiteralString

import pytest

from bench import book as bench_book
from mingqu.domain.loan import fold
from mingqu.services import close_day
from mingqu.services.close_day import CloseStopped, close_through
from mingqu.store import ledger_proof, loan, proof
from mingqu.store.database import Database, Transaction
from mingqu.store.postgres import Server
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


@pytest.fixture(scope="module")
def lived_in(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with a book in the middle of its life, from which each test's own is copied."""
    name = "book_lived_in"
    with database_named(server, name, copy_of=template) as address:
        with (
            Database(address, ensure=server.ensure) as database,
            open_world(database=database, folder=tmp_path_factory.mktemp(name), opened_on=OPENED_ON) as world,
        ):
            bench_book.fill(world.house, loans=LOANS)
        yield name


@contextmanager
def a_house(server: Server, lived_in: str, folder: Path, *, name: str) -> Iterator[OpenWorld]:
    """A house on a copy of that book, some days later."""
    (folder / name).mkdir()
    with (
        database_named(server, f"book_{name}", copy_of=lived_in) as address,
        Database(address, ensure=server.ensure) as database,
        open_world(database=database, folder=folder / name, opened_on=OPENED_ON) as world,
    ):
        world.go_to_date(OPENED_ON + timedelta(days=DAYS))
        yield world


def without_plans(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute("UPDATE loan SET plain = false")
        tx.execute("UPDATE loan_diary SET plain = false")
        tx.commit()


def test_a_close_in_columns_by_two_is_that_of_one_loan_by_loan(server: Server, lived_in: str, tmp_path: Path) -> None:
    with a_house(server, lived_in, tmp_path, name="columns") as world:
        done = close_through(world.house, to=LAST, workers=2)
        with world.house.database.transaction() as tx:
            opened = tx.execute("SELECT count(*) FROM loan WHERE plain AND passed > 0").fetchone()
            assert opened is not None
            assert opened[0] > LOANS * 9 // 10, "nearly all were carried in columns"
            assert_proved(tx)
        in_columns = portrait(world.house.database)
    with a_house(server, lived_in, tmp_path, name="one_by_one") as world:
        for day in range(DAYS):
            without_plans(world.house.database)
            close_through(world.house, to=OPENED_ON + timedelta(days=day))
        assert portrait(world.house.database) == in_columns
    assert done.loan_events > 2 * LOANS * 9 // 10


def break_two(tx: Transaction) -> dict[object, date]:
    """Let the ledger refuse the bill of one loan, and make the snapshot of another unreadable."""
    first, second = tx.execute(
        """SELECT loan_id, next_event FROM loan WHERE cell = 1 AND overdue_since IS NULL AND waiting_due IS NULL
           ORDER BY next_event, loan_id LIMIT 2"""
    ).fetchall()
    tx.execute("UPDATE account SET closed_on = '2026-01-01' WHERE owner = %s AND code = 1102", (first[0],))
    tx.execute("UPDATE loan SET plain = false WHERE loan_id = %s", (second[0],))
    tx.execute("UPDATE loan_snapshot SET state = '{\"stage\": 1}' WHERE loan_id = %s", (second[0],))
    return {first[0]: first[1], second[0]: second[1]}


def test_a_loan_that_fails_waits_and_the_others_do_not(server: Server, lived_in: str, tmp_path: Path) -> None:
    with a_house(server, lived_in, tmp_path, name="whole") as world:
        close_through(world.house, to=LAST)
        whole = portrait(world.house.database)
    with a_house(server, lived_in, tmp_path, name="broken") as world:
        house, database = world.house, world.house.database
        with database.transaction() as tx:
            snapshots = dict(tx.execute("SELECT loan_id, state::text FROM loan_snapshot WHERE cell = 1").fetchall())
            broken = break_two(tx)
            tx.commit()
        stopped_on = min(broken.values())
        for tries in (1, 2):
            done = close_through(house, to=LAST)
            assert {each.loan_id for each in done.set_aside} == {
                loan_id for loan_id, on in broken.items() if on == stopped_on
            }
            assert {each.tries for each in done.set_aside} == {tries}
            assert done.last_closed_on == stopped_on - timedelta(days=1)
        with database.transaction() as tx:
            rows = tx.execute("SELECT cell, last_closed_on FROM cell WHERE cell <> 1").fetchall()
            assert {on for _, on in rows} == {LAST}, "the other cells have nothing to do with it"
            assert proof.loans_and_ledger(tx) == []
            left = tx.execute("SELECT count(*) FROM loan WHERE cell = 1 AND next_event <= %s", (stopped_on,)).fetchone()
            assert left == (len(done.set_aside),)
            # Somebody mends it.
            tx.execute("UPDATE account SET closed_on = NULL")
            for loan_id in broken:
                tx.execute("UPDATE loan_snapshot SET state = %s WHERE loan_id = %s", (snapshots[loan_id], loan_id))
            tx.commit()
        later = close_through(house, to=LAST, retry_after=timedelta(minutes=5))
        assert later.last_closed_on == stopped_on - timedelta(days=1), "it was tried a moment ago"
        done = close_through(house, to=LAST)
        assert (done.set_aside, done.last_closed_on) == ((), LAST)
        assert portrait(database) == whole
        assert close_through(house, to=LAST).cell_days == 0
        assert portrait(database) == whole


def test_a_close_whose_loans_all_fail_stops_and_sets_few_aside(
    server: Server, lived_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(close_day, "SET_ASIDE_MAX", 2)
    with a_house(server, lived_in, tmp_path, name="failing") as world:
        database = world.house.database
        with database.transaction() as tx:
            tx.execute("UPDATE loan SET plain = false")
            tx.execute("UPDATE loan_snapshot SET state = '{\"stage\": 1}'")
            tx.commit()
        with pytest.raises(CloseStopped):
            close_through(world.house, to=LAST)
        with database.transaction() as tx:
            assert tx.execute(
                "SELECT max(n) FROM (SELECT count(*) AS n FROM loan_set_aside GROUP BY cell, on_date)"
            ).fetchone() == (2,)
