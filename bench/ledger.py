"""How fast transfers are posted, as a ratio to pgbench's TPC-B on the same server in the same minute.

TPC-B and a transfer are the same kind of work: a few balances and one row of history per transaction,
durable when it is answered. Ours also checks ids, limits and states, and answers with a result each.

    single                        8 clients in 8 cells, each one transfer per transaction, from Python, awaiting each
    single_from_pgbench           the same statement sent by pgbench itself: the database's side alone
    callers_128                   128 coroutines, each one transfer after the other through
                                  `services/ledger/post_together`, awaiting its own durable result before the next;
                                  2 processes with a lane each
    batch_1000                    2 clients, each 1,000 transfers per transaction between random people of its cell
    batch_1000_one_house_account  the same, every transfer with its cell's house account on the other side

Clients are spread over two processes, as pgbench's are over two threads.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from itertools import count
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from uuid import UUID

from bench.pgbench import CLIENTS, SCALE, pgbench_tps, prepare_pgbench
from mingqu.domain import identifier
from mingqu.domain.ledger import Account, AccountCode, Reason, Result, Transfer
from mingqu.services.ledger.post_together import Lanes
from mingqu.store.books import book
from mingqu.store.ledgers import ledger
from mingqu.store.server import migration
from mingqu.store.server.database import Database
from mingqu.store.server.postgres import Server, open_server

DAY = date(2026, 8, 15)
SECONDS = 8
# As many lanes as clients: pgbench has 20 branches for its 8. Writers of one cell take turns, through the commit.
CELLS = 8
PEOPLE_OF_A_CELL = 10_000
PROCESSES = 2
BATCH = 1_000
# More than a client gets done in the time; a faster machine ends earlier, which the rate allows for.
BATCHES_MAX = {0: 2_000, 1: 10_000, BATCH: 400}
CALLERS = 128
# One lane (and cell) for each core: fewer lanes mean larger batches.
LANES_OF_A_PROCESS = 1


HOW = {
    "single": f"{CLIENTS} Python clients in {CLIENTS} cells, one transfer a transaction, each awaited",
    "single_from_pgbench": f"{CLIENTS} pgbench clients in {CLIENTS} cells, the same function",
    "callers_128": f"{CALLERS} coroutines in {PROCESSES} processes through the micro-batcher,"
    f" {LANES_OF_A_PROCESS} lane each, every result awaited by its caller",
    "batch_1000": f"{PROCESSES} clients, {BATCH} transfers a transaction between {PEOPLE_OF_A_CELL} people of a cell",
    "batch_1000_one_house_account": f"{PROCESSES} clients, {BATCH} transfers a transaction, one house account a cell",
}


def run() -> list[dict[str, object]]:
    """Measure and return one row per name, each against the yardstick just before and just after it."""
    data = Path(tempfile.mkdtemp(prefix="mingqu-bench-"))
    data.chmod(0o711)
    try:
        with open_server(data=data) as server, Database(server.url, ensure=server.ensure) as database:
            migration.migrate(database)
            accounts = _open_book(database)
            prepare_pgbench(server.url)
            rows = _measure(server, accounts, _script(data))
            with database.transaction() as tx:
                assert ledger.prove(tx) == []
    finally:
        shutil.rmtree(data)
    return rows


def _measure(server: Server, accounts: list[list[Account]], script: list[str]) -> list[dict[str, object]]:
    measures: dict[str, Callable[[], float]] = {
        "single": lambda: _rate(server.url, accounts, clients=CLIENTS, batch=1, house=False),
        "single_from_pgbench": lambda: pgbench_tps(server.url, *script),
        "callers_128": lambda: _rate(server.url, accounts, clients=CALLERS, batch=0, house=False),
        "batch_1000": lambda: _rate(server.url, accounts, clients=PROCESSES, batch=BATCH, house=False),
        "batch_1000_one_house_account": lambda: _rate(server.url, accounts, clients=PROCESSES, batch=BATCH, house=True),
    }
    rows: list[dict[str, object]] = []
    before = pgbench_tps(server.url)
    for name, measure in measures.items():
        value, after = measure(), pgbench_tps(server.url)
        yardstick, before = (before + after) / 2, after
        rows.append(
            {
                "name": name,
                "value": round(value, 1),
                "unit": "transfers per second (synchronous_commit on)",
                "measured": HOW[name],
                "yardstick": f"pgbench TPC-B, scale {SCALE}, {CLIENTS} clients, prepared, same server",
                "yardstick_value": round(yardstick, 1),
                "ratio": round(value / yardstick, 2),
            }
        )
    return rows


def _open_book(database: Database) -> list[list[Account]]:
    """Return the people's accounts of each cell, opened in a new book."""
    cells = [[_person(cell, number) for number in range(PEOPLE_OF_A_CELL)] for cell in range(CELLS)]
    with database.transaction() as tx:
        book.create(tx, business_date=DAY, cells=CELLS)
        for cell, people in enumerate(cells):
            ledger.open_accounts(tx, cell=cell, accounts=[*people, _house(cell)])
        # pgbench knows people by number.
        tx.script("CREATE TABLE bench_person (cell int, number int, owner uuid, PRIMARY KEY (cell, number))")
        tx.copy(
            "COPY bench_person FROM STDIN",
            [(cell, 1 + at, one.owner) for cell, people in enumerate(cells) for at, one in enumerate(people)],
        )
        tx.commit()
    return cells


def _person(cell: int, number: int) -> Account:
    slot = cell * identifier.SLOTS // CELLS
    owner = identifier.fresh(milliseconds=1 + number, slot=slot, entropy=random.getrandbits(56))
    return Account(owner=owner, code=AccountCode.OVERPAYMENT)


def _house(cell: int) -> Account:
    owner = identifier.fresh(milliseconds=0, slot=cell * identifier.SLOTS // CELLS, entropy=0)
    return Account(owner=owner, code=AccountCode.COLLECTION_CLEARING)


def _transfers(people: list[Account], *, cell: int, house: Account | None, ids: Iterator[int]) -> Iterator[Transfer]:
    """Yield new transfers between two random people, or between the house and a random person."""
    slot = cell * identifier.SLOTS // CELLS
    reference = UUID(int=cell)
    while True:
        credit, other = random.sample(people, 2)
        yield Transfer(
            id=identifier.fresh(milliseconds=next(ids), slot=slot, entropy=random.getrandbits(56)),
            debit=other if house is None else house,
            credit=credit,
            amount_fen=random.randrange(1, 100_000),
            reason=Reason.OVERPAY,
            value_date=DAY,
            posted_on=DAY,
            reference=reference,
        )


def _rate(url: str, accounts: list[list[Account]], *, clients: int, batch: int, house: bool) -> float:
    """Run the clients for SECONDS and return the transfers posted per second."""
    context = multiprocessing.get_context("spawn")
    said = context.SimpleQueue()
    begin = context.Barrier(PROCESSES)
    processes = [
        context.Process(
            target=_process,
            args=(url, accounts, range(number, clients, PROCESSES), batch, house, begin, said),
        )
        for number in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    rates: list[float] = [said.get() for _ in processes]
    for process in processes:
        process.join()
    return sum(rates)


def _process(
    url: str,
    accounts: list[list[Account]],
    clients: Iterable[int],
    batch: int,
    house: bool,
    begin: Barrier,
    said: SimpleQueue[float],
) -> None:
    """Run some of the clients and say their rate: callers, or threads that each have a cell as far as cells go."""
    if batch == 0:
        said.put(_callers(url, accounts, list(clients), begin))
        return
    made = []
    for client in clients:
        cell = client % CELLS
        transfers = _transfers(
            accounts[cell], cell=cell, house=_house(cell) if house else None, ids=count((1 << 41) + (client << 32))
        )
        # Made beforehand: the bench is about posting, not about random numbers.
        made.append((cell, [[next(transfers) for _ in range(batch)] for _ in range(BATCHES_MAX[batch])]))
    done = [0] * len(made)
    gc.freeze()
    with Database(url) as database:
        threads = [threading.Thread(target=_client, args=(database, *work, done, at)) for at, work in enumerate(made)]
        begin.wait()
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        said.put(sum(done) / (time.monotonic() - started))


def _client(database: Database, cell: int, batches: list[list[Transfer]], done: list[int], at: int) -> None:
    stop = time.monotonic() + SECONDS
    for batch in batches:
        if time.monotonic() > stop:
            return
        assert set(ledger.post_batch_at_once(database, cell=cell, transfers=batch)) == {Result.OK}
        done[at] += len(batch)


def _callers(url: str, accounts: list[list[Account]], numbers: list[int], begin: Barrier) -> float:
    """Run some of the callers, each a coroutine, and return their rate."""
    first = numbers[0] % PROCESSES * LANES_OF_A_PROCESS
    made = []
    for number in numbers:
        cell = first + number // PROCESSES % LANES_OF_A_PROCESS
        transfers = _transfers(accounts[cell], cell=cell, house=None, ids=count((3 << 41) + (number << 32)))
        made.append((cell, [next(transfers) for _ in range(BATCHES_MAX[0])]))
    gc.freeze()

    async def caller(lanes: Lanes, cell: int, transfers: list[Transfer], stop: float) -> int:
        for done, transfer in enumerate(transfers):
            if time.monotonic() > stop:
                return done
            assert await lanes.post_async(cell=cell, transfers=(transfer,)) == [Result.OK]
        return len(transfers)

    async def everybody(lanes: Lanes) -> int:
        stop = time.monotonic() + SECONDS
        return sum(await asyncio.gather(*(caller(lanes, *work, stop) for work in made)))

    with Database(url) as database, Lanes(database) as lanes:
        begin.wait()
        started = time.monotonic()
        done = asyncio.run(everybody(lanes))
        return done / (time.monotonic() - started)


def _script(data: Path) -> list[str]:
    """Return the options by which pgbench posts one transfer between two random people per transaction."""
    script = data / "post.sql"
    script.write_text(f"""
        \\set cell :client_id % {CELLS}
        \\set debit random(1, {PEOPLE_OF_A_CELL // 2})
        \\set credit random({PEOPLE_OF_A_CELL // 2 + 1}, {PEOPLE_OF_A_CELL})
        \\set amount random(1, 100000)
        SELECT post_single(:cell::smallint, uuidv7(), 1::smallint,
            (SELECT owner FROM bench_person WHERE cell = :cell AND number = :debit),
            {AccountCode.OVERPAYMENT:d}::smallint, 'CNY',
            (SELECT owner FROM bench_person WHERE cell = :cell AND number = :credit),
            {AccountCode.OVERPAYMENT:d}::smallint, 'CNY',
            :amount::bigint, {Reason.OVERPAY:d}::smallint, '{DAY}', '{DAY}', uuidv7(), NULL, NULL);
    """)
    return ["--file", str(script)]


if __name__ == "__main__":
    for row in run():
        print(row)
