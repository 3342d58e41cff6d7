"""A house with fake counterparties that tests can see and spoil: the demonstration's world with its doors open."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final
from uuid import UUID

from mingqu.channels.fake.bank import FakeBank
from mingqu.channels.fake.bureau import FakeBureau
from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.fake.codes import SeededCodes
from mingqu.channels.fake.data_provider import FakeDataProvider
from mingqu.channels.fake.identity import FakeIdentity
from mingqu.channels.fake.ids import SeededIdentifiers
from mingqu.channels.fake.rails import FakeRails
from mingqu.channels.fake.sms import FakeSms
from mingqu.channels.gateway.merchant import SignedMerchantRequests
from mingqu.domain.checkout import Merchant
from mingqu.domain.consent import ConsentText
from mingqu.domain.decision import Pack
from mingqu.domain.instrument import Bin
from mingqu.domain.moment import start_of
from mingqu.ports.clock import Clock
from mingqu.services.house import House
from mingqu.services.loans.read_loan import first_slots
from mingqu.store.decisions import policy
from mingqu.store.decisions.current_policies import CurrentPolicies
from mingqu.store.merchants import merchant_folder
from mingqu.store.parties import consent
from mingqu.store.people import instrument
from mingqu.store.server import keyring
from mingqu.store.server.database import Database
from mingqu.worlds.fake import FakeWorld

SEED: Final = 20_260_815
MORNING: Final = timedelta(hours=10)  # of the first day, in the market


class OpenWorld(FakeWorld):
    """The demonstration's world, with its clock and counterparties in reach of a test."""

    def __init__(
        self,
        *,
        house: House,
        clock: SettableClock,
        bank: FakeBank,
        sms: FakeSms,
        identity: FakeIdentity,
        bureau: FakeBureau,
    ) -> None:
        super().__init__(house=house, clock=clock, bank=bank, sms=sms, identity=identity, bureau=bureau)
        self.clock, self.bank, self.sms, self.identity, self.bureau = clock, bank, sms, identity, bureau


class SharedIdentifiers:
    """Seeded ids for several threads: no two get the same, though which gets which is not said."""

    def __init__(self, *, seed: int, clock: Clock) -> None:
        self._own = SeededIdentifiers(seed=seed, clock=clock)
        self._lock = threading.Lock()

    def fresh(self, slot: int) -> UUID:
        """Return the next id for the person in `slot`."""
        with self._lock:
            return self._own.fresh(slot)

    def slot(self) -> int:
        """Return the next new person's slot."""
        with self._lock:
            return self._own.slot()


@cache
def the_pack() -> Pack:
    """Return the published policies, which are frozen: read once."""
    return policy.load_pack()


@cache
def _texts() -> Mapping[tuple[str, int], ConsentText]:
    return MappingProxyType(consent.load_texts(policy.policy_folder() / "consents"))


@cache
def _bins() -> Sequence[Bin]:
    return tuple(instrument.load_bins(policy.policy_folder() / "instruments" / "bins.toml"))


@cache
def _merchants() -> Mapping[str, Merchant]:
    return MappingProxyType(dict(merchant_folder.load_merchants(policy.policy_folder())))


def pass_over_funding(world: OpenWorld) -> None:
    """Draw the ids that funding the lenders drew, on a copy of a book in which it happened: they come only once."""
    for _ in world.house.pack.lenders:
        for slot in first_slots(world.house):
            world.house.identifiers.fresh(slot)


@contextmanager
def open_world(*, database: Database, folder: Path, opened_on: date, seed: int = SEED) -> Iterator[OpenWorld]:
    """Wire a house on an empty migrated book: published policies, fresh keys, seeded ids and codes, a clock by hand."""
    clock = SettableClock(start=start_of(opened_on) + MORNING)
    pack = the_pack()
    with database.transaction() as tx:
        policy.publish(tx, pack=pack, at=start_of(opened_on))
        tx.commit()
    sms, identity, bureau = FakeSms(), FakeIdentity(), FakeBureau(clock=clock)
    bank = FakeBank(clock=clock, sms=sms, journal=folder / "bank.jsonl")
    house = House(
        database=database,
        keyring=keyring.create(folder=folder),
        clock=clock,
        identifiers=SharedIdentifiers(seed=seed, clock=clock),
        codes=SeededCodes(seed=seed),
        policies=CurrentPolicies(pack),
        consent_texts=_texts(),
        bins=_bins(),
        payout=bank,
        collection=bank,
        hosted=bank,
        identity=identity,
        sms=sms,
        bureau=bureau,
        entrusted=FakeRails(bank=bank),
        data_provider=FakeDataProvider(clock=clock),
        merchants=_merchants(),
        merchant_requests=SignedMerchantRequests(clock=clock),
    )
    try:
        yield OpenWorld(house=house, clock=clock, bank=bank, sms=sms, identity=identity, bureau=bureau)
    finally:
        bank.close()
