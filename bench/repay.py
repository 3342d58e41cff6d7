"""`mingqu bench repay [--loans N]`: repayments, alone and while days are closed.

repay               repayments a second by 8 clients in processes of their own, each a durable transaction: lock the
                    cell, read the loan and its events, step, post, snapshot, event, leaf of evidence, commit;
                    yardstick: pgbench TPC-B (scale 20, 8 clients, prepared), same server and minute
repay_during_close  the 99th of a hundred repayments at a steady rate, in ms, while the book's days are closed by one
                    worker in a process of its own; yardstick: the same before the close began. None is refused.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any
from uuid import UUID

from bench import book as bench_book
from bench.close import mark_of, row_of
from bench.pgbench import CLIENTS, SCALE, pgbench_tps, prepare_pgbench
from mingqu.channels.system.identifiers import SystemIdentifiers
from mingqu.domain.evidence import LeafKind
from mingqu.domain.loan import Intent, Repaid, Stage, payoff_fen, quote
from mingqu.main import Wiring
from mingqu.services.close_day import close_through
from mingqu.services.house import House
from mingqu.services.record_event import record_event
from mingqu.store import evidence, loan
from mingqu.store.database import Database

LOANS = 20_000
SECONDS = 6
A_SECOND = 40  # of the steady rate: a shop of this size has as many in its busiest minute
STEADY_SECONDS = 10
DAYS = 12
_FORK = get_context("fork")


def run(*, loans: int = LOANS, days: int = DAYS) -> list[dict[str, Any]]:
    """Return the rows."""
    with Wiring().demo_world(data=None, seed=1) as world:
        house = world.house
        opens_on = house.clock.business_date()
        bench_book.fill(house, loans=loans)
        mark_of(house.database)
        with house.database.transaction() as tx:
            ids = [row[0] for row in tx.execute("SELECT loan_id FROM loan ORDER BY loan_id DESC")]
        shares = [ids[at::CLIENTS] for at in range(CLIENTS)]
        prepare_pgbench(house.database.url)
        before = pgbench_tps(house.database.url)
        done = sum(_children(house, [_busy(share) for share in shares]))
        yardstick = (before + pgbench_tps(house.database.url)) / 2
        world.go_to_date(opens_on + timedelta(days=days))
        (idle,) = _children(house, [_steady(ids[0::2], seconds=STEADY_SECONDS)])
        busy, events = _children(house, [_steady(ids[1::2], seconds=STEADY_SECONDS), _closing(opens_on, days)])
    return [
        row_of(
            "repay", done / SECONDS, f"repayments/s by {CLIENTS} clients, synchronous_commit on",
            f"pgbench TPC-B (scale {SCALE}, {CLIENTS} clients, prepared), tps", yardstick,
        ),
        row_of(
            "repay_during_close", busy, f"ms, 99th of a hundred at {A_SECOND}/s while {events:,.0f} events are closed",
            "the same while nothing is closed, ms", idle,
        ),
    ]  # fmt: skip


def _children(house: House, tasks: Sequence[Callable[[House], float]]) -> list[float]:
    """Run tasks at the same time, each in a process with connections of its own; return what each says."""

    def child(task: Callable[[House], float], end: Connection) -> None:
        with Database(house.database.url) as database:
            end.send(task(replace(house, database=database, identifiers=SystemIdentifiers(clock=house.clock))))
        os._exit(0)  # the parent's server and connections are the parent's to close

    ends = []
    for task in tasks:
        mine, theirs = _FORK.Pipe(duplex=False)
        process = _FORK.Process(target=child, args=(task, theirs))
        process.start()
        ends.append((mine, process))
    said = [float(mine.recv()) for mine, _ in ends]
    for _, process in ends:
        process.join()
    return said


def _busy(ids: Sequence[UUID]) -> Callable[[House], float]:
    def task(house: House) -> float:
        done, until = 0, time.monotonic() + SECONDS
        while time.monotonic() < until:
            done += repay_one(house, ids[done % len(ids)])
        return done

    return task


def _steady(ids: Sequence[UUID], *, seconds: float) -> Callable[[House], float]:
    def task(house: House) -> float:
        took, begun = [], time.monotonic()
        for number in range(int(seconds * A_SECOND)):
            due = begun + number / A_SECOND
            time.sleep(max(0.0, due - time.monotonic()))
            repay_one(house, ids[number % len(ids)])
            took.append(time.monotonic() - due)  # whoever had to wait for its turn has waited
        return 1000 * sorted(took)[int(len(took) * 0.99)]

    return task


def _closing(opens_on: Any, days: int) -> Callable[[House], float]:
    def task(house: House) -> float:
        return close_through(house, to=opens_on + timedelta(days=days - 1)).loan_events

    return task


def repay_one(house: House, loan_id: UUID) -> int:
    """Repay what is due of a loan, or a hundredth of what is left of it; return 1, or 0 if nothing is left."""
    with house.database.transaction() as tx:
        cell = tx.cell_of(loan_id)
        tx.lock_cell(cell)
        of = loan.get(tx, cell=cell, loan_id=loan_id)
        if of.state.stage is not Stage.ACTIVE:
            return 0
        on = house.booking_date(tx, cell=cell)
        due_fen = quote(terms=of.terms, state=of.state, on=on).due_fen
        amount_fen = due_fen or payoff_fen(terms=of.terms, state=of.state, on=on) // 100 + 1
        event = Repaid(
            event_id=house.id_for(of.person_id), value_date=on, amount_fen=amount_fen,
            intent=Intent.DUE if due_fen else Intent.PREPAY,
        )  # fmt: skip
        record_event(tx, house, before=of, event=event)
        evidence.append(
            tx, keyring=house.keyring, cell=cell, person_id=of.person_id, kind=LeafKind.REPAYMENT,
            subject_id=event.event_id, at=house.clock.now(), facts={"amount_fen": amount_fen},
        )  # fmt: skip
        tx.commit()
    return 1
