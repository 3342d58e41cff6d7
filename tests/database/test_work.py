"""Work is done by one worker at a time, by another when that one dies, and never by one that lost its lease."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from mingqu.store.server import work
from mingqu.store.server.database import Database

NOW = datetime(2026, 8, 15, 9, 0, tzinfo=UTC)


def enqueue(database: Database, number: int, *, kind: str = "send", cell: int = 0, after_seconds: int = 0) -> bool:
    with database.transaction() as tx:
        is_new = work.enqueue(
            tx,
            cell=cell,
            work_id=UUID(int=number),
            kind=kind,
            subject_id=UUID(int=900 + number),
            run_at=NOW + timedelta(seconds=after_seconds),
            payload={"number": number},
        )
        tx.commit()
        return is_new


def lease(database: Database, *, now: datetime = NOW, limit: int = 10, cell: int = 0) -> list[work.Work]:
    with database.transaction() as tx:
        leased = work.lease(tx, cell=cell, kinds=["send", "ask"], now=now, lease_seconds=30, limit=limit)
        tx.commit()
        return leased


def complete(database: Database, leased: work.Work) -> None:
    with database.transaction() as tx:
        work.complete(tx, work=leased, now=NOW)
        tx.commit()


def test_work_that_is_due_is_leased_in_order_by_cell_kind_and_number(database: Database) -> None:
    enqueue(database, 1, after_seconds=-5)
    enqueue(database, 2, after_seconds=-9, kind="ask")
    enqueue(database, 3, after_seconds=1)
    enqueue(database, 4, kind="remind")
    enqueue(database, 5, cell=1)
    assert [item.work_id.int for item in lease(database, limit=1)] == [2]
    assert lease(database) == [
        work.Work(
            cell=0,
            work_id=UUID(int=1),
            kind="send",
            subject_id=UUID(int=901),
            run_at=NOW - timedelta(seconds=5),
            fence=1,
            payload={"number": 1},
        )
    ]
    assert [item.work_id.int for item in lease(database, cell=1)] == [5]


def test_the_same_id_twice_is_one_piece_of_work(database: Database) -> None:
    assert enqueue(database, 1) is True
    assert enqueue(database, 1) is False
    assert len(lease(database)) == 1


def test_leased_work_is_nobody_elses_until_the_lease_is_over(database: Database) -> None:
    enqueue(database, 1)
    (first,) = lease(database)
    assert lease(database, now=NOW + timedelta(seconds=29)) == []
    (second,) = lease(database, now=NOW + timedelta(seconds=30))
    assert second.fence == first.fence + 1
    for lost in (
        lambda tx: work.complete(tx, work=first, now=NOW),
        lambda tx: work.reschedule(tx, work=first, run_at=NOW),
    ):
        with pytest.raises(work.LeaseLost), database.transaction() as tx:
            lost(tx)
    complete(database, second)
    with pytest.raises(work.LeaseLost):
        complete(database, second)
    assert lease(database, now=NOW + timedelta(days=9)) == []


def test_work_given_back_comes_again_at_its_time_and_the_old_lease_is_over(database: Database) -> None:
    enqueue(database, 1)
    (leased,) = lease(database)
    with database.transaction() as tx:
        work.reschedule(tx, work=leased, run_at=NOW + timedelta(seconds=5))
        tx.commit()
    with pytest.raises(work.LeaseLost):
        complete(database, leased)
    assert lease(database, now=NOW + timedelta(seconds=4)) == []
    (again,) = lease(database, now=NOW + timedelta(seconds=5))
    complete(database, again)


def test_workers_at_the_same_moment_never_get_the_same_work(database: Database) -> None:
    for number in range(1, 41):
        enqueue(database, number)
    got: list[int] = []

    def worker() -> None:
        while batch := lease(database, limit=3):
            got.extend(item.work_id.int for item in batch)
            for item in batch:
                complete(database, item)

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == list(range(1, 41))


def test_a_row_another_worker_is_leasing_is_passed_over(database: Database) -> None:
    enqueue(database, 1)
    enqueue(database, 2)
    with database.transaction() as tx:
        assert len(work.lease(tx, cell=0, kinds=["send"], now=NOW, lease_seconds=30, limit=1)) == 1
        assert [item.work_id.int for item in lease(database)] == [2]


def test_what_is_not_done_is_counted_by_kind(database: Database) -> None:
    enqueue(database, 1)
    enqueue(database, 2, cell=3)
    enqueue(database, 3, kind="ask")
    (first,) = lease(database, limit=1)
    complete(database, first)
    with database.transaction() as tx:
        assert work.pending(tx) == {"ask": 1, "send": 1}


def test_where_work_waits_is_one_question(database: Database) -> None:
    enqueue(database, 1, after_seconds=-5)
    enqueue(database, 2)
    enqueue(database, 3, kind="ask", after_seconds=1)  # not yet
    enqueue(database, 4, kind="remind")  # nobody asks for it
    enqueue(database, 5, kind="ask", cell=1)
    enqueue(database, 6, kind="ask", cell=2)
    (done,) = lease(database, cell=2)
    complete(database, done)
    with database.transaction() as tx:
        assert work.waiting(tx, kinds=["send", "ask"], now=NOW) == {(0, "send"), (1, "ask")}
        assert work.waiting(tx, kinds=[], now=NOW) == set()
