"""Add closed days up, for reports: after the mark, without the cell's lock, a day of a cell in one transaction."""

from __future__ import annotations

from datetime import date
from typing import Final

from mingqu.services.house import House
from mingqu.store.days import day_sum

_DAYS_MAX: Final = 100_000  # of one cell; beyond it something does not move on


def sum_days(house: House, *, cell: int, to: date | None = None) -> int:
    """Add up every closed day of a cell that is not added up yet, in order; return how many there were.

    Whoever knows the last of them gives it as `to`, which spares the question whether there is another.
    """
    for days in range(_DAYS_MAX):
        on = _sum_next_day(house, cell=cell)
        if on is None:
            return days
        if on == to:
            return days + 1
    raise AssertionError("a cell's closed days do not end")


def sum_what_is_left(house: House, *, cell: int) -> int:
    """Add up the days of a cell that a close marked before it was killed; return how many there were."""
    with house.database.transaction() as tx:
        behind = day_sum.unsummed(tx)
    return sum_days(house, cell=cell) if cell in behind else 0


def sum_all_days(house: House) -> int:
    """Add up every closed day of every cell that is not yet: what a close that was killed left over."""
    with house.database.transaction() as tx:
        behind = day_sum.unsummed(tx)
    return sum(sum_days(house, cell=cell) for cell in behind)


def _sum_next_day(house: House, *, cell: int) -> date | None:
    return house.database.run(lambda tx: day_sum.sum_next_day(tx, cell=cell))
