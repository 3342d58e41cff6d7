"""Products and lenders as versioned, dated data. Names of enumerations are plain texts, as in the files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.identifier import MalformedIdentifier, parse
from mingqu.domain.milestone import Stage, parse_stages
from mingqu.domain.money import AMOUNT_FEN_MAX, Rounding
from mingqu.domain.partner import PartnerFee, read_partner_fees
from mingqu.domain.policy_file import Document, Reader
from mingqu.domain.refusal import Refusal

METHODS: Final = ("equal_instalment", "equal_principal", "interest_only", "bullet", "flexible", "flat")
PURPOSE_BOUND: Final = "purpose_bound"
KINDS: Final = ("instalment", "cash_line", "spend_line", PURPOSE_BOUND, "milestone", "merchant", "business")
INTEREST_BASES: Final = ("per_period", "per_day")
RATE_QUOTES: Final = ("year", "month", "day")
DAY_COUNTS: Final = ("thirty_360", "act_360", "act_365", "act_act")
DUE_DAY_RULES: Final = ("disbursement_day_anchored", "fixed_day")
TIMINGS: Final = ("past_due", "due", "in_advance")
COMPONENTS: Final = ("penalty", "fee", "interest", "principal")
INSTALMENTS_MAX: Final = 360  # thirty years by the month
PPM: Final = 1_000_000


class Licence(StrEnum):
    """The lender's licence; rules of supervision are keyed by it."""

    BANK = "bank"
    CONSUMER_FINANCE = "consumer_finance"
    MICROLENDER = "microlender"


class ProductNotOffered(Refusal):
    """No version of the product is offered on the date."""

    code: ClassVar[str] = "product_not_offered"
    status: ClassVar[int] = 404


class TermsNotOffered(Refusal):
    """The product is offered, but not with this amount, number of instalments or method."""

    code: ClassVar[str] = "terms_not_offered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lender:
    """A licensed institution that lends. `status` is "active" or "suspended"; `region` is where it may serve."""

    id: UUID
    code: str
    version: int
    name_zh: str
    name_en: str
    licence: Licence
    region: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationStep:
    """One step of the order in which a repayment is used up: what is owed since when, and which component."""

    timing: str
    component: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One version of a loan product, offered for [valid_from, valid_to). Amounts in fen, multiples in ppm."""

    id: str
    version: int
    valid_from: date
    valid_to: date
    status: str
    lender_id: UUID
    name_zh: str
    name_en: str
    kind: str
    methods: tuple[str, ...]
    instalment_counts: tuple[int, ...]
    amount_min_fen: int
    amount_max_fen: int
    amount_step_fen: int
    price_grid: str
    rate_quote: str
    interest_basis: str
    periods_per_year: int
    day_count: str
    rounding: Rounding
    due_day_rule: str
    penalty_multiple_ppm: int
    allocation: tuple[AllocationStep, ...]
    early_repayment_fee_ppm: int
    grace_days: int
    cooling_off_days: int
    prohibited_uses: tuple[str, ...]
    auto_repay_allowed: bool
    partner_fees: tuple[PartnerFee, ...] = ()
    stages: tuple[Stage, ...] = ()  # of a loan that is paid out stage by stage, each but the first on papers

    def check_terms(self, *, amount_fen: int, instalments: int, method: str, stepped: bool = True) -> None:
        """Refuse an amount, number of instalments or method that the product does not have.

        The amount of an order is what its goods come to: it is not `stepped`.
        Example: a step of 100.00 yuan admits 1,200.00 and refuses 1,250.00. Errors: TermsNotOffered.
        """
        if method not in self.methods:
            raise TermsNotOffered(f"{self.name_en} is repaid by one of: {', '.join(self.methods)}.", field="method")
        if instalments not in self.instalment_counts:
            counts = ", ".join(str(count) for count in self.instalment_counts)
            raise TermsNotOffered(f"{self.name_en} has {counts} instalments.", field="instalments")
        if not self.amount_min_fen <= amount_fen <= self.amount_max_fen:
            raise TermsNotOffered(
                f"{self.name_en} lends {self.amount_min_fen} to {self.amount_max_fen} fen.", field="amount_fen"
            )
        if stepped and amount_fen % self.amount_step_fen:
            raise TermsNotOffered(f"{self.name_en} lends in steps of {self.amount_step_fen} fen.", field="amount_fen")


def parse_lender(*, document: Document) -> Lender:
    """Return the lender that a file describes. Errors: PolicyFault with file, row and column."""
    reader = document.reader()
    reader.only(("kind", "id", "lender_id", "version", "name_zh", "name_en", "licence", "region", "status", "note"))
    return Lender(
        id=_identifier(reader, "lender_id"),
        code=reader.name("id"),
        version=reader.integer("version", least=1, most=1_000_000),
        name_zh=reader.text("name_zh"),
        name_en=reader.text("name_en"),
        licence=Licence(reader.choice("licence", tuple(Licence))),
        region=reader.text("region"),
        status=reader.choice("status", ("active", "suspended")),
    )


PRODUCT_COLUMNS: Final = (
    "kind", "id", "version", "valid_from", "valid_to", "status", "lender_id", "name_zh", "name_en", "product_kind",
    "methods", "instalment_counts", "amount_min_fen", "amount_max_fen", "amount_step_fen", "price_grid", "rate_quote",
    "interest_basis", "periods_per_year", "day_count", "rounding", "due_day_rule", "penalty_multiple_ppm",
    "allocation", "early_repayment_fee_ppm", "grace_days", "cooling_off_days", "prohibited_uses",
    "auto_repay_allowed", "partner_fee", "note", "stage",
)  # fmt: skip


def parse_product(*, document: Document) -> Product:
    """Return the product version that a file describes.

    The order of allocation must name each of the twelve (timing, component) pairs once: a list with a
    hole would leave money without a place. Errors: PolicyFault with file, row and column.
    """
    reader = document.reader()
    reader.only(PRODUCT_COLUMNS)
    return product_of(reader, kind=reader.choice("product_kind", KINDS), price_grid=reader.name("price_grid"))


def product_of(reader: Reader, *, kind: str, price_grid: str) -> Product:
    """Return the product of a file whose columns were looked at. Errors: PolicyFault."""
    valid_from, valid_to = reader.period()
    amount_min_fen = reader.integer("amount_min_fen", least=1, most=AMOUNT_FEN_MAX)
    periods_per_year = reader.integer("periods_per_year", least=1, most=366)
    return Product(
        id=reader.name("id"),
        version=reader.integer("version", least=1, most=1_000_000),
        valid_from=valid_from,
        valid_to=valid_to,
        status=reader.choice("status", ("active", "suspended")),
        lender_id=_identifier(reader, "lender_id"),
        name_zh=reader.text("name_zh"),
        name_en=reader.text("name_en"),
        kind=kind,
        methods=reader.names("methods", METHODS),
        instalment_counts=reader.integers("instalment_counts", least=1, most=INSTALMENTS_MAX),
        amount_min_fen=amount_min_fen,
        amount_max_fen=reader.integer("amount_max_fen", least=amount_min_fen, most=AMOUNT_FEN_MAX),
        amount_step_fen=_step(reader, amount_min_fen),
        price_grid=price_grid,
        rate_quote=reader.choice("rate_quote", RATE_QUOTES),
        interest_basis=reader.choice("interest_basis", INTEREST_BASES),
        periods_per_year=periods_per_year,
        day_count=reader.choice("day_count", DAY_COUNTS),
        rounding=Rounding(reader.choice("rounding", [each.value for each in Rounding])),
        due_day_rule=reader.choice("due_day_rule", DUE_DAY_RULES),
        penalty_multiple_ppm=reader.integer("penalty_multiple_ppm", least=PPM, most=2 * PPM),
        allocation=_allocation(reader),
        early_repayment_fee_ppm=reader.integer("early_repayment_fee_ppm", least=0, most=PPM),
        grace_days=reader.integer("grace_days", least=0, most=30),
        cooling_off_days=reader.integer("cooling_off_days", least=0, most=30),
        prohibited_uses=reader.names("prohibited_uses"),
        auto_repay_allowed=reader.flag("auto_repay_allowed"),
        partner_fees=read_partner_fees(reader, periods_per_year=periods_per_year),
        stages=_stages(reader, kind=kind),
    )


def _stages(reader: Reader, *, kind: str) -> tuple[Stage, ...]:
    if reader.has("stage") != (kind == "milestone"):
        raise reader.fault("stage", "stages belong to milestone loans, and these have some.", "Add or drop them.")
    return parse_stages(reader=reader) if reader.has("stage") else ()


def _step(reader: Reader, amount_min_fen: int) -> int:
    step_fen = reader.integer("amount_step_fen", least=1, most=AMOUNT_FEN_MAX)
    if amount_min_fen % step_fen:
        raise reader.fault("amount_step_fen", "the smallest amount is not a multiple.", "Change one of the two.")
    return step_fen


def _identifier(reader: Reader, column: str) -> UUID:
    try:
        return parse(reader.text(column))
    except MalformedIdentifier:
        raise reader.fault(column, "not an identifier.", "Write a UUID of version 7.") from None


def _allocation(reader: Reader) -> tuple[AllocationStep, ...]:
    pairs = [f"{timing}.{component}" for timing in TIMINGS for component in COMPONENTS]
    found = [str(value) for value in reader.items("allocation")]
    for pair in found:
        if pair not in pairs:
            raise reader.fault("allocation", f"{pair!r} is not known.", f"Choose from: {', '.join(pairs)}.")
    if sorted(found) != sorted(pairs):
        missing = [pair for pair in pairs if pair not in found]
        raise reader.fault(
            "allocation",
            "the order has a hole or a double.",
            f"Name each once; missing: {', '.join(missing) or 'none'}.",
        )
    return tuple(AllocationStep(timing=pair.split(".")[0], component=pair.split(".")[1]) for pair in found)
