"""How often something may be asked for: so many times in a stretch, by whoever asks and by whom it is about.

Counts are kept in this process, under a keyed hash, and are gone with it; what must never be passed (how many codes a
phone gets, how often one may be tried) is kept in the book by `domain.one_time_code`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from litestar import Request

from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.domain.signal import network_of
from mingqu.services.house import House

KEPT_MAX: Final = 50_000  # counters of an allowance in a process; the one not seen for longest goes first


class TooManyRequests(Refusal):
    """This was asked for too often; ask again after `retry_after_seconds`."""

    code: ClassVar[str] = "too_many_requests"
    status: ClassVar[int] = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """At most `count` in any stretch of this length."""

    name: str
    count: int
    stretch: timedelta


# Many phones may share an address (a school, a factory); one phone asks for few codes whatever its address.
CODES_BY_ADDRESS: Final = Allowance(name="codes by address", count=60, stretch=timedelta(minutes=10))
CODES_BY_PHONE: Final = Allowance(name="codes by phone", count=20, stretch=timedelta(hours=1))
TRIES_BY_ADDRESS: Final = Allowance(name="sign-ins by address", count=60, stretch=timedelta(minutes=10))
TRIES_BY_PHONE: Final = Allowance(name="sign-ins by phone", count=10, stretch=timedelta(minutes=10))

# Whether a message is ours: a family may check a few at once; the site's own bound is for who has many addresses.
CHECKS_BY_ADDRESS: Final = Allowance(name="checks by address", count=20, stretch=timedelta(minutes=10))
CHECKS_OF_SITE: Final = Allowance(name="checks of the site", count=600, stretch=timedelta(minutes=10))


class Pace:
    """The counters of one site."""

    def __init__(self) -> None:
        # For each allowance apart: a crowd of addresses pushes no phone out.
        self._seen: dict[str, OrderedDict[bytes, deque[datetime]]] = {}
        self._lock = threading.Lock()

    def take(self, *, allowance: Allowance, whom: bytes, at: datetime) -> None:
        """Count one request. Errors: TooManyRequests; a request that is refused is not counted."""
        with self._lock:
            seen = self._seen.setdefault(allowance.name, OrderedDict())
            taken = seen.setdefault(whom, deque())
            seen.move_to_end(whom)
            while taken and taken[0] <= at - allowance.stretch:
                taken.popleft()
            if len(taken) >= allowance.count:
                wait = -((at - taken[0] - allowance.stretch) // timedelta(seconds=1))  # whole seconds, rounded up
                raise TooManyRequests("This was asked for too often; please wait.", retry_after_seconds=wait)
            taken.append(at)
            while len(seen) > KEPT_MAX:
                seen.popitem(last=False)


def take_check(house: House, pace: Pace, request: Request[Any, Any, Any]) -> None:
    """Count a check of a message, by address and for the whole site. Errors: TooManyRequests."""
    now = house.clock.now()
    for allowance, whom in ((CHECKS_BY_ADDRESS, _network(request)), (CHECKS_OF_SITE, "")):
        pace.take(allowance=allowance, whom=house.keyring.lookup_hash(kind="pace", value=Personal(whom)), at=now)


def take_turn(
    house: House, pace: Pace, request: Request[Any, Any, Any], *, by_address: Allowance, phone: str, by_phone: Allowance
) -> None:
    """Count a request by the address it came from and by the phone it is about. Errors: TooManyRequests."""
    now = house.clock.now()
    for allowance, whom in ((by_address, _network(request)), (by_phone, phone)):
        pace.take(allowance=allowance, whom=house.keyring.lookup_hash(kind="pace", value=Personal(whom)), at=now)


def _network(request: Request[Any, Any, Any]) -> str:
    """Return the network a request came from: whoever has one IPv6 address has 2^64 of them."""
    host = request.client.host if request.client else ""
    return network_of(host) or host
