"""A whole house on a book of its own, with everything around it in the hands of one seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mingqu.channels.fake.bank import FakeBank
from mingqu.channels.fake.bureau import FakeBureau
from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.fake.codes import SeededCodes
from mingqu.channels.fake.faults import Fault, Faults
from mingqu.channels.fake.identity import FakeIdentity
from mingqu.channels.fake.ids import SeededIdentifiers
from mingqu.channels.fake.rails import FakeRails
from mingqu.channels.fake.sms import FakeSms
from mingqu.domain.consent import ConsentText
from mingqu.domain.decision import Pack
from mingqu.domain.instrument import Bin
from mingqu.services.house import BANK, HOSTED, BillSource, House, NoticeSource, Settings
from mingqu.simulation.mixed_bills import MixedBills
from mingqu.simulation.mortal_database import Fate, MortalDatabase
from mingqu.simulation.signed_notices import SignedNotices
from mingqu.store import consent, instrument, keyring, policy
from mingqu.store.current_policies import CurrentPolicies
from mingqu.worlds.fake import FakeWorld

BATCH_FROM: Final = 2  # so small a book has no more orders due at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Playhouse:
    """A house, its world, and the hands on both."""

    house: House
    world: FakeWorld
    clock: SettableClock
    bank: FakeBank
    rails: FakeRails
    sms: FakeSms
    bills: MixedBills
    fate: Fate
    faults: tuple[Faults, ...]  # of each counterparty

    def misbehave(self, rates_ppm: Mapping[Fault, int]) -> None:
        """Let every counterparty meet these faults from now on."""
        for each in self.faults:
            each.misbehave(rates_ppm)

    def heal(self) -> None:
        """Let everything be well from now on; what is held up on its way still arrives."""
        self.fate.spare()
        self.bills.mixing = False
        for each in self.faults:
            each.heal()

    def deliver_late(self) -> int:
        """Let everything held up arrive; return how much that was."""
        return sum(each.deliver_late() for each in self.faults)

    def faults_met(self) -> Counter[str]:
        """Return how often each fault happened."""
        found: Counter[str] = Counter()
        for each in self.faults:
            found.update({fault.value: count for fault, count in each.met.items()})
        found.update(self.bills.met)
        return found


@contextmanager
def open_playhouse(
    *, url: str, journal: Path, keys: keyring.Keyring, pack: Pack, seed: int, start: datetime
) -> Iterator[Playhouse]:
    """Wire a house on the book at `url`, whose bank remembers what is in its journal; everything well at first."""
    clock, fate = SettableClock(start=start), Fate()
    faults = tuple(Faults(seed=seed * 8 + place) for place in range(4))
    sms = FakeSms(faults=faults[0])
    identity, bureau = FakeIdentity(faults=faults[1]), FakeBureau(clock=clock, faults=faults[2])
    bank = FakeBank(clock=clock, sms=sms, faults=faults[3], journal=journal)
    bills, rails = MixedBills(bank=bank, seed=seed), FakeRails(bank=bank)
    notices = NoticeSource(reader=SignedNotices(clock=clock), channels=frozenset({BANK, HOSTED}))
    try:
        with MortalDatabase(url, fate=fate) as database:
            house = House(
                database=database,
                keyring=keys,
                clock=clock,
                identifiers=SeededIdentifiers(seed=seed, clock=clock),
                codes=SeededCodes(seed=seed),
                policies=CurrentPolicies(pack),
                consent_texts=_texts(),
                bins=_bins(),
                payout=bank,
                collection=bank,
                hosted=bank,
                batches={BANK: rails},
                settings=Settings(batch_from=BATCH_FROM),
                identity=identity,
                sms=sms,
                bureau=bureau,
                notices={BANK: notices},
                bills={BANK: BillSource(channel=bills, channels=frozenset({BANK, HOSTED}))},
            )
            world = FakeWorld(house=house, clock=clock, bank=bank, sms=sms, identity=identity, bureau=bureau)
            yield Playhouse(
                house=house,
                world=world,
                clock=clock,
                bank=bank,
                rails=rails,
                sms=sms,
                bills=bills,
                fate=fate,
                faults=faults,
            )
    finally:
        bank.close()


@cache
def _texts() -> Mapping[tuple[str, int], ConsentText]:
    return MappingProxyType(consent.load_texts(policy.policy_folder() / "consents"))


@cache
def _bins() -> tuple[Bin, ...]:
    return tuple(instrument.load_bins(policy.policy_folder() / "instruments" / "bins.toml"))
