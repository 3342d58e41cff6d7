"""Where the money of a product comes from, as versioned data: sources in their order, and the figures of funders.

A plan names the sources of one product. The first that may fund a loan, and has room for it, funds it. A source is the
lender's own money, a bank's line to the lender, a joint loan by shares, or a pool of securities that buys the loan.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.funding.buy_back import BuyBackTerms, parse_buy_back
from mingqu.domain.funding.share import Funding, Share
from mingqu.domain.identifier import MalformedIdentifier, parse
from mingqu.domain.money import AMOUNT_FEN_MAX
from mingqu.domain.policy_file import Document, Reader
from mingqu.domain.product import INSTALMENTS_MAX, Licence
from mingqu.domain.rate import PPM
from mingqu.domain.refusal import Refusal


class FunderUnknown(Refusal):
    """No funder of this code or id holds on this day."""

    code: ClassVar[str] = "funder_unknown"
    status: ClassVar[int] = 404


class SourceKind(StrEnum):
    """What a source is. Words are stored."""

    OWN = "own"
    BANK = "bank"
    JOINT = "joint"
    ABS_POOL = "abs_pool"


@dataclass(frozen=True, slots=True, kw_only=True)
class Funder:
    """One version of a funder's figures for [valid_from, valid_to), in fen: what its own limits are worked out from.

    `…_other_fen` is what counts against a limit and stands in no book of ours.
    """

    code: str
    version: int
    valid_from: date
    valid_to: date
    id: UUID
    name_zh: str
    name_en: str
    licence: Licence
    net_capital_fen: int
    tier1_capital_fen: int
    net_assets_fen: int
    loans_fen: int
    risk_weighted_other_fen: int
    assets_other_fen: int
    joint_other_fen: int
    non_standard_other_fen: int
    standard_other_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source of a plan. `funding` says whose the loan will be; `funder_id` who gives the money.

    Of a joint loan the shares are the partner's and the bank's, and the bank, the last, has what rounding leaves over.
    """

    id: str
    kind: SourceKind
    name_zh: str
    name_en: str
    funder_id: UUID
    funding: Funding
    line_fen: int
    amount_min_fen: int
    amount_max_fen: int
    instalments_max: int

    @property
    def is_joint(self) -> bool:
        """Whether more than one has a claim on the loan."""
        return len(self.funding.shares) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingPlan:
    """One version of a product's sources, in the order in which they are asked, for [valid_from, valid_to)."""

    product_id: str
    version: int
    valid_from: date
    valid_to: date
    lender_id: UUID
    sources: tuple[Source, ...]
    hash: str

    def source(self, *, source_id: str) -> Source:
        """Return a source of the plan, which has it."""
        return next(one for one in self.sources if one.id == source_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingBook:
    """All versions of all plans and funders, and of what lenders and funders agreed to be bought back."""

    plans: tuple[FundingPlan, ...]
    funders: tuple[Funder, ...]
    buy_backs: tuple[BuyBackTerms, ...] = ()

    def plan_of(self, *, product_id: str, business_date: date) -> FundingPlan | None:
        """Return a product's plan on a date, the newest of several; None: its lender's own money alone pays for it."""
        return next((one for one in self.plans_on(business_date) if one.product_id == product_id), None)

    def plan_version(self, *, product_id: str, version: int) -> FundingPlan:
        """Return the version of a plan by which a loan was routed."""
        return next(one for one in self.plans if (one.product_id, one.version) == (product_id, version))

    def plans_on(self, business_date: date) -> list[FundingPlan]:
        """Return each product's plan on a date."""
        found: dict[str, FundingPlan] = {}
        for one in sorted(self.plans, key=lambda each: (each.product_id, each.version)):
            if one.valid_from <= business_date < one.valid_to:
                found[one.product_id] = one
        return list(found.values())

    def funders_on(self, business_date: date) -> dict[UUID, Funder]:
        """Return each funder's figures on a date, by id."""
        found: dict[UUID, Funder] = {}
        for one in sorted(self.funders, key=lambda each: (each.code, each.version)):
            if one.valid_from <= business_date < one.valid_to:
                found[one.id] = one
        return found

    def buy_back_of(self, *, lender_id: UUID, seller_id: UUID, funded_on: date) -> BuyBackTerms | None:
        """Return what a lender and a funder had agreed when a loan was funded, the newest of several; None: nothing."""
        found = [
            one
            for one in self.buy_backs
            if (one.lender_id, one.seller_id) == (lender_id, seller_id) and one.valid_from <= funded_on < one.valid_to
        ]
        return max(found, key=lambda one: one.version, default=None)

    def funder(self, *, word: str, business_date: date) -> Funder:
        """Return a funder by its code or id. Errors: FunderUnknown."""
        for one in self.funders_on(business_date).values():
            if word in (one.code, one.id.hex, str(one.id)):
                return one
        known = ", ".join(one.code for one in self.funders_on(business_date).values()) or "none"
        raise FunderUnknown(f"There is no such funder on this day. Known: {known}.")


NO_FUNDING: Final = FundingBook(plans=(), funders=())


def parse_funding(*, documents: Iterable[Document]) -> FundingBook:
    """Return the plans and funders that files describe. Errors: PolicyFault with file, row and column.

    A plan may only name funders that a file describes.
    """
    held = list(documents)
    funders = tuple(_funder(one) for one in held if _kind(one) == "funder")
    known = {one.code: one.id for one in funders}
    plans = tuple(_plan(one, known) for one in held if _kind(one) == "funding")
    for document in held:
        one = document.reader()
        same = [each for each in held if _name(each) == _name(document)]
        if len(same) > 1:
            raise one.fault("version", "this version stands twice.", "Give the new file a new version.")
    buy_backs = tuple(parse_buy_back(document=one, known=known) for one in held if _kind(one) == "buy_back")
    return FundingBook(plans=plans, funders=funders, buy_backs=buy_backs)


def _kind(document: Document) -> str:
    return document.reader().choice("kind", ("funder", "funding", "buy_back"))


def _name(document: Document) -> tuple[str, str, int]:
    reader = document.reader()
    return _kind(document), reader.name("id"), reader.integer("version", least=1, most=1_000_000)


_FIGURES: Final = (
    "net_capital_fen", "tier1_capital_fen", "net_assets_fen", "loans_fen", "risk_weighted_other_fen",
    "assets_other_fen", "joint_other_fen", "non_standard_other_fen", "standard_other_fen",
)  # fmt: skip


def _funder(document: Document) -> Funder:
    reader = document.reader()
    reader.only(
        ("kind", "id", "version", "valid_from", "valid_to", "funder_id", "name_zh", "name_en", "licence", "note",
         *_FIGURES)
    )  # fmt: skip
    valid_from, valid_to = reader.period()
    figures = {name: reader.integer(name, least=0, most=AMOUNT_FEN_MAX) if reader.has(name) else 0 for name in _FIGURES}
    return Funder(
        code=reader.name("id"),
        version=reader.integer("version", least=1, most=1_000_000),
        valid_from=valid_from,
        valid_to=valid_to,
        id=_identifier(reader, "funder_id"),
        name_zh=reader.text("name_zh"),
        name_en=reader.text("name_en"),
        licence=Licence(reader.choice("licence", tuple(Licence))),
        **figures,
    )


def _plan(document: Document, known: dict[str, UUID]) -> FundingPlan:
    reader = document.reader()
    reader.only(("kind", "id", "version", "valid_from", "valid_to", "lender", "source", "note"))
    valid_from, valid_to = reader.period()
    lender_id = known[reader.choice("lender", tuple(known))]
    sources = tuple(_source(row, known, lender_id) for row in reader.tables("source"))
    names = [one.id for one in sources]
    if len(set(names)) != len(names):
        raise reader.fault("source", "a source stands twice.", "Give each its own id.")
    return FundingPlan(
        product_id=reader.name("id"),
        version=reader.integer("version", least=1, most=1_000_000),
        valid_from=valid_from,
        valid_to=valid_to,
        lender_id=lender_id,
        sources=sources,
        hash=document.hash,
    )


def _source(reader: Reader, known: dict[str, UUID], lender_id: UUID) -> Source:
    reader.only(
        ("id", "source_kind", "name_zh", "name_en", "funder", "partner_share_ppm", "line_fen", "amount_min_fen",
         "amount_max_fen", "instalments_max", "note")
    )  # fmt: skip
    kind = SourceKind(reader.choice("source_kind", tuple(SourceKind)))
    funder_id = known[reader.choice("funder", tuple(known))]
    if (kind in (SourceKind.OWN, SourceKind.ABS_POOL)) != (funder_id == lender_id):
        raise reader.fault("funder", "not who gives the money of such a source.", "A bank, or the lender itself.")
    amount_min_fen = reader.integer("amount_min_fen", least=1, most=AMOUNT_FEN_MAX)
    return Source(
        id=reader.name("id"),
        kind=kind,
        name_zh=reader.text("name_zh"),
        name_en=reader.text("name_en"),
        funder_id=funder_id,
        funding=_funding(reader, kind, lender_id, funder_id),
        line_fen=reader.integer("line_fen", least=0, most=AMOUNT_FEN_MAX),
        amount_min_fen=amount_min_fen,
        amount_max_fen=reader.integer("amount_max_fen", least=amount_min_fen, most=AMOUNT_FEN_MAX),
        instalments_max=reader.integer("instalments_max", least=1, most=INSTALMENTS_MAX),
    )


def _funding(reader: Reader, kind: SourceKind, lender_id: UUID, bank_id: UUID) -> Funding:
    """Return whose the loan will be: of a joint loan the partner's and the bank's, or else the lender's alone.

    One partner and one bank: with three a line of a fen could leave one of them a claim below nothing for a moment.
    """
    if kind is not SourceKind.JOINT:
        if reader.has("partner_share_ppm"):
            raise reader.fault("partner_share_ppm", "only a joint loan has shares.", "Drop it.")
        return Funding(shares=(Share(lender_id=lender_id, ppm=PPM),))
    ppm = reader.integer("partner_share_ppm", least=1, most=PPM - 1)
    return Funding(shares=(Share(lender_id=lender_id, ppm=ppm), Share(lender_id=bank_id, ppm=PPM - ppm)))


def _identifier(reader: Reader, column: str) -> UUID:
    try:
        return parse(reader.text(column))
    except MalformedIdentifier:
        raise reader.fault(column, "not an identifier.", "Write a UUID of version 7.") from None
