"""`mingqu bench proof [--loans N] [--days D]`: what it costs to prove a closed day over the whole book.

proof   processor seconds of comparing all groups with all loans, to the micro-fen; yardstick: closing the day in
        the middle of D days of the same book, that proof not counted
"""

from __future__ import annotations

from typing import Any

from bench import book as bench_book
from bench.close import close_days, live_first_day, mark_of, row_of
from bench.meter import Meter
from mingqu.main import Wiring
from mingqu.store import proof

LOANS = 100_000
DAYS = 5
TIMES = 3


def run(*, loans: int = LOANS, days: int = DAYS) -> list[dict[str, Any]]:
    """Return the row."""
    with Wiring().demo_world(data=None, seed=1) as world:
        house = world.house
        opens_on = house.clock.business_date()
        bench_book.fill(house, loans=loans)
        opens_on = live_first_day(world, opens_on=opens_on)
        mark_of(house.database)
        closed = close_days(world, opens_on=opens_on, days=days)
        meter = Meter(house.database)
        for _ in range(TIMES):
            with house.database.transaction() as tx:
                assert all(total.agrees for total in proof.group_totals(tx))
        cpu = meter.spent().cpu / TIMES
    unit = f"processor s for {loans:,} loans, all of them looked at"
    return [row_of("proof", cpu, unit, "closing the day in the middle, without it", closed.ordinary_cpu - cpu)]
