"""The stage of platform histories: one server, and a book in the middle of its life that every seed has a copy of.

The book was opened a month before: six people borrowed, most of them and somebody else have revolving accounts, and
their first bills fall due in the days that are played.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from mingqu.demo.journey import Known, be_assessed, introduce, take_loan, work_until_idle
from mingqu.demo.people import ZHOU, applicant
from mingqu.demo.story import fund_lenders
from mingqu.demo.world import Newcomer
from mingqu.domain.decision import Pack
from mingqu.domain.moment import start_of
from mingqu.domain.operator import Operator
from mingqu.services.access.keep_operator import add_operator
from mingqu.services.close.close_day import close_through
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.services.house import House
from mingqu.services.people.bind_wallet import bind_alipay_account
from mingqu.services.reconciliation.reconcile import DAYS_BACK_MAX, reconcile_day
from mingqu.simulation.notebook import Notebook
from mingqu.simulation.playhouse import PAYEE, Playhouse, open_playhouse
from mingqu.simulation.standing_accounts import STANDINGS, open_accounts, playing_days
from mingqu.store.books import book
from mingqu.store.decisions import policy
from mingqu.store.server import keyring, migration
from mingqu.store.server.passing_copy import passing_copy
from mingqu.store.server.postgres import Server, open_server

OPENED_ON: Final = date(2026, 8, 15)
BEGINS_ON: Final = date(2026, 9, 14)  # the day before the first bills
CELLS: Final = 2  # as many as it takes for people to be in different ones
MORNING: Final = timedelta(hours=10)
_BALANCE_FEN: Final = 2_000_000
_PREPARED_SEED: Final = 0x_9E37  # of ids and codes; histories use other ones
# When each borrowed (days after the opening), how much, in how many instalments, by which method, and what is on the
# card when the play begins: enough, too little for one bill, nothing.
_BORROWERS: Final = (
    (0, 300_000, 3, "equal_instalment", _BALANCE_FEN),
    (0, 500_000, 6, "equal_principal", 20_000),
    (1, 200_000, 3, "interest_only", _BALANCE_FEN),
    (2, 400_000, 12, "equal_instalment", 0),
    (3, 250_000, 3, "equal_principal", _BALANCE_FEN),
    (5, 600_000, 6, "equal_instalment", 60_000),
    (5, 0, 0, "", 30_000),  # who has no loan
)
_ASKED_FEN: Final = 100_000  # by whoever takes no loan
# Who borrowed from another lender on the same day: by their number how much, in how many equal instalments.
_SECOND: Final = {0: (200_000, 6), 1: (150_000, 3), 3: (100_000, 6)}
# What was signed the day before the play begins and is paid out in its first hours: by the number of the borrower, the
# hours from the beginning, and whether it goes to a payee or to an account at a wallet.
_UNDER_WAY: Final = {2: (1, True), 4: (3, False)}
_UNDER_WAY_FEN: Final = 120_000
_OPERATORS: Final = (("an", "operations"), ("bo", "operations"), ("ce", "risk"), ("di", "risk"))
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 (a folder of our own is made in it)
_MEMORY_BYTES_MIN: Final = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What all histories begin with."""

    root: Path
    server: Server
    keys: keyring.Keyring
    pack: Pack
    borrowers: Sequence[Known]
    notebooks: Sequence[Notebook]  # of each borrower
    operators: Sequence[Operator]
    settled_before: frozenset[UUID]  # orders that ended before the play
    in_memory: bool

    @property
    def begins_at(self) -> datetime:
        """When every history begins."""
        return start_of(BEGINS_ON) + MORNING

    @contextmanager
    def play(self, *, seed: int) -> Iterator[Playhouse]:
        """Give a house on a copy of the book for one seed; book and bank are gone afterwards."""
        journal = self.root / f"bank-{seed}.jsonl"
        shutil.copyfile(self.root / "bank.jsonl", journal)
        try:
            with (
                passing_copy(self.server.url, name=f"seed_{seed}", in_memory=self.in_memory) as url,
                open_playhouse(
                    url=url, journal=journal, keys=self.keys, pack=self.pack, seed=seed + 1, start=self.begins_at
                ) as playhouse,
            ):
                for known in self.borrowers:
                    playhouse.wallets.account_of(known.newcomer, own_name=True)
                yield playhouse
        finally:
            journal.unlink()


@contextmanager
def open_stage() -> Iterator[Stage]:
    """Start a server and prepare the book; both are gone afterwards."""
    place = _place()
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mingqu-simulate-", dir=place)))
        root.chmod(0o711)  # the unprivileged account that runs the server for root must pass
        server = stack.enter_context(open_server(data=root / "data", own=True))
        pack, keys = playing_days(policy.read_documents()), keyring.create(folder=root)
        borrowers, notebooks, operators = _prepare(server, root=root, keys=keys, pack=pack)
        yield Stage(
            root=root,
            server=server,
            keys=keys,
            pack=pack,
            borrowers=borrowers,
            notebooks=notebooks,
            operators=operators,
            settled_before=frozenset(),
            in_memory=place is not None,
        )


def newcomer(*, number: int, good: bool) -> Newcomer:
    """Return an invented person: with a record that is approved, or with one that is not."""
    features = dict(ZHOU.features) if good else {**ZHOU.features, "overdue_now": 1, "lenders_count": 6}
    return applicant(
        number=number, age_years=30, on=OPENED_ON, features=features, monthly_income_fen=ZHOU.monthly_income_fen
    )


def _prepare(
    server: Server, *, root: Path, keys: keyring.Keyring, pack: Pack
) -> tuple[Sequence[Known], Sequence[Notebook], Sequence[Operator]]:
    """Make the book, let people borrow, and close the days up to the one before the play."""
    start = start_of(OPENED_ON) + MORNING
    with open_playhouse(
        url=server.url, journal=root / "bank.jsonl", keys=keys, pack=pack, seed=_PREPARED_SEED, start=start
    ) as playhouse:
        house = playhouse.house
        migration.migrate(house.database)
        with house.database.transaction() as tx:
            book.create(tx, business_date=OPENED_ON, cells=CELLS)
            policy.publish(tx, pack=pack, at=start)
            tx.commit()
        fund_lenders(playhouse.world)
        operators = [add_operator(house, name=name, role=role).operator for name, role in _OPERATORS]
        prepared = [_borrow(playhouse, number=number) for number in range(len(_BORROWERS))]
        borrowers, notebooks = [known for known, _ in prepared], [notebook for _, notebook in prepared]
        _sign_before(playhouse, borrowers)
        _close(house, playhouse, to=BEGINS_ON - timedelta(days=1))
        for back in range(DAYS_BACK_MAX, 0, -1):  # so that no history begins with bills of days before it
            reconcile_day(house, on=BEGINS_ON - timedelta(days=back))
        for known, (*_, balance_fen) in zip(borrowers, _BORROWERS, strict=True):
            left_fen = playhouse.world.balance_fen(known.newcomer)
            playhouse.world.deposit(known.newcomer, balance_fen - left_fen)
    return borrowers, notebooks, operators


def _borrow(playhouse: Playhouse, *, number: int) -> tuple[Known, Notebook]:
    days, amount_fen, instalments, method, _ = _BORROWERS[number]
    playhouse.world.go_to(max(playhouse.clock.now(), start_of(OPENED_ON + timedelta(days=days)) + MORNING))
    _close(playhouse.house, playhouse, to=OPENED_ON + timedelta(days=days - 1))
    known = introduce(playhouse.world, newcomer(number=number, good=True), balance_fen=_BALANCE_FEN)
    assessed = be_assessed(playhouse.world, known, amount_fen=amount_fen or _ASKED_FEN)
    if amount_fen:
        take_loan(playhouse.world, known, amount_fen=amount_fen, instalments=instalments, method=method)
    if number in _SECOND:
        amount_fen, instalments = _SECOND[number]
        way = "equal_instalment"
        take_loan(playhouse.world, known, amount_fen=amount_fen, instalments=instalments, method=way, choice=1)
    work_until_idle(playhouse.world)
    notebook = open_accounts(playhouse, known, standing=STANDINGS[number]) if number in STANDINGS else Notebook()
    notebook.ceiling_fen = assessed.decision.limit_fen
    return known, notebook


def _sign_before(playhouse: Playhouse, borrowers: Sequence[Known]) -> None:
    """Let some sign on the day before the play begins for money that comes in its first hours."""
    world, wallets = playhouse.world, playhouse.wallets
    _close(playhouse.house, playhouse, to=BEGINS_ON - timedelta(days=2))
    world.go_to(start_of(BEGINS_ON) - timedelta(days=1) + MORNING)
    for number, (hours, to_payee) in _UNDER_WAY.items():
        known = borrowers[number]
        code = wallets.come_back(wallets.account_of(known.newcomer, own_name=True))
        wallet_id = bind_alipay_account(playhouse.house, person_id=known.person_id, code=code)
        take_loan(
            world,
            replace(known, instrument_id=wallet_id),
            amount_fen=_UNDER_WAY_FEN,
            instalments=3,
            method="equal_instalment",
            payout_at=start_of(BEGINS_ON) + MORNING + timedelta(hours=hours),
            payee=PAYEE if to_payee else None,
        )
    work_until_idle(world)


def _close(house: House, playhouse: Playhouse, *, to: date) -> None:
    playhouse.world.go_to_date(max(to + timedelta(days=1), house.clock.business_date()))
    close_through(house, to=to)
    publish_evidence(house)


def _place() -> Path | None:
    """Return a folder in memory if the machine has room for one: what is gone in the end needs no disk."""
    if not _MEMORY.is_dir() or not os.access(_MEMORY, os.W_OK):
        return None
    roomy = shutil.disk_usage(_MEMORY).free >= _MEMORY_BYTES_MIN
    runs = not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC  # an installed wheel is run where it was put
    return _MEMORY if roomy and runs else None
