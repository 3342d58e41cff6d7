"""Buy-back (回购) of a funder's part of a joint loan: for which cause, by whom, at which price; as versioned data.

The borrower's loan stays as it is. Whose the funder's part is changes on one day: what was booked before it is the
seller's, what is booked from it on is the buyer's, whatever day it was paid on. So each fen has one creditor, and what
is told later needs no second settlement: principal that turns out to be repaid is the buyer's money, and principal of
a payment that bounced the buyer's claim. The price is settled for good by what is known on the day.

Sources: 《民法典》 art. 545 to 547 (a claim and what goes with it may be assigned; the debtor is told); rows
`claim_buyer_licensed` and `lateness_needs_guarantee_licence` of the rule pack say who may buy, with their documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.funding.claim import Totals
from mingqu.domain.funding.share import Funding
from mingqu.domain.loan import Quote
from mingqu.domain.partner import PartnerRole
from mingqu.domain.policy_file import Document, Reader
from mingqu.domain.product import Licence
from mingqu.domain.refusal import Refusal
from mingqu.domain.rule import ANY, RuleBook

OVERDUE_DAYS_MAX: Final = 360  # a part that is bought back later than that was never meant to be
BUYER_LICENSED: Final = "claim_buyer_licensed"
LATENESS_GUARANTEED: Final = "lateness_needs_guarantee_licence"


class BuyerNotLicensed(Refusal):
    """Whoever would buy this claim is neither a lender nor a guarantor; the rule and its document are named."""

    code: ClassVar[str] = "buy_back_buyer_unlicensed"
    status: ClassVar[int] = 409


class LatenessNotGuaranteed(Refusal):
    """To buy a claim back because it is late is to guarantee it: only a guarantor may; the rule is named."""

    code: ClassVar[str] = "buy_back_is_a_guarantee"
    status: ClassVar[int] = 409


class Cause(StrEnum):
    """Why a part is bought back. Words are stored: never changed, never used again."""

    OVERDUE = "overdue"  # 逾期: the book itself says so
    FRAUD = "fraud"  # 欺诈、伪造材料: proved by a document
    REPRESENTATION = "representation"  # 违反合格性陈述: the loan was not what its originator had stated, by a document

    @property
    def is_proved_by_document(self) -> bool:
        """Whether two people look at a document, for no row of the book says it."""
        return self is not Cause.OVERDUE


class PricePart(StrEnum):
    """What a price is made of; principal always is."""

    PRINCIPAL = "principal"
    INTEREST = "interest"
    PENALTY = "penalty"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyBackRule:
    """For one cause: who buys (the code of a funder or partner), from how many days late on, and the price's parts."""

    cause: Cause
    buyer: str
    overdue_days_min: int
    parts: tuple[PricePart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyBackTerms:
    """One version of what a lender and a funder agreed for loans that are funded in [valid_from, valid_to)."""

    id: str
    version: int
    valid_from: date
    valid_to: date
    lender_id: UUID
    seller_id: UUID
    rules: tuple[BuyBackRule, ...]
    hash: str

    def rule(self, *, cause: Cause) -> BuyBackRule | None:
        """Return what was agreed for a cause, or None."""
        return next((one for one in self.rules if one.cause is cause), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a part costs, in fen."""

    principal_fen: int
    interest_fen: int
    penalty_fen: int

    @property
    def total_fen(self) -> int:
        """All of it."""
        return self.principal_fen + self.interest_fen + self.penalty_fen


def price_of(*, funding: Funding, place: int, totals: Totals, owed: Quote, parts: tuple[PricePart, ...]) -> Price:
    """Return the price of the funder's part at `place` (from 0): what it would have if all that is owed were paid now.

    `totals` is what the loan came to so far and `owed` what an early payoff of the day would ask, so interest is billed
    and unpaid interest with what has accrued to the day. Each is split by running totals, as a payment would be.
    Example (30 % and 70 %, 10,000.00 lent, 784.34 of principal and 150.00 of interest had; 133.33 of interest and 4.02
    of penalty owed; principal and interest): the bank's 7,000.00 - 549.04 = 6,450.96, and 198.34 - 105.00 = 93.34; its
    2.82 of penalty is no part of it.
    """

    def part(had_fen: int, more_fen: int) -> int:
        return funding.split(had_fen + more_fen)[place] - funding.split(had_fen)[place]

    interest_fen = part(totals.interest_fen, owed.due.interest_fen + owed.early_interest_fen)
    penalty_fen = part(totals.penalty_fen, owed.due.penalty_fen)
    return Price(
        principal_fen=part(totals.gone_fen, totals.lent_fen - totals.gone_fen),
        interest_fen=interest_fen if PricePart.INTEREST in parts else 0,
        penalty_fen=penalty_fen if PricePart.PENALTY in parts else 0,
    )


def require_may_buy(
    *,
    rule: BuyBackRule,
    licence: Licence | None,
    role: PartnerRole | None,
    seller: Licence,
    rules: RuleBook,
    business_date: date,
) -> None:
    """Return when a buyer with a licence to lend, or a partner of a role, may buy from such a seller for the cause.

    Errors: BuyerNotLicensed, LatenessNotGuaranteed; RuleMissing, where no row says whether it may.
    """
    guarantees = role is PartnerRole.GUARANTOR

    def asks(rule_id: str) -> tuple[bool, str]:
        found = rules.find(rule_id=rule_id, lender_type=seller.value, product_kind=ANY, business_date=business_date)
        return found.value > 0, found.document

    licensed, document = asks(BUYER_LICENSED)
    if licensed and licence is None and not guarantees:
        raise BuyerNotLicensed(
            "Only a lender or a guarantor buys a claim: name one in the next version of what was agreed.",
            buyer=rule.buyer,
            rule=BUYER_LICENSED,
            document=document,
        )
    guaranteed, document = asks(LATENESS_GUARANTEED)
    if guaranteed and rule.cause is Cause.OVERDUE and not guarantees:
        raise LatenessNotGuaranteed(
            "For being late only a guarantor buys a claim: name one in the next version of what was agreed.",
            buyer=rule.buyer,
            rule=LATENESS_GUARANTEED,
            document=document,
        )


def parse_buy_back(*, document: Document, known: dict[str, UUID]) -> BuyBackTerms:
    """Return the agreement that a file describes; it may only name funders that a file describes. Errors: PolicyFault.

    A buyer may be a partner, which is another file's: who it is, and whether it may buy, is asked on the day. Of the
    funders only the originator buys: the limits that a joint loan is held against are its two lenders'.
    """
    reader = document.reader()
    reader.only(("kind", "id", "version", "valid_from", "valid_to", "lender", "seller", "buy_back", "note"))
    valid_from, valid_to = reader.period()
    lender_id, seller_id = (known[reader.choice(column, tuple(known))] for column in ("lender", "seller"))
    if lender_id == seller_id:
        raise reader.fault("seller", "nobody sells its own loan to itself.", "Name the other lender of a joint loan.")
    elsewhere = set(known) - {reader.text("lender")}
    rules = tuple(_rule(row, elsewhere) for row in reader.tables("buy_back", label="cause"))
    if not rules or len({one.cause for one in rules}) != len(rules):
        raise reader.fault("buy_back", "no cause, or one twice.", "Write one [[buy_back]] for each cause.")
    return BuyBackTerms(
        id=reader.name("id"),
        version=reader.integer("version", least=1, most=1_000_000),
        valid_from=valid_from,
        valid_to=valid_to,
        lender_id=lender_id,
        seller_id=seller_id,
        rules=rules,
        hash=document.hash,
    )


def _rule(row: Reader, elsewhere: set[str]) -> BuyBackRule:
    row.only(("cause", "buyer", "overdue_days_min", "price", "note"))
    cause, days = Cause(row.choice("cause", tuple(Cause))), 0
    if cause is Cause.OVERDUE:
        days = row.integer("overdue_days_min", least=1, most=OVERDUE_DAYS_MAX)
    elif row.has("overdue_days_min"):
        raise row.fault("overdue_days_min", "this cause is no lateness.", "Leave it out.")
    parts = tuple(PricePart(one) for one in row.names("price", tuple(PricePart)))
    if PricePart.PRINCIPAL not in parts or len(set(parts)) != len(parts):
        raise row.fault("price", "principal is missing, or a part stands twice.", "Name principal, and each part once.")
    buyer = row.name("buyer")
    if buyer in elsewhere:  # a third lender's capital would bear a part that its limits are never asked about
        raise row.fault(
            "buyer", "it is the seller, or a lender beside this loan.", "Name the originator or a guarantor."
        )
    return BuyBackRule(cause=cause, buyer=buyer, overdue_days_min=days, parts=parts)
