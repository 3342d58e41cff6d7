"""What ends buying: its day, too many defaults, too many late loans, or senior interest that could not be paid.

Once ended early, a pool never buys again, whatever gets better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from mingqu.domain.abs_pool.loan import PooledLoan
from mingqu.domain.abs_pool.terms import PoolTerms
from mingqu.domain.cohort import share_ppm
from mingqu.domain.rate import PPM


class Phase(StrEnum):
    """What a pool does with principal that came back."""

    BUYING = "buying"
    AMORTIZING = "amortizing"
    AMORTIZING_EARLY = "amortizing_early"


class Cause(StrEnum):
    """What ends buying early."""

    CUMULATIVE_DEFAULT = "cumulative_default"
    DELINQUENCY = "delinquency"
    SENIOR_INTEREST_UNPAID = "senior_interest_unpaid"
    EARLIER = "earlier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A share that a trigger looks at: `part_fen` of `whole_fen`, at most `most_ppm`."""

    cause: Cause
    part_fen: int
    whole_fen: int
    most_ppm: int

    @property
    def ppm(self) -> int:
        """The share in ppm, rounded down, for people to read."""
        return share_ppm(part=self.part_fen, whole=self.whole_fen)

    @property
    def is_hit(self) -> bool:
        """Whether the share is above the most allowed, without any rounding. Example: 6 of 100 is not above 6 %."""
        return self.part_fen * PPM > self.whole_fen * self.most_ppm


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What the triggers say at the end of a month: the phase, each share, and every cause of an early end."""

    phase: Phase
    measured: tuple[Measured, ...]
    causes: tuple[Cause, ...]


def watch(
    *, terms: PoolTerms, loans: Sequence[PooledLoan], on: date, amortizing_since: date | None, interest_short_fen: int
) -> Watched:
    """Return what a pool does on its payment day.

    Cumulative default is all that ever went into default, as it then was, of all that was ever bought: recoveries do
    not lower it. Delinquency is what is late of what is not in default. `interest_short_fen` is senior interest that
    the month before could not pay.
    """
    asked = terms.triggers
    measured = (
        Measured(
            cause=Cause.CUMULATIVE_DEFAULT,
            part_fen=sum(one.lost_fen(triggers=asked) for one in loans),
            whole_fen=sum(one.bought_fen for one in loans),
            most_ppm=asked.cumulative_default_ppm_max,
        ),
        Measured(
            cause=Cause.DELINQUENCY,
            part_fen=sum(one.delinquent_fen(triggers=asked) for one in loans),
            whole_fen=sum(one.performing_fen(triggers=asked) for one in loans),
            most_ppm=asked.delinquent_ppm_max,
        ),
    )
    causes = [one.cause for one in measured if one.is_hit]
    if interest_short_fen:
        causes.append(Cause.SENIOR_INTEREST_UNPAID)
    if amortizing_since is not None:
        causes.append(Cause.EARLIER)
    on_its_own = Phase.BUYING if on < terms.buys_until else Phase.AMORTIZING
    return Watched(phase=Phase.AMORTIZING_EARLY if causes else on_its_own, measured=measured, causes=tuple(causes))
