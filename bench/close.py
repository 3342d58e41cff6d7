"""`mingqu bench close`: closing days on a book of 100,000 loans, in processor time of everything that takes part.

    close_cpu_per_loan_day   processor microseconds for each loan in the book and day closed, of this process and of
                             every process of the server together; yardstick: set-based SQL that writes one accrual
                             row for each loan and day, and does nothing else, on the same server in the same run
    close_cpu_per_event      the same time for each loan that had an event: what an event costs, all included
    close_events             loans with an event per second of waiting
    close_rows_without_event rows written for loans that had no event; asserted to be 0

Nobody pays while days are closed, so each bill is followed by the start of an overdue the next morning: twice the
events of a book in which people pay. Most loans have an agreement to deduct, so the close prepares deductions too.
Afterwards the ledger, the loans' accounts and the accrual groups are proved.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from bench import book as bench_book
from mingqu.main import Wiring
from mingqu.services.close_day import Closed, close_through
from mingqu.services.house import House
from mingqu.store import ledger, proof
from mingqu.store.database import Database, Transaction

LOANS = 100_000
# Two paydays lie within, on which several times as many loans fall due as on other days.
DAYS = 12
# The yardstick's days; it costs the same every day.
YARDSTICK_DAYS = 4
TICKS_PER_SECOND = 100  # of /proc/*/stat on Linux, whatever the kernel's own clock
_STATE, _PARENT, _UTIME, _STIME, _CUTIME, _CSTIME = 0, 1, 11, 12, 13, 14  # of /proc/*/stat, behind the name


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Processor seconds of this process and of the server's, and seconds on the wall."""

    cpu: float
    wall: float


class Meter:
    """Measures what a stretch of work costs everybody. Begin after the connections are open."""

    def __init__(self, database: Database) -> None:
        with database.transaction() as tx:
            row = tx.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        self._postmaster = int(_stat(row[0])[_PARENT])
        self._cpu, self._wall = self._now()

    def spent(self) -> Spent:
        """Return what was spent since the meter was made."""
        cpu, wall = self._now()
        return Spent(cpu=cpu - self._cpu, wall=wall - self._wall)

    def _now(self) -> tuple[float, float]:
        return time.process_time() + self._server_seconds(), time.monotonic()

    def _server_seconds(self) -> float:
        """Add up the postmaster, its children, and the children that have ended and that it waited for."""
        ticks = 0
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = _stat(int(entry.name))
                except (FileNotFoundError, ProcessLookupError):
                    continue  # it ended just now; its parent has its ticks
                if int(entry.name) == self._postmaster:
                    ticks += sum(int(fields[at]) for at in (_UTIME, _STIME, _CUTIME, _CSTIME))
                elif int(fields[_PARENT]) == self._postmaster:
                    ticks += int(fields[_UTIME]) + int(fields[_STIME])
        return ticks / TICKS_PER_SECOND


def _stat(process: int) -> list[str]:
    """Return the fields of a process behind its name, which may hold spaces and parentheses."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def run(*, loans: int = LOANS, days: int = DAYS) -> list[dict[str, Any]]:
    """Return the rows; synchronous_commit is on, which is asserted."""
    with Wiring().demo_world(data=None, seed=1) as world:
        house = world.house
        opens_on = house.clock.business_date()
        bench_book.fill(house.database, pack=house.pack, opens_on=opens_on, loans=loans)
        mark = _mark(house.database)
        world.go_to_date(opens_on + timedelta(days=days))
        spent, closed = _close(house, opens_on=opens_on, days=days)
        written = _rows_without_event(house.database, mark=mark, opens_on=opens_on)
        assert written == 0, f"{written} rows were written for loans without an event"
        _prove(house.database)
        row_per_loan = _row_per_loan(house.database, opens_on=opens_on)
    micro = 1_000_000 * spent.cpu
    yardstick_value = 1_000_000 * row_per_loan.cpu / (loans * YARDSTICK_DAYS)
    yardstick = "row_per_loan_sql: one accrual row for each loan and day by set-based SQL, same server"
    commit = "synchronous_commit on"
    return [
        _row(
            "close_cpu_per_loan_day", micro / (loans * days), f"µs of processor ({commit})", yardstick, yardstick_value
        ),
        _row(
            "close_cpu_per_event", micro / closed.loan_events, f"µs of processor ({commit})", yardstick, yardstick_value
        ),
        _row(
            "close_events",
            closed.loan_events / spent.wall,
            f"loans with an event per second ({commit})",
            "row_per_loan_sql: rows per second",
            loans * YARDSTICK_DAYS / row_per_loan.wall,
        ),
        _row(
            "close_rows_without_event",
            written,
            f"rows in {days} days, {closed.loan_events} loan events",
            "row_per_loan_sql: rows in as many days",
            loans * days,
        ),
    ]


def _row(name: str, value: float, unit: str, yardstick: str, yardstick_value: float) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(value, 2),
        "unit": unit,
        "yardstick": yardstick,
        "yardstick_value": round(yardstick_value, 2),
        "ratio": round(value / yardstick_value, 3),
    }


def _mark(database: Database) -> int:
    """Write everything out, assert durable commits, and return the number of a transaction behind the filling."""
    with database.transaction() as tx:
        tx.script("CHECKPOINT")
        assert _one(tx, "SELECT current_setting('synchronous_commit')") == "on"
        mark = int(str(_one(tx, "SELECT pg_current_xact_id()::text")))
        tx.commit()
    return mark


def _close(house: House, *, opens_on: date, days: int) -> tuple[Spent, Closed]:
    meter = Meter(house.database)
    closed = close_through(house, to=opens_on + timedelta(days=days - 1))
    spent = meter.spent()
    assert closed.cell_days % days == 0
    return spent, closed


def _rows_without_event(database: Database, *, mark: int, opens_on: date) -> int:
    """Count what was written since the mark about loans whose snapshot still stands on the day before the first."""
    with database.transaction() as tx:
        return int(
            str(
                _one(
                    tx,
                    """
                    WITH quiet AS MATERIALIZED (
                        SELECT cell, loan_id, xmin FROM loan WHERE as_of < %(opens_on)s
                    ), written AS (
                        SELECT cell, debit_owner AS loan_id FROM transfer WHERE posted_on >= %(opens_on)s
                        UNION ALL
                        SELECT cell, credit_owner FROM transfer WHERE posted_on >= %(opens_on)s
                        UNION ALL
                        SELECT cell, loan_id FROM loan_event WHERE posted_on >= %(opens_on)s
                        UNION ALL
                        SELECT cell, loan_id FROM channel_order
                        UNION ALL
                        SELECT cell, subject_id FROM work
                    )
                    SELECT (SELECT count(*) FROM quiet WHERE xmin::text::bigint >= %(mark)s)
                         + (SELECT count(*) FROM quiet JOIN written USING (cell, loan_id))
                    """,
                    {"opens_on": opens_on, "mark": mark},
                )
            )
        )


def _prove(database: Database) -> None:
    with database.transaction() as tx:
        assert ledger.prove(tx) == []
        assert proof.loans_and_ledger(tx) == []
        totals = proof.group_totals(tx)
        assert totals
        assert all(total.agrees for total in totals)


def _row_per_loan(database: Database, *, opens_on: date) -> Spent:
    """Write one accrual row for each loan and day, a transaction a day: the least that a row per loan can cost."""
    with database.transaction() as tx:
        tx.script(
            """CREATE TABLE bench_accrual (cell smallint, loan_id uuid, on_date date, micro bigint,
                                           PRIMARY KEY (cell, loan_id, on_date))"""
        )
        tx.commit()
    meter = Meter(database)
    for day in range(YARDSTICK_DAYS):
        with database.transaction() as tx:
            tx.execute(
                """INSERT INTO bench_accrual
                   SELECT cell, loan_id, %(day)s,
                          interest_base_micro + interest_daily_micro * (%(day)s - coalesce(interest_on, %(day)s))
                   FROM loan""",
                {"day": opens_on + timedelta(days=day)},
            )
            tx.commit()
    return meter.spent()


def _one(tx: Transaction, sql: Any, parameters: dict[str, object] | None = None) -> object:
    row = tx.execute(sql, parameters).fetchone()
    assert row is not None
    return row[0]


if __name__ == "__main__":
    for row in run():
        print(row)
