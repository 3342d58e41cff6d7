"""What is answered about loans, payments and their evidence. Amounts are whole fen, rates parts in a million."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from mingqu.client.answers import Answer


class Agreement(Answer, frozen=True, kw_only=True):
    """An agreement to be confirmed."""

    agreement_id: UUID


class WalletPage(Answer, frozen=True, kw_only=True):
    """An agreement to be signed, and where; inside the wallet's app `handover` goes to its script."""

    agreement_id: UUID
    address: str | None
    handover: dict[str, str]


class AgreementState(Answer, frozen=True, kw_only=True):
    """How an agreement stands."""

    state: str


class OrderStep(Answer, frozen=True, kw_only=True):
    """A state of an order, and since when."""

    state: str
    at: datetime


class Order(Answer, frozen=True, kw_only=True):
    """Money on its way."""

    order_id: UUID
    kind: str
    state: str
    loan_id: UUID | None
    instrument_id: UUID | None
    amount_fen: int
    currency: str
    channel: str
    run_at: datetime
    paid_at: datetime | None
    refusal_code: str | None
    steps: list[OrderStep]


class Orders(Answer, frozen=True, kw_only=True):
    """The orders of a loan."""

    orders: list[Order]


class PaymentOrder(Answer, frozen=True, kw_only=True):
    """An order that waits for its payment."""

    order_id: UUID
    amount_fen: int


class PaymentPage(Answer, frozen=True, kw_only=True):
    """Where the person pays."""

    address: str


class Owed(Answer, frozen=True, kw_only=True):
    """What is owed on a day."""

    on: date
    due_fen: int
    due_principal_fen: int
    due_interest_fen: int
    due_fee_fen: int
    due_penalty_fen: int
    payoff_fen: int
    early_interest_fen: int
    guarantor_fen: int


class Row(Answer, frozen=True, kw_only=True):
    """One line of a schedule."""

    number: int
    due: date
    principal_fen: int
    interest_fen: int
    fee_fen: int
    penalty_fen: int
    paid_fen: int
    unpaid_fen: int
    paid_on: date | None
    state: str
    guarantor_fen: int


class StageNow(Answer, frozen=True, kw_only=True):
    """One stage: `state` is paid, under_way, ready, papers_due or waits."""

    id: str
    name_zh: str
    name_en: str
    amount_fen: int
    state: str
    papers: list[str]
    lacking: list[str]
    order_id: UUID | None


class Stages(Answer, frozen=True, kw_only=True):
    """The stages of a loan that is paid out stage by stage, and where the money goes."""

    loan_id: UUID
    principal_fen: int
    paid_fen: int
    payee_bank: str
    payee_tail: str
    purpose: str
    stages: list[StageNow]
    as_of: datetime


class GivenPaper(Answer, frozen=True, kw_only=True):
    """The id under which a paper is kept."""

    paper_id: UUID


class Schedule(Answer, frozen=True, kw_only=True):
    """The lines of a loan on a day."""

    loan_id: UUID
    as_of: date
    rows: list[Row]


class Loan(Answer, frozen=True, kw_only=True):
    """A loan on a day."""

    loan_id: UUID
    contract_id: UUID
    product_id: str
    product_zh: str
    product_en: str
    lender_zh: str
    lender_en: str
    currency: str
    stage: str
    as_of: date
    method: str
    instalments: int
    rate_year_ppm: int
    principal_fen: int
    outstanding_fen: int
    overdue_days: int
    overpayment_fen: int
    settled_on: date | None
    next_due: date | None
    next_due_fen: int
    owed: Owed | None
    payout: Order | None
    signed_at: datetime


class Loans(Answer, frozen=True, kw_only=True):
    """The caller's loans."""

    loans: list[Loan]


class Entry(Answer, frozen=True, kw_only=True):
    """One side of a transfer."""

    transfer_id: UUID
    kind: str
    account: str
    other_account: str
    side: str
    amount_fen: int
    reason: str
    value_date: date
    posted_on: date
    reference: UUID


class Ledger(Answer, frozen=True, kw_only=True):
    """What the ledger says of a loan."""

    entries: list[Entry]


class Preview(Answer, frozen=True, kw_only=True):
    """What a payment would be used for."""

    amount_fen: int
    principal_fen: int
    interest_fen: int
    fee_fen: int
    penalty_fen: int
    guarantor_fen: int
    too_much_fen: int
    principal_left_fen: int


class Certificate(Answer, frozen=True, kw_only=True):
    """A certificate of settlement."""

    certificate_id: UUID
    body: dict[str, Any]
    body_hash: str


class Proof(Answer, frozen=True, kw_only=True):
    """A proof to be checked offline."""

    proof: dict[str, Any]
