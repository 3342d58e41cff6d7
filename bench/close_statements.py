"""Where an event's time goes: processor time of the server by statement, while days are closed on a book that pays.

    python -m bench.close_statements [LOANS] [DAYS]

Each statement's time is what its session's process spent between asking and answering, planning included, read from
`/proc/PID/schedstat` (Linux). Asking costs this process some ten microseconds a statement, which is counted as its.
What the server spends outside of statements (sweeping, sampling, writing back) is the difference to the whole.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg

from bench import book as bench_book
from bench import close
from mingqu.main import Wiring
from mingqu.store.server import transaction

LOANS = 50_000
DAYS = 4
LINES = 25
# Of a day, only its morning and its close are measured: see `bench.close`.
MEASURED = ("bring_up_today", "close_through")


class Statements:
    """Adds up what statements take, by their text, while `counting`."""

    def __init__(self) -> None:
        self.counting = False
        self.spent: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)

    def around(self, say: Callable[..., Any], text: Callable[[Any], str], session: Callable[[Any], Any]) -> Any:
        """Return `say` measured; its first argument leads to the session and its second to the text."""

        def measured(first: Any, second: Any, *rest: Any, **named: Any) -> Any:
            if not self.counting:
                return say(first, second, *rest, **named)
            process = session(first).info.backend_pid
            began = _seconds(process)
            try:
                return say(first, second, *rest, **named)
            finally:
                name = " ".join(text(second).split())
                self.spent[name] += _seconds(process) - began
                self.calls[name] += 1

        return measured

    def during(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return `work` during which statements count."""

        def counted(*values: Any, **named: Any) -> Any:
            self.counting = True
            try:
                return work(*values, **named)
            finally:
                self.counting = False

        return counted


def _seconds(process: int) -> float:
    return int(Path(f"/proc/{process}/schedstat").read_text().split(maxsplit=1)[0]) / 1e9


def run(*, loans: int, days: int) -> None:
    """Fill a book, close days, and print what an event took by statement."""
    seen = Statements()
    execute = seen.around(psycopg.Cursor.execute, str, lambda cursor: cursor.connection)
    call = seen.around(transaction.call, str, lambda server: server)
    together = seen.around(
        transaction.call_all, lambda all_: " | ".join(one.sql for one in all_), lambda server: server
    )
    with ExitStack() as stack:
        world = stack.enter_context(Wiring().demo_world(data=None, seed=1))
        opens_on = world.house.clock.business_date()
        bench_book.fill(world.house, loans=loans)
        opens_on = close.live_first_day(world, opens_on=opens_on)
        close.mark_of(world.house.database)
        stack.enter_context(patch.object(psycopg.Cursor, "execute", execute))
        stack.enter_context(patch.object(transaction, "call", call))
        stack.enter_context(patch.object(transaction, "call_all", together))

        for name in MEASURED:
            stack.enter_context(patch.object(close, name, seen.during(getattr(close, name))))
        closed = close.close_days(world, opens_on=opens_on, days=days)
    events, whole = closed.events, closed.spent
    inside = sum(seen.spent.values())
    print(f"{loans:,} loans, {days} days, {events:,} events; µs of processor an event:")
    print(f"{1e6 * whole.client / events:8.1f} this process")
    print(f"{1e6 * inside / events:8.1f} the server in statements")
    print(f"{1e6 * (whole.server - inside) / events:8.1f} the server outside of them")
    for name, spent in sorted(seen.spent.items(), key=lambda item: -item[1])[:LINES]:
        print(f"{1e6 * spent / events:8.1f} in {seen.calls[name]:6,} calls  {name[:100]}")


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    run(loans=given[0] if given else LOANS, days=given[1] if len(given) > 1 else DAYS)
