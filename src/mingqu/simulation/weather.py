"""Which faults a simulation knows, how often each happens, and how they are chosen on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Final

from mingqu.channels.fake.faults import Fault
from mingqu.domain.refusal import Refusal


class Trouble(Enum):
    """What goes wrong beside a single call to a channel."""

    RETURNED = "returned"  # a payout that was done comes back
    FORGED = "forged"  # a notice that is signed by somebody else says what never was
    BILL = "bill"  # a channel's daily bill lacks lines, repeats them, or names other amounts
    CRASH = "crash"  # a worker dies between any two steps; of the platform: at any statement or commit
    SESSION = "session"  # of the platform: the database's session is lost, before or just after the commit
    CLOCK = "clock"  # time jumps by hours or days, and a channel's clock is off by minutes


# The chance of each in a million calls. One call in two meets something: an order takes a few calls, so that most
# orders of a seed meet several faults and a few meet none.
RATES_PPM: Final[Mapping[Fault, int]] = {
    Fault.LOSE_REQUEST: 80_000,
    Fault.LOSE_REPLY: 80_000,
    Fault.LATE: 120_000,
    Fault.REORDER: 40_000,
    Fault.DUPLICATE: 60_000,
    Fault.SERVER_ERROR: 60_000,
    Fault.REFUSE: 30_000,
    Fault.NOT_FOUND: 90_000,
}
NAMES: Final = tuple([fault.value for fault in RATES_PPM] + [trouble.value for trouble in Trouble])
_SEPARATOR: Final = ","


class FaultUnknown(Refusal):
    """A fault is named that the simulation does not know; the message names those it does."""

    code: ClassVar[str] = "fault_unknown"
    status: ClassVar[int] = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """Everything that may go wrong in a history; nothing else does."""

    rates_ppm: Mapping[Fault, int]
    troubles: frozenset[Trouble]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of what may go wrong, in the order of the page."""
        chosen = {fault.value for fault in self.rates_ppm} | {trouble.value for trouble in self.troubles}
        return tuple(name for name in NAMES if name in chosen)

    @property
    def written(self) -> str:
        """Return the weather as `--faults` reads it."""
        if self.names == NAMES:
            return "all"
        return _SEPARATOR.join(self.names) or "none"

    def may(self, trouble: Trouble) -> bool:
        """Return whether a trouble belongs to this weather."""
        return trouble in self.troubles


def read_weather(*, text: str) -> Weather:
    """Return the weather that `--faults` names: "all", "none", or names between commas. Errors: FaultUnknown.

    Example: "lose_reply,crash" lets replies be lost and workers die, and nothing else go wrong.
    """
    chosen = {"all": NAMES, "none": ()}.get(text.strip(), tuple(name.strip() for name in text.split(_SEPARATOR)))
    strange = [name for name in chosen if name not in NAMES]
    if strange:
        raise FaultUnknown(f"There is no fault {strange[0]!r}: give all, none, or some of {', '.join(NAMES)}.")
    return Weather(
        rates_ppm={fault: rate for fault, rate in RATES_PPM.items() if fault.value in chosen},
        troubles=frozenset(trouble for trouble in Trouble if trouble.value in chosen),
    )


BAD: Final = read_weather(text="all")
FINE: Final = read_weather(text="none")
