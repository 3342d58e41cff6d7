"""What is answered before there is a loan. Amounts are whole fen, rates parts in a million, moments UTC."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered."""


class Session(Answer, frozen=True, kw_only=True):
    """A session; its token is kept by the client."""

    token: str
    person_id: UUID


class Card(Answer, frozen=True, kw_only=True):
    """A card of the caller."""

    instrument_id: UUID
    kind: str
    bank_zh: str
    bank_en: str
    tail: str
    verified: bool
    agreement_id: UUID | None


class Person(Answer, frozen=True, kw_only=True):
    """The caller, masked."""

    person_id: UUID
    verified: bool
    identity_level: int
    name: str | None
    id_number: str | None
    phone: str | None
    cards: list[Card]
    since: datetime


class Verification(Answer, frozen=True, kw_only=True):
    """Who the caller was found to be, and the card that was bound."""

    person_id: UUID
    instrument_id: UUID


class ConsentText(Answer, frozen=True, kw_only=True):
    """A text to be agreed to."""

    text_id: str
    version: int
    title_zh: str
    title_en: str
    body_zh: str
    body_en: str
    text_hash: str


class Consent(Answer, frozen=True, kw_only=True):
    """A consent that was given."""

    consent_id: UUID
    purpose: str
    recipient: str | None
    version: int
    title_zh: str
    title_en: str
    given_at: datetime
    withdrawn_at: datetime | None


class Consents(Answer, frozen=True, kw_only=True):
    """Every consent."""

    consents: list[Consent]


class GivenConsent(Answer, frozen=True, kw_only=True):
    """A new consent."""

    consent_id: UUID


class Reason(Answer, frozen=True, kw_only=True):
    """Why not, and what helps."""

    code: str
    text_zh: str
    text_en: str
    remedy_zh: str
    remedy_en: str
    field: str
    needed: int | None
    retry_on: date | None


class Change(Answer, frozen=True, kw_only=True):
    """One thing to do."""

    action: str
    field: str
    now: int | bool | str | None
    needed: int | bool | str | None
    by: int | None
    text_zh: str
    text_en: str


class Remedy(Answer, frozen=True, kw_only=True):
    """Changes that together change the answer, the day on which to apply, and the limit that comes out."""

    changes: list[Change]
    on: date
    limit_fen: int


class Review(Answer, frozen=True, kw_only=True):
    """What people were asked for, and their answer once there is one."""

    request_id: UUID
    wish: str
    asked_at: datetime
    answered_at: datetime | None = None
    outcome: str | None = None
    answer: str | None = None


class Decision(Answer, frozen=True, kw_only=True):
    """A decision with its reasons."""

    decision_id: UUID
    decided_at: datetime
    business_date: date
    approved: bool
    score: int
    band: str
    limit_fen: int
    reasons: list[Reason]
    remedies: list[Remedy]
    retry_on: date | None
    record_hash: str
    review: Review | None


class ProductLimit(Answer, frozen=True, kw_only=True):
    """What may be borrowed with one product."""

    facility_id: UUID
    product_id: str
    product_version: int
    product_zh: str
    product_en: str
    lender_zh: str
    lender_en: str
    licence: str
    granted_fen: int
    available_fen: int
    rate_year_ppm: int
    amount_min_fen: int
    amount_step_fen: int
    methods: list[str]
    instalment_counts: list[int]


class Cap(Answer, frozen=True, kw_only=True):
    """The caller's own cap; `next_at` says when `next_fen` (None: no cap) takes its place."""

    amount_fen: int | None
    next_fen: int | None
    next_at: datetime | None


class Limit(Answer, frozen=True, kw_only=True):
    """What may be borrowed over all products."""

    decision_id: UUID | None
    currency: str
    granted_fen: int
    available_fen: int
    drawn_fen: int
    held_fen: int
    cap: Cap
    waiting_fen: int
    usable_at: datetime | None
    valid_until: date | None
    expired: bool
    products: list[ProductLimit]


class BandTurn(Answer, frozen=True, kw_only=True):
    """A day on which the band becomes another one, and how much of the limit is of use then."""

    on: date
    band: str
    usable_fen: int


class Band(Answer, frozen=True, kw_only=True):
    """The caller's band as assessed and as it stands; `rises` hold if all is paid today, `falls` if it is not."""

    on: date
    assessed: str
    band: str
    granted_fen: int
    usable_fen: int
    late_days: int
    frozen: bool
    in_order_since: date | None
    rises: list[BandTurn]
    falls: list[BandTurn]


class Payment(Answer, frozen=True, kw_only=True):
    """One planned payment."""

    due: date
    payment_fen: int
    principal_fen: int
    interest_fen: int
    fee_fen: int


class Collected(Answer, frozen=True, kw_only=True):
    """One part of what an offer costs, and who collects it."""

    code: str
    collector: str
    amount_fen: int


class Offer(Answer, frozen=True, kw_only=True):
    """What one lender offers."""

    offer_id: UUID
    product_id: str
    product_zh: str
    product_en: str
    lender_zh: str
    lender_en: str
    principal_fen: int
    method: str
    instalments: int
    rate_year_ppm: int
    cost_fen: int
    annual_simple_ppm: int
    annual_effective_ppm: int
    licence: str
    costs: list[Collected]
    payments: list[Payment]
    expires_at: datetime


class Offers(Answer, frozen=True, kw_only=True):
    """Offers, the cheapest first."""

    offers: list[Offer]


class CostTable(Answer, frozen=True, kw_only=True):
    """A cost table as it was shown."""

    disclosure_id: UUID
    offer_id: UUID
    body: dict[str, Any]
    body_hash: str
    shown_at: datetime
    confirmed_at: datetime | None
    wait_seconds: int


class SignedContract(Answer, frozen=True, kw_only=True):
    """What signing made."""

    contract_id: UUID
    loan_id: UUID
    payout_order_id: UUID


class Contract(Answer, frozen=True, kw_only=True):
    """A signed contract."""

    contract_id: UUID
    loan_id: UUID
    offer_id: UUID
    signed_at: datetime
    body: dict[str, Any]
    body_hash: str
    cost_table: dict[str, Any]
    cost_table_hash: str
    bank_zh: str
    bank_en: str
    card_tail: str


class Lender(Answer, frozen=True, kw_only=True):
    """Who lends."""

    lender_id: UUID
    name_zh: str
    name_en: str
    licence: str
    region: str
    status: str


class Lenders(Answer, frozen=True, kw_only=True):
    """Every lender."""

    lenders: list[Lender]


class Product(Answer, frozen=True, kw_only=True):
    """What is on offer."""

    product_id: str
    version: int
    lender_id: UUID
    name_zh: str
    name_en: str
    kind: str
    methods: list[str]
    instalment_counts: list[int]
    amount_min_fen: int
    amount_max_fen: int
    amount_step_fen: int
    penalty_multiple_ppm: int
    early_repayment_fee_ppm: int
    grace_days: int
    prohibited_uses: list[str]


class Products(Answer, frozen=True, kw_only=True):
    """Every product."""

    products: list[Product]


class Business(Answer, frozen=True, kw_only=True):
    """A verified business, its code masked; `use` is what the money of a loan would be for."""

    business_id: UUID
    name: str
    uscc: str
    use: str
    verified_at: datetime


class OwnBusiness(Answer, frozen=True, kw_only=True):
    """The business that was verified last, or None."""

    business: Business | None
