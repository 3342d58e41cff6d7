"""What a book takes: bytes on disk for each loan it holds, each event that happens and each day that is closed.

    python -m bench.footprint [LOANS] [DAYS]

Sizes are of tables with their indexes and toast, on a book of the bench's lives after VACUUM FULL, so without the free
space that updates need; what the days added is measured before any vacuum, log included. No ratio: bytes are bytes.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

import psycopg

from bench import book as bench_book
from mingqu.main import Wiring
from mingqu.services.close.close_day import close_through
from mingqu.store.server.database import Database

LOANS = 10_000
DAYS = 7
_SIZES = """
    SELECT relname, pg_total_relation_size(oid), greatest(reltuples, 0)::bigint FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"""


def sizes(url: str, *, compact: bool) -> dict[str, tuple[int, int]]:
    """Return bytes and rows of each table."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM FULL ANALYZE" if compact else "ANALYZE")
        return {name: (size, rows) for name, size, rows in connection.execute(_SIZES)}


def log_bytes(database: Database) -> int:
    """Return how many bytes of log the server has written so far."""
    with database.transaction() as tx:
        row = tx.execute("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint").fetchone()
    assert row is not None
    return int(row[0])


def run(*, loans: int, days: int) -> None:
    """Fill a book, close days, and print what each took."""
    with tempfile.TemporaryDirectory(prefix="mingqu-bench-") as folder:
        Path(folder).chmod(0o711)
        with Wiring().demo_world(data=Path(folder), seed=1, fresh=True) as world:
            house, opens_on = world.house, world.house.clock.business_date()
            bench_book.fill(house, loans=loans)
            before = sizes(house.database.url, compact=True)
            world.go_to_date(opens_on + timedelta(days=days))
            logged = log_bytes(house.database)
            closed = close_through(house, to=opens_on + timedelta(days=days - 1))
            logged = log_bytes(house.database) - logged
            after = sizes(house.database.url, compact=False)
    _tell(before, after, loans=loans, events=closed.loan_events, days=days, logged=logged, on=opens_on)


def _tell(
    before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]], *, loans: int, events: int, days: int,
    logged: int, on: date,
) -> None:  # fmt: skip
    print(f"{loans:,} loans from {on}, {days} days closed, {events:,} loans had an event")
    print(f"{'table':<16} {'rows/loan':>10} {'bytes/row':>10} {'bytes/loan':>11} {'bytes/event added':>18}")
    for name, (size, rows) in sorted(before.items(), key=lambda item: -item[1][0]):
        grown = after[name][0] - size
        if rows > loans // 20 or grown > events:
            each = f"{size / rows:,.0f}" if rows else "-"
            print(f"{name:<16} {rows / loans:>10.2f} {each:>10} {size / loans:>11,.0f} {grown / events:>18,.0f}")
    whole = sum(size for size, _ in before.values())
    grown = sum(size for size, _ in after.values()) - whole
    print(f"{'all':<16} {'':>10} {'':>10} {whole / loans:>11,.0f} {grown / events:>18,.0f}")
    print(f"log: {logged / events:,.0f} bytes an event, {logged / days / 1e6:,.1f} MB a day")


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    run(loans=given[0] if given else LOANS, days=given[1] if len(given) > 1 else DAYS)
