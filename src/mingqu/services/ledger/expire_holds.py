"""Let holds lapse whose day has come: the one place where a hold ends because time passed."""

from __future__ import annotations

from typing import Final

from mingqu.services.house import House
from mingqu.store.ledgers import hold, ledger
from mingqu.store.server.database import Transaction

# A chunk is one transaction under the cell's lock: milliseconds.
CHUNK: Final = 500


def expire_holds(house: House, *, cell: int) -> int:
    """End each open hold of a cell that lapses on the booking date or before, and return how many.

    Each end is a transfer of kind EXPIRE with an id derived from the hold's, so it happens once, whoever runs this and
    how often. A POST that comes first wins; one that comes later is refused with PENDING_EXPIRED.
    """

    def one_chunk(tx: Transaction) -> int:
        tx.lock_cell(cell)
        today = house.booking_date(tx, cell=cell)
        ends = hold.lapsed(tx, cell=cell, on=today, limit=CHUNK)
        ledger.post(tx, cell=cell, transfers=ends)
        return len(ends)

    with house.database.transaction() as tx:
        if not hold.any_lapsed(tx, cell=cell, on=house.clock.business_date()):
            return 0  # nearly always, and without the lock
    done = 0
    while ended := house.database.run(one_chunk):
        done += ended
    return done
