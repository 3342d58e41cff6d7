"""A close in trouble: one loan waits and nobody else does, one cell stops and no other does, and both are said."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, LiteralString
from uuid import UUID

import pytest
from psycopg.errors import UndefinedTable

from mingqu.jobs.worker import Resting, work_once
from mingqu.services.close.bring_up_mornings import RETRY_AFTER
from mingqu.services.close.claim_cell import claimed_cell
from mingqu.services.close.close_cell import TASK, close_shared
from mingqu.services.close.close_day import Closed, TooManyWorkers, bring_up_today, close_through
from mingqu.store import proof
from mingqu.store.books import book
from mingqu.store.days import set_aside
from mingqu.store.server.database import Database
from mingqu.store.server.postgres import Server
from tests.conftest import CELLS, OPENED_ON
from tests.database.lived_in import a_house, assert_proved, portrait
from tests.world import OpenWorld

DAYS: Final = 6
LAST: Final = OPENED_ON + timedelta(days=DAYS - 1)
SICK: Final = 2  # the cell in trouble
WAIT_SECONDS_MAX: Final = 60  # on a busy machine

# What goes wrong in one cell, each time one of its loans is written.
TROUBLES: Final[dict[str, LiteralString]] = {
    "disk": "RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'",
    "deadlock": "RAISE EXCEPTION 'in each other''s way' USING ERRCODE = 'deadlock_detected'",
    "lost": "PERFORM pg_terminate_backend(pg_backend_pid())",
    "bug": "RAISE EXCEPTION 'never' USING ERRCODE = 'check_violation'",
}


def do(database: Database, sql: str) -> list[tuple[Any, ...]]:
    with database.transaction() as tx:
        tx.script(sql)
        tx.commit()
    return []


def ask(database: Database, sql: LiteralString) -> list[tuple[Any, ...]]:
    with database.transaction() as tx:
        return tx.execute(sql).fetchall()


def break_cell(database: Database, trouble: str, *, cell: int = SICK) -> None:
    do(
        database,
        f"""CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN IF NEW.cell = {cell} THEN {TROUBLES[trouble]}; END IF; RETURN NEW; END $$;
            CREATE TRIGGER trouble BEFORE UPDATE ON loan FOR EACH ROW EXECUTE FUNCTION trouble()""",
    )


def mend_cell(database: Database) -> None:
    do(database, "DROP TRIGGER trouble ON loan; DROP FUNCTION trouble()")


def closed_on(database: Database) -> dict[int, date]:
    return dict(ask(database, "SELECT cell, last_closed_on FROM cell"))


def first_due(database: Database) -> tuple[UUID, date]:
    """Return the loan of the sick cell with the first event, and the day of that."""
    [(loan_id, on)] = ask(
        database,
        f"""SELECT loan_id, next_event FROM loan WHERE cell = {SICK} AND overdue_since IS NULL AND waiting_due IS NULL
            ORDER BY next_event, loan_id LIMIT 1""",
    )
    return loan_id, on


def unreadable(database: Database, loan_id: UUID) -> str:
    """Make a loan's snapshot unreadable and return what it was."""
    [(state,)] = ask(database, f"SELECT state::text FROM loan_snapshot WHERE loan_id = '{loan_id}'")
    do(
        database,
        f"""UPDATE loan SET plain = false WHERE loan_id = '{loan_id}';
            UPDATE loan_snapshot SET state = '{{"stage": 1}}' WHERE loan_id = '{loan_id}'""",
    )
    return str(state)


def readable(database: Database, loan_id: UUID, state: str) -> None:
    do(database, f"UPDATE loan_snapshot SET state = '{state}' WHERE loan_id = '{loan_id}'")


def live_days(world: OpenWorld, *, last: int, first: int = 0, waiting: UUID | None = None) -> None:
    """Let a worker close each day as it is over and bring each morning up; see that everybody else is billed on it."""
    for number in range(first, last + 1):
        on = OPENED_ON + timedelta(days=number)
        world.go_to_date(on)
        close_through(world.house, to=on - timedelta(days=1), retry_after=RETRY_AFTER)
        bring_up_today(world.house)
        late = ask(world.house.database, f"SELECT loan_id FROM loan WHERE next_event <= '{on}'")
        assert [loan_id for (loan_id,) in late if loan_id != waiting] == []


def as_of_all_days(found: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """Return a portrait without the hour at which work becomes due: a notice that comes late is sent when it comes."""
    kept = dict(found)
    kept["work"] = [(*row[:4], *row[5:]) for row in found["work"]]
    return kept


def test_from_day_to_day_a_loan_set_aside_keeps_nobody_of_its_cell_waiting(
    server: Server, lived_in: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with a_house(server, lived_in, tmp_path, name="well", days_later=0) as world:
        loan_id, fails_on = first_due(world.house.database)
        assert (fails_on - OPENED_ON).days < DAYS - 3
        live_days(world, last=DAYS)
        well = as_of_all_days(portrait(world.house.database))
    with a_house(server, lived_in, tmp_path, name="waiting", days_later=0) as world:
        database = world.house.database
        state = unreadable(database, loan_id)
        live_days(world, last=DAYS - 1, waiting=loan_id)
        assert closed_on(database)[SICK] == fails_on - timedelta(days=1), "days are marked in order"
        loud = [record.__dict__["fields"] for record in caplog.records if record.levelno == logging.ERROR]
        assert [fields["days"] for fields in loud] == list(range(1, (LAST - fails_on).days + 1))
        with database.transaction() as tx:
            assert [(each.loan_id, each.on) for each in set_aside.everything(tx)] == [(loan_id, fails_on)]
            assert all(total.agrees for total in proof.group_totals(tx))
            assert proof.day_balances(tx) == proof.day_portfolios(tx) == []
        readable(database, loan_id, state)
        live_days(world, first=DAYS, last=DAYS)
        assert closed_on(database) == dict.fromkeys(range(CELLS), LAST)
        assert as_of_all_days(portrait(database)) == well
        with database.transaction() as tx:
            assert_proved(tx)
            assert proof.day_balances(tx) == proof.day_portfolios(tx) == []


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_cell_in_trouble_stops_alone_and_sets_aside_only_what_is_the_loans(
    server: Server, lived_in: str, tmp_path: Path, trouble: str
) -> None:
    code = {
        "disk": "DiskFull in close.save",
        "deadlock": "DeadlockDetected in close.save",
        "lost": "database_unavailable",
    }.get(trouble)
    with a_house(server, lived_in, tmp_path, name=trouble, days_later=DAYS) as world:
        house, database = world.house, world.house.database
        break_cell(database, trouble)
        with database.transaction() as tx:
            plain = tx.execute("SELECT bool_and(plain) FROM loan WHERE cell = %s AND next_event <= %s", (SICK, LAST))
            assert plain.fetchone() == (True,), "what fails first is the columns' own step"
        for done in (close_through(house, to=LAST), close_shared(house, to=LAST, holder="here", workers=2)):
            others = {cell: on for cell, on in closed_on(database).items() if cell != SICK}
            assert others == dict.fromkeys(others, LAST)
            if code is None:
                assert done.stopped == ()
                assert {(each.cell, each.code) for each in done.set_aside} == {(SICK, "CheckViolation in loan.save")}
                assert done.failed_chunks > 0 or done.set_aside[0].tries > 1
            else:
                assert [(one.cell, one.code) for one in done.stopped] == [(SICK, code)]
                assert done.set_aside == ()
        mend_cell(database)
        mended = close_through(house, to=LAST)
        assert (mended.last_closed_on, mended.set_aside, mended.stopped) == (LAST, (), ())
        with database.transaction() as tx:
            assert_proved(tx)


def test_a_cell_that_one_worker_gives_up_is_not_tried_again_by_the_one_beside_it(
    server: Server, lived_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_looked, one_by_one = threading.Barrier(2), threading.Lock()

    @contextmanager
    def claimed_after_the_other(*given: Any, **named: Any) -> Iterator[Any]:
        both_looked.wait(WAIT_SECONDS_MAX)
        with one_by_one, claimed_cell(*given, **named) as claim:
            yield claim

    with a_house(server, lived_in, tmp_path, name="given_up", days_later=DAYS) as world:
        break_cell(world.house.database, "disk")
        close_through(world.house, to=LAST)
        monkeypatch.setattr("mingqu.services.close.close_cell.claimed_cell", claimed_after_the_other)
        done = close_shared(world.house, to=LAST, holder="here", workers=2)
        assert [(one.cell, one.code) for one in done.stopped] == [(SICK, "DiskFull in close.save")]


def test_what_is_due_is_done_though_a_cell_stops_and_the_cell_rests(
    server: Server, lived_in: str, tmp_path: Path
) -> None:
    with a_house(server, lived_in, tmp_path, name="due", days_later=DAYS) as world:
        database, said, resting = world.house.database, list[str](), Resting()
        # What a round reminds of is written while it goes, and counts for no morning.
        notices = "SELECT count(*) FROM work WHERE kind = 'notice' AND payload ->> 'template' <> 'loan.coming'"
        [(on,)] = ask(database, f"SELECT min(next_event) FROM loan WHERE cell = {SICK}")
        break_cell(database, "disk")
        world.clock.advance(timedelta(hours=12))  # nobody is told anything at night
        for _ in range(2):  # the second round leaves the cell alone, and says nothing of it again
            done = work_once(world.house, report=said.append, resting=resting)
            assert done.trouble == "DiskFull in close.save"
            assert [text for text in said if "cell" in text] == [
                f"worker: cell {SICK} stopped on {on}: DiskFull in close.save; trying again in a minute"
            ]
        [(open_still,)] = ask(database, f"{notices} AND done_at IS NULL")
        [(told,)] = ask(database, f"{notices} AND done_at IS NOT NULL")
        assert told > open_still
        # Nor when the whole close fails, for a reason that is no cell's.
        do(
            database,
            "UPDATE work SET done_at = NULL, run_at = run_at - interval '1 day' WHERE kind = 'notice'; "
            "ALTER TABLE loan_set_aside RENAME TO gone",
        )
        with pytest.raises(UndefinedTable):
            work_once(world.house, report=said.append, resting=Resting())
        assert ask(database, f"{notices} AND done_at IS NOT NULL") == [(told,)]


def test_a_loan_that_comes_into_the_diary_behind_the_chunks_has_its_morning_before_the_mark(
    server: Server, lived_in: str, tmp_path: Path
) -> None:
    with a_house(server, lived_in, tmp_path, name="behind", days_later=DAYS) as world:
        database = world.house.database
        [(cell, on, loan_id)] = ask(
            database,
            """SELECT cell, on_date, (array_agg(loan_id ORDER BY loan_id))[1] FROM loan_diary
               GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY on_date, cell LIMIT 1""",
        )
        assert on <= LAST, "another loan of that day comes before it"
        line = f"({cell}, '{on}', '{loan_id}', true)"
        do(database, f"DELETE FROM loan_diary WHERE loan_id = '{loan_id}'")

        def come(of: int, day: date, loans: int, _marked: bool) -> None:
            if (of, day) == (cell, on) and loans:
                do(database, f"INSERT INTO loan_diary VALUES {line} ON CONFLICT DO NOTHING")

        assert close_through(world.house, to=LAST, progress=come).set_aside == ()
        assert ask(database, "SELECT count(*) FROM loan JOIN cell USING (cell) WHERE next_event <= last_closed_on") == [
            (0,)
        ]


def test_this_morning_tries_again_what_failed_when_it_has_waited(server: Server, lived_in: str, tmp_path: Path) -> None:
    with a_house(server, lived_in, tmp_path, name="again", days_later=0) as world:
        house, database = world.house, world.house.database
        loan_id, on = first_due(database)
        state = unreadable(database, loan_id)
        world.go_to_date(on)
        close_through(house, to=on - timedelta(days=1))
        bring_up_today(house)
        readable(database, loan_id, state)
        bring_up_today(house)
        assert ask(database, "SELECT tries FROM loan_set_aside") == [(1,)], "it failed a moment ago"
        world.clock.advance(RETRY_AFTER)
        bring_up_today(house)
        assert ask(database, "SELECT tries FROM loan_set_aside") == []


def test_a_chunk_that_fails_though_each_of_its_loans_goes_is_counted_by_its_step(
    server: Server, lived_in: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with a_house(server, lived_in, tmp_path, name="chunks", days_later=DAYS) as world:
        database = world.house.database
        do(
            database,
            """CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                   IF (SELECT count(*) FROM n) > 1 THEN
                       RAISE EXCEPTION 'never' USING ERRCODE = 'check_violation';
                   END IF; RETURN NULL; END $$;
               CREATE TRIGGER trouble AFTER UPDATE ON loan REFERENCING NEW TABLE AS n
               FOR EACH STATEMENT EXECUTE FUNCTION trouble()""",
        )
        told: list[int] = []
        done = close_through(world.house, to=LAST, progress=lambda _cell, _on, loans, _marked: told.append(loans))
        assert (done.last_closed_on, done.set_aside, done.stopped) == (LAST, (), ())
        assert done.failed_chunks > 0
        assert sum(told) == done.loan_events > done.failed_chunks
        codes = {
            record.__dict__["fields"]["code"] for record in caplog.records if record.message == "close.chunk_failed"
        }
        assert codes == {"CheckViolation in close.save"}
        [(noted,)] = ask(database, "SELECT sum(loans) FROM closing")
        assert noted == done.loan_events


def proofs(done: Closed) -> list[tuple[int, date]]:
    return list(done.unproved)


def test_a_day_that_was_marked_and_not_proved_is_proved_by_the_next_close(
    server: Server, lived_in: str, tmp_path: Path
) -> None:
    with a_house(server, lived_in, tmp_path, name="unproved", days_later=DAYS) as world:
        house, database = world.house, world.house.database
        close_through(house, to=LAST - timedelta(days=1))
        each = ask(database, "SELECT count(*) FROM closing WHERE proved GROUP BY on_date")
        assert each == [(CELLS,)] * (DAYS - 1), "each day of each cell, not the last ones alone"
        do(database, "UPDATE closing SET proved = NULL, proved_at = NULL WHERE cell = 1")
        do(database, "DELETE FROM closing WHERE cell = 3")
        assert proofs(close_through(house, to=LAST - timedelta(days=1))) == []
        proved = ask(database, "SELECT cell, max(on_date) FROM closing WHERE proved GROUP BY cell")
        assert dict(proved) == dict.fromkeys(range(CELLS), LAST - timedelta(days=1))
        # One that fails is said until it holds: by itself once it is mended, or by that of a later day.
        do(database, "UPDATE accrual_group SET slope_micro = slope_micro + 1 WHERE cell = 1")
        do(database, "UPDATE closing SET proved = NULL, proved_at = NULL WHERE cell = 1")
        broken = [(1, LAST - timedelta(days=1))]
        assert proofs(close_through(house, to=LAST - timedelta(days=1))) == broken
        do(database, "UPDATE accrual_group SET slope_micro = slope_micro - 1 WHERE cell = 1")
        patient = close_through(house, to=LAST - timedelta(days=1), retry_after=RETRY_AFTER)
        assert proofs(patient) == broken, "a worker does not prove it every second"
        assert proofs(close_through(house, to=LAST - timedelta(days=1))) == []
        do(database, f"UPDATE closing SET proved = false WHERE on_date = '{LAST - timedelta(days=3)}'")
        assert proofs(close_through(house, to=LAST)) == []


def test_a_day_that_was_marked_and_not_added_up_is_by_the_next_close(
    server: Server, lived_in: str, tmp_path: Path
) -> None:
    last = LAST - timedelta(days=1)
    with a_house(server, lived_in, tmp_path, name="unsummed", days_later=DAYS) as world:
        house, database = world.house, world.house.database
        close_through(house, to=last - timedelta(days=1))
        with database.transaction() as tx:  # what a close that is killed behind its mark leaves
            tx.lock_cell(2)
            book.close_day(tx, cell=2, on=last)
            tx.commit()
        close_through(house, to=last)
        assert ask(database, "SELECT DISTINCT summed_to FROM day_sum") == [(last,)]


def test_a_proof_sees_a_group_or_an_account_that_is_gone(server: Server, lived_in: str, tmp_path: Path) -> None:
    with a_house(server, lived_in, tmp_path, name="gone", days_later=DAYS) as world:
        house, database = world.house, world.house.database
        close_through(house, to=OPENED_ON)
        gone: tuple[tuple[LiteralString, str], ...] = (
            ("DELETE FROM accrual_group WHERE cell = 1 AND kind = 'interest'", "interest"),
            ("DELETE FROM accrual_group WHERE cell = 1 AND kind = 'penalty'", "penalty"),
            ("DELETE FROM account WHERE cell = 1 AND code = 1131", "interest"),
        )
        for sql, kind in gone:
            with database.transaction() as tx:
                assert all(total.agrees for total in proof.group_totals(tx, cells=[1]))
                tx.execute(sql)
                assert {total.kind for total in proof.group_totals(tx, cells=[1]) if not total.agrees} == {kind}
                assert {total.kind for total in proof.group_totals(tx) if not total.agrees} == {kind}
                assert all(total.agrees for total in proof.group_totals(tx, cells=[2]))


def test_more_workers_than_connections_get_them_or_are_refused(server: Server, lived_in: str, tmp_path: Path) -> None:
    with a_house(server, lived_in, tmp_path, name="crowd", days_later=2) as world:
        house, database = world.house, world.house.database
        [(name,)] = ask(database, "SELECT current_database()")
        do(database, f"ALTER DATABASE {name} CONNECTION LIMIT 9")
        for close in (
            lambda: close_through(house, to=OPENED_ON, workers=8),
            lambda: close_shared(house, to=OPENED_ON, holder="here", workers=4),
        ):
            with pytest.raises(TooManyWorkers, match="need 10 connections, and this database server allows 9"):
                close()
        assert closed_on(database) == dict.fromkeys(range(CELLS), OPENED_ON - timedelta(days=1))
        do(database, f"ALTER DATABASE {name} CONNECTION LIMIT -1")
        assert database.make_room(connections=20) >= 20
        with ExitStack() as open_at_once:
            for _ in range(20):
                open_at_once.enter_context(database.transaction())
        assert close_through(house, to=OPENED_ON, workers=18).last_closed_on == OPENED_ON


def test_a_closer_that_loses_its_lease_writes_nothing_more_and_the_loss_is_said(
    server: Server, lived_in: str, tmp_path: Path
) -> None:
    with a_house(server, lived_in, tmp_path, name="lease", days_later=DAYS) as world:
        house, database = world.house, world.house.database

        def take(cell: int, on: date, _loans: int, marked: bool) -> None:
            if (cell, on, marked) == (SICK, OPENED_ON, True):
                do(database, f"UPDATE cell_lease SET fence = fence + 1 WHERE cell = {SICK}")

        done = close_shared(house, to=LAST, holder="here", progress=take)
        stopped = [(one.cell, one.on, one.code) for one in done.stopped]
        assert stopped == [(SICK, OPENED_ON + timedelta(days=1), "lease_lost")]
        assert done.set_aside == ()
        assert closed_on(database) == dict.fromkeys(range(CELLS), LAST) | {SICK: OPENED_ON}
        late = ask(database, f"SELECT count(*) FROM loan WHERE cell = {SICK} AND as_of > '{OPENED_ON}'")
        assert late == [(0,)]


def test_a_lease_that_cannot_be_kept_is_lost_and_said(
    server: Server, lived_in: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with a_house(server, lived_in, tmp_path, name="keeper", days_later=1) as world:
        with claimed_cell(world.house, cells=[SICK], task=TASK, holder="here", seconds=0.2) as claim:
            assert claim is not None
            do(world.house.database, "ALTER TABLE cell_lease ADD CHECK (expires_at < now()) NOT VALID")
            assert claim.lost.wait(WAIT_SECONDS_MAX)
            do(world.house.database, "ALTER TABLE cell_lease DROP CONSTRAINT cell_lease_expires_at_check")
        levels = {record.message: record.levelno for record in caplog.records if record.message.startswith("lease.")}
        assert levels == {"lease.not_extended": logging.WARNING, "lease.lost": logging.ERROR}
