"""A house in a folder that can be opened again after any death: its clock, answers and bank are kept in files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

from mingqu.channels.fake.bank import FakeBank
from mingqu.channels.fake.bureau import FakeBureau
from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.fake.codes import SeededCodes
from mingqu.channels.fake.faults import Fault
from mingqu.channels.fake.identity import FakeIdentity
from mingqu.channels.fake.ids import SeededIdentifiers
from mingqu.channels.fake.sms import FakeSms
from mingqu.domain.decision import Pack
from mingqu.domain.order import Order
from mingqu.services.house import House, Settings
from mingqu.services.run_due_work import run_due_work
from mingqu.store.decisions import policy
from mingqu.store.decisions.current_policies import CurrentPolicies
from mingqu.store.orders import order
from mingqu.store.parties import consent
from mingqu.store.people import instrument
from mingqu.store.server import keyring
from mingqu.store.server.database import DatabaseUnavailable
from mingqu.store.server.postgres import DATABASE, Server, open_server
from mingqu.worlds.fake import FakeWorld
from tests.simulation.mortal import Death, MortalBank, MortalDatabase, MortalSms, Reaper

# Each death of the server costs one refusal, or two when it dies again while it comes back.
TRIES_MAX: Final = 5
# Once the weather is fine an order takes a few questions; the longest wait between two is half an hour.
ROUNDS_MAX: Final = 400
RATES_PPM: Final = {
    Fault.LOSE_REQUEST: 90_000,
    Fault.LOSE_REPLY: 90_000,
    Fault.LATE: 120_000,
    Fault.REORDER: 40_000,
    Fault.DUPLICATE: 60_000,
    Fault.SERVER_ERROR: 60_000,
    Fault.REFUSE: 30_000,
}
Returned = TypeVar("Returned")


CHUNK_LOANS: Final = 100  # of a close: a day of a few loans more is two chunks


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One life of the driver: where it works, what it plays, how it dies.

    `number` tells the lives of a seed apart, so that no life makes an id of an earlier one. `faults` lets the
    bank misbehave; a `quiet` life goes on until every order has ended. `killed_after_ms` is the moment at which
    somebody else kills `killed`, wherever the life stands then.
    """

    root: Path  # of the data folder with the server, and of the keys
    database: str
    place: Path  # of the clock, the bank's journal, the plan and the answers
    story: str
    seed: int
    number: int = 0
    faults: bool = False
    quiet: bool = False
    death: Death | None = None
    killed_after_ms: int | None = None
    killed: str = "process"

    def to_json(self) -> str:
        """Return the life as one line."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, line: str) -> Life:
        """Read a life back."""
        given = json.loads(line)
        death = given.pop("death")
        return cls(
            **{**given, "root": Path(given["root"]), "place": Path(given["place"])},
            death=None if death is None else Death(**death),
        )


class KeptClock(SettableClock):
    """A clock set by hand whose time outlives its process: written before anybody can see it."""

    def __init__(self, *, file: Path, start: datetime) -> None:
        super().__init__(start=datetime.fromisoformat(file.read_text()) if file.exists() else start)
        self._file = file

    def advance_to(self, moment: datetime) -> datetime:
        """Go on to a moment, or stay if it has passed."""
        moment = max(moment, self.now())
        draft = self._file.with_suffix(".draft")
        draft.write_text(moment.isoformat())
        draft.rename(self._file)
        return super().advance_to(moment)


@dataclass(slots=True, kw_only=True)
class Stage:
    """A house that is open, with the world around it."""

    life: Life
    house: House
    clock: KeptClock
    bank: FakeBank
    world: FakeWorld
    reaper: Reaper
    answers: dict[str, Any] = field(default_factory=dict)

    def patiently(self, call: Callable[[], Returned]) -> Returned:
        """Do something that may be done again, once more each time the database went away in the middle."""
        for _ in range(TRIES_MAX):
            try:
                return call()
            except DatabaseUnavailable:
                continue
        raise AssertionError("the database does not come back")

    def command(self, key: str, call: Callable[[], Any]) -> Any:
        """Send a command with a key; it must answer what it answered in any earlier life."""
        answer = self.patiently(call)
        written = json.loads(json.dumps(asdict(answer), default=str))
        known = self.answers.setdefault(key, written)
        assert known == written, f"{key} was answered otherwise before"
        with (self.life.place / "answers.jsonl").open("a") as file:
            file.write(json.dumps([key, written]) + "\n")
        return answer

    def work(self, *, rounds: int, step: timedelta) -> None:
        """Let a worker do rounds, and time pass between them; sooner over when no order is open."""
        for _ in range(rounds):
            self.patiently(lambda: run_due_work(self.house))
            if not self.open_orders():
                return
            self.bank.faults.deliver_late()
            self.clock.advance(step)

    def work_to_the_end(self) -> None:
        """Let a worker do rounds until every order has ended and nothing is due."""
        for _ in range(ROUNDS_MAX):
            done = self.patiently(lambda: run_due_work(self.house))
            assert not done.aside, f"work fails: {done.aside}"
            idle = done.idle
            waiting = self.open_orders()
            if idle and not waiting:
                return
            self.bank.faults.deliver_late()
            self.clock.advance_to(min((one.next_at for one in waiting), default=self.clock.now()))
        raise AssertionError("an order does not end though all is well")

    def open_orders(self) -> list[Order]:
        """Return every order that has not ended."""

        def read() -> list[Order]:
            with self.house.database.transaction() as tx:
                return [one for cell in range(tx.cells) for one in order.open_orders(tx, cell=cell)]

        return self.patiently(read)

    def plan(self) -> dict[str, Any]:
        """Return what was prepared for the story."""
        found: dict[str, Any] = json.loads((self.life.place / "plan.json").read_text())
        return found


@contextmanager
def open_stage(life: Life, *, start: datetime) -> Iterator[Stage]:
    """Open the house of a life; its first one begins at `start`."""
    with open_server(data=life.root / "data") as server:
        reaper = Reaper(death=life.death, cluster=cluster_of(life.root), record=life.place / f"died-{life.number}")
        with MortalDatabase(url_of(server, life.database), ensure=server.ensure, reaper=reaper) as database:
            yield _stage(life, database, reaper, start)


def _stage(life: Life, database: MortalDatabase, reaper: Reaper, start: datetime) -> Stage:
    clock = KeptClock(file=life.place / "clock", start=start)
    chance = life.seed * 1_000 + life.number
    sms, identity, bureau = FakeSms(), FakeIdentity(), FakeBureau(clock=clock)
    bank = FakeBank(clock=clock, sms=sms, journal=life.place / "bank.jsonl")
    if life.faults:
        bank.faults = type(bank.faults)(seed=chance, rates=RATES_PPM)
    mortal_bank = MortalBank(bank, reaper=reaper)
    house = House(
        database=database,
        keyring=keys_of(life.root),
        clock=clock,
        identifiers=SeededIdentifiers(seed=chance, clock=clock),
        codes=SeededCodes(seed=chance),
        policies=CurrentPolicies(the_pack()),
        consent_texts=consent.load_texts(policy.policy_folder() / "consents"),
        bins=instrument.load_bins(policy.policy_folder() / "instruments" / "bins.toml"),
        payout=mortal_bank,
        collection=mortal_bank,
        hosted=mortal_bank,
        identity=identity,
        sms=MortalSms(sms, reaper=reaper),
        bureau=bureau,
        settings=Settings(close_chunk_loans=CHUNK_LOANS),
    )
    world = FakeWorld(house=house, clock=clock, bank=bank, sms=sms, identity=identity, bureau=bureau)
    stage = Stage(life=life, house=house, clock=clock, bank=bank, world=world, reaper=reaper)
    written = life.place / "answers.jsonl"
    if written.exists():
        # A line that a death cut short was never answered to anybody.
        whole = [line for line in written.read_text().splitlines(keepends=True) if line.endswith("\n")]
        stage.answers = dict(json.loads(line) for line in whole)
        written.write_text("".join(whole))
    return stage


@cache
def the_pack() -> Pack:
    """Return the policies, read once a process."""
    return policy.load_pack()


def keys_of(root: Path) -> keyring.Keyring:
    """Return the keys that all books below a root share."""
    folder = root / "keys"
    if folder.exists():
        return keyring.load(folder=folder, environment=os.environ)
    folder.mkdir(mode=0o700)
    return keyring.create(folder=folder)


def url_of(server: Server, database: str) -> str:
    """Return the address of another database of a server."""
    return server.url.replace(f"/{DATABASE}?", f"/{database}?")


def cluster_of(root: Path) -> Path:
    """Return the folder that the processes of the server work in."""
    elsewhere = json.loads((root / "data" / "mingqu.json").read_text())["home"]
    return (Path(elsewhere) if elsewhere else (root / "data").resolve() / "postgres") / "cluster"
