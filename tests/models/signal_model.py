"""What signals come to, said again from their definition: a list is walked once for every question.

Shares nothing with `store.decisions.signal_tally`: no links, no keys of people, no windows in SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass
from datetime import datetime, timedelta

HOURS = {"1h": 1, "1d": 24, "7d": 7 * 24, "30d": 30 * 24}
KINDS = {"applications": 1, "sign_ins": 2, "codes": 3, "cards_bound": 4, "contracts": 5}
KEYS = ("device", "phone", "card", "id_number", "address", "person")
RING = ("device", "phone", "card", "id_number")


@dataclass(frozen=True)
class Told:
    """One signal: `keys` are pairs of a kind and a value."""

    number: int
    kind: int
    at: datetime
    keys: frozenset[tuple[str, str]]
    person: int | None
    lender: int | None


def features(told: Sequence[Told], *, person: int, keys: frozenset[tuple[str, str]], now: datetime) -> dict[str, int]:
    """Return every feature by the name that a file of fields gives it."""
    once = {one.number: one for one in reversed(told)}.values()  # told again it is the first one
    found: dict[str, int] = {}
    for window, hours in HOURS.items():
        lately = [one for one in once if one.at > now - timedelta(hours=hours)]
        for kind in KEYS:
            with_each = [[one for one in lately if key in one.keys] for key in keys if key[0] == kind]
            for name, number in KINDS.items():
                found[f"{name}_{kind}_{window}"] = _most(
                    [one for one in each if one.kind == number] for each in with_each
                )
            found[f"people_{kind}_{window}"] = _most({one.person for one in each} - {None} for each in with_each)
            lent = [[one for one in each if one.kind == KINDS["contracts"]] for each in with_each]
            found[f"lenders_{kind}_{window}"] = _most({one.lender for one in each} - {None} for each in lent)
    month = [one for one in once if one.at > now - timedelta(hours=HOURS["30d"])]
    near = _sharing(month, {key for key in keys if key[0] in RING})
    theirs = {key for one in month if one.person in near - {person} for key in one.keys if key[0] in RING}
    found["ring_people_30d"] = len((near | _sharing(month, theirs)) - {person})
    return found


def _most(found: Iterable[Sized]) -> int:
    return max(map(len, found), default=0)


def _sharing(told: Sequence[Told], keys: set[tuple[str, str]]) -> set[int]:
    return {one.person for one in told if one.person is not None and one.keys & keys}
