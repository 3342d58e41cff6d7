"""A close writes what many loans cause at once: the batches say what is new, and the bench's book is a true one."""

from __future__ import annotations

from datetime import date
from typing import LiteralString, cast
from uuid import UUID

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench import close as bench_close
from mingqu.domain.identifier import fresh
from mingqu.domain.moment import start_of
from mingqu.domain.order import Order, OrderKind, reserve
from mingqu.services.close.close_mornings import ChunkDone, lines_of_chunk
from mingqu.store.days import close
from mingqu.store.loans import deduction
from mingqu.store.loans.deduction import NewDeductions
from mingqu.store.orders import order
from mingqu.store.orders.order import OrderExists
from mingqu.store.server import work
from mingqu.store.server.database import Database, Parameters, Rows, Transaction
from mingqu.store.server.work import NewWork

DAY = date(2026, 8, 15)
PERSON_ID = fresh(milliseconds=1, slot=3, entropy=1)


def an_order(number: int, *, amount_fen: int = 100) -> Order:
    return reserve(
        order_id=fresh(milliseconds=2, slot=3, entropy=number),
        kind=OrderKind.COLLECTION,
        person_id=PERSON_ID,
        loan_id=None,
        instrument_id=None,
        amount_fen=amount_fen,
        channel="bank",
        run_at=start_of(DAY),
    )


def with_person(tx: Transaction) -> None:
    tx.execute("INSERT INTO person VALUES (%s, %s, 4, now())", (tx.cell_of(PERSON_ID), PERSON_ID))


@given(loans_max=st.integers(1, 5_000), lines=st.integers(1, 10_000), share=st.floats(0, 1))
@example(loans_max=500, lines=500, share=0.8)
def test_a_chunk_looks_at_as_many_lines_as_the_one_before_says_it_needs(
    loans_max: int, lines: int, share: float
) -> None:
    loans = int(lines * share)
    asked = lines_of_chunk(loans_max=loans_max, behind=ChunkDone(lines=lines, loans=loans, last=PERSON_ID))
    assert loans_max <= asked <= 2 * loans_max, "if all have an event, the cell is held no longer than that"
    if loans_max < asked < 2 * loans_max:
        assert asked * loans <= loans_max * lines < (asked + 1) * loans, "as many have an event as are wanted"
    assert lines_of_chunk(loans_max=loans_max, behind=None) == loans_max


def test_no_trigger_compares_a_chunk_with_itself_line_by_line(database: Database) -> None:
    """A close has joins by hashes turned off; rows of a statement before and after it have no keys to be found by."""
    with database.transaction() as tx:
        joining = tx.execute(
            "SELECT proname, coalesce(proconfig, '{}') FROM pg_proc WHERE prosrc ~ 'JOIN (old|new)_[a-z]+ '"
        ).fetchall()
    assert "note_turns" in {name for name, _ in joining}
    assert [name for name, settings in joining if "enable_hashjoin=on" not in settings] == []


def test_orders_stored_together_are_stored_as_each_alone_would_be(database: Database) -> None:
    with database.transaction() as tx:
        with_person(tx)
        assert order.insert(tx, order=an_order(2))
        assert order.insert_many(tx, orders=[]) == set()
        three = [an_order(number) for number in (1, 2, 3)]
        assert order.insert_many(tx, orders=three) == {three[0].order_id, three[2].order_id}
        for one in three:
            assert order.load(tx, order_id=one.order_id) == one
            assert [word.word for word in order.words(tx, order_id=one.order_id)] == ["reserve"]


def test_orders_stored_together_are_refused_when_one_exists_with_another_body(database: Database) -> None:
    with database.transaction() as tx:
        with_person(tx)
        order.insert(tx, order=an_order(2))
        with pytest.raises(OrderExists):
            order.insert_many(tx, orders=[an_order(1), an_order(2, amount_fen=101)])


def test_work_written_together_counts_what_is_new(database: Database) -> None:
    rows = [
        NewWork(
            work_id=UUID(int=number),
            kind="notice",
            subject_id=UUID(int=9),
            run_at=start_of(DAY),
            payload={"text": "账单", "number": number},
        )
        for number in (1, 2, 2)
    ]
    with database.transaction() as tx:
        assert work.enqueue_many(tx, cell=0, rows=rows) == 2
        assert work.enqueue_many(tx, cell=0, rows=rows) == 0
        leased = work.lease(tx, cell=0, kinds=["notice"], now=start_of(DAY), lease_seconds=1, limit=9)
        assert [(one.work_id, one.run_at, one.payload) for one in leased] == [
            (row.work_id, row.run_at, row.payload) for row in rows[:2]
        ]


def test_the_bench_of_the_close_runs_and_proves_its_book() -> None:
    rows = {row["name"]: row for row in bench_close.run(loans=300, days=3)}
    assert set(rows) == {
        "cpu_per_loan_day",
        "vs_row_per_loan_sql",
        "cpu_per_event",
        "flat_over_days",
        "rows_without_event",
        "bytes_per_day",
        "ordinary_day_vs_copy_out",
    }
    assert rows["rows_without_event"]["value"] == 0
    for row in rows.values():
        assert set(row) == {"name", "value", "unit", "yardstick", "yardstick_value", "ratio"}


class Planned:
    """A transaction that keeps the plan of what it is asked to do."""

    def __init__(self, tx: Transaction) -> None:
        self._tx, self.plan = tx, ""

    def execute(self, sql: LiteralString, parameters: Parameters) -> Rows:
        self.plan = "\n".join(row[0] for row in self._tx.execute("EXPLAIN " + sql, parameters))
        return self._tx.execute(sql, parameters)


def test_a_close_uses_no_plan_that_was_kept(database: Database) -> None:
    with database.transaction() as tx:
        close.by_keys(tx)
        for _ in range(15):  # the driver prepares what comes again, the server keeps a plan of what it was asked often
            close.noted(tx, cell=0, on=DAY, loans_max=1)
        kept = tx.execute(
            "SELECT generic_plans, custom_plans > 5 FROM pg_prepared_statements WHERE statement LIKE '%loan_diary%'"
        )
        assert kept.fetchall() == [(0, True)]


def test_deductions_of_a_chunk_are_not_compared_each_with_each(database: Database) -> None:
    ids = np.arange(2 * 16, dtype=np.uint8).reshape(2, 16)
    new = NewDeductions(
        order_id=ids,
        loan_id=ids,
        person_id=ids,
        instrument_id=ids,
        agreement_id=ids,
        amount_fen=np.array([1, 2], dtype=np.int64),
    )
    with database.transaction() as tx:
        close.by_keys(tx)
        planned = Planned(tx)
        at = cast(Transaction, planned)
        assert deduction.reserve_all(at, cell=0, new=new, currency="CNY", channel="bank", run_at=start_of(DAY)) == 2
        assert deduction.reserve_all(at, cell=0, new=new, currency="CNY", channel="bank", run_at=start_of(DAY)) == 0
        assert "Join" not in planned.plan
        assert "Nested Loop" not in planned.plan
        for table in ("channel_order", "repayment"):
            assert tx.execute(f"SELECT count(*) FROM {table}").fetchone() == (2,)  # type: ignore[arg-type]
