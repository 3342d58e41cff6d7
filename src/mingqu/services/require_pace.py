"""Stops of what comes too fast: codes, sign-ins and applications, counted in the book for all servers together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.refusal import Refusal
from mingqu.domain.signal import WINDOWS, Feature, Key, KeyKind, Measure
from mingqu.services.house import House
from mingqu.store.decisions import signal_tally


class VelocityStopped(Refusal):
    """This happened too often from here; `retry_after_seconds` says when it is worth trying again."""

    code: ClassVar[str] = "velocity_stopped"
    status: ClassVar[int] = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """At most `count` of a measure within a window, by one key."""

    measure: Measure
    key: KeyKind
    window: str
    count: int

    @property
    def feature(self) -> Feature:
        """What is counted."""
        return Feature(measure=self.measure, key=self.key, window=self.window)


# Counted in the book, so they hold for all servers together and outlive a restart; `web.pace` and the limits of
# one-time codes stay before them. An address may be that of a whole carrier, so only a flood stops it.
CODE_STOPS: Final = (
    Stop(measure=Measure.CODES, key=KeyKind.PHONE, window="7d", count=30),  # 10 a day are allowed, on three days
    Stop(measure=Measure.CODES, key=KeyKind.ADDRESS, window="1h", count=600),
)
SIGN_IN_STOPS: Final = (
    Stop(measure=Measure.SIGN_INS, key=KeyKind.PHONE, window="1d", count=50),
    Stop(measure=Measure.SIGN_INS, key=KeyKind.ADDRESS, window="1h", count=600),
)
# Before the bureau is asked, for each query leaves a mark; the policy's rows, which say more, come sooner.
APPLICATION_STOPS: Final = (Stop(measure=Measure.APPLICATIONS, key=KeyKind.PERSON, window="7d", count=30),)


def require_pace(*, stops: Sequence[Stop], tally: Mapping[Feature, int], coming: int) -> None:
    """Return while no count, with those that are `coming`, is above its stop. Errors: VelocityStopped."""
    for stop in stops:
        counted = tally.get(stop.feature, 0)
        if counted + coming > stop.count:
            wait = int(min(WINDOWS[stop.window], timedelta(days=1)).total_seconds())
            raise VelocityStopped("This happened too often from here: please wait.", retry_after_seconds=wait)


def require_pace_of(house: House, *, stops: Sequence[Stop], keys: Sequence[Key]) -> None:
    """Count what a few keys were seen with lately. Errors: VelocityStopped."""
    if keys:
        with house.database.transaction() as tx:
            counted = signal_tally.tally(
                tx, person_id=_NOBODY, keys=keys, features=[stop.feature for stop in stops], now=house.clock.now()
            )
        require_pace(stops=stops, tally=counted, coming=1)


_NOBODY: Final = UUID(int=0)  # has no loans and shares nothing
