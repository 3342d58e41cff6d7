"""What the API's operations on revolving accounts take and answer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec

from mingqu.api.shape import PLAIN, Answer, Body, Fen, FenAsked, Hash, Ppm
from mingqu.domain.spend import DeductedPart, PaymentWish
from mingqu.services.house import HOSTED

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=PLAIN, examples=["mall-1"])]


class SpendInstalment(Answer, frozen=True, kw_only=True):
    """A count of instalments that is offered, its fee as a part of the principal, and what that is a year."""

    count: int
    fee_ppm: Ppm
    annual_simple_ppm: Ppm
    annual_effective_ppm: Ppm


class JointLender(Answer, frozen=True, kw_only=True):
    """Who lends which part of a joint account. The borrower pays the product's lender alone, who passes on the rest."""

    name_zh: Annotated[str, msgspec.Meta(examples=["清河银行"])]
    name_en: Annotated[str, msgspec.Meta(examples=["Qinghe Bank"])]
    licence: Annotated[str, msgspec.Meta(examples=["bank"])]
    share_ppm: Ppm


class JointSource(Answer, frozen=True, kw_only=True):
    """Lenders who may fund an account together; which source does is chosen with its first purchase or draw."""

    lenders: list[JointLender]


class SpendProduct(Answer, frozen=True, kw_only=True):
    """A revolving product as it is offered: agree to its terms by their hash, which covers the joint lenders named."""

    product_id: str
    product_version: int
    product_zh: str
    product_en: str
    kind: Annotated[str, msgspec.Meta(examples=["spend_line"])]
    lender_zh: str
    lender_en: str
    limit_fen: Fen
    rate_year_ppm: Ppm
    bill_day: int
    due_day: int
    free_period: bool
    unpaid_bill: Annotated[str, msgspec.Meta(examples=["unpaid_part"])]
    minimum_share_ppm: Ppm
    penalty_multiple_ppm: Ppm
    instalments: list[SpendInstalment]
    joint: list[JointSource]
    terms_hash: Hash


class SpendProducts(Answer, frozen=True, kw_only=True):
    """What the caller can open."""

    products: list[SpendProduct]


class SpendStatement(Answer, frozen=True, kw_only=True):
    """A bill; only `principal_fen` may be carried on beyond its share of the least payment."""

    number: int
    billed_on: date
    due: date
    principal_fen: Fen
    interest_fen: Fen
    fee_fen: Fen
    penalty_fen: Fen
    instalment_fen: Fen
    overdue_fen: Fen
    over_limit_fen: Fen
    minimum_fen: Fen
    total_fen: Fen


class IssuedStatement(SpendStatement, frozen=True, kw_only=True):
    """A bill as it was issued. `corrected`: what it comes to since a draw that was in it came back, if one did."""

    corrected_minimum_fen: Fen | None
    corrected_total_fen: Fen | None


class SpendDraw(Answer, frozen=True, kw_only=True):
    """Cash that was drawn. One that came back, `returned_on` a day, was never owed."""

    order_id: UUID
    drawn_on: date
    amount_fen: Fen
    returned_on: date | None


class SpendDraws(Answer, frozen=True, kw_only=True):
    """The last draws from a line of cash, the newest first."""

    draws: list[SpendDraw]


class SpendAccount(Answer, frozen=True, kw_only=True):
    """A revolving account today. `joint` is empty before its first use, and where its lender lends alone.

    Of `credit_fen`, the caller's own, `returnable_fen` can be paid to their card; `returning_fen` is on its way there.
    """

    account_id: UUID
    product_id: str
    product_zh: str
    product_en: str
    kind: Annotated[str, msgspec.Meta(examples=["spend_line"])]
    lender_zh: str
    lender_en: str
    joint: list[JointLender]
    currency: Annotated[str, msgspec.Meta(examples=["CNY"])]
    as_of: date
    limit_fen: Fen
    used_fen: Fen
    held_fen: Fen
    available_fen: Fen
    rate_year_ppm: Ppm
    next_bill_on: date
    bill: SpendStatement | None
    bill_left_fen: Fen
    minimum_left_fen: Fen
    whole_fen: Fen
    accrued_fen: Fen
    credit_fen: Fen
    returnable_fen: Fen
    returning_fen: Fen
    instalments_left_fen: Fen
    overdue_days: int
    overdue_fen: Fen
    deducts: DeductedPart | None
    opened_at: datetime


class SpendAccounts(Answer, frozen=True, kw_only=True):
    """The caller's revolving accounts, by product."""

    accounts: list[SpendAccount]


class SpendStatements(Answer, frozen=True, kw_only=True):
    """The bills of an account, the newest first."""

    statements: list[IssuedStatement]


class Purchase(Answer, frozen=True, kw_only=True):
    """A purchase: held, captured or released."""

    purchase_id: UUID
    merchant_id: str
    merchant_name: str
    number: str
    state: Annotated[str, msgspec.Meta(examples=["captured"])]
    held_fen: Fen
    captured_fen: Fen
    refunded_fen: Fen
    authorized_at: datetime
    captured_on: date | None


class Purchases(Answer, frozen=True, kw_only=True):
    """The last purchases from an account, the newest first."""

    purchases: list[Purchase]


class NewSpendAccount(Body, frozen=True, kw_only=True):
    """The product to open, and the hash of the terms that were shown and are agreed to."""

    product_id: Text
    terms_hash: Hash


class OpenedSpendAccount(Answer, frozen=True, kw_only=True):
    """The account."""

    account_id: UUID


class NewPurchase(Body, frozen=True, kw_only=True):
    """What is paid to whom; `number` is the seller's own for it."""

    merchant_id: Text
    merchant_name: Text
    number: Text
    amount_fen: FenAsked


class AuthorizedPurchase(Answer, frozen=True, kw_only=True):
    """The purchase that is held for its seller."""

    purchase_id: UUID


class NewCashDraw(Body, frozen=True, kw_only=True):
    """The caller's own debit card, and how much."""

    instrument_id: UUID
    amount_fen: FenAsked


class NewSpendPayment(Body, frozen=True, kw_only=True):
    """What to pay: the least payment, the bill, everything, or just an amount."""

    wish: PaymentWish
    amount_fen: FenAsked | None = None
    channel: Annotated[str, msgspec.Meta(examples=["hosted"], max_length=32)] = HOSTED


class InstalmentPart(Answer, frozen=True, kw_only=True):
    """One instalment."""

    number: int
    billed_on: date
    due: date
    principal_fen: Fen
    fee_fen: Fen


class InstalmentOffer(Answer, frozen=True, kw_only=True):
    """What paying an amount in instalments costs; agree to it by the hash of the table."""

    amount_fen: Fen
    count: int
    fee_fen: Fen
    fee_ppm: Ppm
    annual_simple_ppm: Ppm
    annual_effective_ppm: Ppm
    parts: list[InstalmentPart]
    table_hash: Hash


class InstalmentOffers(Answer, frozen=True, kw_only=True):
    """How much can be paid in instalments, and what each count costs."""

    convertible_fen: Fen
    offers: list[InstalmentOffer]


class NewInstalments(Body, frozen=True, kw_only=True):
    """What is to be paid in instalments: a purchase, or part of the bill when none is named."""

    amount_fen: FenAsked
    count: Annotated[int, msgspec.Meta(ge=2, le=24, examples=[6])]
    table_hash: Hash
    purchase_id: UUID | None = None


class AgreedInstalments(Answer, frozen=True, kw_only=True):
    """The plan."""

    plan_id: UUID
