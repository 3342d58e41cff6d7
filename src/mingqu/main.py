"""The composition root: the only place that knows every part. It wires a house and hands it to the doors.

What only some commands need (doors, channels, the sandbox) is imported where it is wired: closing a day loads no page.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from mingqu import __version__, cli
from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.system.clock import SystemClock
from mingqu.channels.system.codes import SystemCodes
from mingqu.channels.system.identifiers import SystemIdentifiers
from mingqu.cli.wiring import Copied, People, PeopleFileMalformed
from mingqu.domain.decision.pack import Pack
from mingqu.domain.moment import start_of
from mingqu.services.evidence.verify_loans import Progress
from mingqu.services.house import House
from mingqu.store.books import backup, book, restore
from mingqu.store.books.backup import Manifest
from mingqu.store.decisions import policy
from mingqu.store.server import data_folder, keyring, migration
from mingqu.store.server.database import BookMissing, Database
from mingqu.store.server.postgres import open_server
from mingqu.worlds import story

if TYPE_CHECKING:
    from litestar import Litestar

    from mingqu.sandbox.people import Person
    from mingqu.store.books.recut import Recut
    from mingqu.worlds.fake import FakeWorld
    from mingqu.worlds.online import SandboxWorld, Served

SANDBOX_FOLDER: Final = "sandbox"  # in the data folder: books and keys of the counterparties
JOURNAL: Final = "bank.jsonl"  # what the fake bank did, beside the book it is compared with
_DEMO_OPENS: Final = timedelta(hours=10)  # of the first day, in the market


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
        from mingqu.channels.fake.codes import SeededCodes
        from mingqu.channels.fake.ids import SeededIdentifiers
        from mingqu.demo.story import STARTS_ON
        from mingqu.worlds.fake import FakeWorld
        from mingqu.worlds.house import fake_house

        with contextlib.ExitStack() as stack:
            folder = data or Path(stack.enter_context(_passing_folder()))
            clock = SettableClock(start=start_of(STARTS_ON) + _DEMO_OPENS)
            codes = SeededCodes(seed=seed)
            ids = SeededIdentifiers(seed=seed, clock=clock)
            database, keys = stack.enter_context(_open_book(folder, business_date=STARTS_ON))
            if fresh:
                _require_fresh(database)
            house, bank, sms, identity, bureau = fake_house(database, keys, folder, clock, codes, ids)
            yield FakeWorld(house=house, clock=clock, bank=bank, sms=sms, identity=identity, bureau=bureau)

    @contextlib.contextmanager
    def online_world(self, *, data: Path | None, seed: int) -> Iterator[SandboxWorld]:
        """Open a fresh book whose site is served, with the sandbox behind it and a clock set by hand: BookExists."""
        from mingqu.channels.fake.ids import SeededIdentifiers
        from mingqu.counterparties.credentials import Chosen, check_credentials
        from mingqu.demo.story import STARTS_ON
        from mingqu.sandbox import Sandbox
        from mingqu.web.server import address_of, listen, serving
        from mingqu.worlds.house import wired_house
        from mingqu.worlds.online import SandboxWorld

        with contextlib.ExitStack() as stack:
            folder = data or Path(stack.enter_context(_passing_folder()))
            clock = SettableClock(start=start_of(STARTS_ON) + _DEMO_OPENS)
            ids = SeededIdentifiers(seed=seed, clock=clock)
            database, keys = stack.enter_context(_open_book(folder, business_date=STARTS_ON))
            _require_fresh(database)
            door = stack.enter_context(listen(port=0))
            address = address_of(door)
            # Notices are told when the story says so, so that it is the same in every run.
            sandbox = stack.enter_context(
                Sandbox(folder=folder / SANDBOX_FOLDER, clock=clock.now, tells=False, house=address)
            )
            house = stack.enter_context(
                wired_house(
                    database,
                    keys,
                    chosen=Chosen(credentials=check_credentials(value=sandbox.credentials), public_url=address),
                    clock=clock,
                    codes=SystemCodes(),  # secrets of sessions are among them, and the book may be kept
                    ids=ids,
                    tells_here=True,
                )
            )
            stack.enter_context(serving(self.site(house, public_url=address, is_working=lambda: True), door=door))
            yield SandboxWorld(house=house, clock=clock, sandbox=sandbox, address=address)

    def is_new(self, *, data: Path) -> bool:
        """Return whether a folder holds nothing yet, so that a story can be told into it."""
        return data_folder.is_empty(data)

    def remember_clock(self, *, data: Path, now: datetime) -> None:
        """Let the book of a folder go on from a moment of its story."""
        story.remember(data, now=now)

    @contextlib.contextmanager
    def live_house(self, *, data: Path, makes_book: bool) -> Iterator[House]:
        """Open the book of a folder for a command that speaks to nobody, with the book's own clock.

        Errors: BookMissing when there is none and it is not to be made.
        """
        from mingqu.worlds.house import fake_house

        clock = story.clock_of(data)
        if not makes_book:
            _require_something(data)
        with _open_book(data, business_date=clock.business_date(), makes_book=makes_book) as (database, keys):
            yield fake_house(database, keys, data, clock, SystemCodes(), SystemIdentifiers(clock=clock))[0]

    @contextlib.contextmanager
    def asking_house(self, *, data: Path) -> Iterator[House]:
        """Open the book of a folder for a command that asks its counterparties, with the book's own clock.

        They are those that MINGQU_CHANNELS names, the sandbox that lies beside the book, or the bank in memory whose
        journal does; a book with none of them has nobody to ask. Errors: BookMissing, and those of `choose`.
        """
        from mingqu.counterparties.credentials import Chosen, check_credentials, choose
        from mingqu.sandbox import Sandbox
        from mingqu.worlds.house import fake_house, wired_house

        _require_something(data)
        clock, chosen = story.clock_of(data), choose(environment=os.environ)
        with contextlib.ExitStack() as stack:
            database, keys = stack.enter_context(
                _open_book(data, business_date=clock.business_date(), makes_book=False)
            )
            ids = SystemIdentifiers(clock=clock)
            if chosen is None and (data / SANDBOX_FOLDER).is_dir():
                sandbox = stack.enter_context(Sandbox(folder=data / SANDBOX_FOLDER, clock=clock.now, tells=False))
                given = check_credentials(value=sandbox.credentials)
                chosen = Chosen(credentials=given, public_url="http://127.0.0.1")
            if chosen is not None:
                yield stack.enter_context(
                    wired_house(database, keys, chosen=chosen, clock=clock, codes=SystemCodes(), ids=ids)
                )
                return
            has_bank = (data / JOURNAL).exists()
            house = fake_house(database, keys, data, clock, SystemCodes(), ids)[0]
            yield house if has_bank else replace(house, bills={})

    @contextlib.contextmanager
    def served_house(self, *, data: Path, address: str) -> Iterator[Served]:
        """Open the book of a folder, made if there is none, with channels behind it.

        The channels are those that MINGQU_CHANNELS names; without it the sandbox is played beside the book.
        Errors: those of `counterparties.credentials.choose`.
        """
        from mingqu.counterparties.channels import NOTICES_PATH
        from mingqu.counterparties.credentials import Chosen, check_credentials, choose
        from mingqu.sandbox import Sandbox
        from mingqu.worlds.house import wired_house
        from mingqu.worlds.online import Served

        clock, codes, chosen = story.clock_of(data), SystemCodes(), choose(environment=os.environ)
        with contextlib.ExitStack() as stack:
            database, keys = stack.enter_context(_open_book(data, business_date=clock.business_date()))
            sandbox = None
            if chosen is None:
                notify = {"bank": f"{address}{NOTICES_PATH}/bank"}
                sandbox = stack.enter_context(
                    Sandbox(folder=data / SANDBOX_FOLDER, clock=clock.now, notify=notify, house=address)
                )
                given = check_credentials(value=sandbox.credentials)
                chosen = Chosen(credentials=given, public_url=address)
            ids = SystemIdentifiers(clock=clock)
            house = stack.enter_context(
                wired_house(
                    database,
                    keys,
                    chosen=chosen,
                    clock=clock,
                    codes=codes,
                    ids=ids,
                    tells_here=sandbox is not None,
                )
            )
            yield Served(house=house, public_url=chosen.public_url, sandbox=sandbox)

    @contextlib.contextmanager
    def sandbox(
        self, *, data: Path, only: Sequence[str], people: People, lenders: Sequence[str]
    ) -> Iterator[Mapping[str, str]]:
        """Play the counterparties of a folder; the address of each. Errors: PeopleFileMalformed, and nobody plays.

        The credentials let the house's `lenders`, by code, decide by themselves, as the sandbox's lender does.
        """
        from mingqu.sandbox import Sandbox

        met = _people(people)
        with Sandbox(folder=data / SANDBOX_FOLDER, only=only, lenders=lenders) as playing:
            for person in met:
                playing.control.meet(**asdict(person))
            yield {party: playing.addresses[party] for party in only}

    def site(self, house: House, *, public_url: str, is_working: Callable[[], bool]) -> Litestar:
        """Return the site of a house, with every door that people and programs come in by."""
        from mingqu import api, borrower, console
        from mingqu.web.pace import Pace
        from mingqu.web.site import make_site
        from mingqu.worlds.house import AlipayDoor, WechatDoor

        secure = public_url.startswith("https://")
        wechat = None if house.wechat_page is None else WechatDoor(house=house, public_url=public_url)
        alipay = None if house.alipay_page is None else AlipayDoor(page=house.alipay_page, public_url=public_url)
        pace = Pace()  # one for both doors: who asks for a code at one has asked for it
        routers = [
            api.make_router(house, pace=pace),
            api.make_notices_router(house),
            borrower.make_router(house, secure_cookies=secure, wechat=wechat, alipay=alipay, pace=pace),
            console.make_router(house, secure_cookies=secure),
        ]
        return make_site(house, routers=routers, is_working=is_working, openapi=api.openapi())

    def today(self) -> date:
        """Return the business date of the machine's clock."""
        return SystemClock().business_date()

    @contextlib.contextmanager
    def reading(self, *, data: Path) -> Iterator[tuple[Database, keyring.Keyring]]:
        """Open a book that is there, to read it. Errors: BookMissing, BookOlder."""
        _require_something(data)
        with open_server(data=data) as server, Database(server.url, ensure=server.ensure) as database:
            migration.require_current(database)
            yield database, keyring.load(folder=data, environment=os.environ)

    def backup(self, *, data: Path, to: Path) -> Manifest:
        """Copy the book of a folder into another while it runs. Errors: those of `reading` and of `backup.take`."""
        own = "MINGQU_DATABASE_URL" not in os.environ
        with self.reading(data=data) as (database, keys):
            at = SystemClock().now()
            return backup.take(database=database, keyring=keys, data=data, to=to, own=own, program=__version__, at=at)

    def restore(self, *, source: Path, data: Path, keys: Path | None) -> Manifest:
        """Make the book of a backup anew in a folder. Errors: those of `restore.restore`."""
        return restore.restore(source=source, data=data, keys=keys, environment=os.environ, own=False)

    @contextlib.contextmanager
    def copied(self, *, data: Path, source: Path | None, keys: Path | None) -> Iterator[Copied]:
        """Give a book beside a copy of it, which was restored from a backup and runs in a folder that goes away.

        The backup is `source`, or is taken now. Keys are those of `keys`, or the book's own. The copy runs on a server
        of its own, also where MINGQU_DATABASE_URL names another.
        """
        with self.reading(data=data) as (database, ring), _passing_folder() as passing:
            started, folder = time.monotonic(), Path(passing)
            backed_up = source or folder / "backup"
            if source is None:
                self.backup(data=data, to=backed_up)
            taken = time.monotonic()
            if keys is None:
                keyring.write(ring, folder=folder)
            copy = folder / "book"
            manifest = restore.restore(
                source=backed_up, data=copy, keys=keys or folder / keyring.FILE_NAME, environment=os.environ, own=True
            )
            restored = time.monotonic()
            with open_server(data=copy, own=True) as server, Database(server.url, ensure=server.ensure) as second:
                migration.require_current(second)
                yield Copied(
                    manifest=manifest,
                    book=database,
                    copy=second,
                    keys=keyring.load(folder=copy, environment={}),
                    backup_seconds=taken - started,
                    restore_seconds=restored - taken,
                )

    def recut(self, *, data: Path, cells: int, progress: Progress) -> Recut:
        """Cut the book of a folder into another number of cells. Errors: those of `reading` and of `recut_book`."""
        from mingqu.services.books.recut_book import recut_book

        clock = SystemClock()
        recut_id = SystemIdentifiers(clock=clock).fresh(0)
        with self.reading(data=data) as (database, keys):
            return recut_book(
                database=database, keyring=keys, cells=cells, recut_id=recut_id, at=clock.now(), progress=progress
            )

    def migrate(self, *, data: Path) -> list[str]:
        """Bring a folder's book up to this version, making it if there is none; return the files applied."""
        with open_server(data=data) as server, Database(server.url, ensure=server.ensure) as database:
            applied = migration.migrate(database)
            _ensure_book(database, data, business_date=SystemClock().business_date())
            return applied


def _people(wanted: People) -> list[Person]:
    """Return who is to exist in a sandbox. Errors: PeopleFileMalformed."""
    from mingqu.sandbox.people import PeopleMalformed, made_people, read_people

    try:
        found = read_people(wanted.file) if wanted.file is not None else []
    except (OSError, PeopleMalformed) as fault:
        said = fault.strerror if isinstance(fault, OSError) else str(fault)
        raise PeopleFileMalformed(f"The people of the sandbox cannot be read: {said}.") from None
    today = SystemClock().business_date()
    return [*found, *made_people(seed=wanted.seed, number=wanted.made, on=today)]


def _require_something(folder: Path) -> None:
    """Refuse to read where nothing is, before a server is made for it."""
    if data_folder.is_empty(folder) and "MINGQU_DATABASE_URL" not in os.environ:
        raise BookMissing("There is no book in this folder: `mingqu migrate --data DIR` makes one.")


def _require_fresh(database: Database) -> None:
    from mingqu.demo.story import STARTS_ON

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


@contextlib.contextmanager
def house_at(address: str) -> Iterator[House]:
    """Open the house of a data folder, for a task that a cluster runs here (`jobs.dask_close`). Errors: BookMissing.

    The folder holds the keys, or MINGQU_KEYS does; the book is in it, or where MINGQU_DATABASE_URL says.
    """
    with Wiring().live_house(data=Path(address), makes_book=False) as house:
        yield house


def run() -> None:
    """The command `mingqu`. A request to end comes like Ctrl-C, so that the embedded server is not left behind."""
    signal.signal(signal.SIGTERM, _end)
    sys.exit(cli.run(Wiring()))


def _end(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    run()
