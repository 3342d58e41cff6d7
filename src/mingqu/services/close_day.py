"""The day's close: loans with an event that day, group accrual, the day marked; cell by cell, in bounded chunks.

The morning of a day (bills, overdue starts) can be done at any time of it, as often as anybody likes:
`bring_up_day`. The close does what is left of it, accrues each group once, and marks the day. Killed anywhere,
it goes on where it was, because a loan that is done has moved its next event on.

A loan whose morning fails is set aside with the reason, and the others go on. Its day is marked when it has gone
through: every close tries it again.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.accrual import AccrualGroup, DayAccrued, accrue_day
from mingqu.domain.identifier import dated, derived
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.domain.refusal import Refusal
from mingqu.services.close_mornings import bring_up_chunk, bring_up_one, ids_of_chunk
from mingqu.services.house import House
from mingqu.services.sum_days import sum_days
from mingqu.store import accrual, book, ledger, set_aside
from mingqu.store.database import TROUBLE, Transaction
from mingqu.store.proof import group_totals
from mingqu.store.set_aside import SetAside as SetAside

log = logging.getLogger("mingqu.close")

_CHUNKS_MAX: Final = 1_000_000  # of one cell and day; beyond it something does not move on
# More loans of one cell and day that fail are no loans' fault: the close stops and says so.
SET_ASIDE_MAX: Final = 100
WORKERS_MAX: Final = 64
# A worker comes round every second; what failed is tried again by it after this long.
RETRY_AFTER: Final = timedelta(minutes=5)
AT_ONCE: Final = timedelta(0)
_ACCOUNTS: Final = {
    accrual.INTEREST: (AccountCode.ACCRUED_INTEREST, AccountCode.INTEREST_INCOME, Reason.ACCRUE_INTEREST),
    accrual.PENALTY: (AccountCode.ACCRUED_PENALTY, AccountCode.PENALTY_INCOME, Reason.ACCRUE_PENALTY),
}
# Told (cell, day, loans of this chunk, whether the cell's day is done) after each transaction, by several threads.
Progress = Callable[[int, date, int, bool], None]


class DayNotOver(Refusal):
    """A day can be closed only once it is over in the market."""

    code: ClassVar[str] = "day_not_over"


class CloseStopped(Refusal):
    """So many loans of one day fail that it is not the loans: nothing more is set aside, and the day stays open."""

    code: ClassVar[str] = "close_stopped"
    status = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """What a close did: cell-days marked, loans that had an event, and what was set aside.

    `last_closed_on` is the last day that every cell has closed.
    """

    cell_days: int
    loan_events: int
    last_closed_on: date
    set_aside: tuple[SetAside, ...] = ()
    unproved: tuple[tuple[int, date], ...] = ()  # cells and days whose groups are not the sum of their loans


def close_through(
    house: House,
    *,
    to: date,
    workers: int = 1,
    progress: Progress | None = None,
    retry_after: timedelta = AT_ONCE,
) -> Closed:
    """Close every open day of every cell up to `to`, in order; days closed already are left alone.

    Cells have nothing to do with each other: `workers` threads take one each, with all its days. What was set aside
    is tried again when its last try is `retry_after` ago. Errors: DayNotOver when `to` has not ended, CloseStopped.
    """
    assert 1 <= workers <= WORKERS_MAX
    if to >= house.clock.business_date():
        raise DayNotOver(f"{to} is not over yet in the market; the last day to close is yesterday.")
    with house.database.transaction() as tx:
        opens = {cell: book.last_closed_on(tx, cell=cell) + timedelta(days=1) for cell in range(tx.cells)}

    def close_cell(cell: int) -> tuple[int, int]:
        days = events = 0
        day = opens[cell]
        while day <= to:
            done = close_cell_day(house, cell=cell, on=day, progress=progress, retry_after=retry_after)
            events += done.loans
            if not done.marked:
                break  # days are closed in order
            days += 1
            day += timedelta(days=1)
        return days, events

    waiting = [cell for cell, day in opens.items() if day <= to]
    done: Iterable[tuple[int, int]]
    if workers == 1:
        done = [close_cell(cell) for cell in waiting]
    else:
        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="close") as pool:
            done = list(pool.map(close_cell, waiting))
    return what_stands(house, cell_days=sum(days for days, _ in done), loan_events=sum(events for _, events in done))


def what_stands(house: House, *, cell_days: int, loan_events: int) -> Closed:
    """Return what a close did, with how far the book is closed now and what is left to mend."""
    with house.database.transaction() as tx:
        return Closed(
            cell_days=cell_days,
            loan_events=loan_events,
            last_closed_on=min(book.last_closed_on(tx, cell=cell) for cell in range(tx.cells)),
            set_aside=tuple(set_aside.everything(tx)),
            unproved=tuple(set_aside.unproved(tx)),
        )


def open_cell_days(house: House, *, to: date) -> int:
    """Return how many days of cells are to be closed up to a date."""
    with house.database.transaction() as tx:
        return sum(max(0, (to - book.last_closed_on(tx, cell=cell)).days) for cell in range(tx.cells))


@dataclass(frozen=True, slots=True, kw_only=True)
class CellDayClosed:
    """How many loans of a cell's day had an event, and whether the day is marked now."""

    loans: int
    marked: bool


def close_cell_day(
    house: House, *, cell: int, on: date, progress: Progress | None = None, retry_after: timedelta = AT_ONCE
) -> CellDayClosed:
    """Close one day of one cell; a day closed before is left alone, and one with a loan set aside stays open.

    Errors: CloseStopped.
    """
    again = _try_again(house, cell=cell, on=on, retry_after=retry_after)
    loans = again + bring_up_day(house, cell=cell, on=on, progress=progress)

    def mark(tx: Transaction) -> tuple[bool, int]:
        tx.lock_cell(cell)
        if book.last_closed_on(tx, cell=cell) >= on:
            return True, 0
        late = 0
        while (done := bring_up_chunk(tx, house, cell=cell, on=on)) is not None:  # came while the lock was free
            late += done
        if set_aside.count(tx, cell=cell, on=on):
            return False, late
        _accrue(tx, cell=cell, on=on)
        book.close_day(tx, cell=cell, on=on)
        return True, late

    marked, late = house.database.run(mark)
    if marked:
        _prove(house, cell=cell, on=on)
        sum_days(house, cell=cell)
    if progress is not None:
        progress(cell, on, late, marked)
    return CellDayClosed(loans=loans + late, marked=marked)


def _prove(house: House, *, cell: int, on: date) -> None:
    """Compare what the groups accrued with all loans of the cell, to the micro-fen, and keep the answer.

    One view of the cell, without its lock: what is written meanwhile is either in both sides of it or in neither.
    """
    with house.database.snapshot() as then, then.transaction() as tx:
        proved = all(total.agrees for total in group_totals(tx, cell=cell))
    with house.database.transaction() as tx:
        set_aside.note_proof(tx, cell=cell, on=on, proved=proved)
        tx.commit()
    if not proved:
        log.error("close.unproved", extra={"fields": {"cell": cell, "on": on.isoformat()}})


def bring_up_day(house: House, *, cell: int, on: date, progress: Progress | None = None) -> int:
    """Do a morning for every loan of a cell whose next event is that day, chunk by chunk; return how many.

    A loan that fails is set aside. Errors: CloseStopped.
    """
    total = 0
    for _ in range(_CHUNKS_MAX):

        def chunk(tx: Transaction) -> int | None:
            tx.lock_cell(cell)
            if book.last_closed_on(tx, cell=cell) >= on:
                return None
            done = bring_up_chunk(tx, house, cell=cell, on=on)
            if done:
                set_aside.note_progress(tx, cell=cell, on=on, loans=done)
            return done

        try:
            done = house.database.run(chunk)
        except TROUBLE:  # no loan is to blame
            raise
        except Exception as error:  # noqa: BLE001 - one loan of the chunk has it, and the others shall go on
            log.warning(
                "close.chunk_failed",
                extra={"fields": {"cell": cell, "on": on.isoformat(), "code": _named(error)}},
            )
            done = _one_by_one(house, cell=cell, on=on)
        if done is None:
            return total
        total += done
        if progress is not None:
            progress(cell, on, done, False)
    raise AssertionError("a day's loans do not end")


def _one_by_one(house: House, *, cell: int, on: date) -> int | None:
    """Bring the loans of the next chunk up each for itself, and set aside those that fail; return how many went."""
    with house.database.transaction() as tx:
        ids = ids_of_chunk(tx, house, cell=cell, on=on)
    return sum(_one(house, cell=cell, on=on, loan_id=loan_id) for loan_id in ids) if ids else None


def _try_again(house: House, *, cell: int, on: date, retry_after: timedelta) -> int:
    """Try what was set aside of a day again; return how many went through."""
    latest = house.clock.now() - retry_after
    with house.database.transaction() as tx:
        waiting = [each for each in set_aside.of_day(tx, cell=cell, on=on) if each.tried_at <= latest]
    return sum(_one(house, cell=cell, on=on, loan_id=each.loan_id) for each in waiting)


def _one(house: House, *, cell: int, on: date, loan_id: UUID) -> bool:
    """Bring one loan up for itself or set it aside; return whether it went through."""

    def bring_up(tx: Transaction) -> None:
        tx.lock_cell(cell)
        if book.last_closed_on(tx, cell=cell) < on:
            bring_up_one(tx, house, cell=cell, on=on, loan_id=loan_id)
        set_aside.resolve(tx, cell=cell, on=on, loan_id=loan_id)

    try:
        house.database.run(bring_up)
    except TROUBLE:  # no loan is to blame
        raise
    except Exception as error:  # noqa: BLE001 - kept with its reason, and tried again until somebody has mended it
        _set_aside(house, cell=cell, on=on, loan_id=loan_id, code=_named(error))
        return False
    return True


def _set_aside(house: House, *, cell: int, on: date, loan_id: UUID, code: str) -> None:
    with house.database.transaction() as tx:
        tx.lock_cell(cell)
        set_aside.put(tx, cell=cell, on=on, loan_id=loan_id, code=code, at=house.clock.now())
        if set_aside.count(tx, cell=cell, on=on) > SET_ASIDE_MAX:
            raise CloseStopped(
                f"More than {SET_ASIDE_MAX} loans of one day fail, the last one with {code}: it is not the loans.",
                cell=cell,
                on=on.isoformat(),
            )
        tx.commit()
    log.warning("close.set_aside", extra={"fields": {"loan_id": loan_id.hex, "on": on.isoformat(), "code": code}})


def _named(error: Exception) -> str:
    """Return a refusal's code, or a bug's kind and the function it showed in: its words may carry data."""
    if isinstance(error, Refusal):
        return error.code
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "mingqu" in frame.filename]
    return f"{type(error).__name__} in {frames[-1].name}" if frames else type(error).__name__


def bring_up_today(house: House) -> int:
    """Do this morning for every cell that has closed all days before; return how many loans had an event."""
    today = house.clock.business_date()
    with house.database.transaction() as tx:
        cells = [cell for cell in range(tx.cells) if book.last_closed_on(tx, cell=cell) == today - timedelta(days=1)]
    return sum(
        _try_again(house, cell=cell, on=today, retry_after=RETRY_AFTER) + bring_up_day(house, cell=cell, on=today)
        for cell in cells
    )


def _accrue(tx: Transaction, *, cell: int, on: date) -> None:
    """Post one day of each group: whole fen of income and of rounding, what is below a fen is carried."""
    deltas = accrual.deltas_on(tx, cell=cell, on=on)
    transfers = []
    for group in accrual.groups(tx, cell=cell):
        if group.accrued_to >= on:
            assert not deltas.get((group.group_id, group.kind)), "a closed day has no changes"
            continue
        day = accrue_day(group=group, deltas=deltas.get((group.group_id, group.kind), ()), on=on)
        accrual.save(tx, cell=cell, group=day.group)
        transfers += _day_transfers(group, day, on=on)
    if transfers:
        ledger.post(tx, cell=cell, transfers=transfers)


def _day_transfers(group: AccrualGroup, day: DayAccrued, *, on: date) -> list[Transfer]:
    accrued, income, reason = _ACCOUNTS[group.kind]
    cause = dated(group.group_id, on=on, purpose=group.kind)
    return [
        _move(group, cause, place, accrued, other, fen, why, on)
        for place, other, fen, why in (
            (1, income, day.income_fen, reason),
            (2, AccountCode.ROUNDING_DIFFERENCE, day.rounding_fen, Reason.ROUNDING),
        )
        if fen
    ]


def _move(
    group: AccrualGroup,
    cause: UUID,
    place: int,
    accrued: AccountCode,
    other: AccountCode,
    fen: int,
    why: Reason,
    on: date,
) -> Transfer:
    """A gain goes to the debit of what is accrued; a correction downwards is the same the other way round."""
    own = Account(owner=group.group_id, code=accrued, currency=group.currency)
    against = Account(owner=group.lender_id, code=other, currency=group.currency)
    return Transfer(
        id=derived(cause, place),
        debit=own if fen > 0 else against,
        credit=against if fen > 0 else own,
        amount_fen=abs(fen),
        reason=why,
        value_date=on,
        posted_on=on,
        reference=cause,
    )
