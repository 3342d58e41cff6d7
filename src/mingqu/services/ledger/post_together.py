"""Callers who post at the same moment share a transaction: what waits for a cell is one batch, each hears its own.

A commit is the dearest part of a single transfer, and a cell takes one writer at a time. So each cell has a lane: while
it posts one batch, the next one gathers. Nobody waits for a batch to fill. A caller is answered when its transfers are
durable, with its own results; of another's refusal it hears nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final

from mingqu.domain.ledger import Result, Transfer
from mingqu.domain.refusal import Refusal
from mingqu.store.ledgers import ledger
from mingqu.store.server.database import Database

# What one caller may hand in at once; more is a batch of its own (`ledger.post_batch`).
GROUP_MAX: Final = 64
# A batch of this many holds a cell for a few tens of milliseconds.
BATCH_MAX: Final = 1_000
# At tens of thousands a second a full lane is a fraction of a second behind.
WAITING_MAX: Final = 8_192
SECONDS_MAX: Final = 10.0


class GroupTooLarge(Refusal):
    """A caller handed in no transfer, or more than belong together."""

    code = "group_too_large"


class LaneFull(Refusal):
    """So many transfers wait for the cell that this one would wait too long: nothing was posted, come again."""

    code = "lane_full"
    status = 503


class LaneClosed(Refusal):
    """The program is ending: nothing was posted."""

    code = "lane_closed"
    status = 503


class AnswerLate(Refusal):
    """The answer did not come in time. The transfers may be in the books or get there: the same ids again tell."""

    code = "answer_late"
    status = 503


Outcome = list[Result] | BaseException


class _Asked:
    """A caller's group, and how it is told."""

    __slots__ = ("_told", "loop", "outcome", "transfers", "waiter")

    def __init__(self, transfers: Sequence[Transfer], waiter: asyncio.Future[list[Result]] | None) -> None:
        self.transfers = transfers
        self.waiter = waiter
        self.loop = waiter.get_loop() if waiter is not None else None
        self.outcome: Outcome | None = None
        self._told = threading.Lock()
        self._told.acquire()

    def tell(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self._told.release()

    def wait(self, seconds_max: float) -> list[Result]:
        if not self._told.acquire(timeout=seconds_max):
            raise AnswerLate("The ledger did not answer in time: ask again with the same ids.")
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        assert self.outcome is not None
        return self.outcome


class _Lane:
    """A queue of one cell, and the thread that posts what waits in it."""

    def __init__(self, post: Callable[[Sequence[Transfer]], list[Result]], *, name: str) -> None:
        self._post = post
        self._waiting: deque[_Asked] = deque()
        self._transfers = 0
        self._closed = False
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, asked: _Asked) -> None:
        with self._change:
            if self._closed:
                raise LaneClosed("The program is ending: nothing was posted.")
            if self._transfers + len(asked.transfers) > WAITING_MAX:
                raise LaneFull("Too many transfers wait for this cell: come again in a moment.")
            self._waiting.append(asked)
            self._transfers += len(asked.transfers)
            if len(self._waiting) == 1:
                self._change.notify()

    def close(self) -> None:
        """Post what waits, then end."""
        with self._change:
            self._closed = True
            self._change.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next():
            try:
                results = self._post([transfer for asked in batch for transfer in asked.transfers])
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the answer of these callers
                _tell(batch, [error] * len(batch))
            else:
                at = 0
                outcomes: list[Outcome] = []
                for asked in batch:
                    outcomes.append(results[at : at + len(asked.transfers)])
                    at += len(asked.transfers)
                _tell(batch, outcomes)

    def _next(self) -> list[_Asked]:
        """Wait for callers and return them, at most BATCH_MAX transfers of them; none when the lane has ended."""
        batch: list[_Asked] = []
        with self._change:
            while not self._waiting and not self._closed:
                self._change.wait()
            transfers = 0
            while self._waiting and transfers + len(self._waiting[0].transfers) <= BATCH_MAX:
                batch.append(self._waiting.popleft())
                transfers += len(batch[-1].transfers)
            self._transfers -= transfers
        return batch


def _tell(batch: Sequence[_Asked], outcomes: Sequence[Outcome]) -> None:
    """Tell each caller; those of an event loop all together, for waking a loop costs more than a transfer."""
    of_loops: defaultdict[asyncio.AbstractEventLoop, list[tuple[_Asked, Outcome]]] = defaultdict(list)
    for asked, outcome in zip(batch, outcomes, strict=True):
        if asked.loop is None:
            asked.tell(outcome)
        else:
            of_loops[asked.loop].append((asked, outcome))
    for loop, told in of_loops.items():
        with suppress(RuntimeError):  # a loop that was closed: nobody is there to hear it, and the books are right
            loop.call_soon_threadsafe(_wake, told)


def _wake(told: Sequence[tuple[_Asked, Outcome]]) -> None:
    for asked, outcome in told:
        if asked.waiter is None or asked.waiter.done():
            continue  # gave up waiting
        if isinstance(outcome, BaseException):
            asked.waiter.set_exception(outcome)
        else:
            asked.waiter.set_result(outcome)


class Lanes:
    """One lane for each cell that somebody posts to; a context manager that ends when all that waits is posted."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lanes: dict[int, _Lane] = {}
        self._closed = False
        self._opening = threading.Lock()

    def post(self, *, cell: int, transfers: Sequence[Transfer], seconds_max: float = SECONDS_MAX) -> list[Result]:
        """Post transfers of one cell that belong together and return their results, durable; for a thread.

        They are one chain only as far as they are `linked`. Errors: GroupTooLarge, LaneFull, LaneClosed (nothing was
        posted); AnswerLate, DatabaseUnavailable (the same ids again tell).
        """
        asked = self._ask(cell, transfers, None)
        return asked.wait(seconds_max)

    async def post_async(
        self, *, cell: int, transfers: Sequence[Transfer], seconds_max: float = SECONDS_MAX
    ) -> list[Result]:
        """Do what `post` does, for a coroutine."""
        waiter: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()
        self._ask(cell, transfers, waiter)
        late = waiter.get_loop().call_later(seconds_max, _give_up, waiter)
        try:
            return await waiter
        finally:
            late.cancel()

    def close(self) -> None:
        """Take nothing more, post what waits, and end."""
        with self._opening:
            self._closed = True
            lanes = list(self._lanes.values())
        for lane in lanes:
            lane.close()

    def __enter__(self) -> Lanes:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _ask(self, cell: int, transfers: Sequence[Transfer], waiter: asyncio.Future[list[Result]] | None) -> _Asked:
        if not 1 <= len(transfers) <= GROUP_MAX:
            raise GroupTooLarge(f"A caller hands in 1 to {GROUP_MAX} transfers.", transfers=len(transfers))
        assert not transfers[-1].linked, "a chain ends with its caller, or it would take the next one's transfers in"
        asked = _Asked(transfers, waiter)
        (self._lanes.get(cell) or self._open(cell)).put(asked)
        return asked

    def _open(self, cell: int) -> _Lane:
        with self._opening:
            if self._closed:
                raise LaneClosed("The program is ending: nothing was posted.")
            if cell not in self._lanes:
                self._lanes[cell] = _Lane(
                    lambda transfers: ledger.post_batch_at_once(self._database, cell=cell, transfers=transfers),
                    name=f"lane-{cell}",
                )
            return self._lanes[cell]


def _give_up(waiter: asyncio.Future[list[Result]]) -> None:
    if not waiter.done():
        waiter.set_exception(AnswerLate("The ledger did not answer in time: ask again with the same ids."))
