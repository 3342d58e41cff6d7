"""A round of notices is told one after the other, by one worker at a time, and goes on where a worker died."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

import numpy as np
import pytest

from mingqu.services.loans.follow_up import NOTICE
from mingqu.store.messages import notice_round
from mingqu.store.messages.notice_round import Round
from mingqu.store.server import work
from mingqu.store.server.database import Database
from mingqu.store.server.work import LeaseLost, Work

NOW: Final = datetime(2026, 8, 15, 1, 0, tzinfo=UTC)
LOANS: Final = tuple(UUID(int=number << 8) for number in range(1, 4))


@pytest.fixture
def book(database: Database) -> Database:
    """A book with a round of three notices in cell 0."""
    with database.transaction() as tx:
        notice_round.insert(
            tx,
            cell=0,
            round_id=UUID(int=1),
            template="loan.due",
            on=date(2026, 8, 15),
            run_at=NOW,
            loan_ids=np.frombuffer(b"".join(loan.bytes for loan in LOANS), dtype=np.uint8).reshape(-1, 16),
            marks=np.array([4, 5, 6]),
            amounts_fen=np.array([100, 200, 300]),
        )
        tx.commit()
    return database


def lease(book: Database, *, now: datetime = NOW, limit: int = 2) -> Round | None:
    with book.transaction() as tx:
        leased = notice_round.lease(tx, cell=0, now=now, lease_seconds=60, limit=limit)
        tx.commit()
        return leased


def end(book: Database, of: Round | None, place: int, *, again_at: datetime | None = None) -> None:
    assert of is not None
    piece = Work(
        cell=0, work_id=UUID(int=100 + place), kind=NOTICE, subject_id=LOANS[place], run_at=of.run_at, fence=0,
        payload={"template": of.template},
    )  # fmt: skip
    with book.transaction() as tx:
        notice_round.end(tx, of=of, place=place, work=piece, again_at=again_at, now=NOW)
        tx.commit()


def give_back(book: Database, of: Round | None) -> None:
    assert of is not None
    with book.transaction() as tx:
        notice_round.give_back(tx, of=of)
        tx.commit()


def left(book: Database) -> tuple[int, list[UUID]]:
    """Return how many notices wait, and of which loans a round has something left to tell."""
    with book.transaction() as tx:
        rounds = notice_round.waiting_for(tx, cell=0, loan_ids=LOANS)
        return work.pending(tx).get(NOTICE, 0), [row[0] for row in rounds]


def places(of: Round | None) -> list[tuple[int, int, int]]:
    assert of is not None
    return [(each.place, each.mark, each.amount_fen) for each in of.notices]


def test_a_round_is_told_in_parts_and_then_gone(book: Database) -> None:
    assert lease(book, now=NOW - timedelta(seconds=1)) is None
    assert left(book) == (3, list(LOANS))
    first = lease(book)
    assert places(first) == [(0, 4, 100), (1, 5, 200)]
    assert lease(book) is None, "another has it"
    end(book, first, 0)
    end(book, first, 1, again_at=NOW + timedelta(minutes=5))  # it waits by itself from now on
    assert left(book) == (2, [LOANS[2]])
    give_back(book, first)
    with book.transaction() as tx:
        assert work.waiting(tx, kinds=[NOTICE], now=NOW) == {(0, NOTICE)}
        assert work.waiting(tx, kinds=["send"], now=NOW) == set()
    last = lease(book)
    assert places(last) == [(2, 6, 300)]
    end(book, last, 2)
    give_back(book, last)
    assert lease(book) is None
    assert left(book) == (1, [])
    with book.transaction() as tx:
        told = work.of_subjects(tx, cell=0, kind=NOTICE, subject_ids=LOANS, limit=9)
        assert tx.execute("SELECT FROM notice_round").fetchall() == []
    assert {subject: done for subject, _, done, _ in told} == {LOANS[0]: NOW, LOANS[1]: None, LOANS[2]: NOW}


def test_who_died_is_followed_where_it_was_and_who_was_slow_writes_nothing(book: Database) -> None:
    slow = lease(book)
    end(book, slow, 0)
    next_one = lease(book, now=NOW + timedelta(seconds=60))
    assert places(next_one) == [(1, 5, 200), (2, 6, 300)]
    with pytest.raises(LeaseLost):
        end(book, slow, 1)
    with pytest.raises(LeaseLost):
        give_back(book, slow)
    assert left(book) == (2, [LOANS[1], LOANS[2]])
    end(book, next_one, 1)
    with pytest.raises(LeaseLost):
        end(book, next_one, 1)  # once each
    assert left(book) == (1, [LOANS[2]])


def test_what_rounds_have_left_becomes_work_where_cells_are_taken_apart(book: Database) -> None:
    end(book, lease(book), 0)
    with book.transaction() as tx:
        assert [(cell, each.mark) for cell, _, _, _, each in notice_round.all_left(tx)] == [(0, 5), (0, 6)]
        notice_round.drop_all(tx)
        tx.commit()
    assert left(book) == (0, [])
