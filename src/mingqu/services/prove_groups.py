"""The proof behind each closed day of a cell: what its groups accrued is the sum over its loans, to the micro-fen."""

from __future__ import annotations

import logging
from datetime import date, timedelta

from mingqu.services.house import House
from mingqu.store import closing
from mingqu.store.proof import group_totals

log = logging.getLogger("mingqu.close")


def prove_groups(house: House, *, cell: int, on: date) -> bool:
    """Compare what the groups accrued with all loans of the cell, keep the answer beside its day, and return it.

    One view of the cell, without its lock: what is written meanwhile is either in both sides of it or in neither. What
    the groups hold is of all days together, so a proof that holds speaks for the days before as well.
    """
    with house.database.snapshot() as then, then.transaction() as tx:
        proved = all(total.agrees for total in group_totals(tx, cell=cell))
    with house.database.transaction() as tx:
        closing.note_proof(tx, cell=cell, on=on, proved=proved)
        tx.commit()
    if not proved:
        log.error("close.unproved", extra={"fields": {"cell": cell, "on": on.isoformat()}})
    return proved


def prove_what_is_left(house: House, *, cell: int, retry_after: timedelta) -> None:
    """Prove the last closed day of a cell if nobody did, because whoever marked it was killed before it could.

    A proof that failed is tried again when it is `retry_after` old: it may hold since somebody mended something.
    """
    with house.database.transaction() as tx:
        on = closing.to_prove(tx, cell=cell, retry_after=retry_after)
    if on is not None:
        prove_groups(house, cell=cell, on=on)
