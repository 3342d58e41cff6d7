"""How a counterparty misbehaves: by a script ("lose the reply of the next payout") or by seeded chance."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final, TypeVar

from mingqu.channels.fake.chance import Chance
from mingqu.ports.silence import ChannelSilent

PPM: Final = 1_000_000
Answer = TypeVar("Answer")


class Fault(Enum):
    """What can go wrong with one call."""

    LOSE_REQUEST = "lose_request"  # it never arrives
    LOSE_REPLY = "lose_reply"  # it is done, and the answer is lost
    LATE = "late"  # it is held up on its way and arrives when `deliver_late` is called
    REORDER = "reorder"  # it arrives after the next call
    DUPLICATE = "duplicate"  # it arrives twice
    SERVER_ERROR = "server_error"  # 5xx, and it was done
    REFUSE = "refuse"  # an explicit no, for good
    NOT_FOUND = "not_found"  # asked about a number that it may well know, it says that it does not


class Faults:
    """Stands between a caller and a fake counterparty and decides what becomes of each call.

    `rates` gives each fault's chance in a million per call. A scripted fault goes before chance.
    """

    def __init__(self, *, seed: int = 0, rates: Mapping[Fault, int] | None = None) -> None:
        self._chance = Chance(seed=seed)
        self._rates: dict[Fault, int] = {}
        self.met: Counter[Fault] = Counter()  # how often each fault happened, for whoever wants to know that it did
        self.met_at: Counter[str] = Counter()  # the same by call, e.g. "payout.send lose_reply"
        self.misbehave(rates or {})
        self._script: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._late: list[Callable[[], object]] = []
        self._after_next: list[Callable[[], object]] = []

    def plan(self, call: str, fault: Fault, *, times: int = 1) -> None:
        """Let the next `times` calls of that name (e.g. "payout.send") meet a fault."""
        self._script[call].extend([fault] * times)

    def misbehave(self, rates: Mapping[Fault, int]) -> None:
        """Let chance decide from now on, with these rates."""
        assert sum(rates.values()) <= PPM
        self._rates = dict(rates)

    def heal(self) -> None:
        """Misbehave no more. What is held up on its way still arrives with `deliver_late`."""
        self._rates = {}
        self._script.clear()

    def deliver_late(self) -> int:
        """Let everything held up arrive now, in seeded order, and return how many requests that were."""
        held = [*self._late, *self._after_next]
        self._late, self._after_next = [], []
        self._chance.shuffle(held)
        for request in held:
            request()
        return len(held)

    def carry(
        self,
        call: str,
        *,
        do: Callable[[], Answer],
        refuse: Callable[[], Answer] | None = None,
        miss: Callable[[], Answer] | None = None,
    ) -> Answer:
        """Carry one call to the counterparty, or do to it what the script or chance says. Errors: ChannelSilent.

        `refuse` and `miss` give the answers of REFUSE and NOT_FOUND, where a call has them.
        """
        behind, self._after_next = self._after_next, []
        fault = self._draw(call)
        if (fault is Fault.REFUSE and refuse is None) or (fault is Fault.NOT_FOUND and miss is None):
            fault = None
        if fault is not None:
            self.met[fault] += 1
            self.met_at[f"{call} {fault.value}"] += 1
        try:
            return self._carry(fault, do=do, refuse=refuse, miss=miss)
        finally:
            for request in behind:
                request()

    def _carry(
        self,
        fault: Fault | None,
        *,
        do: Callable[[], Answer],
        refuse: Callable[[], Answer] | None,
        miss: Callable[[], Answer] | None,
    ) -> Answer:
        match fault:
            case Fault.LOSE_REQUEST:
                raise ChannelSilent(reason="timeout")
            case Fault.LOSE_REPLY:
                do()
                raise ChannelSilent(reason="timeout")
            case Fault.LATE:
                self._late.append(do)
                raise ChannelSilent(reason="timeout")
            case Fault.REORDER:
                self._after_next.append(do)
                raise ChannelSilent(reason="connection")
            case Fault.SERVER_ERROR:
                do()
                raise ChannelSilent(reason="server_error")
            case Fault.DUPLICATE:
                answer = do()
                do()
                return answer
            case Fault.REFUSE if refuse is not None:
                return refuse()
            case Fault.NOT_FOUND if miss is not None:
                return miss()
            case _:
                return do()

    def _draw(self, call: str) -> Fault | None:
        if self._script[call]:
            return self._script[call].popleft()
        if not self._rates:
            return None
        point = self._chance.below(PPM)
        for fault, rate in self._rates.items():
            if point < rate:
                return fault
            point -= rate
        return None
