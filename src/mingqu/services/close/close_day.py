"""The day's close: loans with an event that day, group accrual, the day marked, its proof; cell by cell.

The morning of a day (bills, overdue starts) can be done at any time of it, as often as anybody likes:
`bring_up_today`. The close does what is left of it, accrues each group once, and marks the day. Killed anywhere,
it goes on where it was, because a loan that is done has moved its next event on.

A loan whose morning fails is set aside with the reason, and the others go on. Its day is marked when it has gone
through, and days are marked in order; the mornings of the days behind it are done meanwhile for all other loans, so
that nobody but the loan itself waits. Cells have nothing to do with each other: one that stops stops no other.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import ClassVar, Final

from mingqu.domain.refusal import Refusal
from mingqu.services.close.accrue_groups import accrue_groups
from mingqu.services.close.bring_up_mornings import (
    ALONE,
    AT_ONCE,
    RETRY_AFTER,
    BroughtUp,
    Closer,
    bring_up_day,
    bring_up_morning,
)
from mingqu.services.close.bring_up_mornings import CloseStopped as CloseStopped
from mingqu.services.close.bring_up_mornings import Progress as Progress
from mingqu.services.close.prove_groups import prove_groups, prove_what_is_left
from mingqu.services.close.sum_days import sum_days, sum_what_is_left
from mingqu.services.do_each import named
from mingqu.services.house import House
from mingqu.store.books import book
from mingqu.store.days import closing, set_aside
from mingqu.store.days.set_aside import SetAside as SetAside
from mingqu.store.server.database import DatabaseUnavailable, Transaction

log = logging.getLogger("mingqu.close")

WORKERS_MAX: Final = 64
_DAYS_MAX: Final = 100_000  # of one cell; beyond it something does not move on
# Between the last chunk and the mark a door may write a loan with an event that day. Ten times in a row is no chance.
_MARKS_MAX: Final = 10
# Connections of a close that are not its workers': for whoever asks how it goes.
_CONNECTIONS_BESIDE: Final = 2


class DayNotOver(Refusal):
    """A day can be closed and reconciled only once it is over in the market."""

    code: ClassVar[str] = "day_not_over"


class TooManyWorkers(Refusal):
    """Each worker needs a connection, a second one to keep its lease, and the server allows fewer than that."""

    code: ClassVar[str] = "too_many_workers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A cell that could not go on, the day it stopped at (None: before it knew), and why, as `named` says it."""

    cell: int
    on: date | None
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """What a close did: cell-days marked, loans that had an event, what was set aside, and what stopped.

    `last_closed_on` is the last day that every cell has closed. `failed_chunks` counts chunks of loans that failed as
    a whole and were done loan by loan, which takes ten times as long: one for each chunk with a loan that was set
    aside, and any more are a fault that no loan shows.
    """

    cell_days: int
    loan_events: int
    last_closed_on: date
    set_aside: tuple[SetAside, ...] = ()
    unproved: tuple[tuple[int, date], ...] = ()  # cells and days whose groups are not the sum of their loans
    stopped: tuple[Stopped, ...] = ()
    failed_chunks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CellDays:
    """What was done of the days of one cell. `error` is what stopped it, at the day of `stopped`; None: it went on."""

    cell: int
    days: int
    brought_up: BroughtUp
    stopped: Stopped | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellDayClosed:
    """What was done of a cell's day, and whether it is marked now."""

    brought_up: BroughtUp
    marked: bool


def close_through(
    house: House,
    *,
    to: date,
    workers: int = 1,
    progress: Progress | None = None,
    retry_after: timedelta = AT_ONCE,
    but: Collection[int] = (),
) -> Closed:
    """Close every open day of every cell up to `to`, in order; days closed already are left alone.

    Cells have nothing to do with each other: `workers` threads take one each, with all its days, and a cell that stops
    is reported while the others go on. What was set aside is tried again when its last try is `retry_after` ago. Cells
    `but` are left out. Errors: DayNotOver when `to` has not ended, TooManyWorkers, DatabaseUnavailable at the end.
    """
    require_over(house, to=to)
    closer = closer_of(progress=progress, retry_after=retry_after, proves_later=True)
    with house.database.transaction() as tx:
        found = closing.cells_to_close(tx, to=to, retry_after=retry_after)
    waiting = [cell for cell in found if cell not in but]
    if waiting:
        make_room(house, workers=workers)

    gone = threading.Event()  # the whole server: each of many cells would wait for it in vain

    def close(cell: int) -> CellDays:
        if gone.is_set():
            stopped = Stopped(cell=cell, on=None, code=DatabaseUnavailable.code)
            return CellDays(cell=cell, days=0, brought_up=BroughtUp(), stopped=stopped)
        done = close_cell(house, cell=cell, to=to, closer=closer)
        if isinstance(done.error, DatabaseUnavailable) and is_gone(house):
            gone.set()
        return done

    if workers == 1:
        done = [close(cell) for cell in waiting]
    else:
        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="close") as pool:
            done = list(pool.map(close, waiting))
    if waiting and not gone.is_set():
        done += _prove_last_days(house, cells=waiting, retry_after=retry_after)
    return what_stands(house, done=done)


def _prove_last_days(house: House, *, cells: Sequence[int], retry_after: timedelta) -> list[CellDays]:
    """Prove the last closed day of the cells in one view; return them as stopped if that cannot be done."""
    try:
        prove_what_is_left(house, cells=cells, retry_after=retry_after)
    except Exception as error:  # noqa: BLE001 - it is reported; the days are closed, and the next close proves them
        log.error("close.stopped", extra={"fields": {"cell": cells[0], "on": None, "code": named(error)}})
        stopped = Stopped(cell=cells[0], on=None, code=named(error))
        return [CellDays(cell=cells[0], days=0, brought_up=BroughtUp(), stopped=stopped, error=error)]
    return []


def is_gone(house: House) -> bool:
    """Return whether the database cannot be reached at all, rather than having lost one connection."""
    try:
        with house.database.transaction() as tx:
            tx.begin()
        return False
    except DatabaseUnavailable:
        return True


def require_over(house: House, *, to: date) -> None:
    """See that a day is over in the market. Errors: DayNotOver."""
    if to >= house.clock.business_date():
        raise DayNotOver(f"{to} is not over yet in the market; the last day to close is yesterday.")


def make_room(house: House, *, workers: int, each: int = 1) -> None:
    """Let the pool have what so many workers need, `each` a number of connections. Errors: TooManyWorkers."""
    assert 1 <= workers <= WORKERS_MAX
    needed = workers * each + _CONNECTIONS_BESIDE
    allowed = house.database.make_room(connections=needed)
    if needed > allowed:
        raise TooManyWorkers(
            f"{workers} workers need {needed} connections, and this database server allows {allowed}.", workers=workers
        )


def closer_of(*, progress: Progress | None, retry_after: timedelta, proves_later: bool = False) -> Closer:
    """Return who closes, telling somebody or nobody."""
    alone = Closer(retry_after=retry_after, proves_later=proves_later)
    return alone if progress is None else replace(alone, progress=progress)


def close_cell(house: House, *, cell: int, to: date, closer: Closer = ALONE) -> CellDays:
    """Close the open days of a cell up to `to`, in order, and say what was done, also when something stops it.

    Behind a day that stays open, because a loan of it was set aside, the others' mornings are done and no day is
    marked. What an earlier close marked and did not prove or add up is done first.
    """
    brought_up, days, on, marking, later = BroughtUp(), 0, None, True, closer.proves_later
    try:
        if not closer.proves_later:
            prove_what_is_left(house, cells=[cell], retry_after=closer.retry_after)
        sum_what_is_left(house, cell=cell)
        with house.database.transaction() as tx:
            on = book.last_closed_on(tx, cell=cell) + timedelta(days=1)
        for _ in range(_DAYS_MAX):
            if on is None or on > to:
                return CellDays(cell=cell, days=days, brought_up=brought_up)
            if marking:
                # Another day behind this one changes what its proof would see.
                done = close_cell_day(house, cell=cell, on=on, closer=replace(closer, proves_later=later and on == to))
                brought_up += done.brought_up
                days, marking = days + done.marked, done.marked
            else:
                brought_up += bring_up_morning(house, cell=cell, on=on, closer=closer)
            on = on + timedelta(days=1) if marking else _next_morning(house, cell=cell, after=on, to=to, closer=closer)
        raise AssertionError("a cell's days do not end")
    except Exception as error:  # noqa: BLE001 - it is reported, and the other cells have nothing to do with it
        stopped = Stopped(cell=cell, on=on, code=named(error))
        log.error(
            "close.stopped",
            extra={"fields": {"cell": cell, "on": on.isoformat() if on else None, "code": stopped.code}},
        )
        return CellDays(cell=cell, days=days, brought_up=brought_up, stopped=stopped, error=error)


def _next_morning(house: House, *, cell: int, after: date, to: date, closer: Closer) -> date | None:
    tried_before = house.clock.now() - closer.retry_after
    with house.database.transaction() as tx:
        return set_aside.next_day(tx, cell=cell, after=after, to=to, tried_before=tried_before)


def what_stands(house: House, *, done: Iterable[CellDays]) -> Closed:
    """Return what a close did, with how far the book is closed now and what is left to mend."""
    done = list(done)
    brought_up = sum((each.brought_up for each in done), BroughtUp())
    with house.database.transaction() as tx:
        return Closed(
            cell_days=sum(each.days for each in done),
            loan_events=brought_up.loans,
            last_closed_on=book.closed_by_all(tx),
            set_aside=tuple(set_aside.everything(tx)),
            unproved=tuple(closing.unproved(tx)),
            stopped=tuple(each.stopped for each in done if each.stopped is not None),
            failed_chunks=brought_up.failed_chunks,
        )


def open_cell_days(house: House, *, to: date) -> int:
    """Return how many days of cells are to be closed up to a date."""
    with house.database.transaction() as tx:
        return sum(max(0, (to - book.last_closed_on(tx, cell=cell)).days) for cell in range(tx.cells))


def close_cell_day(house: House, *, cell: int, on: date, closer: Closer = ALONE) -> CellDayClosed:
    """Close one day of one cell; a day closed before is left alone, and one with a loan set aside stays open.

    Errors: CloseStopped, LeaseLost, and whatever the server is in trouble with.
    """
    brought_up = bring_up_morning(house, cell=cell, on=on, closer=closer)

    def mark(tx: Transaction) -> bool | None:
        tx.lock_cell(cell)
        closer.hold(tx)
        if book.last_closed_on(tx, cell=cell) >= on:
            return True
        if set_aside.is_noted(tx, cell=cell, on=on):  # it came while the lock was free
            return None
        if set_aside.count(tx, cell=cell, on=on):
            return False
        accrue_groups(tx, cell=cell, on=on)
        book.close_day(tx, cell=cell, on=on)
        return True

    for _ in range(_MARKS_MAX):
        marked = house.database.run(mark)
        if marked is not None:
            break
        brought_up += bring_up_day(house, cell=cell, on=on, closer=closer)
    else:
        raise AssertionError("loans come faster than a day is marked")
    if marked:
        if not closer.proves_later:
            prove_groups(house, days={cell: on})
        sum_days(house, cell=cell, to=on)
    closer.progress(cell, on, 0, marked)
    return CellDayClosed(brought_up=brought_up, marked=marked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mornings:
    """What a morning did: loans that had an event, and the cells that stopped."""

    loan_events: int
    stopped: tuple[Stopped, ...] = ()


def bring_up_today(house: House, *, but: Collection[int] = ()) -> Mornings:
    """Do this morning for every cell but some, also for one whose earlier days are not all closed.

    A loan with an earlier event left is passed over: it is in the diary of that day. A cell that stops is reported and
    the others go on. Errors: DatabaseUnavailable, when nobody can be reached at all.
    """
    today, closer, events = house.clock.business_date(), Closer(retry_after=RETRY_AFTER), 0
    with house.database.transaction() as tx:
        waiting = set_aside.cells_with_morning(tx, on=today, tried_before=house.clock.now() - closer.retry_after)
    cells = [cell for cell in waiting if cell not in but]
    stopped = []
    for cell in cells:
        try:
            events += bring_up_morning(house, cell=cell, on=today, closer=closer).loans
        except Exception as error:
            if isinstance(error, DatabaseUnavailable) and is_gone(house):
                raise
            stopped.append(Stopped(cell=cell, on=today, code=named(error)))
            log.error("close.stopped", extra={"fields": {"cell": cell, "on": today.isoformat(), "code": named(error)}})
    return Mornings(loan_events=events, stopped=tuple(stopped))
