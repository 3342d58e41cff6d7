"""The strategy of one date: fields, card, policy, limits and priced products, found among all versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.decision.card import Card, parse_card, with_choices
from mingqu.domain.decision.field import COMPUTED, Fields, Vector, parse_fields, picker
from mingqu.domain.decision.grid import Grid, parse_grid
from mingqu.domain.decision.lever import Guide, parse_guide
from mingqu.domain.decision.publication import Spoken, in_force, key_of, standing
from mingqu.domain.decision.publication import version_of as version_of
from mingqu.domain.decision.row import Words, read_words
from mingqu.domain.decision.table import PolicyTable, parse_policy_table
from mingqu.domain.limit import PAUSE_HOURS_MAX, REASSESS_DAYS_MAX, VALID_MONTHS_MAX
from mingqu.domain.partner import fees_year_ppm
from mingqu.domain.policy_file import Document, PolicyFault, Reader
from mingqu.domain.product import Lender, Product, ProductNotOffered, parse_lender, parse_product
from mingqu.domain.refusal import Refusal
from mingqu.domain.rule import ALL_IN_COST_MAX, RuleBook, RuleMissing, parse_rules, rule_book

EXPOSURE_MAX: Final = "exposure_person_fen_max"
REDUCED_MAX: Final = 16  # sets of switches in force at once on one date; more are worked out anew
AMOUNT_FEN_MAX: Final = 10**13  # a hundred billion yuan: no person's limit, and far inside 2^53


class PolicyMissing(Refusal):
    """A policy that is needed on the date, or that a record names, is not in the pack."""

    code: ClassVar[str] = "policy_missing"


class PriceAboveCap(PolicyFault):
    """A price stands above the legal all-in cap of its lender type on some day of the product's validity."""

    code: ClassVar[str] = "price_above_cap"


class LawNotSwitchedOff(Refusal):
    """A row that is law can be replaced by another version, never switched off."""

    code: ClassVar[str] = "law_not_switched_off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What is needed to price one product: `amount_max_fen` is what product and law together allow a person."""

    product: Product
    lender: Lender
    prices: Grid
    amount_max_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """Everything one decision reads. `versions` maps "kind/id" to the hash of the document used.

    `product_ids` are those asked for, `offers` those made; `guide` is what people can change about themselves;
    `valid_months` is for how long an assessment lets a person draw (None: no end), `reassess_days` after how many days
    they may be assessed again (None: not before it ran out), `raise_pause_hours` how long a raise waits.
    `pick_card` picks the card's values in its order. `written`, `reasons` and `reduced` remember parts of records,
    reasons, and strategies without what is switched off; remembering changes no answer.
    """

    id: str
    fields: Fields
    card: Card
    business_date: date
    pick_card: Callable[[Vector], tuple[int | None, ...]]
    band_places: Mapping[str, int]
    policy: PolicyTable
    limits: Grid
    exposure_fen_max: int
    exposure_at: int
    no_offer_reason: str
    no_offer_words: Words
    offers: tuple[Offer, ...]
    product_ids: tuple[str, ...]
    rules: RuleBook
    guide: Guide | None
    versions: Mapping[str, str]
    valid_months: int | None = None
    reassess_days: int | None = None
    raise_pause_hours: int = 0
    written: dict[tuple[object, ...], str] = field(default_factory=dict, compare=False, repr=False)
    reasons: dict[tuple[str, int | None], object] = field(default_factory=dict, compare=False, repr=False)
    reduced: dict[frozenset[str], Strategy] = field(default_factory=dict, compare=False, repr=False)

    def without(self, *, switches: Mapping[str, str]) -> Strategy:
        """Return the strategy without the rows, products and lenders that are switched off.

        A switch for something that this strategy does not have changes nothing. Errors: LawNotSwitchedOff.
        """
        off = frozenset(switches)
        found = self.reduced.get(off)
        if found is None:
            for row in self.policy.rows:
                if row.law and f"row/{row.id}" in off:
                    raise LawNotSwitchedOff(f"Row {row.id} is law ({row.law}) and stays.", row=row.id)
            if len(self.reduced) >= REDUCED_MAX:
                self.reduced.clear()
            found = self.reduced[off] = replace(
                self,
                policy=self.policy.without(rows=frozenset(name[4:] for name in off if name.startswith("row/"))),
                offers=tuple(
                    one
                    for one in self.offers
                    if f"product/{one.product.id}" not in off and f"lender/{one.lender.code}" not in off
                ),
                written={},
                reasons={},
                reduced={},
            )
        return found

    def later(self, *, day: date) -> Strategy:
        """Return the same policies as they will stand on a later day: products that have ended are not offered, and a
        person's ceiling at a lender is that day's."""
        offers = []
        for one in self.offers:
            if one.product.valid_from <= day < one.product.valid_to:
                amount_max_fen = _known_max(one.product, one.lender, self.rules, day)
                if amount_max_fen is not None:
                    offers.append(replace(one, amount_max_fen=amount_max_fen))
        return replace(self, business_date=day, offers=tuple(offers), written={}, reasons={}, reduced={})


class Finder:
    """Finds documents among all versions, for a date or by the hashes of a record, and notes which were used.

    `spoken` says which were published from when; `instead` names a version to be tried in place of what is in force.
    """

    def __init__(
        self,
        *,
        documents: Sequence[Document],
        business_date: date,
        versions: Mapping[str, str] | None,
        spoken: Spoken = MappingProxyType({}),
        instead: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self.documents = documents
        self.business_date = business_date
        self.versions = versions
        self.spoken = spoken
        self.instead = instead
        self.used: dict[str, str] = {}

    def named(self, kind: str, name: str) -> Document:
        """Return the newest document in force, or the one with the record's hash. Errors: PolicyMissing."""
        found = [one for one in self.documents if one.body["kind"] == kind and one.body["id"] == name]
        if self.versions is None:
            document = self._in_force(found)
        else:
            wanted = self.versions.get(f"{kind}/{name}", "")
            document = max((one for one in found if one.hash == wanted), key=version_of, default=None)
        if document is None:
            raise PolicyMissing(f"{kind} {name} is not in the pack for {self.business_date}.", kind=kind, id=name)
        self.used[f"{kind}/{name}"] = document.hash
        return document

    def _in_force(self, found: Sequence[Document]) -> Document | None:
        """Return which version of a policy decides on the date: the one to be tried, or the last published."""
        tried = self.instead.get(key_of(found[0])) if found else None
        if tried is None:
            return standing(versions=found, spoken=self.spoken, business_date=self.business_date)
        named = (one for one in found if version_of(one) == tried)
        return next((one for one in named if in_force(document=one, business_date=self.business_date)), None)

    def optional(self, kind: str, name: str) -> Document | None:
        """Return what `named` does, or None when no version is in force, or the record names none."""
        if self.versions is not None:
            return self.named(kind, name) if f"{kind}/{name}" in self.versions else None
        held = [one for one in self.documents if one.body["kind"] == kind and one.body["id"] == name]
        return self.named(kind, name) if self._in_force(held) is not None else None

    def names(self, kind: str) -> tuple[str, ...]:
        """Return the names of a kind, those of the record when there is one."""
        if self.versions is not None:
            return tuple(key.split("/", 1)[1] for key in sorted(self.versions) if key.startswith(f"{kind}/"))
        return tuple(
            sorted({str(one.body["id"]) for one in self.documents if one.body["kind"] == kind and self._decides(one)})
        )

    def _decides(self, document: Document) -> bool:
        """Whether a policy was ever put into force; one that may only be tried stands beside those that decide."""
        said = self.spoken.get(key_of(document), ())
        return not self.spoken or any(one.from_date is not None for one in said)

    def lender(self, lender_id: UUID) -> Lender:
        """Return the lender with an id. Errors: PolicyMissing."""
        for name in sorted({str(one.body["id"]) for one in self.documents if one.body["kind"] == "lender"}):
            known = [one for one in self.documents if one.body["kind"] == "lender" and one.body["id"] == name]
            if any(parse_lender(document=one).id == lender_id for one in known):
                return parse_lender(document=self.named("lender", name))
        raise PolicyMissing("No lender file has this id.", lender_id=str(lender_id))

    def rules(self) -> RuleBook:
        """Return all rule files as one book. Errors: RuleOverlap."""
        return rule_book(
            rules=[rule for name in self.names("rules") for rule in parse_rules(document=self.named("rules", name))]
        )


_COLUMNS: Final = (
    "kind", "id", "version", "valid_from", "valid_to", "about", "fields", "card", "policy", "limits",
    "exposure_fen_max", "exposure_field", "no_offer", "valid_months", "reassess_days", "raise_pause_hours",
)  # fmt: skip


def assemble(*, finder: Finder, product_ids: tuple[str, ...]) -> Strategy:
    """Return the strategy for these products. Errors: PolicyMissing, PolicyFault, ProductNotOffered, RuleMissing,
    PriceAboveCap."""
    names = finder.names("strategy")
    if len(names) != 1:
        raise PolicyMissing(f"{len(names)} strategies are in the pack; exactly one decides.", kind="strategy")
    reader = finder.named("strategy", names[0]).reader()
    reader.only(_COLUMNS)
    fields = parse_fields(document=finder.named("fields", reader.name("fields")))
    card = parse_card(document=finder.named("card", reader.name("card")))
    _check_card(reader, card, fields)
    card = with_choices(card=card, choices={one.name: one.choices for one in fields.fields})
    limits = parse_grid(document=finder.named("grid", reader.name("limits")), fields=fields)
    if limits.unit != "fen":
        raise reader.fault("limits", "a limit grid is in fen.", "Name another grid.")
    exposure = fields.named(reader.name("exposure_field"))
    if exposure is None or exposure.missing_allowed:
        raise reader.fault("exposure_field", "not a mandatory field.", "Name a declared mandatory field.")
    guide = finder.optional("remedies", reader.name("fields"))
    no_offer = reader.table("no_offer")
    no_offer.only(("reason", "text_zh", "text_en", "remedy_zh", "remedy_en"))
    rules = finder.rules()
    return Strategy(
        id=reader.name("id"),
        fields=fields,
        card=card,
        pick_card=picker([fields.place[variable.name] for variable in card.variables]),
        business_date=finder.business_date,
        band_places={name: place for place, name in enumerate(_band_choices(fields))},
        policy=parse_policy_table(document=finder.named("policy", reader.name("policy")), fields=fields),
        limits=limits,
        exposure_fen_max=reader.integer("exposure_fen_max", least=0, most=AMOUNT_FEN_MAX),
        exposure_at=fields.place[exposure.name],
        no_offer_reason=no_offer.name("reason"),
        no_offer_words=read_words(no_offer),
        offers=tuple(_offer(finder, name, fields, rules) for name in product_ids),
        product_ids=product_ids,
        rules=rules,
        guide=None if guide is None else parse_guide(document=guide, fields=fields),
        versions=dict(sorted(finder.used.items())),
        valid_months=_optional(reader, "valid_months", least=1, most=VALID_MONTHS_MAX),
        reassess_days=_optional(reader, "reassess_days", least=1, most=REASSESS_DAYS_MAX),
        raise_pause_hours=_optional(reader, "raise_pause_hours", least=0, most=PAUSE_HOURS_MAX) or 0,
    )


def _optional(reader: Reader, column: str, *, least: int, most: int) -> int | None:
    return reader.integer(column, least=least, most=most) if reader.has(column) else None


def _check_card(reader: Reader, card: Card, fields: Fields) -> None:
    for variable in card.variables:
        declared = fields.named(variable.name)
        if declared is None or "card" not in declared.use or variable.name in COMPUTED:
            raise reader.fault("card", f"{variable.name} is not declared for the card.", "Declare it with use card.")
        if declared.missing_allowed and variable.missing is None:
            raise reader.fault("card", f"{variable.name} may be missing, the card cannot.", "Refuse its missing.")
        if bool(declared.choices) != bool(variable.words):
            raise reader.fault("card", f"{variable.name} is words here, not there.", "Declare it with its choices.")
        if variable.scale_digits:
            raise reader.fault("card", f"{variable.name} is not whole.", "Train on whole numbers (fen, months).")
    if _band_choices(fields) != tuple(reversed(card.bands)):  # a field names the best first, a card the worst
        raise reader.fault("card", "other bands than the field band.", f"The card has {', '.join(card.bands)}.")


def _band_choices(fields: Fields) -> tuple[str, ...]:
    band = fields.named("band")
    assert band is not None, "fields without the card's fields are refused at load"
    return band.choices


def _offer(finder: Finder, product_id: str, fields: Fields, rules: RuleBook) -> Offer:
    try:
        product = parse_product(document=finder.named("product", product_id))
    except PolicyMissing:
        product = None
    if product is None or product.status != "active":
        raise ProductNotOffered(
            f"Product {product_id} is not offered on {finder.business_date}.", product_id=product_id
        )
    lender = finder.lender(product.lender_id)
    document = finder.named("grid", product.price_grid)
    prices = parse_grid(document=document, fields=fields)
    days = (finder.business_date, product.valid_to)
    check_price(product=product, lender=lender, prices=prices, rules=rules, days=days, file=document.file)
    amount_max_fen = _amount_max(product, lender, rules, finder.business_date)
    return Offer(product=product, lender=lender, prices=prices, amount_max_fen=amount_max_fen)


def _amount_max(product: Product, lender: Lender, rules: RuleBook, day: date) -> int:
    """Return what product and law together let a person borrow on a day, in fen. Errors: RuleMissing."""
    exposure_fen = rules.value(
        rule_id=EXPOSURE_MAX, lender_type=lender.licence, product_kind=product.kind, business_date=day
    )
    return min(product.amount_max_fen, exposure_fen)


def _known_max(product: Product, lender: Lender, rules: RuleBook, day: date) -> int | None:
    """Return the same for a day to come, or None where nobody knows yet what the law will allow: not promised."""
    try:
        return _amount_max(product, lender, rules, day)
    except RuleMissing:
        return None


def check_price(
    *, product: Product, lender: Lender, prices: Grid, rules: RuleBook, days: tuple[date, date], file: str
) -> None:
    """Refuse a price grid (of a file) with a cell above the legal cap on any day of [days[0], days[1]).

    The quoted yearly rate with what partners take beside it is compared; each offer's whole cost is compared again.
    Errors: PriceAboveCap, RuleMissing, PolicyMissing when the grid is in another unit.
    """
    if prices.unit != "ppm_per_year":
        raise PolicyMissing(f"The price grid {prices.id} is not in ppm_per_year.", kind="grid", id=prices.id)
    dearest = max((cell for cell in prices.cells if cell is not None), default=0)
    highest = dearest + fees_year_ppm(product.partner_fees)
    for rule in rules.within(
        rule_id=ALL_IN_COST_MAX,
        lender_type=lender.licence,
        product_kind=product.kind,
        valid_from=days[0],
        valid_to=days[1],
    ):
        if highest > rule.value:
            raise PriceAboveCap(
                file=file,
                row=prices.cell_name(prices.cells.index(dearest)),
                column="cells",
                problem=f"product {product.id} asks {highest} ppm a year; {rule.document} allows {lender.licence} "
                f"lenders {rule.value} ppm from {rule.valid_from}.",
                remedy="Lower the price, or end the product before.",
                product_id=product.id,
                price_year_ppm=highest,
                cap_year_ppm=rule.value,
                valid_from=rule.valid_from.isoformat(),
            )
