"""The day's close: loans with an event that day, group accrual, the day marked; cell by cell, in bounded chunks.

The morning of a day (bills, overdue starts) can be done at any time of it, as often as anybody likes:
`bring_up_day`. The close does what is left of it, accrues each group once, and marks the day. Killed anywhere,
it goes on where it was, because a loan that is done has moved its next event on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.accrual import AccrualGroup, DayAccrued, accrue_day
from mingqu.domain.identifier import dated, derived
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.domain.refusal import Refusal
from mingqu.services.close_mornings import bring_up_chunk
from mingqu.services.house import House
from mingqu.store import accrual, book, ledger
from mingqu.store.database import Transaction

_CHUNKS_MAX: Final = 1_000_000  # of one cell and day; beyond it something does not move on
_ACCOUNTS: Final = {
    accrual.INTEREST: (AccountCode.ACCRUED_INTEREST, AccountCode.INTEREST_INCOME, Reason.ACCRUE_INTEREST),
    accrual.PENALTY: (AccountCode.ACCRUED_PENALTY, AccountCode.PENALTY_INCOME, Reason.ACCRUE_PENALTY),
}
Progress = Callable[[date, int], None]


class DayNotOver(Refusal):
    """A day can be closed only once it is over in the market."""

    code: ClassVar[str] = "day_not_over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """What a close did: cell-days marked, and loans that had an event."""

    cell_days: int
    loan_events: int
    last_closed_on: date


def close_through(house: House, *, to: date, progress: Progress | None = None) -> Closed:
    """Close every open day of every cell up to `to`, in order; days closed already are left alone.

    `progress` is told the date and the loans done after each cell-day. Errors: DayNotOver when `to` has not ended.
    """
    if to >= house.clock.business_date():
        raise DayNotOver(f"{to} is not over yet in the market; the last day to close is yesterday.")
    with house.database.transaction() as tx:
        cells = tx.cells
        opens = [book.last_closed_on(tx, cell=cell) + timedelta(days=1) for cell in range(cells)]
    cell_days = events = 0
    day = min(opens)
    while day <= to:
        for cell in range(cells):
            if opens[cell] <= day:
                done = close_cell_day(house, cell=cell, on=day)
                cell_days, events = cell_days + 1, events + done
                if progress is not None:
                    progress(day, done)
        day += timedelta(days=1)
    return Closed(cell_days=cell_days, loan_events=events, last_closed_on=max(to, day - timedelta(days=1)))


def close_cell_day(house: House, *, cell: int, on: date) -> int:
    """Close one day of one cell and return how many loans had an event; a day closed before is left alone."""
    done = bring_up_day(house, cell=cell, on=on)

    def mark(tx: Transaction) -> int:
        tx.lock_cell(cell)
        if book.last_closed_on(tx, cell=cell) >= on:
            return 0
        late = 0
        while (done := bring_up_chunk(tx, house, cell=cell, on=on)) is not None:  # came while the lock was free
            late += done
        _accrue(tx, cell=cell, on=on)
        book.close_day(tx, cell=cell, on=on)
        return late

    return done + house.database.run(mark)


def bring_up_day(house: House, *, cell: int, on: date) -> int:
    """Do a morning for every loan of a cell whose next event is that day, chunk by chunk; return how many."""
    total = 0
    for _ in range(_CHUNKS_MAX):

        def chunk(tx: Transaction) -> int | None:
            tx.lock_cell(cell)
            if book.last_closed_on(tx, cell=cell) >= on:
                return None
            return bring_up_chunk(tx, house, cell=cell, on=on)

        done = house.database.run(chunk)
        if done is None:
            return total
        total += done
    raise AssertionError("a day's loans do not end")


def bring_up_today(house: House) -> int:
    """Do this morning for every cell that has closed all days before; return how many loans had an event."""
    today = house.clock.business_date()
    with house.database.transaction() as tx:
        cells = [cell for cell in range(tx.cells) if book.last_closed_on(tx, cell=cell) == today - timedelta(days=1)]
    return sum(bring_up_day(house, cell=cell, on=today) for cell in cells)


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
