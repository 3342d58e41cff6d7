"""`mingqu bench repay [--loans N] [--days D]`: repayments, alone and, with draws, while days are closed.

repay                repayments a second by 8 clients, each waiting for its own durable answer: lock, read the loan, its
                     history and limits, step, post, snapshot, event, leaf of evidence, commit, by what every repayment
                     goes through (`take_turns`, `loan_at_hand`, `record_event`). What is due is paid, one bill a loan.
                     Clients are threads of 2 processes that serve a cell each, as in `callers_128` of `bench ledger`.
                     Yardstick: pgbench TPC-B (scale 20, 8 clients, prepared), same server and minute
repay_by_word        the same for the whole of what a channel's word sets off (`hear_order`): the order ended and
                     logged, its notice, deliveries and deductions besides
repay_cpu            processor microseconds of everybody, server included, for one of `repay`; yardstick: of one TPC-B
repay_during_close   the 99th of a hundred repayments by word, in ms, that come at three tenths of what was measured,
                     each counted from when it should have begun, while days are closed by one worker in a process of
                     its own; yardstick: the same before the close began. One that is refused ends the bench
draw_during_close    the same of draws in the same minute, one for every ten repayments: key, loan, order, holds
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Final
from uuid import UUID

from bench import book as bench_book
from bench.close import mark_of, row_of
from bench.meter import Meter
from bench.pgbench import CLIENTS, SCALE, pgbench_tps, prepare_pgbench
from bench.pgbench import SECONDS as PGBENCH_SECONDS
from mingqu.channels.system.identifiers import SystemIdentifiers
from mingqu.demo.journey import be_assessed, introduce, take_loan, work_until_idle
from mingqu.demo.people import neighbor
from mingqu.demo.story import fund_lenders
from mingqu.demo.world import World
from mingqu.domain.evidence import LeafKind
from mingqu.domain.loan import Intent, Repaid, quote
from mingqu.domain.order import Order
from mingqu.domain.word import Paid
from mingqu.main import Wiring
from mingqu.services.close.close_day import bring_up_today, close_through
from mingqu.services.house import House
from mingqu.services.loans.record_event import work_out, write_recordings
from mingqu.services.loans.reserve_payout import reserve_payout
from mingqu.services.once import Response, once
from mingqu.services.orders.hear_order import Said, hear_paid
from mingqu.services.take_turns import Not, Turns
from mingqu.store import evidence
from mingqu.store.loans import loan, loan_at_hand
from mingqu.store.orders import order
from mingqu.store.people import instrument
from mingqu.store.server.database import Database, Transaction

LOANS: Final = 40_000
DAYS: Final = 10  # passed before anybody pays: a third of the loans owe a bill; as many are closed in the end
SECONDS: Final = 5
PROCESSES: Final = 2
STEADY_SECONDS: Final = 12
STEADY_SHARE: Final = 0.3
REPAYMENTS_A_DRAW: Final = 10
NEIGHBORS: Final = 4  # who draw
DRAWN_FEN: Final = 100
_FORK = get_context("fork")
_keys = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A deduction of what is due on a loan, sent to the bank; and its loan's cell."""

    cell: int
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawer:
    """Somebody with a loan and a limit to draw from."""

    person_id: UUID
    loan_id: UUID
    instrument_id: UUID


Task = Callable[[House], list[float]]


def run(*, loans: int = LOANS, days: int = DAYS) -> list[dict[str, Any]]:
    """Return the rows."""
    with Wiring().demo_world(data=None, seed=1) as world:
        house = world.house
        opens_on = house.clock.business_date()
        bench_book.fill(house, loans=loans)
        fund_lenders(world)
        drawers = [_drawer(world, number) for number in range(1, NEIGHBORS + 1)]
        world.go_to_date(opens_on + timedelta(days=days))
        close_through(house, to=opens_on + timedelta(days=days - 1))
        bring_up_today(house)
        world.go_to(house.clock.now() + timedelta(hours=12))
        waiting = _deductions(house)
        mark_of(house.database)
        prepare_pgbench(house.database.url)
        fourths = [waiting[at::4] for at in range(4)]
        rows, a_second = _alone(house, fourths[0], fourths[1])
        # A fast machine could take more than there are.
        a_second = min(a_second, min(len(fourths[2]), len(fourths[3])) / STEADY_SECONDS)
        world.go_to_date(opens_on + timedelta(days=2 * days))
        idle = _children(house, [_steady(fourths[2], drawers, a_second=a_second)])
        closing = _closing(opens_on + timedelta(days=2 * days - 1))
        busy = _children(house, [_steady(fourths[3], drawers, a_second=a_second), closing])
    during = f"while {busy[1][0]:,.0f} events are closed by one worker"
    for place, (name, what) in enumerate((("repay_during_close", "repayments"), ("draw_during_close", "draws"))):
        share = a_second / (REPAYMENTS_A_DRAW if place else 1)
        unit = f"ms, 99th of a hundred {what} at {share:.0f}/s {during}; none refused"
        rows.append(row_of(name, busy[0][place], unit, "the same while nothing is closed, ms", idle[0][place]))
    return rows


def _alone(house: House, first: Sequence[Due], second: Sequence[Due]) -> tuple[list[dict[str, Any]], float]:
    """Measure repayments by themselves and by word; return the rows and the steady rate that follows."""
    before, tpc_b_cpu = metered_tps(house)
    meter = Meter(house.database)
    recorded = _children(house, [_busy(first, number, _record) for number in range(PROCESSES)])
    cpu = 1_000_000 * meter.spent().cpu / sum(done for done, _ in recorded)
    between, tpc_b_cpu_after = metered_tps(house)
    heard = _a_second(_children(house, [_busy(second, number, _hear) for number in range(PROCESSES)]))
    after = pgbench_tps(house.database.url)
    unit = (
        f"repayments/s by {CLIENTS} clients, threads of {PROCESSES} processes with a cell each, synchronous_commit on"
    )
    yardstick = f"pgbench TPC-B (scale {SCALE}, {CLIENTS} clients, prepared), tps"
    a_second = max(10.0, STEADY_SHARE * heard)
    return [
        row_of("repay", _a_second(recorded), unit, yardstick, (before + between) / 2),
        row_of("repay_by_word", heard, unit, yardstick, (between + after) / 2),
        row_of(
            "repay_cpu",
            cpu,
            "µs of processor a repayment, of everybody",
            "of one TPC-B, µs",
            (tpc_b_cpu + tpc_b_cpu_after) / 2,
        ),
    ], a_second


def metered_tps(house: House) -> tuple[float, float]:
    """Return TPC-B's transactions a second, and the processor microseconds of everybody for one."""
    meter = Meter(house.database)
    tps = pgbench_tps(house.database.url)
    return tps, 1_000_000 * meter.spent().cpu / (tps * PGBENCH_SECONDS)


def _a_second(said: Sequence[Sequence[float]]) -> float:
    return sum(done / seconds for done, seconds in said)


def _drawer(world: World, number: int) -> Drawer:
    known = introduce(world, neighbor(number=number, months_late=-1, lenders=1), balance_fen=6_000_000)
    be_assessed(world, known, amount_fen=1_000_000)
    borrowed = take_loan(world, known, amount_fen=300_000, instalments=12, method="equal_instalment")
    work_until_idle(world)
    return Drawer(
        person_id=known.person_id, loan_id=borrowed.signed.loan_id, instrument_id=known.instrument_id
    )  # fmt: skip


def _deductions(house: House) -> list[Due]:
    """Return what the days have prepared, as if it had been sent at nine o'clock of its day; one of a person."""
    with house.database.transaction() as tx:
        tx.script("""UPDATE channel_order SET state = 'SENT', sent_at = run_at, attempts = 1, version = 1
                     WHERE kind = 'collection' AND state = 'RESERVED'; ANALYZE""")
        tx.commit()
    with house.database.transaction() as tx:
        of_people = {
            each.person_id: Due(cell=cell, order=each)
            for cell in range(tx.cells)
            for each in order.open_orders(tx, cell=cell)
        }
    return sorted(of_people.values(), key=lambda due: due.order.order_id.int & 0xFFFF_FFFF)  # in the order of chance


def _children(house: House, tasks: Sequence[Task]) -> list[list[float]]:
    """Run tasks at the same time, each in a process with connections of its own; return what each says."""

    def child(task: Task, end: Connection) -> None:
        gc.freeze()  # as the worker of a server does when it starts
        with Database(house.database.url) as database:
            identifiers = SystemIdentifiers(clock=house.clock)
            end.send(task(replace(house, database=database, identifiers=identifiers, turns=Turns())))
        os._exit(0)  # the parent's server and connections are the parent's to close

    ends = []
    for task in tasks:
        mine, theirs = _FORK.Pipe(duplex=False)
        process = _FORK.Process(target=child, args=(task, theirs))
        process.start()
        ends.append((mine, process))
        theirs.close()
    said: list[list[float]] = [mine.recv() for mine, _ in ends]
    for _, process in ends:
        process.join()
    return said


def _busy(waiting: Sequence[Due], number: int, take: Callable[[House, Due], None]) -> Task:
    """Let this process's clients take one after the other of their cell; say how many were done in how many seconds.

    They end after SECONDS, or all of them with the first who has nothing left to take.
    """

    def task(house: House) -> list[float]:
        clients = CLIENTS // PROCESSES
        mine = [due for due in waiting if due.cell == number]
        done = [0] * clients
        nothing_left = threading.Event()
        began = time.monotonic()

        def client(at: int) -> None:
            for due in mine[at::clients]:
                if nothing_left.is_set() or time.monotonic() > began + SECONDS:
                    return
                take(house, due)
                done[at] += 1
            nothing_left.set()

        _together([lambda at=at: client(at) for at in range(clients)])  # type: ignore[misc]
        return [float(sum(done)), time.monotonic() - began]

    return task


def _together(calls: Sequence[Callable[[], None]]) -> None:
    """Run calls in threads of their own and raise what one of them raised."""
    failed: list[BaseException] = []

    def guarded(call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - raised below
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def _steady(waiting: Sequence[Due], drawers: Sequence[Drawer], *, a_second: float) -> Task:
    """Let repayments and draws come at a steady rate, whoever is still busy; say the 99th of a hundred, in ms."""

    def task(house: House) -> list[float]:
        begins = time.monotonic() + 0.1
        took: tuple[list[float], list[float]] = ([], [])

        def repayments(at: int) -> None:
            for number in range(at, int(STEADY_SECONDS * a_second), CLIENTS):
                due = begins + number / a_second
                time.sleep(max(0.0, due - time.monotonic()))
                _hear(house, waiting[number])
                took[0].append(time.monotonic() - due)  # whoever had to wait for its turn has waited

        def draws(at: int) -> None:
            for number in range(at, int(STEADY_SECONDS * a_second / REPAYMENTS_A_DRAW), len(drawers)):
                due = begins + number * REPAYMENTS_A_DRAW / a_second
                time.sleep(max(0.0, due - time.monotonic()))
                _draw(house, drawers[at])
                took[1].append(time.monotonic() - due)

        _together(
            [
                *(lambda at=at: repayments(at) for at in range(CLIENTS)),  # type: ignore[misc]
                *(lambda at=at: draws(at) for at in range(len(drawers))),  # type: ignore[misc]
            ]
        )
        return [1_000 * sorted(each)[int(len(each) * 0.99)] for each in took]

    return task


def _closing(to: date) -> Task:
    def task(house: House) -> list[float]:
        return [float(close_through(house, to=to).loan_events)]

    return task


def _record(house: House, due: Due) -> None:
    """Repay what is due of a loan, by itself: all that a repayment is to the loan, and nothing of its order."""

    def turn(listed: Sequence[Due]) -> list[bool | Not]:
        return house.database.run(lambda tx: _record_all(tx, house, due.cell, listed), planned=True)

    assert house.turns.take(("record", due.cell), due, turn=turn), "one repayment did not go with the others"


def _record_all(tx: Transaction, house: House, cell: int, listed: Sequence[Due]) -> list[bool | Not]:
    loan_ids = [loan_id for due in listed if (loan_id := due.order.loan_id) is not None]
    at_hand, _ = loan_at_hand.locked(tx, cell=cell, loan_ids=loan_ids)
    on, now = house.booking_day(at_hand.last_closed_on), house.clock.now()
    recordings, drafts = [], []
    for due, loan_id in zip(listed, loan_ids, strict=True):
        of = at_hand.loans[loan_id]
        owed = quote(terms=of.loan.terms, state=of.loan.state, on=on)
        event = Repaid(event_id=due.order.order_id, value_date=on, amount_fen=owed.due_fen, intent=Intent.DUE)
        recordings.append(work_out(of=of, event=event, on=on))
        drafts.append(
            evidence.Draft(
                person_id=of.loan.person_id,
                kind=LeafKind.REPAYMENT,
                subject_id=event.event_id,
                facts={"loan_id": loan_id.hex, "amount_fen": event.amount_fen},
            )
        )
    leaves = evidence.appended(cell=cell, first=at_hand.leaf_count, at=now, drafts=drafts)
    write_recordings(tx, cell=cell, recordings=recordings, on=on, at=now, beside=leaves, ends=True)
    return [True] * len(listed)


def _hear(house: House, due: Due) -> None:
    """Hear of the bank that what is due was deducted."""
    at = house.clock.now()
    word = Paid(
        at=at, amount_fen=due.order.amount_fen, currency=due.order.currency, reference=due.order.order_id.hex
    )  # fmt: skip
    heard = hear_paid(house, said=Said(order_id=due.order.order_id, word=word, at=at))
    assert heard is not None, "a word was not heard with the others"


def _draw(house: House, drawer: Drawer) -> None:
    """Draw a little: what every draw does once its contract is signed."""

    def work(tx: Transaction) -> Response:
        of = loan.get_for(tx, person_id=drawer.person_id, loan_id=drawer.loan_id)
        # Nothing of a loan's principal may be kept back, so this one is as small as what is drawn.
        of = replace(of, terms=replace(of.terms, principal_fen=DRAWN_FEN))
        card = instrument.load(tx, person_id=drawer.person_id, instrument_id=drawer.instrument_id)
        at = house.clock.now()
        order_id = reserve_payout(tx, house, of=of, card=card, amount_fen=DRAWN_FEN, payout_at=at)
        return {"order_id": order_id.hex}

    request = {"amount_fen": DRAWN_FEN}
    key = f"bench {os.getpid()} {next(_keys)}"
    once(house, person_id=drawer.person_id, command="draw", key=key, request=request, work=work)
