"""A pack: all published policies, parsed and checked together.

Every version stays in the pack. A decision names each version it used by hash, so that a replay years later
finds the same ones (`pinned`), whatever was published since.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.decision.card import parse_card
from mingqu.domain.decision.field import Fields, parse_fields
from mingqu.domain.decision.grid import parse_grid
from mingqu.domain.decision.lever import parse_guide
from mingqu.domain.decision.strategy import Finder, PolicyMissing, Strategy, assemble, check_price, version_of
from mingqu.domain.decision.table import parse_first_hit_table, parse_policy_table
from mingqu.domain.policy_file import Document, Plain
from mingqu.domain.product import Lender, Product, ProductNotOffered, parse_lender, parse_product
from mingqu.domain.rule import RuleBook, RuleMissing

# A mapping (columns of a CSV) is kept and published, but decides nothing.
KINDS: Final = (
    "lender", "rules", "fields", "card", "policy", "first_hit", "grid", "product", "strategy", "mapping", "remedies",
)  # fmt: skip
STRATEGIES_REMEMBERED_MAX: Final = 64  # dates × sets of products in use at once; the rest is put together again


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """All versions of all policies. Made by `parse_pack`, which checks them together."""

    documents: tuple[Document, ...]
    lenders: tuple[Lender, ...]
    products: tuple[Product, ...]
    rules: RuleBook
    _remembered: dict[tuple[object, ...], Strategy] = field(default_factory=dict, compare=False, repr=False)

    def lender(self, *, lender_id: UUID) -> Lender:
        """Return the newest version of a lender. Errors: PolicyMissing."""
        found = [lender for lender in self.lenders if lender.id == lender_id]
        if not found:
            raise PolicyMissing("No lender file has this id.", lender_id=str(lender_id))
        return max(found, key=lambda lender: lender.version)

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
        """Return the products offered on a date, by id, each in its newest version then in force."""
        newest: dict[str, Product] = {}
        for product in sorted(self.products, key=lambda one: (one.id, one.version)):
            if product.valid_from <= business_date < product.valid_to:
                newest[product.id] = product
        return tuple(product for product in newest.values() if product.status == "active")

    def document(self, *, kind: str, name: str) -> Document:
        """Return the newest version of a document, e.g. a mapping. Errors: PolicyMissing."""
        found = [one for one in self.documents if (one.body["kind"], one.body["id"]) == (kind, name)]
        if not found:
            raise PolicyMissing(f"{kind} {name} is not in the pack.", kind=kind, id=name)
        return max(found, key=version_of)

    def on(self, *, business_date: date, product_ids: tuple[str, ...]) -> Strategy:
        """Return what decides on a date for these products.

        Errors: PolicyMissing, ProductNotOffered, RuleMissing, PriceAboveCap.
        """
        return self._strategy(business_date, product_ids, None)

    def pinned(self, *, business_date: date, product_ids: tuple[str, ...], versions: Mapping[str, str]) -> Strategy:
        """Return what decided then, by the hashes of a record. Errors: PolicyMissing when a version is not here."""
        found = self._strategy(business_date, product_ids, versions)
        if found.versions != versions:
            raise PolicyMissing("The record names policies that a decision does not read.", kind="record")
        return found

    def _strategy(
        self, business_date: date, product_ids: tuple[str, ...], versions: Mapping[str, str] | None
    ) -> Strategy:
        key = (business_date, product_ids, None if versions is None else tuple(sorted(versions.items())))
        found = self._remembered.get(key)
        if found is None:
            finder = Finder(documents=self.documents, business_date=business_date, versions=versions)
            found = assemble(finder=finder, product_ids=product_ids)
            # Remembering changes no answer: the same key always gives an equal strategy.
            if len(self._remembered) >= STRATEGIES_REMEMBERED_MAX:
                self._remembered.clear()
            self._remembered[key] = found
        return found


def parse_pack(*, documents: Iterable[Document]) -> Pack:
    """Return all documents as a pack, or the first fault.

    Checked besides each file alone: known kinds, no version twice, rules without overlap, the strategy on its first
    day, and each product's prices against the legal cap of its lender type on every day of its validity.
    Errors: PolicyFault, PolicyCaseFailed, GridCaseFailed, RuleOverlap, RuleMissing, PriceAboveCap, PolicyMissing.
    """
    held = tuple(sorted(documents, key=_key))
    for before, after in itertools.pairwise(held):
        if _key(before) == _key(after):
            raise after.reader().fault("version", "this version stands twice.", "Give the new file a new version.")
    pack = Pack(
        documents=held,
        lenders=tuple(parse_lender(document=one) for one in held if one.kind == "lender"),
        products=tuple(parse_product(document=one) for one in held if one.kind == "product"),
        rules=Finder(documents=_newest(held, "rules"), business_date=date.min, versions=None).rules(),
    )
    fields = [parse_fields(document=one) for one in _newest(held, "fields")]
    for document in held:
        _check_dates(document)
        try:
            _check(pack, document, fields)
        except (PolicyMissing, RuleMissing) as missing:
            column = _NAMED_BY.get((document.kind, str(missing.details.get("kind"))), "valid_from")
            raise document.reader().fault(
                column, missing.message, "Add what is missing, or correct the name."
            ) from None
    return pack


# Which column of a file names what was not found.
_NAMED_BY: Final = {
    ("strategy", "fields"): "fields",
    ("strategy", "card"): "card",
    ("strategy", "policy"): "policy",
    ("strategy", "grid"): "limits",
    ("product", "grid"): "price_grid",
    ("product", "lender"): "lender_id",
}
_DATED: Final = ("fields", "card", "policy", "first_hit", "grid", "strategy", "product", "remedies")


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


def _newest(documents: Sequence[Document], kind: str) -> tuple[Document, ...]:
    newest = {one.body["id"]: one for one in documents if one.body["kind"] == kind}  # sorted: the last one is newest
    return tuple(newest.values())


def _check(pack: Pack, document: Document, fields: Sequence[Fields]) -> None:
    """Every table is parsed and its cases run, also those that no strategy uses today."""
    kind: Plain = document.body["kind"]
    if kind in ("policy", "first_hit", "grid", "product", "remedies") and len(fields) != 1:
        raise document.reader().fault("kind", "not exactly one file declares the fields.", "Keep one of kind fields.")
    if kind == "policy":
        parse_policy_table(document=document, fields=fields[0])
    elif kind == "first_hit":
        parse_first_hit_table(document=document, fields=fields[0])
    elif kind == "grid":
        parse_grid(document=document, fields=fields[0])
    elif kind == "remedies":
        parse_guide(document=document, fields=fields[0])
    elif kind == "card":
        parse_card(document=document)
    elif kind == "product":
        _check_product(pack, parse_product(document=document), fields[0])
    elif kind == "strategy":
        first_day = document.reader().day("valid_from")
        pack.on(business_date=first_day, product_ids=tuple(one.id for one in pack.offered(business_date=first_day)))


def _check_product(pack: Pack, product: Product, fields: Fields) -> None:
    finder = Finder(documents=pack.documents, business_date=product.valid_from, versions=None)
    document = finder.named("grid", product.price_grid)
    check_price(
        product=product,
        lender=finder.lender(product.lender_id),
        prices=parse_grid(document=document, fields=fields),
        rules=pack.rules,
        days=(product.valid_from, product.valid_to),
        file=document.file,
    )
