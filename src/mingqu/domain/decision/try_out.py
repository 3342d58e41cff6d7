"""A draft tried on past applications, batch by batch; what could not be tried is counted and named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Final

from mingqu.domain.decision.field import DecisionInputInvalid, Fields, Value, Vector
from mingqu.domain.decision.strategy import PolicyMissing
from mingqu.domain.decision.swap import Tally
from mingqu.domain.decision.trial import Pair, Trial
from mingqu.domain.decision.what_if import columns_of, decide_many
from mingqu.domain.product import ProductNotOffered
from mingqu.domain.refusal import Refusal
from mingqu.domain.rule import RuleMissing

BATCH_PEOPLE: Final = 4_096  # enough to make columns worth their while, some megabytes of memory
MISSING_NAMED_MAX: Final = 20  # sentences about what is missing; the rest is in the count


class NothingTried(Refusal):
    """No single application could be tried; the message says what was in the way."""

    code: ClassVar[str] = "nothing_tried"


@dataclass(frozen=True, slots=True, kw_only=True)
class PastApplication:
    """What an application was decided on: the inputs of its record, its day, the products it was asked for."""

    inputs: Mapping[str, Value]
    business_date: date
    product_ids: tuple[str, ...]


class TryOut:
    """Takes past applications and counts. Call `finish` at the end; `tally` holds everything then.

    `unreadable`: inputs that the fields of either side refuse, by field. `missing_count`: applications on whose
    day a policy, product or rule was not there; `missing` says which.
    """

    def __init__(self, *, trial: Trial) -> None:
        self.tally = Tally()
        self.unreadable: Counter[str] = Counter()
        self.missing: list[str] = []
        self.missing_count = 0
        self._trial = trial
        self._waiting: dict[tuple[date, tuple[str, ...]], list[tuple[Vector, Vector]]] = {}
        self._waiting_count = 0
        self._pairs: dict[tuple[date, tuple[str, ...]], Pair | None] = {}

    def add(self, *, application: PastApplication) -> None:
        """Take one application. Errors: those of the drafts, see `Trial.pair`."""
        key = (application.business_date, application.product_ids)
        pair = self._pair(key)
        if pair is None:
            self.missing_count += 1
            return
        try:
            before = _read(pair.before.fields, application.inputs)
            after = _read(pair.after.fields, application.inputs) if self._fields_tried() else before
        except DecisionInputInvalid as invalid:
            self.unreadable[str(invalid.details.get("field", "not declared"))] += 1
            return
        self._waiting.setdefault(key, []).append((before, after))
        self._waiting_count += 1
        if self._waiting_count >= BATCH_PEOPLE:
            self.finish()

    def finish(self) -> None:
        """Decide whoever still waits."""
        for key, vectors in self._waiting.items():
            pair = self._pairs[key]
            assert pair is not None, "only who could be decided waits"
            columns = columns_of(vectors=[before for before, _ in vectors])
            other = columns_of(vectors=[after for _, after in vectors]) if self._fields_tried() else columns
            self.tally.add(
                columns=columns,
                before=decide_many(columns=columns, strategy=pair.before),
                after=decide_many(columns=other, strategy=pair.after),
                month=key[0].isoformat()[:7],
            )
        self._waiting = {}
        self._waiting_count = 0
        self._pairs = {}  # days come in order, so those behind are not needed again

    def require_some(self) -> None:
        """Return when at least one application was tried. Errors: NothingTried."""
        tally = self.tally
        if not (tally.groups or tally.undecided_before or tally.undecided_after):
            fields = ", ".join(name for name, _ in self.unreadable.most_common(MISSING_NAMED_MAX))
            why = [*self.missing[:1], f"Inputs do not fit: {fields}." if fields else ""]
            raise NothingTried(" ".join(["No application could be tried.", *(one for one in why if one)]))

    def _fields_tried(self) -> bool:
        return any(draft.kind in ("fields", "strategy") for draft in self._trial.drafts.values())

    def _pair(self, key: tuple[date, tuple[str, ...]]) -> Pair | None:
        if key not in self._pairs:
            try:
                self._pairs[key] = self._trial.pair(business_date=key[0], product_ids=key[1])
            except (PolicyMissing, ProductNotOffered, RuleMissing) as missing:
                self._pairs[key] = None
                self._name(missing.message)
        return self._pairs[key]

    def _name(self, sentence: str) -> None:
        if sentence not in self.missing and len(self.missing) < MISSING_NAMED_MAX:
            self.missing.append(sentence)


def _read(fields: Fields, inputs: Mapping[str, Value]) -> Vector:
    """Return what `Fields.read` does; a record writes true and false as 1 and 0, and so may these inputs."""
    found = dict(inputs)
    for name, kind in zip(fields.names, fields.types, strict=True):
        if kind is bool and found.get(name) in (0, 1):
            found[name] = bool(found[name])
    return fields.read(inputs=found)
