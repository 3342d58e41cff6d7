"""A pack: all published policies, parsed and checked together.

Every version stays in the pack. A decision names each version it used by hash, so that a replay years later
finds the same ones (`pinned`), whatever was published since.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Final
from uuid import UUID

from mingqu.domain.decision.auto_loan import AutoProduct, parse_auto_product, parse_payees
from mingqu.domain.decision.card import parse_card
from mingqu.domain.decision.experiment import Experiment, parse_experiment, require_apart
from mingqu.domain.decision.fault import fault_of
from mingqu.domain.decision.grid import parse_grid
from mingqu.domain.decision.lever import parse_guide
from mingqu.domain.decision.link import LinkTable, parse_link_table
from mingqu.domain.decision.meets import Meets
from mingqu.domain.decision.publication import Publication, Spoken, by_policy, key_of, ranks, standing, version_of
from mingqu.domain.decision.strategy import Finder, PolicyMissing, Strategy, assemble, check_price
from mingqu.domain.decision.table import parse_first_hit_table, parse_policy_table
from mingqu.domain.money import Rounding
from mingqu.domain.partner import Partner, parse_partner
from mingqu.domain.policy_file import Document, Plain
from mingqu.domain.product import Lender, Product, ProductNotOffered, parse_lender, parse_product
from mingqu.domain.purpose import parse_wallets, parse_watch, read_contract
from mingqu.domain.rebuild import RebuildTable, parse_rebuild_table
from mingqu.domain.rule import ALL_IN_COST_MAX, RuleBook, RuleMissing
from mingqu.domain.spend.product import SpendProduct, SpendProductNotOffered, parse_spend_product

# A mapping (columns of a CSV) is kept and published, but decides nothing.
KINDS: Final = (
    "lender", "rules", "fields", "card", "policy", "first_hit", "grid", "product", "strategy", "mapping", "remedies",
    "experiment", "spend_product", "link", "rebuilding", "partner", "auto_product", "funds_contract", "payees",
    "card_watch", "wallet_binding", "wallets",
)  # fmt: skip
STRATEGIES_REMEMBERED_MAX: Final = 64  # dates × sets of products in use at once; the rest is put together again


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """All versions of all policies. Made by `parse_pack`, which checks them together.

    `spoken` is what a book published, by policy; files alone have none, and of them the newest version holds.
    """

    documents: tuple[Document, ...]
    lenders: tuple[Lender, ...]
    products: tuple[Product, ...]
    rules: RuleBook
    partners: tuple[Partner, ...] = ()
    spoken: Spoken = field(default_factory=dict)
    _remembered: dict[tuple[object, ...], Strategy] = field(default_factory=dict, compare=False, repr=False)
    _experiments: dict[date, tuple[Experiment, ...]] = field(default_factory=dict, compare=False, repr=False)
    _lenders: dict[UUID, Lender] = field(default_factory=dict, compare=False, repr=False)

    def lender(self, *, lender_id: UUID) -> Lender:
        """Return a lender in the version that was published last. Errors: PolicyMissing."""
        if not self._lenders:
            for _, one in sorted(self._ranked("lender", date.max), key=lambda each: each[0]):
                lender = parse_lender(document=one)
                self._lenders[lender.id] = lender  # the one published last remains
        if lender_id not in self._lenders:
            raise PolicyMissing("No lender file has this id.", lender_id=str(lender_id))
        return self._lenders[lender_id]

    def partner(self, *, code: str) -> Partner:
        """Return a partner in the version that was published last. Errors: PolicyMissing."""
        return parse_partner(document=self.document(kind="partner", name=code))

    def product(self, *, product_id: str, business_date: date) -> Product:
        """Return the newest version of a product offered on a date. Errors: ProductNotOffered."""
        for product in self.offered(business_date=business_date):
            if product.id == product_id:
                return product
        raise ProductNotOffered(f"Product {product_id} is not offered on {business_date}.", product_id=product_id)

    def product_version(self, *, product_id: str, version: int) -> Product:
        """Return one version of a product, offered or not: a loan keeps the version it was made under."""
        for product in self.products:
            if (product.id, product.version) == (product_id, version):
                return product
        raise PolicyMissing(f"Product {product_id}, version {version}, is not in the pack.", kind="product")

    def offered(self, *, business_date: date) -> tuple[Product, ...]:
        """Return the products offered on a date, by id, each in the version then in force."""
        parsed = {(product.id, product.version): product for product in self.products}
        held = self._held("product", business_date)
        found = (parsed[str(one.body["id"]), version_of(one)] for one in held)
        return tuple(one for one in found if one.status == "active")

    def spend_product(self, *, product_id: str, business_date: date) -> SpendProduct:
        """Return the version of a revolving product offered on a date. Errors: SpendProductNotOffered."""
        for product in self.spend_offered(business_date=business_date):
            if product.id == product_id:
                return product
        raise SpendProductNotOffered(f"Product {product_id} is not offered on {business_date}.", product_id=product_id)

    def spend_version(self, *, product_id: str, version: int) -> SpendProduct:
        """Return one version of a revolving product, offered or not. Errors: PolicyMissing."""
        return parse_spend_product(document=self.version(kind="spend_product", name=product_id, version=version))

    def spend_offered(self, *, business_date: date) -> tuple[SpendProduct, ...]:
        """Return the revolving products offered on a date, by id, each in the version then in force."""
        found = [parse_spend_product(document=document) for document in self._held("spend_product", business_date)]
        return tuple(product for product in found if product.status == "active")

    def auto_version(self, *, product_id: str, version: int) -> AutoProduct:
        """Return one version of a car loan's product, offered or not. Errors: PolicyMissing."""
        return parse_auto_product(document=self.version(kind="auto_product", name=product_id, version=version))

    def auto_offered(self, *, business_date: date) -> tuple[AutoProduct, ...]:
        """Return the products of car loans offered on a date, by id, each in the version then in force."""
        found = [parse_auto_product(document=one) for one in self._held("auto_product", business_date)]
        return tuple(one for one in found if one.product.status == "active")

    def _held(self, kind: str, business_date: date) -> list[Document]:
        """Return the version of each policy of a kind that is in force on a date, by id."""
        versions: dict[str, list[Document]] = {}
        for one in self.documents:
            if one.body["kind"] == kind:
                versions.setdefault(str(one.body["id"]), []).append(one)
        found = (
            standing(versions=known, spoken=self.spoken, business_date=business_date)
            for _, known in sorted(versions.items())
        )
        return [one for one in found if one is not None]

    def link_table(self, *, business_date: date) -> LinkTable:
        """Return the table that says which accounts may be linked on a date. Errors: PolicyMissing."""
        held = self._held("link", business_date)
        if not held:
            raise PolicyMissing("No table says which accounts may be linked.", kind="link")
        return parse_link_table(document=held[0])

    def rebuild_table(self, *, business_date: date) -> RebuildTable | None:
        """Return the table that says what being late takes on a date; None where there is none, and nothing is lost."""
        held = self._held("rebuilding", business_date)
        return parse_rebuild_table(document=held[0]) if held else None

    def document(self, *, kind: str, name: str) -> Document:
        """Return a document, e.g. a mapping, in the version published last. Errors: PolicyMissing."""
        found = [(rank, one) for rank, one in self._ranked(kind, date.max) if one.body["id"] == name]
        if not found:
            raise PolicyMissing(f"{kind} {name} is not in the pack.", kind=kind, id=name)
        return max(found, key=lambda each: each[0])[1]

    def version(self, *, kind: str, name: str, version: int) -> Document:
        """Return one version of a document, in force or not. Errors: PolicyMissing."""
        for one in self.documents:
            if (one.body["kind"], one.body["id"], version_of(one)) == (kind, name, version):
                return one
        raise PolicyMissing(f"{kind} {name}, version {version}, is not in the pack.", kind=kind, id=name)

    def in_force(self, *, business_date: date) -> tuple[Document, ...]:
        """Return the version of each policy that decides on a date."""
        finder = Finder(documents=self.documents, business_date=business_date, versions=None, spoken=self.spoken)
        found = []
        for kind, name in sorted({(str(one.body["kind"]), str(one.body["id"])) for one in self.documents}):
            try:
                found.append(finder.named(kind, name))
            except PolicyMissing:
                continue  # of this policy no version holds then
        return tuple(found)

    def experiments(self, *, business_date: date) -> tuple[Experiment, ...]:
        """Return the experiments in force on a date, by id. Errors: ExperimentsOverlap."""
        found = self._experiments.get(business_date)
        if found is None:
            if len(self._experiments) >= STRATEGIES_REMEMBERED_MAX:
                self._experiments.clear()
            documents = [one for one in self.documents if one.body["kind"] == "experiment"]
            held = self.in_force(business_date=business_date) if documents else ()
            found = tuple(parse_experiment(document=one) for one in held if one.body["kind"] == "experiment")
            require_apart(found)
            self._experiments[business_date] = found
        return found

    def _ranked(self, kind: str, business_date: date) -> list[tuple[int, Document]]:
        """Return the published versions of a kind with their rank on a date."""
        found = []
        for one in self.documents:
            rank = None
            if one.body["kind"] == kind:
                rank = ranks(document=one, spoken=self.spoken, business_date=business_date)
            if rank is not None:
                found.append((rank, one))
        return found

    def on(
        self, *, business_date: date, product_ids: tuple[str, ...], instead: Mapping[str, int] = MappingProxyType({})
    ) -> Strategy:
        """Return what decides on a date for these products; `instead` names versions to try, by "kind/id".

        Errors: PolicyMissing, ProductNotOffered, RuleMissing, PriceAboveCap.
        """
        return self._strategy(business_date, product_ids, None, instead)

    def pinned(self, *, business_date: date, product_ids: tuple[str, ...], versions: Mapping[str, str]) -> Strategy:
        """Return what decided then, by the hashes of a record. Errors: PolicyMissing when a version is not here."""
        found = self._strategy(business_date, product_ids, versions)
        if found.versions != versions:
            raise PolicyMissing("The record names policies that a decision does not read.", kind="record")
        return found

    def _strategy(
        self,
        business_date: date,
        product_ids: tuple[str, ...],
        versions: Mapping[str, str] | None,
        instead: Mapping[str, int] = MappingProxyType({}),
    ) -> Strategy:
        pinned = None if versions is None else tuple(sorted(versions.items()))
        key = (business_date, product_ids, pinned, tuple(sorted(instead.items())))
        found = self._remembered.get(key)
        if found is None:
            finder = Finder(
                documents=self.documents,
                business_date=business_date,
                versions=versions,
                spoken=self.spoken,
                instead=instead,
            )
            found = assemble(finder=finder, product_ids=product_ids)
            # Remembering changes no answer: the same key always gives an equal strategy.
            if len(self._remembered) >= STRATEGIES_REMEMBERED_MAX:
                self._remembered.clear()
            self._remembered[key] = found
        return found


def parse_pack(*, documents: Iterable[Document], publications: Iterable[Publication] = ()) -> Pack:
    """Return all documents as a pack, or the first fault; `publications` say what a book put into force, and when.

    Checked besides each file alone: known kinds, no version twice, rules without overlap, the strategy on its first
    day, and each product's prices against the legal cap of its lender type on every day of its validity.
    Errors: PolicyFault, PolicyCaseFailed, GridCaseFailed, RuleOverlap, RuleMissing, PriceAboveCap, PolicyMissing.
    """
    held = tuple(sorted(documents, key=_key))
    for before, after in itertools.pairwise(held):
        if _key(before) == _key(after):
            raise after.reader().fault("version", "this version stands twice.", "Give the new file a new version.")
    spoken = by_policy(publications)
    pack = Pack(
        documents=held,
        lenders=tuple(parse_lender(document=one) for one in held if one.kind == "lender"),
        products=(
            *(parse_product(document=one) for one in held if one.kind == "product"),
            *(parse_auto_product(document=one).product for one in held if one.kind == "auto_product"),
        ),
        partners=tuple(parse_partner(document=one) for one in held if one.kind == "partner"),
        rules=Finder(documents=_last(held, "rules", spoken), business_date=date.min, versions=None).rules(),
        spoken=spoken,
    )
    meets = Meets(documents=held, spoken=spoken)
    for document in held:
        _check_dates(document)
        try:
            _check(pack, document, meets)
        except (PolicyMissing, RuleMissing) as missing:
            raise fault_of(document=document, missing=missing) from None
    return pack


_DATED: Final = (
    "fields", "card", "policy", "first_hit", "grid", "strategy", "product", "remedies", "experiment", "spend_product",
    "link", "rebuilding", "auto_product", "card_watch", "wallet_binding",
)  # fmt: skip


def _check_dates(document: Document) -> None:
    """Refuse a version that is never in force, or does not say from when; and notes that are no text."""
    reader = document.reader()
    if document.kind in _DATED or reader.has("valid_from") or reader.has("valid_to"):
        reader.period()
    for column in ("note", "about"):
        if reader.has(column):
            reader.text(column)


def _key(document: Document) -> tuple[str, str, int]:
    reader = document.reader()
    return reader.choice("kind", KINDS), reader.name("id"), version_of(document)


def _last(documents: Sequence[Document], kind: str, spoken: Spoken) -> tuple[Document, ...]:
    """Return each policy of a kind in the version that was published last, or that is the newest of some files."""
    last: dict[str, tuple[int, Document]] = {}
    for one in documents:
        rank = ranks(document=one, spoken=spoken, business_date=date.max) if one.body["kind"] == kind else None
        if rank is not None and rank > last.get(key_of(one), (-1, one))[0]:
            last[key_of(one)] = (rank, one)
    return tuple(one for _, one in last.values())


# Parsed alone: nothing beside the file says whether it is right.
_ALONE: Final[Mapping[Plain, Callable[[Document], object]]] = {
    "card": lambda one: parse_card(document=one),
    "link": lambda one: parse_link_table(document=one),
    "partner": lambda one: parse_partner(document=one),
    "wallet_binding": lambda one: parse_link_table(document=one),
    "wallets": lambda one: parse_wallets(document=one),
    "card_watch": lambda one: parse_watch(document=one),
    "rebuilding": lambda one: parse_rebuild_table(document=one),
    "funds_contract": read_contract,
    "payees": lambda one: parse_payees(document=one),
}
_READ_FIELDS: Final = ("policy", "first_hit", "grid", "product", "remedies")


def _check(pack: Pack, document: Document, meets: Meets) -> None:
    """Every table is parsed and its cases run, also those that no strategy uses today."""
    kind: Plain = document.body["kind"]
    if kind in _READ_FIELDS and meets.names != 1:
        raise document.reader().fault("kind", "not exactly one file declares the fields.", "Keep one of kind fields.")
    if kind == "policy":
        meets.check(document, lambda fields: parse_policy_table(document=document, fields=fields))
    elif kind == "first_hit":
        meets.check(document, lambda fields: parse_first_hit_table(document=document, fields=fields))
    elif kind == "grid":
        meets.check(document, lambda fields: parse_grid(document=document, fields=fields))
    elif kind == "remedies":
        meets.check(document, lambda fields: parse_guide(document=document, fields=fields))
    elif kind in _ALONE:
        _ALONE[kind](document)
    elif kind == "product":
        _check_product(pack, parse_product(document=document), meets)
    elif kind == "auto_product":
        _check_auto_product(pack, document)
    elif kind == "spend_product":
        _check_spend_product(pack, document)
    elif kind == "experiment":
        _check_experiment(pack, parse_experiment(document=document))
    elif kind == "strategy":
        first_day = document.reader().day("valid_from")
        pack.on(business_date=first_day, product_ids=tuple(one.id for one in pack.offered(business_date=first_day)))


def _check_experiment(pack: Pack, experiment: Experiment) -> None:
    """What is to be tried decides on the experiment's first day, for all that is offered then."""
    for key, version in experiment.instead.items():
        kind, name = key.split("/")
        pack.version(kind=kind, name=name, version=version)
    day = experiment.valid_from
    offered = tuple(one.id for one in pack.offered(business_date=day))
    if offered:
        pack.on(business_date=day, product_ids=offered, instead=experiment.instead)


def _check_spend_product(pack: Pack, document: Document) -> None:
    """The rate of a revolving product, for a year of its days, is within the cap of its lender's licence."""
    product = parse_spend_product(document=document)
    licence = pack.lender(lender_id=product.lender_id).licence
    yearly_ppm = product.terms.rate.yearly_ppm(rounding=Rounding.CEILING)
    cap = pack.rules.value(
        rule_id=ALL_IN_COST_MAX, lender_type=licence, product_kind=product.kind, business_date=product.valid_from
    )
    if yearly_ppm > cap:
        raise document.reader().fault("rate_day_ppm", f"above the cap of {cap} ppm a year.", "Lower the rate.")


def _check_auto_product(pack: Pack, document: Document) -> None:
    """Each price of a car loan is within the cap of its lender's licence; its contract and payees are in the pack."""
    made = parse_auto_product(document=document)
    for kind, (name, version) in (("funds_contract", made.funds_contract), ("payees", made.payees)):
        pack.version(kind=kind, name=name, version=version)
    cap = pack.rules.value(
        rule_id=ALL_IN_COST_MAX,
        lender_type=pack.lender(lender_id=made.product.lender_id).licence,
        product_kind=made.product.kind,
        business_date=made.product.valid_from,
    )
    made.require_under(cap, reader=document.reader())


def _check_product(pack: Pack, product: Product, meets: Meets) -> None:
    for fee in product.partner_fees:
        if pack.partner(code=fee.partner).role is not fee.role:
            raise PolicyMissing(f"The partner {fee.partner} is no {fee.role}.", kind="partner", id=fee.partner)
    finder = Finder(documents=pack.documents, business_date=product.valid_from, versions=None, spoken=pack.spoken)
    document = finder.named("grid", product.price_grid)
    check_price(
        product=product,
        lender=finder.lender(product.lender_id),
        prices=meets.check(document, lambda fields: parse_grid(document=document, fields=fields)),
        rules=pack.rules,
        days=(product.valid_from, product.valid_to),
        file=document.file,
    )
