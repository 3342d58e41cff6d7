"""A close in columns writes what a close loan by loan writes; a loan that fails waits, and the others do not."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from mingqu.services import bring_up_mornings
from mingqu.services.close_day import close_through
from mingqu.store import proof
from mingqu.store.database import Database, Transaction
from mingqu.store.postgres import Server
from tests.conftest import CELLS, OPENED_ON
from tests.database.lived_in import DAYS, LAST, LOANS, a_house, assert_proved, portrait


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
        waits_on = min(broken.values())
        for tries in (1, 2):
            done = close_through(house, to=LAST)
            assert {each.loan_id: each.on for each in done.set_aside} == broken
            assert {each.tries for each in done.set_aside} == {tries}
            assert (done.last_closed_on, done.stopped) == (waits_on - timedelta(days=1), ())
        # Nobody but the two waits: whatever a morning writes of the others is what it writes when all is well.
        waiting = portrait(database)
        for name, place in (("loan", 1), ("order", 5), ("work", 3)):
            assert [row for row in waiting[name] if row[place] not in broken] == [
                row for row in whole[name] if row[place] not in broken
            ]
        with database.transaction() as tx:
            rows = tx.execute("SELECT cell, last_closed_on FROM cell WHERE cell <> 1").fetchall()
            assert {on for _, on in rows} == {LAST}, "the other cells have nothing to do with it"
            assert proof.loans_and_ledger(tx) == []
            assert all(total.agrees for total in proof.group_totals(tx))
            left = tx.execute("SELECT loan_id, next_event FROM loan WHERE cell = 1 AND next_event <= %s", (LAST,))
            assert dict(left.fetchall()) == broken
            # Somebody mends it.
            tx.execute("UPDATE account SET closed_on = NULL")
            for loan_id in broken:
                tx.execute("UPDATE loan_snapshot SET state = %s WHERE loan_id = %s", (snapshots[loan_id], loan_id))
            tx.commit()
        later = close_through(house, to=LAST, retry_after=timedelta(minutes=5))
        assert later.last_closed_on == waits_on - timedelta(days=1), "it was tried a moment ago"
        done = close_through(house, to=LAST)
        assert (done.set_aside, done.last_closed_on) == ((), LAST)
        assert portrait(database) == whole
        assert close_through(house, to=LAST).cell_days == 0
        assert portrait(database) == whole


def test_a_close_whose_loans_all_fail_stops_and_sets_few_aside(
    server: Server, lived_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bring_up_mornings, "SET_ASIDE_MAX", 2)
    with a_house(server, lived_in, tmp_path, name="failing") as world:
        database = world.house.database
        with database.transaction() as tx:
            tx.execute("UPDATE loan SET plain = false")
            tx.execute("UPDATE loan_snapshot SET state = '{\"stage\": 1}'")
            tx.commit()
        done = close_through(world.house, to=LAST)
        assert {(one.cell, one.code) for one in done.stopped} == {(cell, "close_stopped") for cell in range(CELLS)}
        with database.transaction() as tx:
            assert tx.execute(
                "SELECT max(n) FROM (SELECT count(*) AS n FROM loan_set_aside GROUP BY cell, on_date)"
            ).fetchone() == (2,)
