"""Close one cell through a day under a lease: the unit of work of closers on several machines.

Closing is right without a lease, too: what a close writes stands under the cell's lock, and what is done is seen to be
done. The lease saves doing the same work twice and waiting for each other; whoever lost it writes nothing more, because
each transaction of the close holds it until it commits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Final

from mingqu.services.close.bring_up_mornings import AT_ONCE, BroughtUp, Closer
from mingqu.services.close.claim_cell import LEASE_SECONDS, claimed_cell
from mingqu.services.close.close_day import (
    CellDays,
    Closed,
    Progress,
    Stopped,
    close_cell,
    closer_of,
    make_room,
    require_over,
    what_stands,
)
from mingqu.services.do_each import named
from mingqu.services.house import House
from mingqu.store.books import book
from mingqu.store.days import closing

TASK: Final = "close"
# A worker's own connection, and the one that keeps its lease.
_CONNECTIONS_EACH: Final = 2
DayDone = Callable[[int, date, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellClosed:
    """What closing a cell did. `to` is the last day that it has closed: before the one asked for if a loan failed."""

    cell: int
    days: int
    loan_events: int
    to: date


def close_cell_through(
    house: House,
    *,
    cells: Sequence[int],
    to: date,
    holder: str,
    done: DayDone | None = None,
    seconds: float = LEASE_SECONDS,
) -> CellClosed | None:
    """Claim the first free one of some cells and close its open days up to `to`, in order; None if all are taken.

    `done` is told cell, date and loans with an event after each day. Errors: DayNotOver; LeaseLost, before anything
    more is written, when another worker may have the cell: what was closed stays closed; CloseStopped; whatever the
    server is in trouble with.
    """
    require_over(house, to=to)
    tell = None if done is None else _day_by_day(done)
    one = _close_free_cell(house, cells=cells, to=to, holder=holder, progress=tell, taken=set(), seconds=seconds)
    if one is None:
        return None
    if one.error is not None:
        raise one.error
    return _told(house, one)


def close_free_cells(house: House, *, to: date, holder: str, done: DayDone | None = None) -> list[CellClosed]:
    """Close the cells that no other worker has, each once, until those that are left are taken or closed.

    Any number of processes on any number of machines may do this at once. What one that died had begun is taken up by
    the next call after its lease ends. A cell that stops stops no other. Errors, when all others were closed: the
    first of those of `close_cell_through`.
    """
    require_over(house, to=to)
    tell = None if done is None else _day_by_day(done)
    closed = _close_all_free(house, to=to, holder=holder, progress=tell, taken=set())
    for one in closed:
        if one.error is not None:
            raise one.error
    return [_told(house, one) for one in closed]


def close_shared(house: House, *, to: date, holder: str, workers: int = 1, progress: Progress | None = None) -> Closed:
    """Close every open day of the cells that no other machine has, with `workers` threads of this one.

    `holder` names this process to people who look. A cell that another one has is left to it: what stands afterwards
    may be less than what was asked for. A cell that stops is reported and stops no other. Errors: DayNotOver,
    TooManyWorkers.
    """
    require_over(house, to=to)
    make_room(house, workers=workers, each=_CONNECTIONS_EACH)
    taken = set[int]()

    def work(number: int) -> list[CellDays]:
        return _close_all_free(house, to=to, holder=f"{holder} {number}", progress=progress, taken=taken)

    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="close") as pool:
        return what_stands(house, done=chain.from_iterable(pool.map(work, range(workers))))


def _close_all_free(
    house: House, *, to: date, holder: str, progress: Progress | None, taken: set[int]
) -> list[CellDays]:
    """Close free cells until none is left, but those that are `taken`: by this worker, or by another beside it."""
    closed: list[CellDays] = []
    while cells := _open_cells(house, to=to, holder=holder, but=taken):
        try:
            one = _close_free_cell(
                house, cells=cells, to=to, holder=holder, progress=progress, taken=taken, seconds=LEASE_SECONDS
            )
        except Exception as error:  # noqa: BLE001 - a claim that fails is reported like a close that does
            taken.add(cells[0])
            stopped = Stopped(cell=cells[0], on=None, code=named(error))
            one = CellDays(cell=cells[0], days=0, brought_up=BroughtUp(), stopped=stopped, error=error)
        if one is None:
            break
        closed.append(one)
    return closed


def _close_free_cell(
    house: House,
    *,
    cells: Sequence[int],
    to: date,
    holder: str,
    progress: Progress | None,
    taken: set[int],
    seconds: float,
) -> CellDays | None:
    while cells := [cell for cell in cells if cell not in taken]:
        with claimed_cell(house, cells=cells, task=TASK, holder=holder, seconds=seconds) as claim:
            if claim is None:
                return None
            if claim.cell in taken:  # a cell in trouble, given back by the worker beside this one since we looked
                continue
            taken.add(claim.cell)  # whoever has the claim is alone here
            alone = closer_of(progress=progress, retry_after=AT_ONCE)
            closer = Closer(progress=alone.progress, retry_after=alone.retry_after, hold=claim.hold)
            return close_cell(house, cell=claim.cell, to=to, closer=closer)
    return None


def _day_by_day(done: DayDone) -> Progress:
    """Return a progress that tells of each day once, when it is marked, with all its loans."""
    loans: dict[tuple[int, date], int] = {}

    def tell(cell: int, on: date, more: int, marked: bool) -> None:
        loans[cell, on] = loans.get((cell, on), 0) + more
        if marked:
            done(cell, on, loans.pop((cell, on)))

    return tell


def _told(house: House, one: CellDays) -> CellClosed:
    with house.database.transaction() as tx:
        to = book.last_closed_on(tx, cell=one.cell)
    return CellClosed(cell=one.cell, days=one.days, loan_events=one.brought_up.loans, to=to)


def _open_cells(house: House, *, to: date, holder: str, but: Collection[int]) -> list[int]:
    """Return the cells with something to do; each worker begins elsewhere, so that few reach for the same."""
    with house.database.transaction() as tx:
        count = tx.cells
        found = [cell for cell in closing.cells_to_close(tx, to=to, retry_after=AT_ONCE) if cell not in but]
    first = sum(holder.encode()) % count
    return sorted(found, key=lambda cell: (cell - first) % count)
