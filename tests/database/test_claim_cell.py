"""Closers on several machines share the cells: none is closed twice, and a dead one's cell is taken up by another."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from bench import book as bench_book
from mingqu.domain.moment import start_of
from mingqu.services.close.claim_cell import claimed_cell
from mingqu.services.close.close_cell import TASK, close_cell_through, close_free_cells, close_shared
from mingqu.services.close.close_day import DayNotOver
from mingqu.store import proof
from mingqu.store.books import book
from mingqu.store.ledgers import ledger_proof
from mingqu.store.server import lease
from mingqu.store.server.database import Database
from mingqu.store.server.lease import Lease
from mingqu.store.server.work import LeaseLost
from tests.conftest import CELLS, OPENED_ON
from tests.world import OpenWorld, open_world

LAST = OPENED_ON + timedelta(days=2)
WAIT_SECONDS_MAX = 60  # on a busy machine
LEASE_SECONDS = 6  # extended after a third of it: a busy machine that stalls does not lose it


@pytest.fixture
def lived_in(database: Database, tmp_path: Path) -> Iterator[OpenWorld]:
    """A book of two hundred loans, three of whose days are over."""
    with open_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as world:
        bench_book.fill(world.house, loans=200)
        world.clock.advance_to(start_of(LAST + timedelta(days=1)))
        yield world


def claim(database: Database, *, cell: int, holder: str) -> Lease | None:
    return database.run(lambda tx: lease.claim(tx, cell=cell, task=TASK, holder=holder, seconds=60))


def time_runs_out(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute("UPDATE cell_lease SET expires_at = now() WHERE isfinite(expires_at)")
        tx.commit()


def assert_closed(world: OpenWorld) -> None:
    with world.house.database.transaction() as tx:
        assert {book.last_closed_on(tx, cell=cell) for cell in range(CELLS)} == {LAST}
        assert ledger_proof.prove(tx) == []
        assert all(total.agrees for total in proof.group_totals(tx))
        assert proof.loans_and_ledger(tx) == []


def test_closers_at_once_never_do_the_same_cell_and_day_twice(lived_in: OpenWorld) -> None:
    done: list[tuple[int, date]] = []
    gate = threading.Barrier(3)

    def close(holder: str) -> None:
        gate.wait(WAIT_SECONDS_MAX)
        close_free_cells(lived_in.house, to=LAST, holder=holder, done=lambda cell, day, _: done.append((cell, day)))

    closers = [threading.Thread(target=close, args=(f"machine-{number}",)) for number in range(3)]
    for each in closers:
        each.start()
    for each in closers:
        each.join(WAIT_SECONDS_MAX)
    days = [OPENED_ON + timedelta(days=number) for number in range(3)]
    assert Counter(done) == Counter((cell, day) for cell in range(CELLS) for day in days)
    assert_closed(lived_in)
    with lived_in.house.database.transaction() as tx:
        assert lease.standing(tx) == []


def test_the_cell_of_a_dead_closer_is_taken_up_when_its_lease_has_ended(lived_in: OpenWorld) -> None:
    house = lived_in.house
    dead = claim(house.database, cell=2, holder="dead")
    assert dead is not None
    assert {one.cell for one in close_free_cells(house, to=LAST, holder="alive")} == {0, 1, 3}
    assert close_cell_through(house, cells=[2], to=LAST, holder="alive") is None
    time_runs_out(house.database)
    assert [(one.cell, one.days) for one in close_free_cells(house, to=LAST, holder="alive")] == [(2, 3)]
    assert_closed(lived_in)
    with pytest.raises(LeaseLost):
        house.database.run(lambda tx: lease.hold(tx, lease=dead))


def test_a_lease_is_kept_while_its_holder_works_and_given_back_after(lived_in: OpenWorld) -> None:
    database = lived_in.house.database

    def ends() -> list[object]:
        with database.transaction() as tx:
            return [one.expires_at for one in lease.standing(tx)]

    with claimed_cell(lived_in.house, cells=[0, 1], task=TASK, holder="a", seconds=LEASE_SECONDS) as ours:
        assert ours is not None
        assert ours.cell == 0
        first, pause = ends(), threading.Event()
        for _ in range(WAIT_SECONDS_MAX * 100):
            if ends() > first:
                break
            pause.wait(0.01)
        assert ends() > first
        with claimed_cell(lived_in.house, cells=[0, 1], task=TASK, holder="b") as theirs:
            assert theirs is not None
            assert theirs.cell == 1
            with claimed_cell(lived_in.house, cells=[0, 1], task=TASK, holder="c") as nobodys:
                assert nobodys is None
    assert ends() == []
    assert claim(database, cell=0, holder="d") is not None


def test_who_lost_a_cell_learns_it_and_commits_nothing_more(lived_in: OpenWorld) -> None:
    database = lived_in.house.database
    with claimed_cell(lived_in.house, cells=[3], task=TASK, holder="slow", seconds=0.3) as ours:
        assert ours is not None
        ours.require()
        with database.transaction() as tx:  # as a claim by another after a long silence
            tx.execute("UPDATE cell_lease SET fence = fence + 1, expires_at = now() + interval '1 hour'")
            tx.commit()
        with pytest.raises(LeaseLost):
            database.run(ours.hold)
        assert ours.lost.wait(WAIT_SECONDS_MAX)
        with pytest.raises(LeaseLost):
            ours.require()
    with database.transaction() as tx:
        assert [one.lease.fence for one in lease.standing(tx)] == [2]  # the other's was not given back by us


def test_who_shares_closes_all_that_nobody_else_has(lived_in: OpenWorld) -> None:
    house = lived_in.house
    to = house.clock.business_date() - timedelta(days=1)
    with claimed_cell(house, cells=[2], task=TASK, holder="another machine"):
        done = close_shared(house, to=to, holder="this one", workers=2)
        assert done.last_closed_on < to, "one cell is another's"
    done = close_shared(house, to=to, holder="this one", workers=2)
    assert (done.last_closed_on, done.set_aside) == (to, ())


def test_a_day_that_is_not_over_is_closed_by_nobody(lived_in: OpenWorld) -> None:
    with pytest.raises(DayNotOver):
        close_cell_through(lived_in.house, cells=[0], to=LAST + timedelta(days=1), holder="early")
    with lived_in.house.database.transaction() as tx:
        assert lease.standing(tx) == []
