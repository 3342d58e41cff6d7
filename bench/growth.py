"""`mingqu bench growth [--loans N] [--days D]`: what a day costs when the book is ten times as large.

    cpu_tenfold      processor seconds of an ordinary day on ten times N loans; yardstick: the same on N loans
    event_tenfold    processor microseconds an event on ten times N loans; yardstick: the same on N loans
    bytes_tenfold    bytes of the whole database on ten times N loans; yardstick: the same on N loans
    flat_over_days   processor time an event in the last third of the days, over that in the first, on the larger book
    taken_over       processor microseconds a loan of making the larger book and taking it over; yardstick: the smaller

The large book is made in the same run, on a server of its own, as `bench close` makes its: some 5 kilobytes a loan, in
the folder for temporary files (`TMPDIR`). As it takes hours, each step is told on standard error when it is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench import book as bench_book
from bench.close import Day, Days, close_days, live_first_day, mark_of, row_of
from bench.meter import Meter, Spent
from mingqu.cli.option import say
from mingqu.main import Wiring
from mingqu.store.server.database import Database

LOANS = 100_000
DAYS = 6
TIMES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A book closed for some days, its size before, and what making it took."""

    loans: int
    made: Spent
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
        row_of("taken_over", _making(large), f"µs of processor a loan, made and taken over, {large.loans:,} loans",
               yardstick, _making(small)),
    ]  # fmt: skip


def _making(book: Book) -> float:
    return 1_000_000 * book.made.cpu / book.loans


def _book(*, loans: int, days: int) -> Book:
    with Wiring().demo_world(data=None, seed=1) as world:
        house = world.house
        opens_on = house.clock.business_date()
        meter = Meter(house.database)
        bench_book.fill(house, loans=loans)
        made = meter.spent()
        say(f"{loans:,} loans in {made.wall:.0f} s: {made.client:.0f} s of ours, {made.server:.0f} of the server")
        opens_on = live_first_day(world, opens_on=opens_on)
        mark_of(house.database)
        size = _size(house.database)
        say(f"{loans:,} loans: the first day is lived, {size:,} bytes")
        closed = close_days(world, opens_on=opens_on, days=days, told=_tell)
        return Book(loans=loans, made=made, closed=closed, size_bytes=size)


def _tell(day: Day) -> None:
    each = 1_000_000 * day.spent.cpu / max(1, day.events)
    say(f"a day: {day.spent.cpu:.1f} s of processor, {day.events:,} events, {each:.0f} µs an event, {day.paid:,} paid")


def _size(database: Database) -> int:
    with database.transaction() as tx:
        row = tx.execute("SELECT pg_database_size(current_database())").fetchone()
        assert row is not None
        return int(row[0])
