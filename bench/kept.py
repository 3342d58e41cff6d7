"""`python -m bench.kept FOLDER LOANS DAYS`: days of a book that stays in a folder, and in which nobody pays.

`bench close` and `bench growth` make their book anew and live its payments, which for ten million loans is hours. This
one is made once, when the folder has none yet, and goes on from the day it is open at each time it is called. Since
nobody pays, every bill is followed by the start of an overdue, so its days are compared only with those of another
book that was closed by the same command. One line is printed a day: processor seconds of the client and of the server
with everything written back, events, and bytes of the database.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, LiteralString

from bench import book as bench_book
from bench.meter import Meter
from mingqu.cli.option import say
from mingqu.main import Wiring
from mingqu.services.close.close_day import bring_up_today, close_through
from mingqu.store.server.database import Database


def main(folder: str, loans: str, days: str) -> None:
    """Make the book if there is none, and close the days."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    with Wiring().demo_world(data=Path(folder), seed=1) as world:
        house = world.house
        if not _one(house.database, "SELECT EXISTS (SELECT FROM loan)"):
            meter = Meter(house.database)
            bench_book.fill(house, loans=int(loans))
            made = meter.spent()
            say(f"{made.client:.0f} s of ours and {made.server:.0f} of the server to take {int(loans):,} loans over")
        opened = _one(house.database, "SELECT max(last_closed_on) FROM cell")
        assert opened is not None
        for number in range(int(days)):
            on = opened + timedelta(days=1 + number)
            world.go_to_date(on)
            meter = Meter(house.database)
            morning = bring_up_today(house)
            world.go_to_date(on + timedelta(days=1))
            done = close_through(house, to=on)
            assert not morning.stopped
            for trouble in (done.stopped, done.set_aside, done.unproved, done.failed_chunks):
                assert not trouble
            spent = meter.spent()
            events = morning.loan_events + done.loan_events
            size = _one(house.database, "SELECT pg_database_size(current_database())")
            print(json.dumps({
                "day": on.isoformat(), "events": events, "client_s": round(spent.client, 2),
                "server_s": round(spent.server, 2), "us_per_event": round(1e6 * spent.cpu / max(1, events), 1),
                "us_per_loan": round(1e6 * spent.cpu / int(loans), 2), "wall_s": round(spent.wall, 1), "bytes": size,
            }), flush=True)  # fmt: skip
        meter = Meter(house.database)
        with house.database.transaction() as tx:
            tx.script("CHECKPOINT")
        say(f"written back: {meter.spent().cpu:.2f} s of processor")


def _one(database: Database, sql: LiteralString) -> Any:
    with database.transaction() as tx:
        row = tx.execute(sql).fetchone()
        assert row is not None
        return row[0]


if __name__ == "__main__":
    main(*sys.argv[1:])
