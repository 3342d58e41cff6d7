"""The statement run: bills made and dues judged on the morning they fall on, cell by cell, in bounded chunks.

An account that is done has moved its next morning on, so a run that was killed simply goes on, and a run that meets
another does nothing twice: each chunk is one transaction under its cell's lock. An account whose morning fails is set
aside with the reason, and the others of its chunk go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final
from uuid import UUID

from mingqu.services.do_each import named, set_aside
from mingqu.services.house import House
from mingqu.services.revolving.bill_together import bill_chunk
from mingqu.services.revolving.record_spend import RepaymentUnderWay, brought_up
from mingqu.store.revolving import spend
from mingqu.store.server.database import TROUBLE, Transaction
from mingqu.store.server.ripe import ACCOUNT

CHUNK: Final = 500  # accounts in one transaction: some tens of milliseconds under the cell's lock
SET_ASIDE_MAX: Final = 100  # of one chunk; that so many fail is no account's fault
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
        if not spend.any_morning(tx, cell=cell, to=to, now=house.clock.now()):
            return 0  # nearly always, and without the lock
    done = 0
    for _ in range(CHUNKS_MAX):
        try:
            billed = house.database.run(one_chunk)
        except TROUBLE:
            raise
        except Exception:  # noqa: BLE001 - whose fault it is shows when each is done by itself
            billed = _each_alone(house, cell=cell, to=to)
        done += billed
        if not billed:
            house.database.run(lambda tx: spend.take_back(tx, cell=cell, to=to))
            return done
    raise AssertionError("the accounts of a cell do not move on")


def _each_alone(house: House, *, cell: int, to: date) -> int:
    """Bring the next chunk's accounts up each by itself; one that fails is set aside. Return how many went through.

    Errors: what the last one fails with, when too many do for it to be the accounts.
    """
    with house.database.transaction() as tx:
        waiting = spend.with_mornings(tx, cell=cell, to=to, now=house.clock.now(), limit=CHUNK)
    failed = 0
    for account_id in waiting:
        try:
            house.database.run(partial(_one, house=house, account_id=account_id, to=to))
        except TROUBLE:
            raise
        except RepaymentUnderWay:
            continue  # it waits for the payment that began meanwhile
        except Exception as error:
            failed += 1
            set_aside(house, cell=cell, work_id=account_id, kind=ACCOUNT, code=named(error))
            if failed > SET_ASIDE_MAX:
                raise
    return len(waiting) - failed


def _one(tx: Transaction, *, house: House, account_id: UUID, to: date) -> None:
    tx.lock_cell(tx.cell_of(account_id))
    brought_up(tx, house, account=spend.get(tx, account_id=account_id), to=to)
