"""`mingqu bench close [--loans N] [--days D]`: closing days on a large book, in processor time of everybody.

    cpu_per_loan_day          processor microseconds for each loan in the book and day closed, of this process and of
                              every process of the server together, everything written back (a checkpoint ends it)
    vs_row_per_loan_sql       the same; yardstick: set-based SQL that writes one accrual row for each loan and day, and
                              does nothing else, on the same server in the same run
    cpu_per_event             the same time for each loan that had an event, all included; the yardstick is a row
    flat_over_days            processor time an event in the last third of the days, over that in the first third
    rows_without_event        rows written for loans that had no event; asserted to be 0
    bytes_per_day             what the database grows by in a day; yardstick: what those accrual rows grow it by
    ordinary_day_vs_copy_out  processor seconds of the day in the middle; yardstick: copying the table of loans out

A day is lived as it is in a book of people who pay: its morning is measured, then those whose bill fell due pay by the
platform's own way, which is not (`bench/payers.py`), and then its close is measured, which adds up what they paid as
well. Three loans in a hundred are overdue, and fifteen of a thousand bills stay unpaid. What payments leave to be
swept and written back falls on the close. The day on which the book came is lived before: what it adds up is all that
was taken over. Most people have an agreement, so the close prepares deductions. Afterwards ledger, loans' accounts and
accrual groups are proved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Any

import psycopg

from bench import book as bench_book
from bench.meter import Meter, Spent
from bench.payers import pay
from mingqu.demo.world import World
from mingqu.main import Wiring
from mingqu.services.close.close_day import bring_up_today, close_through
from mingqu.store import proof
from mingqu.store.ledgers import ledger
from mingqu.store.server.database import Database, Transaction

LOANS = 100_000
# A month: each loan has a bill, and two thirds of the paydays lie within.
DAYS = 30
# The yardstick writes as many rows a day on every day.
YARDSTICK_DAYS_MAX = 10
COMMIT = "synchronous_commit on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day closed: what that took, how many loans had an event and how many people paid, which is not counted."""

    spent: Spent
    events: int
    paid: int
    grown_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Days closed one after the other, and what writing back took in the end."""

    days: tuple[Day, ...]
    written: Spent

    @property
    def spent(self) -> Spent:
        """What all of it took, writing back included."""
        return sum((day.spent for day in self.days), self.written)

    @property
    def grown_bytes(self) -> int:
        """What the database grew by, payments not counted."""
        return sum(day.grown_bytes for day in self.days)

    @property
    def events(self) -> int:
        """How many events there were."""
        return sum(day.events for day in self.days)

    @property
    def paid(self) -> int:
        """How many payments there were."""
        return sum(day.paid for day in self.days)

    @property
    def ordinary_cpu(self) -> float:
        """Processor seconds of the day in the middle."""
        return median(day.spent.cpu for day in self.days)

    @property
    def flatness(self) -> float:
        """What an event costs in the last third of the days, over what it costs in the first."""
        third = max(1, len(self.days) // 3)
        first, last = self.days[:third], self.days[-third:]
        return _per_event(last) / max(_per_event(first), 1e-9)


def run(*, loans: int = LOANS, days: int = DAYS) -> list[dict[str, Any]]:
    """Return the rows; synchronous_commit is on, which is asserted."""
    with Wiring().demo_world(data=None, seed=1) as world:
        house = world.house
        opens_on = house.clock.business_date()
        bench_book.fill(house, loans=loans)
        opens_on = live_first_day(world, opens_on=opens_on)
        mark = mark_of(house.database)
        copied = copied_out(house.database)
        closed = close_days(world, opens_on=opens_on, days=days)
        written = rows_without_event(house.database, mark=mark, opens_on=opens_on)
        assert written == 0, f"{written} rows were written for loans without an event"
        _prove(house.database)
        yard_days = min(days, YARDSTICK_DAYS_MAX)
        yard, yard_bytes = _row_per_loan(house.database, opens_on=opens_on, days=yard_days)
    micro = 1_000_000 * closed.spent.cpu
    cpu, yard_cpu = micro / (loans * days), 1_000_000 * yard.cpu / (loans * yard_days)
    row_sql = f"one accrual row for each loan and day by set-based SQL, same server, {yard_days} days"
    counted = f"{loans:,} loans, {days} days, {closed.events:,} events, {closed.paid:,} payments not counted"
    unit = f"µs of processor a loan and day ({counted}, {COMMIT})"
    return [
        row_of("cpu_per_loan_day", cpu, unit, f"row_per_loan_sql: {row_sql}", yard_cpu),
        row_of("vs_row_per_loan_sql", cpu, unit, f"row_per_loan_sql: {row_sql}", yard_cpu),
        row_of("cpu_per_event", micro / closed.events, "µs of processor an event, all included", row_sql, yard_cpu),
        row_of("flat_over_days", closed.flatness, "cost of an event, last third of the days", "the first third", 1.0),
        row_of("rows_without_event", written, "rows", "row_per_loan_sql: rows", loans * days),
        row_of(
            "bytes_per_day",
            closed.grown_bytes / days,
            "bytes that the database grows by in a day",
            f"row_per_loan_sql: {row_sql}",
            yard_bytes / yard_days,
        ),
        row_of(
            "ordinary_day_vs_copy_out",
            closed.ordinary_cpu,
            "processor seconds of the day in the middle",
            "copy_out: COPY of the table of loans to nowhere, same server",
            copied.cpu,
        ),
    ]


def row_of(name: str, value: float, unit: str, yardstick: str, yardstick_value: float) -> dict[str, Any]:
    """Return a row of a bench."""
    return {
        "name": name,
        "value": round(value, 3),
        "unit": unit,
        "yardstick": yardstick,
        "yardstick_value": round(yardstick_value, 3),
        "ratio": round(value / yardstick_value, 4),
    }


def live_first_day(world: World, *, opens_on: date) -> date:
    """Live through the day on which the book came, tidy up behind it, and return the day after.

    Nothing falls due on it for the close, what is billed already is paid, and what it adds up is all that was taken
    over. The sweep is what a server has behind it long before a book is in the middle of its life.
    """
    house = world.house
    world.go_to(house.clock.now() + timedelta(hours=12))
    pay(house, on=opens_on)
    world.go_to_date(opens_on + timedelta(days=1))
    assert close_through(house, to=opens_on).loan_events == 0
    with psycopg.connect(house.database.url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
    return opens_on + timedelta(days=1)


def mark_of(database: Database) -> int:
    """Write everything out, assert durable commits, and return the number of a transaction behind the filling."""
    with database.transaction() as tx:
        tx.script("CHECKPOINT")
        assert _one(tx, "SELECT current_setting('synchronous_commit')") == "on"
        mark = int(str(_one(tx, "SELECT pg_current_xact_id()::text")))
        tx.commit()
    return mark


def close_days(world: World, *, opens_on: date, days: int, told: Callable[[Day], None] | None = None) -> Days:
    """Close days one after the other, `told` of each, and write everything back in the end."""
    house, closed = world.house, []
    for number in range(days):
        closed.append(_day(world, on=opens_on + timedelta(days=number)))
        if told is not None:
            told(closed[-1])
    written = Meter(house.database)
    with house.database.transaction() as tx:
        tx.script("CHECKPOINT")
    return Days(days=tuple(closed), written=written.spent())


def _day(world: World, *, on: date) -> Day:
    """Live through a day: its morning and its close are measured, and what people pay between them is not."""
    house = world.house
    world.go_to_date(on)
    size, meter = _size(house.database), Meter(house.database)
    morning = bring_up_today(house)
    assert not morning.stopped
    spent, grown = meter.spent(), _size(house.database) - size
    world.go_to(house.clock.now() + timedelta(hours=12))
    paid = pay(house, on=on)
    world.go_to_date(on + timedelta(days=1))
    size, meter = _size(house.database), Meter(house.database)
    done = close_through(house, to=on)
    assert not done.set_aside
    assert not done.unproved
    assert not done.stopped
    assert not done.failed_chunks
    return Day(
        spent=spent + meter.spent(),
        events=morning.loan_events + done.loan_events,
        paid=paid,
        grown_bytes=grown + _size(house.database) - size,
    )


def copied_out(database: Database) -> Spent:
    """Copy the table of loans to nowhere: what any close has to pay that reads every loan once."""
    meter = Meter(database)
    with database.transaction() as tx:
        tx.script("COPY loan TO '/dev/null' (FORMAT binary)")
    return meter.spent()


def rows_without_event(database: Database, *, mark: int, opens_on: date) -> int:
    """Count what was written since the mark about loans whose columns still stand on the day they were taken over."""
    with database.transaction() as tx:
        return int(
            str(
                _one(
                    tx,
                    """
                    WITH quiet AS MATERIALIZED (
                        SELECT cell, loan_id, xmin FROM loan WHERE xmin::text::bigint < %(mark)s
                    ), written AS (
                        SELECT cell, debit_owner AS loan_id FROM transfer
                        WHERE posted_on >= %(opens_on)s AND xmin::text::bigint >= %(mark)s
                        UNION ALL
                        SELECT cell, credit_owner FROM transfer
                        WHERE posted_on >= %(opens_on)s AND xmin::text::bigint >= %(mark)s
                        UNION ALL
                        SELECT cell, loan_id FROM loan_event WHERE xmin::text::bigint >= %(mark)s
                        UNION ALL
                        SELECT cell, loan_id FROM channel_order WHERE xmin::text::bigint >= %(mark)s
                        UNION ALL
                        SELECT cell, subject_id FROM work WHERE xmin::text::bigint >= %(mark)s
                        UNION ALL
                        SELECT cell, unnest(loan_ids) FROM notice_round WHERE xmin::text::bigint >= %(mark)s
                    )
                    SELECT count(*) FROM quiet JOIN written USING (cell, loan_id)
                    """,
                    {"opens_on": opens_on, "mark": mark},
                )
            )
        )


def _per_event(days: tuple[Day, ...]) -> float:
    return sum(day.spent.cpu for day in days) / max(1, sum(day.events for day in days))


def _prove(database: Database) -> None:
    with database.transaction() as tx:
        assert ledger.prove(tx) == []
        assert proof.loans_and_ledger(tx) == []
        totals = proof.group_totals(tx)
        assert totals
        assert all(total.agrees for total in totals)


def _row_per_loan(database: Database, *, opens_on: date, days: int) -> tuple[Spent, int]:
    """Write one accrual row for each loan and day, a transaction a day: the least that a row per loan can cost."""
    with database.transaction() as tx:
        tx.script(
            """CREATE TABLE bench_accrual (cell smallint, loan_id uuid, on_date date, micro bigint,
                                           PRIMARY KEY (cell, loan_id, on_date))"""
        )
        tx.commit()
    size = _size(database)
    meter = Meter(database)
    for day in range(days):
        with database.transaction() as tx:
            tx.execute(
                """INSERT INTO bench_accrual
                   SELECT cell, loan_id, %(day)s,
                          interest_base_micro + interest_daily_micro * (%(day)s - coalesce(interest_on, %(day)s))
                   FROM loan""",
                {"day": opens_on + timedelta(days=day)},
            )
            tx.commit()
    with database.transaction() as tx:
        tx.script("CHECKPOINT")
    return meter.spent(), _size(database) - size


def _size(database: Database) -> int:
    with database.transaction() as tx:
        return int(str(_one(tx, "SELECT pg_database_size(current_database())")))


def _one(tx: Transaction, sql: Any, parameters: dict[str, object] | None = None) -> object:
    row = tx.execute(sql, parameters).fetchone()
    assert row is not None
    return row[0]


if __name__ == "__main__":
    for row in run():
        print(row)
