"""The answer of a decision as a value, and its record: plain data and canonical bytes.

A record holds what cannot be computed from the policies it names by hash. The rows hit stand in its reasons; every
other row of the named table was missed (or switched off, which the record says), so the verdict on each row is there
without a word for each. What would change the answer is a function of the same things, searched when asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as made_later
from datetime import date
from typing import Final, NamedTuple

from mingqu.domain.decision.card import Factor
from mingqu.domain.decision.field import Value, Vector
from mingqu.domain.decision.override import Override
from mingqu.domain.decision.row import NearMiss
from mingqu.domain.decision.strategy import Strategy
from mingqu.domain.policy_file import Plain, canonical

APPROVED: Final = "approved"
REFUSED: Final = "refused"
OVERRIDE: Final = "override"  # the variant of a decision by which people set a refusal aside
RECORD_FORMAT: Final = 2
# The first format had no variant, switches, consents and cells of prices, and a near miss named no field.
FORMAT_ONE: Final = 1
# Public parts remembered for one date: outcomes × variants × switches; more are written anew.
PUBLIC_PARTS_MAX: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why not, and what helps. `field` is what the person can change, `needed` the value that passes this row,
    `retry_on` the first day on which waiting has helped. Empty texts and None mean: nothing to change there.
    """

    code: str
    row: str
    text_zh: str
    text_en: str
    remedy_zh: str
    remedy_en: str
    field: str
    needed: int | None
    retry_on: date | None
    written: str = made_later(init=False, compare=False, repr=False)  # `record` as canonical JSON, made once for many

    def __post_init__(self) -> None:
        """Write the reason."""
        object.__setattr__(self, "written", canonical(self.record()).decode())

    def record(self) -> dict[str, Plain]:
        """Return the reason as plain data; what is None is left out."""
        found: dict[str, Plain] = {
            "code": self.code,
            "row": self.row,
            "text_zh": self.text_zh,
            "text_en": self.text_en,
            "remedy_zh": self.remedy_zh,
            "remedy_en": self.remedy_en,
            "field": self.field,
        }
        if self.needed is not None:
            found["needed"] = self.needed
        if self.retry_on is not None:
            found["retry_on"] = self.retry_on.isoformat()
        return found


class ProductPrice(NamedTuple):
    """What one product offers: the yearly rate in ppm and the most it lends this person, in fen."""

    product_id: str
    product_version: int
    rate_year_ppm: int
    limit_fen: int


class SignalRead(NamedTuple):
    """One input as it was read: from where, and under which consent (empty where none was needed or none was noted)."""

    name: str
    value: Value
    source: str
    consent_id: str


class Decision(NamedTuple):
    """The whole answer.

    `contributions` are the card's points by variable, `numbers` the inputs as tables read them, `price_cells` the cells
    of the price grids by product. `variant` says which of several strategies decided, `switches` what was switched off
    ("row/…", "product/…", "lender/…" to the id of that act), `read_under` the consents by their name or by field,
    `override` that people decided instead of the refusal it names.
    """

    outcome: str
    score: int
    band: str
    probability_ppm: int
    limit_fen: int
    prices: tuple[ProductPrice, ...]
    reasons: tuple[Reason, ...]
    near_misses: tuple[NearMiss, ...]
    factors: tuple[Factor, ...]
    contributions: tuple[int, ...]
    limit_cell: int
    price_cells: tuple[tuple[str, int], ...]
    numbers: Vector
    strategy: Strategy
    variant: str
    switches: Mapping[str, str]
    read_under: Mapping[str, str]
    record_format: int
    override: Override | None = None

    def __repr__(self) -> str:
        """Return the outcome alone: the rest is about a person."""
        return f"<Decision {self.outcome} of {self.business_date}>"

    @property
    def approved(self) -> bool:
        """Whether the person was approved."""
        return self.outcome == APPROVED

    @property
    def business_date(self) -> date:
        """The date the decision is for."""
        return self.strategy.business_date

    @property
    def product_ids(self) -> tuple[str, ...]:
        """The products that were asked, in the order of the caller."""
        return self.strategy.product_ids

    @property
    def versions(self) -> Mapping[str, str]:
        """The hash of every policy used, by "kind/id"."""
        return self.strategy.versions

    @property
    def inputs(self) -> dict[str, Value]:
        """The inputs as the caller passed them; missing ones are left out."""
        pairs = zip(self.strategy.fields.fields, self.numbers, strict=False)
        return {one.name: one.written(number) for one, number in pairs if number is not None}

    @property
    def signals_read(self) -> tuple[SignalRead, ...]:
        """Each input with its source and the consent under which it was read."""
        under = self.read_under
        return tuple(
            SignalRead(one.name, one.written(number), one.source, under.get(one.name, under.get(one.consent, "")))
            for one, number in zip(self.strategy.fields.fields, self.numbers, strict=False)
            if number is not None
        )

    def record(self) -> dict[str, Plain]:
        """Return the decision as plain data in two parts: integers and texts only.

        `public` names outcome, date and the hash of every policy used; `sealed` holds what is about the person
        (inputs, score, reasons, limits, prices) and is sealed by the caller before it is stored.
        """
        return {"public": self.public(), "sealed": self.sealed()}

    def record_bytes(self) -> bytes:
        """Return the canonical bytes of the record: the same as `canonical(self.record())`, only sooner."""
        return canonical(self.record()) if self.record_format == FORMAT_ONE else write_record(decision=self)

    def public(self) -> dict[str, Plain]:
        """Return the part of the record that says nothing about the person but the outcome."""
        found: dict[str, Plain] = {
            "format": self.record_format,
            "outcome": self.outcome,
            "business_date": self.business_date.isoformat(),
            "product_ids": list(self.product_ids),
            "versions": dict(self.versions),
        }
        if self.record_format != FORMAT_ONE:
            found |= {"variant": self.variant, "switches": dict(self.switches)}
        if self.override is not None:
            found["override"] = {"of": self.override.of, "limit_fen": self.override.limit_fen}
        return found

    def sealed(self) -> dict[str, Plain]:
        """Return the part of the record that is about the person."""
        found: dict[str, Plain] = {
            "inputs": {name: int(value) if isinstance(value, bool) else value for name, value in self.inputs.items()},
            "score": self.score,
            "band": self.band,
            "probability_ppm": self.probability_ppm,
            "points": list(self.contributions),
            "factors": [[factor.variable, factor.points_lost] for factor in self.factors],
            "limit_cell": self.limit_cell,
            "limit_fen": self.limit_fen,
            "prices": [list(price) for price in self.prices],
            "reasons": [reason.record() for reason in self.reasons],
        }
        if self.record_format == FORMAT_ONE:
            return found | {"near_misses": [[miss.row, miss.distance] for miss in self.near_misses]}
        return found | {
            "near_misses": [list(miss) for miss in self.near_misses],
            "price_cells": [list(cell) for cell in self.price_cells],
            "read_under": dict(self.read_under),
        }


def write_record(*, decision: Decision) -> bytes:
    """Return `canonical(decision.record())`, put together from parts that are the same for many people.

    Every name in a record is a plain ASCII name (checked at load), so only what callers pass needs a JSON writer. A
    property test holds the two ways equal.
    """
    written = decision.strategy.written
    switches, variant, under = decision.switches, decision.variant, decision.read_under
    key = (decision.outcome, variant, *switches.items()) if switches else (decision.outcome, variant)
    public = written.get(key)
    if decision.override is not None:  # of one person alone
        public = canonical(decision.public()).decode()
    if public is None:
        if len(written) >= PUBLIC_PARTS_MAX:
            written.clear()
        public = written[key] = canonical(decision.public()).decode()
    reasons = ",".join([one.written for one in decision.reasons])
    factors = ",".join([f'["{one[0]}",{one[1]}]' for one in decision.factors])
    near_misses = ",".join([f'["{row}","{field}",{distance}]' for row, field, distance in decision.near_misses])
    points = ",".join(map(str, decision.contributions))
    prices = ",".join([f'["{name}",{version},{rate},{limit}]' for name, version, rate, limit in decision.prices])
    cells = ",".join([f'["{name}",{cell}]' for name, cell in decision.price_cells])
    consents = canonical(dict(under)).decode() if under else "{}"
    return (
        f'{{"public":{public},"sealed":{{"band":"{decision.band}"'
        f',"factors":[{factors}]'
        f',"inputs":{_written_inputs(decision)}'
        f',"limit_cell":{decision.limit_cell},"limit_fen":{decision.limit_fen}'
        f',"near_misses":[{near_misses}]'
        f',"points":[{points}]'
        f',"price_cells":[{cells}]'
        f',"prices":[{prices}]'
        f',"probability_ppm":{decision.probability_ppm},"read_under":{consents}'
        f',"reasons":[{reasons}],"score":{decision.score}}}}}'
    ).encode()


def _written_inputs(decision: Decision) -> str:
    fields = decision.strategy.fields
    if fields.template and None not in decision.numbers:
        return fields.template % fields.in_name_order(decision.numbers)
    return canonical(decision.sealed()["inputs"]).decode()
