"""A round of bills goes through its moments, one worker at a time; what waits by itself becomes work."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

import pytest

from mingqu.services.revolving.remind_of_bills import BILL_NOTICE, BILLED, DUE, spread_bill_rounds
from mingqu.store.revolving import bill_round
from mingqu.store.revolving.bill_round import BillRound
from mingqu.store.server import column, work
from mingqu.store.server.database import Database
from mingqu.store.server.work import LeaseLost, NewWork

NOW: Final = datetime(2026, 9, 2, 1, 0, tzinfo=UTC)
REMINDED: Final = datetime(2026, 9, 7, 1, 0, tzinfo=UTC)  # nine in the morning, three days before the bills are due
ACCOUNTS: Final = tuple(UUID(int=(number << 8) | (7 << 76) | (1 << 63)) for number in range(1, 5))


@pytest.fixture
def book(database: Database) -> Database:
    """A book with a round of four bills in cell 0."""
    with database.transaction() as tx:
        tx.together(
            [
                bill_round.inserted(
                    cell=0,
                    round_id=UUID(int=1),
                    template=BILLED,
                    billed_on=date(2026, 9, 1),
                    due=date(2026, 9, 10),
                    run_at=NOW,
                    account_ids=column.of_uuids(ACCOUNTS),
                    numbers=column.of_bigints([1, 2, 3, 4]),
                )
            ]
        )
        tx.commit()
    return database


def lease(book: Database, *, now: datetime = NOW, limit: int = 9) -> BillRound:
    with book.transaction() as tx:
        leased = bill_round.lease(tx, cell=0, now=now, lease_seconds=60, limit=limit)
        tx.commit()
    assert leased is not None
    return leased


def count(book: Database, of: BillRound, *places: int) -> None:
    with book.transaction() as tx:
        for place in places:
            bill_round.count(tx, of=of, place=place)
        tx.commit()


def leave(book: Database, of: BillRound, place: int, *, waits: NewWork | None = None) -> None:
    with book.transaction() as tx:
        bill_round.leave(tx, of=of, place=place, waits=waits)
        tx.commit()


def go_on(book: Database, of: BillRound, *, at: datetime | None = REMINDED) -> None:
    with book.transaction() as tx:
        bill_round.go_on(tx, of=of, template=DUE, at=at)
        tx.commit()


def left(book: Database) -> tuple[int, int]:
    """Return how many rounds there are, and how much is to be said of bills."""
    with book.transaction() as tx:
        return tx.execute("SELECT FROM bill_round").rowcount, work.pending(tx).get(BILL_NOTICE, 0)


def waiting(*, number: int) -> NewWork:
    return NewWork(
        work_id=UUID(int=99), kind=BILL_NOTICE, subject_id=ACCOUNTS[number - 1], run_at=NOW, payload={"number": number}
    )


def seen(of: BillRound) -> list[tuple[int, UUID, int]]:
    return [(one.place, one.account_id, one.number) for one in of.bills]


def test_a_round_goes_on_to_its_next_moment_without_those_who_left_it(book: Database) -> None:
    with book.transaction() as tx:
        assert bill_round.lease(tx, cell=0, now=NOW - timedelta(seconds=1), lease_seconds=60, limit=9) is None
        assert work.waiting(tx, kinds=[BILL_NOTICE], now=NOW) == {(0, BILL_NOTICE)}
        assert work.waiting(tx, kinds=["send"], now=NOW) == set()
    assert left(book) == (1, 4)
    first = lease(book, limit=2)
    assert seen(first) == [(0, ACCOUNTS[0], 1), (1, ACCOUNTS[1], 2)]
    count(book, first, 0)
    leave(book, first, 1)  # paid
    go_on(book, first)
    rest = lease(book)  # at once, for the others have not heard of it
    assert seen(rest) == [(2, ACCOUNTS[2], 3), (3, ACCOUNTS[3], 4)]
    leave(book, rest, 2, waits=waiting(number=3))
    count(book, rest, 3)
    go_on(book, rest)
    assert left(book) == (1, 3)
    with book.transaction() as tx:
        assert bill_round.lease(tx, cell=0, now=REMINDED - timedelta(seconds=1), lease_seconds=60, limit=9) is None
    next_one = lease(book, now=REMINDED)
    assert (next_one.template, next_one.billed_on, next_one.due) == (DUE, date(2026, 9, 1), date(2026, 9, 10))
    assert seen(next_one) == [(0, ACCOUNTS[0], 1), (3, ACCOUNTS[3], 4)]
    leave(book, next_one, 0)
    leave(book, next_one, 3)
    go_on(book, next_one)  # there would be a moment, but nobody for it
    assert left(book) == (0, 1)


def test_a_round_without_a_next_moment_is_gone(book: Database) -> None:
    last = lease(book)
    count(book, last, 0, 1, 2, 3)
    go_on(book, last, at=None)
    assert left(book) == (0, 0)


def test_who_died_is_followed_where_it_was_and_who_was_slow_writes_nothing(book: Database) -> None:
    slow = lease(book)
    count(book, slow, 0)
    following = lease(book, now=NOW + timedelta(seconds=60))
    assert [place for place, _, _ in seen(following)] == [1, 2, 3]
    for late in (
        lambda: count(book, slow, 1),
        lambda: leave(book, slow, 1, waits=waiting(number=2)),
        lambda: go_on(book, slow),
    ):
        with pytest.raises(LeaseLost):
            late()
    assert left(book) == (1, 4)
    count(book, following, 1)
    with pytest.raises(LeaseLost):
        count(book, following, 1)  # once each
    with book.transaction() as tx:
        bill_round.put_off(tx, of=following, until=NOW + timedelta(minutes=5))
        tx.commit()
    assert [place for place, _, _ in seen(lease(book, now=NOW + timedelta(minutes=5)))] == [2, 3]


def test_what_rounds_have_left_is_work_where_cells_are_taken_apart(book: Database) -> None:
    of = lease(book)
    count(book, of, 0)
    leave(book, of, 1)
    with book.transaction() as tx:
        bill_round.put_off(tx, of=of, until=NOW)
        spread_bill_rounds(tx, now=NOW)
        found = work.of_subjects(tx, cell=0, kind=BILL_NOTICE, subject_ids=ACCOUNTS, limit=9)
        tx.commit()
    assert left(book) == (0, 3)
    said = {subject: (run_at, payload["number"], payload["template"]) for subject, run_at, _, payload in found}
    assert said == {
        ACCOUNTS[0]: (REMINDED, 1, DUE),
        ACCOUNTS[2]: (NOW, 3, BILLED),
        ACCOUNTS[3]: (NOW, 4, BILLED),
    }
    assert {payload["due"] for _, _, _, payload in found} == {"2026-09-10"}
