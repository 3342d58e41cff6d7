"""A whole house on a book of its own, with everything around it in the hands of one seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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
from mingqu.domain.personal import Personal
from mingqu.services.house import (
    ALIPAY_ACCOUNT,
    BANK,
    COMBINED,
    ENTRUSTED,
    HOSTED,
    BillSource,
    CombinedPayments,
    House,
    NoticeSource,
    Settings,
)
from mingqu.services.orders.entrust_payment import Payee
from mingqu.simulation.dice import Dice
from mingqu.simulation.mixed_bills import MixedBills
from mingqu.simulation.mortal_database import Fate, MortalDatabase
from mingqu.simulation.signed_notices import SignedNotices
from mingqu.simulation.spend_desk import SpendDesk
from mingqu.simulation.tills import PART_LATE_PPM, CombinedTill, WalletTransfers
from mingqu.simulation.wallets import WalletDoor
from mingqu.store.decisions import policy
from mingqu.store.decisions.current_policies import CurrentPolicies
from mingqu.store.parties import consent
from mingqu.store.people import instrument
from mingqu.store.server import keyring
from mingqu.worlds.fake import FakeWorld

BATCH_FROM: Final = 2  # so small a book has no more orders due at once
ITS_OWN: Final = frozenset({BANK, HOSTED, ENTRUSTED, ALIPAY_ACCOUNT, COMBINED})  # channels of the orders the bank has
PAYEE: Final = Payee(
    account=Personal("6200009876543210"), name=Personal("明州汽车销售有限公司"), bank="MZBK", purpose="car"
)
_NOBODYS: Final = Personal("11010519491231002X")  # the bank asks for elements of every account; nobody compares these


@dataclass(frozen=True, slots=True, kw_only=True)
class Playhouse:
    """A house, its world, and the hands on both."""

    house: House
    world: FakeWorld
    clock: SettableClock
    bank: FakeBank
    rails: FakeRails
    sms: FakeSms
    till: CombinedTill
    wallets: WalletDoor
    bills: MixedBills
    fate: Fate
    faults: tuple[Faults, ...]  # of each counterparty
    desk: SpendDesk = field(default_factory=SpendDesk)  # where revolving accounts are used

    def misbehave(self, rates_ppm: Mapping[Fault, int]) -> None:
        """Let every counterparty meet these faults from now on."""
        for each in self.faults:
            each.misbehave(rates_ppm)
        self.till.late_ppm = PART_LATE_PPM if rates_ppm.get(Fault.LATE) else 0

    def heal(self) -> None:
        """Let everything be well from now on; what is held up on its way still arrives."""
        self.fate.spare()
        self.bills.mixing, self.till.late_ppm = False, 0
        for each in self.faults:
            each.heal()

    def deliver_late(self) -> int:
        """Let everything held up arrive; return how much that was."""
        return sum(each.deliver_late() for each in self.faults) + self.till.settle_late()

    def faults_met(self) -> Counter[str]:
        """Return how often each fault happened."""
        found: Counter[str] = Counter()
        for each in self.faults:
            found.update({fault.value: count for fault, count in each.met.items()})
        found.update(self.bills.met)
        return found

    def calls_met(self) -> Counter[str]:
        """Return how often each call met each fault, and how often a part of a page was settled late."""
        return sum((each.met_at for each in self.faults), self.till.met.copy())


@contextmanager
def open_playhouse(
    *, url: str, journal: Path, keys: keyring.Keyring, pack: Pack, seed: int, start: datetime
) -> Iterator[Playhouse]:
    """Wire a house on the book at `url`, whose bank remembers what is in its journal; everything well at first."""
    clock, fate = SettableClock(start=start), Fate()
    faults = tuple(Faults(seed=seed * 8 + place) for place in range(5))
    sms = FakeSms(faults=faults[0])
    identity, bureau = FakeIdentity(faults=faults[1]), FakeBureau(clock=clock, faults=faults[2])
    bank = FakeBank(clock=clock, sms=sms, faults=faults[3], journal=journal)
    bills, rails = MixedBills(bank=bank, seed=seed), FakeRails(bank=bank)
    till, wallets = CombinedTill(bank=bank, dice=Dice(seed=seed)), WalletDoor(bank=bank, faults=faults[4])
    notices = NoticeSource(reader=SignedNotices(clock=clock), channels=ITS_OWN)
    _open_payee(bank)
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
                entrusted=rails,
                payouts={ALIPAY_ACCOUNT: WalletTransfers(bank=bank)},
                combined=CombinedPayments(channel=till, receivers={one.code: one.code for one in pack.lenders}),
                alipay_page=wallets,
                batches={BANK: rails},
                settings=Settings(batch_from=BATCH_FROM),
                identity=identity,
                sms=sms,
                bureau=bureau,
                notices={BANK: notices},
                bills={BANK: BillSource(channel=bills, channels=ITS_OWN)},
            )
            world = FakeWorld(house=house, clock=clock, bank=bank, sms=sms, identity=identity, bureau=bureau)
            yield Playhouse(
                house=house,
                world=world,
                clock=clock,
                bank=bank,
                rails=rails,
                till=till,
                wallets=wallets,
                sms=sms,
                bills=bills,
                fate=fate,
                faults=faults,
            )
    finally:
        bank.close()


def _open_payee(bank: FakeBank) -> None:
    bank.open_card(card_number=PAYEE.account, holder_name=PAYEE.name, id_number=_NOBODYS, phone=_NOBODYS, balance_fen=0)


@cache
def _texts() -> Mapping[tuple[str, int], ConsentText]:
    return MappingProxyType(consent.load_texts(policy.policy_folder() / "consents"))


@cache
def _bins() -> tuple[Bin, ...]:
    return tuple(instrument.load_bins(policy.policy_folder() / "instruments" / "bins.toml"))
