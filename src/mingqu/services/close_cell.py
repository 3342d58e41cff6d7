"""Close one cell through a day under a lease: the unit of work of closers on several machines.

Closing is right without a lease, too: what a close writes stands under the cell's lock, and what is done is seen to be
done. The lease saves doing the same work twice and waiting for each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from mingqu.services.claim_cell import LEASE_SECONDS, claimed_cell
from mingqu.services.close_day import Closed, DayNotOver, Progress, close_cell_day, what_stands
from mingqu.services.house import House
from mingqu.store import book

TASK: Final = "close"
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

    `done` is told cell, date and loans with an event after each day. Errors: DayNotOver; LeaseLost, between two days,
    when another worker may have the cell: what was closed stays closed; CloseStopped.
    """
    if to >= house.clock.business_date():
        raise DayNotOver(f"{to} is not over yet in the market; the last day to close is yesterday.")
    with claimed_cell(house, cells=cells, task=TASK, holder=holder, seconds=seconds) as claim:
        if claim is None:
            return None
        with house.database.transaction() as tx:
            day = book.last_closed_on(tx, cell=claim.cell) + timedelta(days=1)
        days = events = 0
        while day <= to:
            claim.require()
            found = close_cell_day(house, cell=claim.cell, on=day)
            events += found.loans
            if not found.marked:
                break  # a loan was set aside, and days are closed in order
            days += 1
            if done is not None:
                done(claim.cell, day, found.loans)
            day += timedelta(days=1)
        return CellClosed(cell=claim.cell, days=days, loan_events=events, to=day - timedelta(days=1))


def close_free_cells(house: House, *, to: date, holder: str, done: DayDone | None = None) -> list[CellClosed]:
    """Close the cells that no other worker has, each once, until those that are left are taken or closed.

    Any number of processes on any number of machines may do this at once. What one that died had begun is taken up by
    the next call after its lease ends. Errors: those of `close_cell_through`.
    """
    closed: list[CellClosed] = []
    while cells := _open_cells(house, to=to, holder=holder, but=[one.cell for one in closed]):
        one = close_cell_through(house, cells=cells, to=to, holder=holder, done=done)
        if one is None:
            break
        closed.append(one)
    return closed


def close_shared(house: House, *, to: date, holder: str, workers: int = 1, progress: Progress | None = None) -> Closed:
    """Close every open day of the cells that no other machine has, with `workers` threads of this one.

    `holder` names this process to people who look. A cell that another one has is left to it: what stands afterwards
    may be less than what was asked for. Errors: those of `close_cell_through`.
    """

    def told(cell: int, on: date, loans: int) -> None:
        if progress is not None:
            progress(cell, on, loans, True)

    def work(number: int) -> list[CellClosed]:
        return close_free_cells(house, to=to, holder=f"{holder} {number}", done=told)

    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="close") as pool:
        closed = [one for each in pool.map(work, range(workers)) for one in each]
    return what_stands(
        house, cell_days=sum(one.days for one in closed), loan_events=sum(one.loan_events for one in closed)
    )


def _open_cells(house: House, *, to: date, holder: str, but: Sequence[int]) -> list[int]:
    """Return the cells with an open day; each worker begins elsewhere, so that few reach for the same."""
    with house.database.transaction() as tx:
        count = tx.cells
        found = [cell for cell in range(count) if cell not in but and book.last_closed_on(tx, cell=cell) < to]
    first = sum(holder.encode()) % count
    return sorted(found, key=lambda cell: (cell - first) % count)
