"""What is answered about revolving accounts. Amounts are whole fen, rates parts in a million, moments UTC."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from mingqu.client.answers import Answer


class SpendInstalment(Answer, frozen=True, kw_only=True):
    """A count of instalments, its fee, and what that is a year."""

    count: int
    fee_ppm: int
    annual_simple_ppm: int
    annual_effective_ppm: int


class JointLender(Answer, frozen=True, kw_only=True):
    """Who lends which part of a joint account."""

    name_zh: str
    name_en: str
    licence: str
    share_ppm: int


class JointSource(Answer, frozen=True, kw_only=True):
    """Lenders who may fund an account together."""

    lenders: list[JointLender]


class SpendProduct(Answer, frozen=True, kw_only=True):
    """A revolving product that can be opened."""

    product_id: str
    product_version: int
    product_zh: str
    product_en: str
    kind: str
    lender_zh: str
    lender_en: str
    limit_fen: int
    rate_year_ppm: int
    bill_day: int
    due_day: int
    free_period: bool
    unpaid_bill: str
    minimum_share_ppm: int
    penalty_multiple_ppm: int
    instalments: list[SpendInstalment]
    joint: list[JointSource]
    terms_hash: str


class SpendProducts(Answer, frozen=True, kw_only=True):
    """What can be opened."""

    products: list[SpendProduct]


class SpendStatement(Answer, frozen=True, kw_only=True):
    """A bill."""

    number: int
    billed_on: date
    due: date
    principal_fen: int
    interest_fen: int
    fee_fen: int
    penalty_fen: int
    instalment_fen: int
    overdue_fen: int
    over_limit_fen: int
    minimum_fen: int
    total_fen: int


class IssuedStatement(SpendStatement, frozen=True, kw_only=True):
    """A bill as it was issued. `corrected`: what it comes to since a draw that was in it came back, if one did."""

    corrected_minimum_fen: int | None
    corrected_total_fen: int | None


class SpendDraw(Answer, frozen=True, kw_only=True):
    """Cash that was drawn. One that came back, `returned_on` a day, was never owed."""

    order_id: UUID
    drawn_on: date
    amount_fen: int
    returned_on: date | None


class SpendDraws(Answer, frozen=True, kw_only=True):
    """The last draws from a line of cash, the newest first."""

    draws: list[SpendDraw]


class SpendStatements(Answer, frozen=True, kw_only=True):
    """Bills, the newest first."""

    statements: list[IssuedStatement]


class SpendAccount(Answer, frozen=True, kw_only=True):
    """A revolving account today."""

    account_id: UUID
    product_id: str
    product_zh: str
    product_en: str
    kind: str
    lender_zh: str
    lender_en: str
    joint: list[JointLender]
    currency: str
    as_of: date
    limit_fen: int
    used_fen: int
    held_fen: int
    available_fen: int
    rate_year_ppm: int
    next_bill_on: date
    bill: SpendStatement | None
    bill_left_fen: int
    minimum_left_fen: int
    whole_fen: int
    accrued_fen: int
    credit_fen: int
    returnable_fen: int
    returning_fen: int
    instalments_left_fen: int
    overdue_days: int
    overdue_fen: int
    deducts: str | None
    opened_at: datetime


class SpendAccounts(Answer, frozen=True, kw_only=True):
    """Revolving accounts."""

    accounts: list[SpendAccount]


class OpenedSpendAccount(Answer, frozen=True, kw_only=True):
    """The account."""

    account_id: UUID


class BillDeduction(Answer, frozen=True, kw_only=True):
    """The choice that holds."""

    choice_id: UUID


class CreditReturn(Answer, frozen=True, kw_only=True):
    """An order that pays credit to a card."""

    order_id: UUID
    amount_fen: int
    state: str
    asked_at: datetime
    paid_on: date | None
    came_back: bool


class CreditReturns(Answer, frozen=True, kw_only=True):
    """Such orders, the newest first."""

    returns: list[CreditReturn]


class Purchase(Answer, frozen=True, kw_only=True):
    """A purchase: held, captured or released."""

    purchase_id: UUID
    merchant_id: str
    merchant_name: str
    number: str
    state: str
    held_fen: int
    captured_fen: int
    refunded_fen: int
    authorized_at: datetime
    captured_on: date | None


class Purchases(Answer, frozen=True, kw_only=True):
    """Purchases, the newest first."""

    purchases: list[Purchase]


class AuthorizedPurchase(Answer, frozen=True, kw_only=True):
    """The purchase that is held."""

    purchase_id: UUID


class InstalmentPart(Answer, frozen=True, kw_only=True):
    """One instalment."""

    number: int
    billed_on: date
    due: date
    principal_fen: int
    fee_fen: int


class InstalmentOffer(Answer, frozen=True, kw_only=True):
    """What paying an amount in instalments costs."""

    amount_fen: int
    count: int
    fee_fen: int
    fee_ppm: int
    annual_simple_ppm: int
    annual_effective_ppm: int
    parts: list[InstalmentPart]
    table_hash: str


class InstalmentOffers(Answer, frozen=True, kw_only=True):
    """How much can be paid in instalments, and what each count costs."""

    convertible_fen: int
    offers: list[InstalmentOffer]


class AgreedInstalments(Answer, frozen=True, kw_only=True):
    """The plan."""

    plan_id: UUID


class LinkReason(Answer, frozen=True, kw_only=True):
    """Why two products are not linked, or not without a limit, and what helps."""

    code: str
    text_zh: str
    text_en: str
    remedy_zh: str
    remedy_en: str
    retry_on: date | None


class Link(Answer, frozen=True, kw_only=True):
    """Whether two products are linked: allowed, limited or refused, with every reason."""

    link_id: UUID
    outcome: str
    first_id: UUID
    second_id: UUID
    limit_share_ppm: int
    reasons: list[LinkReason]
    decided_at: datetime


class Links(Answer, frozen=True, kw_only=True):
    """What was asked and decided, the newest first."""

    links: list[Link]
