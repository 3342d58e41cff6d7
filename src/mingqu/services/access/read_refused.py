"""What an operator sees of words that were refused or parked: by channel, reason and age, the latest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from mingqu.domain.operator import Permission
from mingqu.domain.refused_word import KEPT_FOR, RefusedKind, RefusedWord
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.house import House
from mingqu.store.orders import refused_word
from mingqu.store.orders.refused_word import SHOWN_MAX, Count

AGES_DAYS: Final = (1, 7, 31, KEPT_FOR.days)  # today and the day before, a week, a month, all that is kept
AGE_DAYS: Final = 7  # where nothing is asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedView:
    """What was refused within some days, counted by kind, source and reason, and the latest of what was asked for.

    `times` is how often that was refused in all; `cut` says that there is more than is shown.
    """

    counts: tuple[Count, ...]
    words: tuple[RefusedWord, ...]
    age_days: int
    source: str
    reason: str
    times: int
    cut: bool

    @property
    def sources(self) -> list[str]:
        """Return whoever something was refused of, by name."""
        return sorted({one.source for one in self.counts} | ({self.source} - {""}))

    @property
    def reasons(self) -> list[str]:
        """Return why something was refused, by code."""
        return sorted({one.reason for one in self.counts} | ({self.reason} - {""}))


def list_refused(house: House, *, seat: Seat, age_days: int, source: str, reason: str) -> RefusedView:
    """Return what was refused or parked in the last days, of a source and for a reason, or of all. An age that there is
    none of is a week.

    Errors: OperatorForbidden.
    """
    seat.operator.require(Permission.QUEUE)
    age_days = age_days if age_days in AGES_DAYS else AGE_DAYS
    since = house.clock.business_date() - timedelta(days=age_days)
    with house.database.transaction() as tx:
        counts = refused_word.counts(tx, since=since)
        found = refused_word.latest(tx, since=since, source=source, reason=reason, limit=SHOWN_MAX + 1)
    asked = [one for one in counts if source in ("", one.source) and reason in ("", one.reason)]
    return RefusedView(
        counts=tuple(counts),
        words=tuple(found[:SHOWN_MAX]),
        age_days=age_days,
        source=source,
        reason=reason,
        times=sum(one.times for one in asked),
        cut=len(found) > SHOWN_MAX,
    )


def lately_refused(house: House) -> dict[RefusedKind, int]:
    """Return how often what was refused today and yesterday, for the first screen."""
    since = house.clock.business_date() - timedelta(days=AGES_DAYS[0])
    found: dict[RefusedKind, int] = {}
    with house.database.transaction() as tx:
        for one in refused_word.counts(tx, since=since):
            found[one.kind] = found.get(one.kind, 0) + one.times
    return found
