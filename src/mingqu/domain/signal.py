"""Signals: small facts about who turned up with what, and the features that a decision reads from them.

A signal says that something of a kind (an application, a sign-in, …) happened at a moment with a key: a device, a
phone, a card, an ID number, a network address, or the person's own id. A key is known by its keyed hash alone. A
feature is declared by its name in the file of fields, and its name says what is counted:

    applications_device_1d   applications with my device within a day, this one among them
    people_card_30d          different people seen with my cards within thirty days, I among them
    lenders_id_number_30d    different lenders that lent on my ID number within thirty days
    ring_people_30d          people who share a device, phone, card or ID number with me, or with one of those
    own_lenders_count        lenders to whom I owe here; own_exposure_fen: the principal of it

Where a person has several keys of a kind, a count is that of the largest. Every count stops at COUNT_MAX, for reading
costs the same for an address that a hundred thousand people share.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Final, TypeAlias
from uuid import UUID

# A count that has come to this says "too many", whatever it is of; no rule asks how many more.
COUNT_MAX: Final = 1_000
# A ring of fifty is worked by people; whether it is fifty or five thousand changes no decision.
RING_MAX: Final = 50
# A person with more keys than this within thirty days is seen by the newest ones.
KEYS_OF_PERSON_MAX: Final = 10
# What rules look back on is thirty days; whoever looks into a fraud needs a year, and a month to notice it.
KEPT_FOR: Final = timedelta(days=400)
# An address is a home's, but in IPv6 each home has a whole network of them.
IPV6_NETWORK_BITS: Final = 64
DEVICE_LENGTH_MAX: Final = 128

Value: TypeAlias = "int | bool | None"


class SignalKind(IntEnum):
    """What happened. Numbers are stored: never changed, never used again."""

    APPLICATION = 1
    SIGN_IN = 2
    CODE_SENT = 3  # to a phone; whose it is need not be known
    CARD_BOUND = 4  # four elements were found to belong together
    CONTRACT = 5  # signed: with a lender and an amount


class KeyKind(IntEnum):
    """By what somebody is seen again. Numbers are stored: never changed, never used again."""

    DEVICE = 1
    PHONE = 2
    CARD = 3
    ID_NUMBER = 4
    ADDRESS = 5  # of the network; IPv6 by its network of 64 bits
    PERSON = 6


# Whoever has one of these in common knows each other or is one; an address is shared by strangers.
RING_KEYS: Final = (KeyKind.DEVICE, KeyKind.PHONE, KeyKind.CARD, KeyKind.ID_NUMBER)
WINDOWS: Final[Mapping[str, timedelta]] = MappingProxyType(
    {"1h": timedelta(hours=1), "1d": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
)
LONGEST: Final = max(WINDOWS.values())


class Measure(Enum):
    """What a feature counts; the first five count signals of one kind."""

    APPLICATIONS = "applications"
    SIGN_INS = "sign_ins"
    CODES = "codes"
    CARDS_BOUND = "cards_bound"
    CONTRACTS = "contracts"
    PEOPLE = "people"
    LENDERS = "lenders"
    RING = "ring_people"
    OWN_LENDERS = "own_lenders_count"
    OWN_EXPOSURE = "own_exposure_fen"


COUNTED: Final[Mapping[Measure, SignalKind]] = MappingProxyType(
    {
        Measure.APPLICATIONS: SignalKind.APPLICATION,
        Measure.SIGN_INS: SignalKind.SIGN_IN,
        Measure.CODES: SignalKind.CODE_SENT,
        Measure.CARDS_BOUND: SignalKind.CARD_BOUND,
        Measure.CONTRACTS: SignalKind.CONTRACT,
    }
)
_BY_KEY: Final = (*COUNTED, Measure.PEOPLE, Measure.LENDERS)
_NAME: Final = re.compile(
    rf"({'|'.join(one.value for one in _BY_KEY)})_({'|'.join(one.name.lower() for one in KeyKind)})"
    rf"_({'|'.join(WINDOWS)})"
)
_RING_NAME: Final = "ring_people_30d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A keyed hash, 16 bytes, of what somebody is seen by."""

    kind: KeyKind
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One thing that happened, with every key it happened with. `signal_id` is the same each time it is told."""

    signal_id: UUID
    kind: SignalKind
    at: datetime
    keys: tuple[Key, ...]
    person_id: UUID | None = None
    lender_id: UUID | None = None
    amount_fen: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One thing to count: of which key, within which window; both None where the name has none."""

    measure: Measure
    key: KeyKind | None = None
    window: str | None = None


Tally: TypeAlias = "Mapping[Feature, int]"  # what was counted; what is not in it is nought


def read_feature(name: str) -> Feature | None:
    """Return what the name of a field asks to be counted, or None when it is no name of a feature.

    Example: "people_card_30d" is PEOPLE of CARD within "30d".
    """
    if name == _RING_NAME:
        return Feature(measure=Measure.RING, window="30d")
    if name in (Measure.OWN_LENDERS.value, Measure.OWN_EXPOSURE.value):
        return Feature(measure=Measure(name))
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    return Feature(measure=Measure(found[1]), key=KeyKind[found[2].upper()], window=found[3])


def value_of(*, feature: Feature, tally: Tally, keys: frozenset[KeyKind]) -> int | None:
    """Return a feature of somebody with keys of these kinds: None where they have no key of the kind it counts by."""
    if feature.key is not None and feature.key not in keys:
        return None
    return tally.get(feature, 0)


def network_of(address: str) -> str | None:
    """Return the address by which a home is seen again, or None for what is no address.

    Example: 203.0.113.9 stays, 2001:db8:1:2:3::4 becomes 2001:db8:1:2::.
    """
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return None
    if read.version == 6:
        mapped = read.ipv4_mapped
        if mapped is not None:
            return str(mapped)
        return str(ipaddress.ip_network((read, IPV6_NETWORK_BITS), strict=False).network_address)
    return str(read)
