"""The proof behind each closed day of a cell: what its groups accrued is the sum over its loans, to the micro-fen."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from mingqu.services.house import House
from mingqu.store.days import closing
from mingqu.store.proof import group_totals

log = logging.getLogger("mingqu.close")


def prove_groups(house: House, *, days: Mapping[int, date]) -> None:
    """Compare what the groups of some cells accrued with all their loans, and keep the answer beside each cell's day.

    One view, without the cells' locks: what is written meanwhile is either in both sides of it or in neither. What
    the groups hold is of all days together, so a proof that holds speaks for the days before as well. Cells lie
    mixed in the pages of the loans: reading them all takes little longer than reading those of one.
    """
    with house.database.snapshot() as then, then.transaction() as tx:
        wrong = {total.cell for total in group_totals(tx, cells=sorted(days)) if not total.agrees}
    with house.database.transaction() as tx:
        for cell, on in days.items():
            closing.note_proof(tx, cell=cell, on=on, proved=cell not in wrong)
        tx.commit()
    for cell in sorted(wrong):
        log.error("close.unproved", extra={"fields": {"cell": cell, "on": days[cell].isoformat()}})


def prove_what_is_left(house: House, *, cells: Sequence[int], retry_after: timedelta) -> None:
    """Prove the last closed day of each of some cells where that was not done, all of them at once.

    Whoever marked it left that to the end, or was killed before it. A proof that failed is tried again when it is
    `retry_after` old: it may hold since somebody mended something.
    """
    with house.database.transaction() as tx:
        asked = {cell: closing.to_prove(tx, cell=cell, retry_after=retry_after) for cell in cells}
    days = {cell: on for cell, on in asked.items() if on is not None}
    if days:
        prove_groups(house, days=days)
