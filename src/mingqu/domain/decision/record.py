"""The answer of a decision as a value, and its record: plain data and canonical bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from mingqu.domain.decision.card import Factor
from mingqu.domain.decision.field import Value, Vector
from mingqu.domain.decision.override import Override
from mingqu.domain.decision.strategy import Strategy
from mingqu.domain.policy_file import Plain, canonical

APPROVED: Final = "approved"
REFUSED: Final = "refused"
RECORD_FORMAT: Final = 1
OVERRIDE: Final = "override"  # the variant of a decision by which people set a refusal aside
WRITTEN_MAX: Final = 64  # public parts remembered: outcomes × variants × what was ever off on a day


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why not, and what helps. `field` is what the person can change, `needed` the value that passes this row,
    `retry_on` the first day on which waiting has helped. Empty texts and None mean: nothing to change there."""

    code: str
    row: str
    text_zh: str
    text_en: str
    remedy_zh: str
    remedy_en: str
    field: str
    needed: int | None
    retry_on: date | None

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductPrice:
    """What one product offers: the yearly rate in ppm and the most it lends this person, in fen."""

    product_id: str
    product_version: int
    rate_year_ppm: int
    limit_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The whole answer. `contributions` are the card's points by variable, `numbers` the inputs as tables read them."""

    outcome: str
    score: int
    band: str
    probability_ppm: int
    limit_fen: int
    prices: tuple[ProductPrice, ...]
    reasons: tuple[Reason, ...]
    near_misses: tuple[tuple[str, int], ...]
    factors: tuple[Factor, ...]
    contributions: tuple[int, ...]
    limit_cell: int
    numbers: Vector = field(repr=False)
    strategy: Strategy = field(repr=False)
    variant: str = ""
    switched: tuple[str, ...] = ()
    override: Override | None = None

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
        return tuple(offer.product.id for offer in self.strategy.offers)

    @property
    def versions(self) -> Mapping[str, str]:
        """The hash of every policy used, by "kind/id"."""
        return self.strategy.versions

    @property
    def inputs(self) -> dict[str, Value]:
        """The inputs as the caller passed them; missing ones are left out."""
        pairs = zip(self.strategy.fields.fields, self.numbers, strict=False)
        return {one.name: one.written(number) for one, number in pairs if number is not None}

    def record(self) -> dict[str, Plain]:
        """Return the decision as plain data in two parts: integers and texts only.

        `public` names outcome, date and the hash of every policy used; `sealed` holds what is about the person
        (inputs, score, reasons, limits, prices) and is sealed by the caller before it is stored.
        """
        return {"public": self.public(), "sealed": self.sealed()}

    def record_bytes(self) -> bytes:
        """Return the canonical bytes of the record: the same as `canonical(self.record())`, only sooner."""
        return write_record(decision=self)

    def public(self) -> dict[str, Plain]:
        """Return the part of the record that says nothing about the person but the outcome."""
        public = public_part(strategy=self.strategy, outcome=self.outcome, variant=self.variant, switched=self.switched)
        if self.override is not None:
            public["override"] = {"of": self.override.of, "limit_fen": self.override.limit_fen}
        return public

    def sealed(self) -> dict[str, Plain]:
        """Return the part of the record that is about the person."""
        return {
            "inputs": {name: int(value) if isinstance(value, bool) else value for name, value in self.inputs.items()},
            "score": self.score,
            "band": self.band,
            "probability_ppm": self.probability_ppm,
            "points": list(self.contributions),
            "factors": [[factor.variable, factor.points_lost] for factor in self.factors],
            "limit_cell": self.limit_cell,
            "limit_fen": self.limit_fen,
            "prices": [
                [price.product_id, price.product_version, price.rate_year_ppm, price.limit_fen] for price in self.prices
            ],
            "reasons": [reason.record() for reason in self.reasons],
            "near_misses": [[row, distance] for row, distance in self.near_misses],
        }


def public_part(
    *, strategy: Strategy, outcome: str, variant: str = "", switched: tuple[str, ...] = ()
) -> dict[str, Plain]:
    """Return the public part of a record: the same for all people of one outcome, date, variant and set of products.

    Variant and switches are left out where there are none, so that a record of before they existed reads the same.
    """
    public: dict[str, Plain] = {
        "format": RECORD_FORMAT,
        "outcome": outcome,
        "business_date": strategy.business_date.isoformat(),
        "product_ids": [offer.product.id for offer in strategy.offers],
        "versions": dict(strategy.versions),
    }
    if variant:
        public["variant"] = variant
    if switched:
        public["switched"] = list(switched)
    return public


def write_record(*, decision: Decision) -> bytes:
    """Return `canonical(decision.record())`, put together from parts that are the same for many people.

    Every name in a record is a plain ASCII name (checked at load), so only reasons need a JSON writer. A property
    test holds the two ways equal.
    """
    strategy = decision.strategy
    place = " ".join((decision.outcome, decision.variant, *decision.switched))
    public = strategy.written.get(place) if decision.override is None else canonical(decision.public()).decode()
    if public is None:
        public = canonical(decision.public()).decode()
        if len(strategy.written) >= WRITTEN_MAX:
            strategy.written.clear()
        strategy.written[place] = public
    reasons = canonical([reason.record() for reason in decision.reasons]).decode() if decision.reasons else "[]"
    factors = ",".join([f'["{one[0]}",{one[1]}]' for one in decision.factors])
    near_misses = ",".join([f'["{row}",{distance}]' for row, distance in decision.near_misses])
    points = ",".join(map(str, decision.contributions))
    prices = ",".join([_written_price(price) for price in decision.prices])
    return (
        f'{{"public":{public},"sealed":{{"band":"{decision.band}"'
        f',"factors":[{factors}]'
        f',"inputs":{_written_inputs(decision)}'
        f',"limit_cell":{decision.limit_cell},"limit_fen":{decision.limit_fen}'
        f',"near_misses":[{near_misses}]'
        f',"points":[{points}]'
        f',"prices":[{prices}]'
        f',"probability_ppm":{decision.probability_ppm},"reasons":{reasons},"score":{decision.score}}}}}'
    ).encode()


def _written_price(price: ProductPrice) -> str:
    return f'["{price.product_id}",{price.product_version},{price.rate_year_ppm},{price.limit_fen}]'


def _written_inputs(decision: Decision) -> str:
    fields = decision.strategy.fields
    if fields.template and None not in decision.numbers:
        return fields.template % fields.in_name_order(decision.numbers)
    return canonical(decision.sealed()["inputs"]).decode()
