"""The statement run: bills made and dues judged on the morning they fall on, cell by cell, in bounded chunks.

An account that is done has moved its next morning on, so a run that was killed simply goes on, and a run that meets
another does nothing twice: each chunk is one transaction under its cell's lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from mingqu.services.house import House
from mingqu.services.revolving.bill_together import bill_chunk
from mingqu.store.revolving import spend
from mingqu.store.server.database import Transaction

CHUNK: Final = 500  # accounts in one transaction: some tens of milliseconds under the cell's lock
CHUNKS_MAX: Final = 1_000_000  # of one cell; beyond it something does not move on


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """What a run did: accounts whose morning it brought up."""

    accounts: int


def bill_spend(house: House, *, to: date | None = None) -> Billed:
    """Bring every revolving account up to the morning of a day, today by default; say how many were due."""
    day = house.clock.business_date() if to is None else to
    with house.database.transaction() as tx:
        cells = range(tx.cells)
    return Billed(accounts=sum(bill_cell(house, cell=cell, to=day) for cell in cells))


def bill_cell(house: House, *, cell: int, to: date) -> int:
    """Bring the accounts of a cell up to the morning of a day, and return how many were due."""

    def one_chunk(tx: Transaction) -> int:
        tx.lock_cell(cell)
        return bill_chunk(tx, house, cell=cell, to=to, limit=CHUNK)

    with house.database.transaction() as tx:
        if not spend.any_morning(tx, cell=cell, to=to):
            return 0  # nearly always, and without the lock
    done = 0
    for _ in range(CHUNKS_MAX):
        billed = house.database.run(one_chunk)
        done += billed
        if not billed:
            return done
    raise AssertionError("the accounts of a cell do not move on")
