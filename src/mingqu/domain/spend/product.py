"""Revolving products as versioned, dated data: an account to spend from, and a line of cash."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.calendar import DayCount
from mingqu.domain.identifier import MalformedIdentifier, parse
from mingqu.domain.money import AMOUNT_FEN_MAX, Rounding, divide
from mingqu.domain.policy_file import Document, Reader
from mingqu.domain.rate import PPM, Rate
from mingqu.domain.refusal import Refusal
from mingqu.domain.revolving import Charge, MinimumRule, UnpaidBill
from mingqu.domain.spend.terms import COMPONENTS, DAY_MAX, SpendTerms, SpendTermsImpossible

SPEND_LINE: Final = "spend_line"  # pays sellers
CASH_LINE: Final = "cash_line"  # pays out to the borrower's own card
SOURCES: Final = ("own", "bank", "joint", "abs_pool")  # where the money that is lent comes from
LIMIT_FEN_MAX: Final = 2**46  # seven hundred milliards of yuan: what it bears in three centuries still fits 64 bits
HOLD_DAYS_MAX: Final = 30  # a seller who has not captured by then never will
COUNTS_MAX: Final = 24  # months; longer is a loan


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendProduct:
    """One version of a revolving product, offered for [valid_from, valid_to).

    Its limit is `limit_share_ppm` of the person's, between the least and the most; below the least there is none.
    """

    id: str
    version: int
    valid_from: date
    valid_to: date
    status: str
    lender_id: UUID
    name_zh: str
    name_en: str
    kind: str
    source: str
    limit_share_ppm: int
    limit_min_fen: int
    limit_max_fen: int
    draw_min_fen: int
    hold_days: int
    prohibited_uses: tuple[str, ...]
    terms: SpendTerms

    def limit_of(self, *, person_fen: int) -> int:
        """Return what of a person's limit may be used with the product, rounded down to whole yuan; 0 below the least.

        Example: 60 % of 10,000.00, at most 5,000.00: 5,000.00.
        """
        share_fen = min(divide(person_fen * self.limit_share_ppm, PPM, Rounding.FLOOR), self.limit_max_fen)
        whole_fen = share_fen - share_fen % 100
        return whole_fen if whole_fen >= self.limit_min_fen else 0


_COLUMNS: Final = (
    "kind", "id", "version", "valid_from", "valid_to", "status", "lender_id", "name_zh", "name_en", "product_kind",
    "source", "limit_share_ppm", "limit_min_fen", "limit_max_fen", "draw_min_fen", "hold_days", "prohibited_uses",
    "bill_day", "due_day", "rate_day_ppm", "rounding", "free_period", "unpaid_bill", "minimum_share_ppm",
    "minimum_whole_up_to_fen", "penalty_multiple_ppm", "late_fee_share_ppm", "late_fee_least_fen", "late_fee_most_fen",
    "instalments", "instalment_least_fen", "allocation", "note", "about",
)  # fmt: skip


def parse_spend_product(*, document: Document) -> SpendProduct:
    """Return the revolving product that a file describes. Errors: PolicyFault with file, row and column."""
    reader = document.reader()
    reader.only(_COLUMNS)
    valid_from, valid_to = reader.period()
    name, version = reader.name("id"), reader.integer("version", least=1, most=1_000_000)
    limit_min_fen = reader.integer("limit_min_fen", least=1, most=LIMIT_FEN_MAX)
    return SpendProduct(
        id=name,
        version=version,
        valid_from=valid_from,
        valid_to=valid_to,
        status=reader.choice("status", ("active", "suspended")),
        lender_id=_identifier(reader),
        name_zh=reader.text("name_zh"),
        name_en=reader.text("name_en"),
        kind=reader.choice("product_kind", (SPEND_LINE, CASH_LINE)),
        source=reader.choice("source", SOURCES),
        limit_share_ppm=reader.integer("limit_share_ppm", least=1, most=PPM),
        limit_min_fen=limit_min_fen,
        limit_max_fen=reader.integer("limit_max_fen", least=limit_min_fen, most=LIMIT_FEN_MAX),
        draw_min_fen=reader.integer("draw_min_fen", least=1, most=AMOUNT_FEN_MAX),
        hold_days=reader.integer("hold_days", least=1, most=HOLD_DAYS_MAX),
        prohibited_uses=reader.names("prohibited_uses"),
        terms=_terms(reader, name, version),
    )


def _terms(reader: Reader, name: str, version: int) -> SpendTerms:
    rounding = Rounding(reader.choice("rounding", [each.value for each in Rounding]))
    fees = (
        [
            (
                one.integer("count", least=2, most=COUNTS_MAX),
                one.integer("fee_ppm", least=0, most=PPM),
            )
            for one in reader.tables("instalments", label="count")
        ]
        if reader.has("instalments")
        else []
    )
    try:
        return SpendTerms(
            product_id=name,
            product_version=version,
            bill_day=reader.integer("bill_day", least=1, most=DAY_MAX),
            due_day=reader.integer("due_day", least=1, most=DAY_MAX),
            rate=Rate.per_day(ppm=reader.integer("rate_day_ppm", least=0, most=PPM)),
            day_count=DayCount.ACT_365,
            rounding=rounding,
            free_period=reader.flag("free_period"),
            unpaid_bill=UnpaidBill(reader.choice("unpaid_bill", [each.value for each in UnpaidBill])),
            minimum=MinimumRule(
                share_ppm=reader.integer("minimum_share_ppm", least=0, most=PPM),
                rounding=rounding,
                whole_up_to_fen=reader.integer("minimum_whole_up_to_fen", least=0, most=AMOUNT_FEN_MAX),
            ),
            penalty_multiple_ppm=reader.integer("penalty_multiple_ppm", least=PPM, most=2 * PPM),
            late_fee=_late_fee(reader),
            instalment_fees=tuple(fees),
            instalment_least_fen=reader.integer("instalment_least_fen", least=1, most=AMOUNT_FEN_MAX),
            allocation=reader.names("allocation", COMPONENTS),
        )
    except SpendTermsImpossible as impossible:
        raise reader.fault("id", impossible.message, "Correct the terms.") from None


def _late_fee(reader: Reader) -> Charge | None:
    if not reader.has("late_fee_share_ppm"):
        return None
    return Charge(
        share_ppm=reader.integer("late_fee_share_ppm", least=1, most=PPM),
        least_fen=reader.integer("late_fee_least_fen", least=0, most=AMOUNT_FEN_MAX),
        most_fen=reader.integer("late_fee_most_fen", least=0, most=AMOUNT_FEN_MAX),
    )


def _identifier(reader: Reader) -> UUID:
    try:
        return parse(reader.text("lender_id"))
    except MalformedIdentifier:
        raise reader.fault("lender_id", "not an identifier.", "Write a UUID of version 7.") from None


class SpendProductNotOffered(Refusal):
    """No version of the revolving product is offered on the date."""

    code = "spend_product_not_offered"
    status = 404
