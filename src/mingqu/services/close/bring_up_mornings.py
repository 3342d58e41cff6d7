"""The morning of a day for all loans of a cell whose next event it is: chunk by chunk, and one by one where one fails.

It can be done at any time of the day and after it, as often as anybody likes. A loan whose morning fails is set aside
with the reason and the others go on, of that day and of every later one: a loan's next event is a day of its own, so
loans never wait for each other. Trouble of the server is no loan's fault and sets none aside.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.refusal import Refusal
from mingqu.services.close.close_mornings import ChunkDone, bring_up_chunk, bring_up_one, ids_of_chunk
from mingqu.services.do_each import named
from mingqu.services.house import House
from mingqu.store.books import book
from mingqu.store.days import closing, set_aside
from mingqu.store.server.database import TROUBLE, Transaction
from mingqu.store.server.work import LeaseLost

log = logging.getLogger("mingqu.close")

_CHUNKS_MAX: Final = 1_000_000  # of one cell and day; beyond it something does not move on
# More loans of one cell and day that fail are no loans' fault: the cell stops and says so.
SET_ASIDE_MAX: Final = 100
# A worker comes round every second; what failed is tried again by it after this long.
RETRY_AFTER: Final = timedelta(minutes=5)
AT_ONCE: Final = timedelta(0)
# A loan that is still set aside after this is said louder: its day is open, and so is every day of its cell behind it.
SET_ASIDE_TOO_LONG: Final = timedelta(days=1)
# No loan is to blame for these: the server is in trouble, or the cell is another's by now.
_NOT_THE_LOANS: Final = (*TROUBLE, LeaseLost)
# Told (cell, day, loans that were done, whether the cell's day is marked) after each transaction, by several threads.
Progress = Callable[[int, date, int, bool], None]


class CloseStopped(Refusal):
    """So many loans of one day fail that it is not the loans: nothing more is set aside, and the day stays open."""

    code: ClassVar[str] = "close_stopped"
    status = 500


def _tell_nobody(_cell: int, _on: date, _loans: int, _marked: bool, /) -> None:
    """Tell nobody."""


def _held_by_its_lock(_tx: Transaction, /) -> None:
    """Hold nothing more than the cell's lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closer:
    """Who closes: whom it tells, after how long it tries a loan again, and what proves in each transaction that the
    cell is its own (LeaseLost where it is not), asked behind the cell's lock. `proves_later`: who closes several cells
    proves the last day of all of them at once.
    """

    progress: Progress = _tell_nobody
    retry_after: timedelta = AT_ONCE
    hold: Callable[[Transaction], None] = _held_by_its_lock
    proves_later: bool = False


ALONE: Final = Closer()


@dataclass(frozen=True, slots=True, kw_only=True)
class BroughtUp:
    """How many loans had an event, and how many chunks failed as a whole and were done loan by loan."""

    loans: int = 0
    failed_chunks: int = 0

    def __add__(self, other: BroughtUp) -> BroughtUp:
        """Return both together."""
        return BroughtUp(loans=self.loans + other.loans, failed_chunks=self.failed_chunks + other.failed_chunks)


def bring_up_morning(house: House, *, cell: int, on: date, closer: Closer = ALONE) -> BroughtUp:
    """Try again what was set aside of a cell's day, then do its morning for every loan that still has it before it.

    Errors: those of `bring_up_day`.
    """
    again = _try_again(house, cell=cell, on=on, closer=closer)
    return BroughtUp(loans=again) + bring_up_day(house, cell=cell, on=on, closer=closer)


def bring_up_day(house: House, *, cell: int, on: date, closer: Closer = ALONE) -> BroughtUp:
    """Do a morning for every loan of a cell whose next event is that day, chunk by chunk.

    A loan that fails is set aside. Errors: CloseStopped, LeaseLost, and whatever the server is in trouble with.
    """
    total, behind = BroughtUp(), None
    for _ in range(_CHUNKS_MAX):

        def chunk(tx: Transaction, behind: ChunkDone | None = behind) -> ChunkDone | None:
            tx.lock_cell(cell)
            closer.hold(tx)
            if book.last_closed_on(tx, cell=cell) >= on:
                return None
            done = bring_up_chunk(tx, house, cell=cell, on=on, behind=behind)
            if done is not None and done.loans:
                closing.note_progress(tx, cell=cell, on=on, loans=done.loans)
            return done

        try:
            done = house.database.run(chunk)
        except _NOT_THE_LOANS:
            raise
        except Exception as error:  # noqa: BLE001 - one loan of the chunk has it, and the others shall go on
            log.warning(
                "close.chunk_failed",
                extra={"fields": {"cell": cell, "on": on.isoformat(), "code": named(error)}},
            )
            done = _one_by_one(house, cell=cell, on=on, behind=behind, closer=closer)
            total += BroughtUp(failed_chunks=1)
        else:
            if done is not None:
                closer.progress(cell, on, done.loans, False)
        if done is not None:
            total, behind = total + BroughtUp(loans=done.loans), done
        elif behind is None:
            return total
        else:
            behind = None  # once more from the start: something may have come in behind
    raise AssertionError("a day's loans do not end")


def _one_by_one(house: House, *, cell: int, on: date, behind: ChunkDone | None, closer: Closer) -> ChunkDone | None:
    """Bring the loans of the next chunk up each for itself, and set aside those that fail; return what went."""
    with house.database.transaction() as tx:
        ids = ids_of_chunk(tx, house, cell=cell, on=on, after=None if behind is None else behind.last)
    if not ids:
        return None
    went = sum(_one(house, cell=cell, on=on, loan_id=loan_id, closer=closer) for loan_id in ids)
    return ChunkDone(lines=len(ids), loans=went, last=ids[-1])


def _try_again(house: House, *, cell: int, on: date, closer: Closer) -> int:
    """Try what was set aside of a day again; return how many went through."""
    latest = house.clock.now() - closer.retry_after
    with house.database.transaction() as tx:
        waiting = [each for each in set_aside.of_day(tx, cell=cell, on=on) if each.tried_at <= latest]
    return sum(_one(house, cell=cell, on=on, loan_id=each.loan_id, closer=closer) for each in waiting)


def _one(house: House, *, cell: int, on: date, loan_id: UUID, closer: Closer) -> bool:
    """Bring one loan up for itself or set it aside; return whether it went through."""

    def bring_up(tx: Transaction) -> None:
        tx.lock_cell(cell)
        closer.hold(tx)
        if book.last_closed_on(tx, cell=cell) < on and bring_up_one(tx, house, cell=cell, on=on, loan_id=loan_id):
            closing.note_progress(tx, cell=cell, on=on, loans=1)
        set_aside.resolve(tx, cell=cell, on=on, loan_id=loan_id)

    try:
        house.database.run(bring_up)
    except _NOT_THE_LOANS:
        raise
    except Exception as error:  # noqa: BLE001 - kept with its reason, and tried again until somebody has mended it
        _set_aside(house, cell=cell, on=on, loan_id=loan_id, code=named(error), closer=closer)
        return False
    closer.progress(cell, on, 1, False)
    return True


def _set_aside(house: House, *, cell: int, on: date, loan_id: UUID, code: str, closer: Closer) -> None:
    with house.database.transaction() as tx:
        tx.lock_cell(cell)
        closer.hold(tx)
        waited = set_aside.put(tx, cell=cell, on=on, loan_id=loan_id, code=code, at=house.clock.now())
        if set_aside.count(tx, cell=cell, on=on) > SET_ASIDE_MAX:
            raise CloseStopped(
                f"More than {SET_ASIDE_MAX} loans of one day fail, the last one with {code}: it is not the loans.",
                cell=cell,
                on=on.isoformat(),
            )
        tx.commit()
    fields = {"loan_id": loan_id.hex, "cell": cell, "on": on.isoformat(), "code": code, "days": waited.days}
    if waited < SET_ASIDE_TOO_LONG:
        log.warning("close.set_aside", extra={"fields": fields})
    else:
        log.error("close.set_aside_too_long", extra={"fields": fields})  # with each try, until somebody mends it
