"""Where the stories of sudden death are played: one server, a book copied for each seed, one driver, one judge."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

import psycopg

from mingqu.channels.fake.bank import FakeBank
from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.fake.sms import FakeSms
from mingqu.services.evidence.verify_book import verify_book
from mingqu.store.books import book
from mingqu.store.decisions import policy
from mingqu.store.server import migration
from mingqu.store.server.database import Database
from mingqu.store.server.postgres import DATABASE, Server, open_server
from tests.simulation.mortal_house import Life, Stage, keys_of, open_stage, the_pack, url_of
from tests.simulation.mortal_stories import (
    OPENED_ON,
    STARTS_AT,
    prepare_due,
    prepare_many,
    prepare_offers,
)

_CELLS: Final = 4
_PREPARED: Final[dict[str, Callable[[Stage], None]]] = {
    "payout": prepare_offers,
    "close": prepare_due,
    "many": prepare_many,
}
# What is the same however often a day was interrupted. Left out is what tells of the interruptions themselves:
# when and how often a channel was asked, the moment of an event within its day, salts, leases.
ECONOMY: Final = {
    "account": "*",
    "accrual_delta": "*",
    "accrual_group": "*",
    "cell": "*",
    "day_balance": "*",
    "day_portfolio": "*",
    "day_sum": "*",
    "portfolio_class": "*",
    "channel_order": "cell, order_id, kind, state, loan_id, amount_fen, value_date, refusal_code, conflict_code",
    "evidence_leaf": "cell, kind, subject_id",
    "hold": "*",
    "loan": "*",
    "loan_diary": "*",
    "loan_set_aside": "*",
    "loan_event": "cell, loan_id, event_id, kind, value_date, posted_on, amount_fen, intent, target",
    "transfer": "*",
    "work": "cell, work_id, kind, subject_id, payload, done_at IS NULL",
}

# When a close worked is read from the server's own clock: it is another in every life.
WORK_TIMES: Final = {"closing": "cell, on_date, loans"}


@dataclass(slots=True, kw_only=True)
class Theatre:
    """A server with a prepared book for each story, and a driver that plays lives."""

    root: Path
    server: Server
    driver: subprocess.Popen[str]
    _ready: set[str] = field(default_factory=set)

    @contextmanager
    def play(self, *, story: str, seed: int) -> Iterator[Play]:
        """Copy a story's prepared book for one seed; gone afterwards."""
        self._prepare(story)
        name, place = f"{story}_{seed}", self.root / f"{story}-{seed}"
        shutil.copytree(self.root / story, place)
        self.administer(f"CREATE DATABASE {name} TEMPLATE {story}")
        self.administer("CHECKPOINT")
        try:
            yield Play(theatre=self, first=Life(root=self.root, database=name, place=place, story=story, seed=seed))
        finally:
            self.administer(f"DROP DATABASE {name} WITH (FORCE)")
            shutil.rmtree(place)

    def administer(self, statement: str) -> None:
        """Run one statement outside of any book."""
        self.server.ensure()
        with psycopg.connect(url_of(self.server, "postgres"), autocommit=True) as administrator:
            administrator.execute(statement)

    def _prepare(self, story: str) -> None:
        if story in self._ready:
            return
        place = self.root / story
        place.mkdir()
        self.administer(f"CREATE DATABASE {story} TEMPLATE {DATABASE}")
        # The seed of the preparation is none of the seeds that are played.
        life = Life(root=self.root, database=story, place=place, story=story, seed=999_999, quiet=True)
        with open_stage(life, start=STARTS_AT) as stage:
            _PREPARED[story](stage)
        self._ready.add(story)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a life ended: 0 by itself, −9 killed, 1 something is wrong; and where it killed itself or its server."""

    status: int
    died_at: str | None


@dataclass(slots=True, kw_only=True)
class Play:
    """One seed: a book of its own and everything that happened to it."""

    theatre: Theatre
    first: Life

    def live(self, life: Life) -> Ended:
        """Let the driver play one life."""
        pipe_in, pipe_out = self.theatre.driver.stdin, self.theatre.driver.stdout
        assert pipe_in is not None
        assert pipe_out is not None
        pipe_in.write(life.to_json() + "\n")
        pipe_in.flush()
        ended = Ended(**json.loads(pipe_out.readline()))
        if ended.status not in (0, -9):
            raise AssertionError((self.theatre.root / "driver.log").read_text()[-6_000:])
        return ended

    @contextmanager
    def book(self) -> Iterator[Database]:
        """Open the book beside the driver, bringing the server back if it was left dead."""
        server = self.theatre.server
        server.ensure()
        with Database(url_of(server, self.first.database), ensure=server.ensure) as database:
            yield database

    def bank(self) -> FakeBank:
        """Return the bank as its journal has it: the truth to compare with."""
        journal = self.first.place / "bank.jsonl"
        return FakeBank(clock=SettableClock(start=STARTS_AT), sms=FakeSms(), journal=journal)

    def answers(self) -> dict[str, object]:
        """Return what was answered to each key."""
        written = self.first.place / "answers.jsonl"
        return dict(json.loads(line) for line in written.read_text().splitlines()) if written.exists() else {}

    def wrong(self, *, over: bool) -> list[str]:
        """Return everything that is wrong with the book and between book and bank; `over` when all must have ended."""
        with self.book() as database:
            report = verify_book(database=database, keyring=keys_of(self.theatre.root))
        found = [sentence for sentences in report.findings.values() for sentence in sentences]
        bank = self.bank()
        moved = bank.moved()
        with self.book() as database, database.transaction() as tx:
            orders = tx.execute(
                """SELECT replace(order_id::text, '-', ''), kind, state, amount_fen, sent_at, conflict_code, loan_id
                   FROM channel_order"""
            ).fetchall()
        known = {number: (state, amount_fen, sent_at) for number, _, state, amount_fen, sent_at, _, _ in orders}
        for number, amount_fen in moved.items():
            if number not in known or known[number][2] is None:
                found.append("the bank moved money for an order that was not announced")
            elif known[number][1] != amount_fen or known[number][0] == "FAILED":
                found.append("the bank moved other money than the book says")
        found += ["an order is PAID and the bank did not pay" for number, one in known.items()
                  if one[0] == "PAID" and number not in moved]  # fmt: skip
        payouts = Counter(loan_id for _, kind, state, _, _, _, loan_id in orders if (kind, state) == ("payout", "PAID"))
        found += ["a loan was paid out twice" for times in payouts.values() if times > 1]
        found += ["an order is in conflict with its channel" for *_, conflict, _ in orders if conflict is not None]
        if over:
            found += ["an order has not ended" for one in known.values() if one[0] not in ("PAID", "FAILED")]
            paid = {number: one[1] for number, one in known.items() if one[0] == "PAID"}
            found += ["what the bank moved is not what the book paid"] if paid != moved else []
        bank.close()
        return found

    def portrait(self, tables: dict[str, str] | None = None) -> dict[str, str]:
        """Return a digest of each table, over the given columns; of every table, whole, if none are given."""
        with self.book() as database, database.transaction() as tx:
            if tables is None:
                names = tx.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                                   " AND relkind = 'r' ORDER BY 1").fetchall()  # fmt: skip
                tables = {name: WORK_TIMES.get(name, "*") for (name,) in names}
            return {
                table: tx.execute(
                    f"SELECT count(*) || ' ' || md5(coalesce(string_agg(t::text, ';' ORDER BY t::text), ''))"
                    f" FROM (SELECT {columns} FROM {table}) t"
                ).fetchone()[0]  # type: ignore[index]  # an aggregate has a row
                for table, columns in tables.items()
            }


@contextmanager
def open_theatre() -> Iterator[Theatre]:
    """Start a server with an empty book, and the driver; both are gone afterwards."""
    root = Path(tempfile.mkdtemp(prefix="mingqu-mortal-"))
    root.chmod(0o711)  # the unprivileged account that runs the server for root must pass
    try:
        with open_server(data=root / "data") as server:
            _empty_book(root, server)
            with (root / "driver.log").open("w") as log, _driver(log) as driver:
                yield Theatre(root=root, server=server, driver=driver)
    finally:
        shutil.rmtree(root)


def _empty_book(root: Path, server: Server) -> None:
    keys_of(root)
    with Database(server.url) as database:
        migration.migrate(database)
        with database.transaction() as tx:
            book.create(tx, business_date=OPENED_ON, cells=_CELLS)
            policy.publish(tx, pack=the_pack(), at=STARTS_AT)
            tx.commit()


@contextmanager
def _driver(log: TextIO) -> Iterator[subprocess.Popen[str]]:
    driver = subprocess.Popen(
        [sys.executable, "-m", "tests.simulation.mortal_driver"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # a process with threads is not forked
    )
    try:
        yield driver
    finally:
        driver.communicate(timeout=60)
