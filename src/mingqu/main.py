"""The composition root: the only place that knows every part. It wires a house and hands it to the doors."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final, NoReturn
from uuid import UUID

from litestar import Litestar

from mingqu import cli
from mingqu.channels.fake.bank import FakeBank
from mingqu.channels.fake.bureau import FakeBureau
from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.fake.codes import SeededCodes
from mingqu.channels.fake.faults import Fault
from mingqu.channels.fake.identity import FakeIdentity
from mingqu.channels.fake.ids import SeededIdentifiers
from mingqu.channels.fake.sms import FakeSms
from mingqu.channels.system.clock import SystemClock
from mingqu.channels.system.codes import SystemCodes
from mingqu.channels.system.identifiers import SystemIdentifiers
from mingqu.console import make_router as make_console_router
from mingqu.demo.story import STARTS_ON
from mingqu.demo.world import Newcomer
from mingqu.domain.decision.pack import Pack
from mingqu.domain.moment import start_of
from mingqu.domain.personal import Personal
from mingqu.domain.word import Refused
from mingqu.ports.clock import Clock
from mingqu.ports.codes import Codes
from mingqu.ports.identifiers import Identifiers
from mingqu.services.house import House
from mingqu.store import book, consent, data_folder, instrument, keyring, migration, policy
from mingqu.store.database import BookMissing, Database
from mingqu.store.postgres import open_server
from mingqu.web.site import make_site

JOURNAL: Final = "bank.jsonl"  # what the fake bank did, beside the book it is compared with
_DEMO_OPENS: Final = timedelta(hours=10)  # of the first day, in the market


class FakeWorld:
    """Implements `demo.world.World` with the fake counterparties and a clock that is set by hand."""

    def __init__(self, *, house: House, clock: SettableClock, bank: FakeBank, sms: FakeSms,
                 identity: FakeIdentity, bureau: FakeBureau) -> None:  # fmt: skip
        self._house, self._clock, self._bank, self._sms = house, clock, bank, sms
        self._identity, self._bureau = identity, bureau

    @property
    def house(self) -> House:
        """The house itself."""
        return self._house

    def meet(self, newcomer: Newcomer, *, balance_fen: int) -> None:
        """Let bank, identity checker and bureau know a person."""
        self._bank.open_card(
            card_number=newcomer.card_number,
            holder_name=newcomer.name,
            id_number=newcomer.id_number,
            phone=newcomer.phone,
            balance_fen=balance_fen,
        )
        self._identity.know(
            name=newcomer.name,
            id_number=newcomer.id_number,
            card_number=newcomer.card_number,
            phone=newcomer.phone,
        )
        self._bureau.know(id_number=newcomer.id_number, features=newcomer.features)

    def read_code(self, phone: Personal[str]) -> Personal[str]:
        """Return the code in the newest message to a phone."""
        code = self._sms.latest_code(phone=phone)
        assert code is not None, "no code was sent to this phone"
        return code

    def deposit(self, newcomer: Newcomer, amount_fen: int) -> None:
        """Put money on a person's card."""
        self._bank.deposit(card_number=newcomer.card_number, amount_fen=amount_fen)

    def balance_fen(self, newcomer: Newcomer) -> int:
        """Return what is on a person's card."""
        return self._bank.balance_fen(card_number=newcomer.card_number)

    def pay_page(self, newcomer: Newcomer, order_id: UUID) -> None:
        """Let the person pay on the bank's page."""
        paid = self._bank.pay_by_hand(order_number=order_id.hex, card_number=newcomer.card_number)
        assert not isinstance(paid, Refused), "the story pays from a card with money on it"

    def silence_next_payout(self) -> None:
        """Let the bank do the next payout and lose its answer."""
        self._bank.faults.plan("payout.send", Fault.LOSE_REPLY)

    def go_to(self, moment: datetime) -> None:
        """Let time pass until a moment."""
        self._clock.advance_to(moment)

    def go_to_date(self, day: date) -> None:
        """Let time pass until a business date begins."""
        self._clock.advance_to(max(start_of(day), self._clock.now()))

    def paid_out_by_bank(self) -> Mapping[str, int]:
        """Return what the bank itself moved, by order number."""
        return self._bank.moved()


class Wiring:
    """Implements `cli.Wiring`: opens books, with a clock of its own kind for each use."""

    def pack(self) -> Pack:
        """Return the policies."""
        return policy.load_pack()

    @contextlib.contextmanager
    def demo_world(self, *, data: Path | None, seed: int, fresh: bool = False) -> Iterator[FakeWorld]:
        """Open a book with fake counterparties and a fixed clock; without `data`, in a folder that goes away.

        With `fresh`, a book in which something happened already is refused: BookExists.
        """
        with contextlib.ExitStack() as stack:
            folder = data or Path(stack.enter_context(_passing_folder()))
            clock = SettableClock(start=start_of(STARTS_ON) + _DEMO_OPENS)
            codes = SeededCodes(seed=seed)
            ids = SeededIdentifiers(seed=seed, clock=clock)
            database, keys = stack.enter_context(_open_book(folder, business_date=STARTS_ON))
            if fresh:
                _require_fresh(database)
            yield _fake_world(database, keys, folder, clock, codes, ids)

    @contextlib.contextmanager
    def live_house(self, *, data: Path, makes_book: bool) -> Iterator[House]:
        """Open the book of a folder with the machine's clock; counterparties are the fakes until channels are set.

        Errors: BookMissing when there is none and it is not to be made.
        """
        clock = SystemClock()
        if not makes_book:
            _require_something(data)
        with _open_book(data, business_date=clock.business_date(), makes_book=makes_book) as (database, keys):
            yield _fake_house(database, keys, data, clock, SystemCodes(), SystemIdentifiers(clock=clock))[0]

    def site(self, house: House, *, is_working: Callable[[], bool]) -> Litestar:
        """Return the site of a house, with every door that people and programs come in by."""
        # Served on this machine's loopback alone; whoever puts TLS in front sets the cookies secure there.
        routers = [make_console_router(house, secure_cookies=False)]
        return make_site(house, routers=routers, is_working=is_working)

    @contextlib.contextmanager
    def reading(self, *, data: Path) -> Iterator[tuple[Database, keyring.Keyring]]:
        """Open a book that is there, to read it. Errors: BookMissing, BookOlder."""
        _require_something(data)
        with open_server(data=data) as server, Database(server.url, ensure=server.ensure) as database:
            migration.require_current(database)
            yield database, keyring.load(folder=data, environment=os.environ)

    def migrate(self, *, data: Path) -> list[str]:
        """Bring a folder's book up to this version, making it if there is none; return the files applied."""
        with open_server(data=data) as server, Database(server.url, ensure=server.ensure) as database:
            applied = migration.migrate(database)
            _ensure_book(database, data, business_date=SystemClock().business_date())
            return applied


def _require_something(folder: Path) -> None:
    """Refuse to read where nothing is, before a server is made for it."""
    if data_folder.is_empty(folder) and "MINGQU_DATABASE_URL" not in os.environ:
        raise BookMissing("There is no book in this folder: `mingqu migrate --data DIR` makes one.")


def _require_fresh(database: Database) -> None:
    with database.transaction() as tx:
        made = book.load(tx)
        if made is None or made.opened_on != STARTS_ON or not book.untouched(tx):
            raise book.BookExists("This folder holds another book already: give a new one with --data.")


@contextlib.contextmanager
def _passing_folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="mingqu-demo-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # the account that runs the server for root must pass
        yield folder


@contextlib.contextmanager
def _open_book(
    folder: Path, *, business_date: date, makes_book: bool = True
) -> Iterator[tuple[Database, keyring.Keyring]]:
    with open_server(data=folder) as server, Database(server.url, ensure=server.ensure) as database:
        if not makes_book:
            migration.require_current(database)
        migration.migrate(database)
        yield database, _ensure_book(database, folder, business_date=business_date)


def _ensure_book(database: Database, folder: Path, *, business_date: date) -> keyring.Keyring:
    """Make the book and its keys if there are none; a book without its keys is refused by `keyring.load`."""
    pack = policy.load_pack()
    with database.transaction() as tx:
        if book.load(tx) is not None:
            keys = keyring.load(folder=folder, environment=os.environ)
        else:
            given = "MINGQU_KEYS" in os.environ or (folder / "keys.json").exists()
            keys = keyring.load(folder=folder, environment=os.environ) if given else keyring.create(folder=folder)
            book.create(tx, business_date=business_date)
        policy.publish(tx, pack=pack, at=start_of(business_date))
        tx.commit()
    return keys


def _fake_house(
    database: Database, keys: keyring.Keyring, folder: Path, clock: Clock, codes: Codes, ids: Identifiers
) -> tuple[House, FakeBank, FakeSms, FakeIdentity, FakeBureau]:
    sms, identity, bureau = FakeSms(), FakeIdentity(), FakeBureau(clock=clock)
    bank = FakeBank(clock=clock, sms=sms, journal=folder / JOURNAL)
    policies = policy.policy_folder()
    house = House(
        database=database,
        keyring=keys,
        clock=clock,
        identifiers=ids,
        codes=codes,
        pack=policy.load_pack(folder=policies),
        consent_texts=consent.load_texts(policies / "consents"),
        bins=instrument.load_bins(policies / "instruments" / "bins.toml"),
        payout=bank,
        collection=bank,
        hosted=bank,
        identity=identity,
        sms=sms,
        bureau=bureau,
    )
    return house, bank, sms, identity, bureau


def _fake_world(
    database: Database,
    keys: keyring.Keyring,
    folder: Path,
    clock: SettableClock,
    codes: Codes,
    ids: Identifiers,
) -> FakeWorld:
    house, bank, sms, identity, bureau = _fake_house(database, keys, folder, clock, codes, ids)
    return FakeWorld(house=house, clock=clock, bank=bank, sms=sms, identity=identity, bureau=bureau)


def run() -> None:
    """The command `mingqu`. A request to end comes like Ctrl-C, so that the embedded server is not left behind."""
    signal.signal(signal.SIGTERM, _end)
    sys.exit(cli.run(Wiring()))


def _end(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    run()
