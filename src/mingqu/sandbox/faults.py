"""How a counterparty misbehaves: by a script ("lose the reply of the next payout") or by seeded chance."""

from __future__ import annotations

import random
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final

from mingqu.sandbox.wire import Reply

PPM: Final = 1_000_000
SLOW_SECONDS: Final = 3.0


class Fault(Enum):
    """What can go wrong with one call."""

    LOSE_REQUEST = "lose_request"  # it never arrives; the connection ends
    LOSE_REPLY = "lose_reply"  # it is done, and the connection ends
    LATE = "late"  # it is held up on its way and arrives with `deliver_late`
    REORDER = "reorder"  # it arrives after the next call
    DUPLICATE = "duplicate"  # it arrives twice
    SERVER_ERROR = "server_error"  # it is done, and the answer is 502, unsigned
    REFUSE = "refuse"  # an explicit no, for good
    WRONG_SIGNATURE = "wrong_signature"  # it is done, and the answer's signature is of another key
    SLOW = "slow"  # it is done, and the answer takes its time


@dataclass(frozen=True, slots=True)
class Drawn:
    """The fault that a call meets, and for some faults how long it takes."""

    fault: Fault
    seconds: float | None = None


LOST: Final = Reply(status=200, cut=True)


class Faults:
    """Stands between the wire and a counterparty's book. `rates` gives each fault's chance in a million per call."""

    def __init__(self, *, seed: int = 0, now: Callable[[], datetime] | None = None) -> None:
        self._now = now or (lambda: datetime.now(UTC))
        self._chance = random.Random(seed)  # noqa: S311 (it must repeat itself)
        self._rates: dict[Fault, int] = {}
        self._script: defaultdict[str, deque[Drawn]] = defaultdict(deque)
        self._late: list[tuple[datetime | None, Callable[[], object]]] = []
        self._after_next: list[Callable[[], object]] = []
        self._lock = threading.Lock()

    def plan(self, call: str, fault: Fault, *, times: int = 1, seconds: float | None = None) -> None:
        """Let the next `times` calls of that name (e.g. "payout.send", or "*" for any) meet a fault.

        `seconds` are how long a slow answer takes, on the machine's clock, or after how long a late request arrives by
        itself, on the sandbox's.
        """
        self._script[call].extend([Drawn(fault, seconds)] * times)

    def misbehave(self, rates: Mapping[Fault, int]) -> None:
        """Let chance decide from now on. Errors: ValueError when the rates are more than certainty."""
        if sum(rates.values()) > PPM or any(rate < 0 for rate in rates.values()):
            raise ValueError("rates are parts of a million and sum to one at most")
        self._rates = dict(rates)

    def heal(self) -> None:
        """Misbehave no more. What is held up on its way still arrives with `deliver_late`."""
        self._rates = {}
        self._script.clear()

    def planned(self) -> dict[str, list[str]]:
        """Return the script as it stands."""
        return {name: [one.fault.value for one in drawn] for name, drawn in self._script.items() if drawn}

    def rates(self) -> dict[str, int]:
        """Return the rates as they stand."""
        return {fault.value: rate for fault, rate in self._rates.items()}

    def deliver_late(self) -> int:
        """Let everything held up arrive now, in seeded order, and return how many requests that were."""
        with self._lock:
            held = [*(request for _, request in self._late), *self._after_next]
            self._late, self._after_next = [], []
        self._chance.shuffle(held)
        for request in held:
            request()
        return len(held)

    def deliver_due(self, *, now: datetime) -> None:
        """Let late requests arrive whose time has come."""
        with self._lock:  # requests come in meanwhile, in another thread
            due = [one for one in self._late if one[0] is not None and one[0] <= now]
            self._late = [one for one in self._late if one not in due]
        for _, request in due:
            request()

    def carry(
        self,
        call: str,
        *,
        do: Callable[[], Reply],
        refuse: Callable[[], Reply] | None,
        sign: Callable[[Reply], Reply],
        missign: Callable[[Reply], Reply],
    ) -> Reply:
        """Return the answer to one call, or what a fault makes of it."""
        with self._lock:
            behind, self._after_next = self._after_next, []
        try:
            return self._carry(self._draw(call), do, refuse, sign, missign)
        finally:
            for request in behind:
                request()

    def _carry(
        self,
        drawn: Drawn | None,
        do: Callable[[], Reply],
        refuse: Callable[[], Reply] | None,
        sign: Callable[[Reply], Reply],
        missign: Callable[[Reply], Reply],
    ) -> Reply:
        match drawn.fault if drawn else None:
            case Fault.LOSE_REQUEST:
                return LOST
            case Fault.LATE:
                wait = None if drawn is None or drawn.seconds is None else timedelta(seconds=drawn.seconds)
                with self._lock:
                    self._late.append((None if wait is None else self._now() + wait, do))
                return LOST
            case Fault.REORDER:
                with self._lock:
                    self._after_next.append(do)
                return LOST
            case Fault.LOSE_REPLY:
                do()
                return LOST
            case Fault.SERVER_ERROR:
                do()
                return Reply(status=502, body=b"bad gateway")
            case Fault.DUPLICATE:
                answer = do()
                do()
                return sign(answer)
            case Fault.WRONG_SIGNATURE:
                return missign(do())
            case Fault.SLOW:
                wait_seconds = SLOW_SECONDS if drawn is None or drawn.seconds is None else drawn.seconds
                return replace(sign(do()), after_seconds=wait_seconds)
            case Fault.REFUSE if refuse is not None:
                return sign(refuse())
            case _:
                return sign(do())

    def _draw(self, call: str) -> Drawn | None:
        for name in (call, "*"):
            if self._script[name]:
                return self._script[name].popleft()
        if not self._rates:
            return None
        point = self._chance.randrange(PPM)
        for fault, rate in self._rates.items():
            if point < rate:
                return Drawn(fault)
            point -= rate
        return None
