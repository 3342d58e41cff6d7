"""Experiments: another version tried on a share of people, or beside every decision without acting on it.

An experiment is a policy document like any other: drafted, checked, published by two people, ended by another version.

```toml
kind = "experiment"
id = "higher-limits"
version = 1
valid_from = 2026-10-01
valid_to = 2026-12-31
mode = "challenge"        # or "shadow": decided beside, sealed, never acted on
share_ppm = 100_000       # of people; who is one of them follows from a hash of person and experiment, for ever
hold_out_ppm = 50_000     # further people who keep to what is in force, to be compared with later
instead = [{ policy = "grid/limit-total", version = 2 }]
```
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.policy_file import FAR_FUTURE, Document
from mingqu.domain.refusal import Refusal

MILLION: Final = 1_000_000
CHALLENGE: Final = "challenge"
SHADOW: Final = "shadow"
_COLUMNS: Final = (
    "kind", "id", "version", "valid_from", "valid_to", "about", "mode", "share_ppm", "hold_out_ppm", "instead",
)  # fmt: skip
# What an experiment may try: what decides about people, and never a rule of law or a lender.
_TRIED: Final = ("fields", "card", "policy", "grid", "product", "strategy")


class ExperimentsOverlap(Refusal):
    """Two experiments would change decisions on one day; what each of them did could then not be told apart."""

    code: ClassVar[str] = "experiments_overlap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What is tried, when, and on whom. `instead` maps "kind/id" to the version tried in place of the one in force."""

    id: str
    version: int
    valid_from: date
    valid_to: date
    mode: str
    share_ppm: int
    hold_out_ppm: int
    instead: Mapping[str, int]

    @property
    def decides(self) -> bool:
        """Whether it decides about anybody: a shadow does not, nor a share of nobody."""
        return self.mode == CHALLENGE and self.share_ppm > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Which way a person is decided: a name that is recorded, and the versions tried. Without a name: as everybody."""

    name: str = ""
    instead: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def by_champion(self) -> Variant:
        """Return the way of somebody whose challenger does not hold: as everybody, and recorded as its own arm."""
        return Variant(name=f"champion_for_{self.name}")


AS_EVERYBODY: Final = Variant()


def parse_experiment(*, document: Document) -> Experiment:
    """Return the experiment of a document. Errors: PolicyFault."""
    reader = document.reader()
    reader.only(_COLUMNS)
    mode = reader.choice("mode", (CHALLENGE, SHADOW))
    share_ppm = reader.integer("share_ppm", least=0, most=MILLION)
    hold_out_ppm = reader.integer("hold_out_ppm", least=0, most=MILLION) if reader.has("hold_out_ppm") else 0
    if share_ppm + hold_out_ppm > MILLION:
        raise reader.fault("hold_out_ppm", "share and hold-out are more than everybody.", "Lower one of them.")
    if mode == SHADOW and hold_out_ppm:
        raise reader.fault("hold_out_ppm", "a shadow changes nothing to be compared with.", "Remove it.")
    instead: dict[str, int] = {}
    for row in reader.tables("instead", label="policy"):
        row.only(("policy", "version"))
        key = row.text("policy")
        if key.split("/")[0] not in _TRIED or key.count("/") != 1 or key in instead:
            raise row.fault("policy", f"{key} cannot be tried, or stands twice.", f"One of {', '.join(_TRIED)}/ID.")
        instead[key] = row.integer("version", least=1, most=MILLION)
    if not instead:
        raise reader.fault("instead", "nothing is tried.", "Name at least one policy and its version.")
    return Experiment(
        id=reader.name("id"),
        version=reader.integer("version", least=1, most=MILLION),
        valid_from=reader.day("valid_from"),
        valid_to=reader.day("valid_to") if reader.has("valid_to") else FAR_FUTURE,
        mode=mode,
        share_ppm=share_ppm,
        hold_out_ppm=hold_out_ppm,
        instead=MappingProxyType(instead),
    )


def place_of(*, person_id: UUID, experiment_id: str) -> int:
    """Return a person's place among a million in an experiment: the same for ever, and another in every experiment.

    The first eight bytes of SHA-256 over experiment and person, modulo a million: the remainder favors the lower places
    by less than one in 10¹³.
    """
    said = hashlib.sha256(f"{experiment_id}\n{person_id.hex}".encode()).digest()
    return int.from_bytes(said[:8]) % MILLION


def variant_of(*, person_id: UUID, experiments: Iterable[Experiment]) -> Variant:
    """Return how a person is decided under the experiments in force, of which at most one challenges.

    Example: share 100,000 and hold-out 50,000 of a million: places 0 to 99,999 are the challenger's, 100,000 to 149,999
    are held out, the rest are the champion's.
    """
    for one in experiments:
        if one.mode == CHALLENGE:
            place = place_of(person_id=person_id, experiment_id=one.id)
            if place < one.share_ppm:
                return Variant(name=f"challenger:{one.id}", instead=one.instead)
            arm = "hold_out" if place < one.share_ppm + one.hold_out_ppm else "champion"
            return Variant(name=f"{arm}:{one.id}")
    return AS_EVERYBODY


def shadows_of(*, person_id: UUID, experiments: Iterable[Experiment]) -> tuple[Variant, ...]:
    """Return what is decided beside, for this person, and never acted on."""
    return tuple(
        Variant(name=f"shadow:{one.id}", instead=one.instead)
        for one in experiments
        if one.mode == SHADOW and place_of(person_id=person_id, experiment_id=one.id) < one.share_ppm
    )


def require_apart(experiments: Iterable[Experiment]) -> None:
    """Return when at most one experiment challenges. Errors: ExperimentsOverlap."""
    challenging = [one.id for one in experiments if one.mode == CHALLENGE]
    if len(challenging) > 1:
        raise ExperimentsOverlap(f"Only one experiment challenges at a time; here {', '.join(challenging)}.")
