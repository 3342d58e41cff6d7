"""`mingqu bench growth [--loans N] [--days D]`: what a day costs when the book is ten times as large.

    cpu_tenfold      processor seconds of an ordinary day on ten times N loans; yardstick: the same on N loans
    event_tenfold    processor microseconds an event on ten times N loans; yardstick: the same on N loans
    bytes_tenfold    bytes of the whole database on ten times N loans; yardstick: the same on N loans
    flat_over_days   processor time an event in the last third of the days, over that in the first, on the larger book

The large book is made in the same run, on a server of its own, as `bench close` makes its.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench import book as bench_book
from bench.close import Days, close_days, live_first_day, mark_of, row_of
from mingqu.main import Wiring
from mingqu.store.database import Database

LOANS = 100_000
DAYS = 6
TIMES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A book closed for some days, and its size before."""

    closed: Days
    size_bytes: int


def run(*, loans: int = LOANS, days: int = DAYS) -> list[dict[str, Any]]:
    """Return the rows."""
    small, large = (_book(loans=many, days=days) for many in (loans, loans * TIMES))
    of = f"on {loans * TIMES:,} loans, {days} days"
    yardstick = f"the same on {loans:,} loans, same machine, a minute before"
    each = [1_000_000 * book.closed.spent.cpu / max(1, book.closed.events) for book in (large, small)]
    return [
        row_of("cpu_tenfold", large.closed.ordinary_cpu, f"processor s of an ordinary day {of}", yardstick,
               small.closed.ordinary_cpu),
        row_of("event_tenfold", each[0], f"µs of processor an event {of}", yardstick, each[1]),
        row_of("bytes_tenfold", large.size_bytes, f"bytes {of}, before them", yardstick, small.size_bytes),
        row_of("flat_over_days", large.closed.flatness, f"an event, last third of the days {of}", "the first third", 1),
    ]  # fmt: skip


def _book(*, loans: int, days: int) -> Book:
    with Wiring().demo_world(data=None, seed=1) as world:
        house = world.house
        opens_on = house.clock.business_date()
        bench_book.fill(house, loans=loans)
        opens_on = live_first_day(world, opens_on=opens_on)
        mark_of(house.database)
        size = _size(house.database)
        return Book(closed=close_days(world, opens_on=opens_on, days=days), size_bytes=size)


def _size(database: Database) -> int:
    with database.transaction() as tx:
        row = tx.execute("SELECT pg_database_size(current_database())").fetchone()
        assert row is not None
        return int(row[0])
