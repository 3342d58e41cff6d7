"""Callers who share a batch: each hears its own results, a failure reaches just that batch, replays tell the truth."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import count
from uuid import UUID

import pytest

from mingqu.domain import identifier
from mingqu.domain.ledger import Account, AccountCode, Reason, Result, Transfer
from mingqu.services.ledger import post_together
from mingqu.services.ledger.post_together import AnswerLate, GroupTooLarge, LaneClosed, LaneFull, Lanes
from mingqu.store.ledgers import ledger
from mingqu.store.server.database import Database, DatabaseUnavailable

DAY = date(2026, 8, 15)
PERSON = UUID("0199a000-0000-7000-8000-000000000200")
GRANTED = Account(owner=PERSON, code=AccountCode.LIMIT_GRANTED)
AVAILABLE = Account(owner=PERSON, code=AccountCode.LIMIT_AVAILABLE)
DRAWN = Account(owner=PERSON, code=AccountCode.LIMIT_DRAWN)
LIMIT_FEN = 10_000
numbers = count(1)


def draw(amount_fen: int) -> Transfer:
    return Transfer(
        id=identifier.fresh(milliseconds=next(numbers), slot=0, entropy=0),
        debit=AVAILABLE,
        credit=DRAWN,
        amount_fen=amount_fen,
        reason=Reason.LIMIT_DRAW,
        value_date=DAY,
        posted_on=DAY,
        reference=PERSON,
    )


@pytest.fixture
def granted(database: Database) -> Database:
    """A person with a limit of 100.00 in two cells."""
    grant = replace(draw(LIMIT_FEN), debit=GRANTED, credit=AVAILABLE)
    for cell in (0, 1):
        with database.transaction() as tx:
            ledger.open_accounts(tx, cell=cell, accounts=[GRANTED, AVAILABLE, DRAWN])
            ledger.post(tx, cell=cell, transfers=[grant])
            tx.commit()
    return database


def drawn_fen(database: Database, cell: int) -> int:
    with database.transaction() as tx:
        assert ledger.prove(tx) == []
        return ledger.balance(tx, cell=cell, account=DRAWN).credits_posted_fen


def test_threads_and_coroutines_each_hear_their_own_results(granted: Database) -> None:
    callers, each = 12, 8
    heard: list[tuple[int, list[Transfer], list[Result]]] = []

    def group(number: int, at: int) -> list[Transfer]:
        """A single draw, or a chain of two of which the second never fits."""
        if at % 4 != 3:
            return [draw(1 + number)]
        return [replace(draw(1), linked=True), draw(LIMIT_FEN + number)]

    def thread(number: int) -> None:
        for at in range(each):
            transfers = group(number, at)
            heard.append((number % 2, transfers, lanes.post(cell=number % 2, transfers=transfers)))

    async def coroutine(number: int) -> None:
        for at in range(each):
            transfers = group(number, at)
            heard.append((number % 2, transfers, await lanes.post_async(cell=number % 2, transfers=transfers)))

    async def coroutines() -> None:
        await asyncio.gather(*(coroutine(number) for number in range(callers)))

    with Lanes(granted) as lanes:
        threads = [threading.Thread(target=thread, args=(number,)) for number in range(callers)]
        threads.append(threading.Thread(target=lambda: asyncio.run(coroutines())))
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert len(heard) == 2 * callers * each
    for _, transfers, results in heard:
        if len(transfers) == 1:
            assert results == [Result.OK]
        else:
            assert results == [Result.LINKED_TRANSFER_FAILED, Result.EXCEEDS_LIMIT_OF_DEBIT_ACCOUNT]
    for cell in (0, 1):
        ok = [sent[0].amount_fen for at, sent, results in heard if at == cell and results == [Result.OK]]
        assert drawn_fen(granted, cell) == sum(ok)


class Slow(Database):
    """A database that waits for the test's word before it posts, and is gone when the word says so."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.begun, self.go, self.gone = threading.Semaphore(0), threading.Semaphore(0), False

    def call(self, sql: str, parameters: Sequence[bytes | None]) -> bytes:  # type: ignore[override] # a plain str will do
        self.begun.release()
        assert self.go.acquire(timeout=20)
        if self.gone:
            raise DatabaseUnavailable("gone")
        return super().call(sql, parameters)  # type: ignore[arg-type] # see above


@pytest.fixture
def slow(granted: Database) -> Iterator[Slow]:
    """The same book, in the hands of the test."""
    with Slow(granted.url) as database:
        yield database


def test_a_failure_reaches_every_caller_of_its_batch_and_nobody_else(slow: Slow) -> None:
    async def story(lanes: Lanes) -> None:
        first = asyncio.create_task(lanes.post_async(cell=0, transfers=[draw(1)]))
        await asyncio.to_thread(slow.begun.acquire)
        batch = [asyncio.create_task(lanes.post_async(cell=0, transfers=[draw(10)])) for _ in range(5)]
        await asyncio.sleep(0)
        slow.go.release()
        assert await first == [Result.OK]
        await asyncio.to_thread(slow.begun.acquire)
        last = asyncio.create_task(lanes.post_async(cell=0, transfers=[draw(100)]))
        await asyncio.sleep(0)
        slow.gone = True
        slow.go.release()
        assert {type(told) for told in await asyncio.gather(*batch, return_exceptions=True)} == {DatabaseUnavailable}
        await asyncio.to_thread(slow.begun.acquire)
        slow.gone = False
        slow.go.release()
        assert await last == [Result.OK]

    with Lanes(slow) as lanes:
        asyncio.run(story(lanes))
    assert drawn_fen(slow, 0) == 101


def test_who_gives_up_waiting_asks_again_and_hears_the_truth(slow: Slow) -> None:
    ours, theirs = draw(7), draw(8)

    async def late(lanes: Lanes) -> None:
        with pytest.raises(AnswerLate):
            await lanes.post_async(cell=0, transfers=[theirs], seconds_max=0.01)

    with Lanes(slow) as lanes:
        with pytest.raises(AnswerLate):
            lanes.post(cell=0, transfers=[ours], seconds_max=0.01)
        asyncio.run(late(lanes))
        slow.go.release(4)
        assert lanes.post(cell=0, transfers=[ours]) == [Result.EXISTS]
        assert lanes.post(cell=0, transfers=[theirs, replace(theirs, amount_fen=9)]) == [
            Result.EXISTS,
            Result.EXISTS_WITH_DIFFERENT_AMOUNT,
        ]
    assert drawn_fen(slow, 0) == 15


def test_a_full_lane_takes_nothing_more_and_loses_nothing(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post_together, "WAITING_MAX", 3)

    async def story(lanes: Lanes) -> None:
        first = asyncio.create_task(lanes.post_async(cell=0, transfers=[draw(1)]))
        await asyncio.to_thread(slow.begun.acquire)
        waiting = [asyncio.create_task(lanes.post_async(cell=0, transfers=[draw(1)])) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(LaneFull):
            await lanes.post_async(cell=0, transfers=[draw(1)])
        slow.go.release(2)
        assert await asyncio.gather(first, *waiting) == [[Result.OK]] * 4

    with Lanes(slow) as lanes:
        asyncio.run(story(lanes))
        for transfers in ([], [draw(1)] * (post_together.GROUP_MAX + 1)):
            with pytest.raises(GroupTooLarge):
                lanes.post(cell=0, transfers=transfers)
    for cell in (0, 1):  # a lane that was, and one that never was
        with pytest.raises(LaneClosed):
            lanes.post(cell=cell, transfers=[draw(1)])
    assert drawn_fen(slow, 0) == 4


def test_closing_posts_what_waits(slow: Slow) -> None:
    heard: list[list[Result]] = []
    lanes = Lanes(slow)
    threads = [threading.Thread(target=lambda: heard.append(lanes.post(cell=0, transfers=[draw(1)]))) for _ in range(3)]
    threads[0].start()
    slow.begun.acquire()
    for thread in threads[1:]:
        thread.start()
    closing = threading.Thread(target=lanes.close)
    slow.go.release(3)
    for thread in threads:
        thread.join()
    closing.start()
    closing.join()
    assert heard == [[Result.OK]] * 3
    assert drawn_fen(slow, 0) == 3
