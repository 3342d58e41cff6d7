"""What the API answers about cash out of one's own credit card."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from mingqu.client.answers import Answer


class CashAdvanceBank(Answer, frozen=True, kw_only=True):
    """A bank; `closed` is the code of why one is not sent there now, or None."""

    code: str
    name_zh: str
    name_en: str
    status: str
    region: str
    closed: str | None


class Guidance(Answer, frozen=True, kw_only=True):
    """What is read before leaving; `hash` says that it was."""

    title_zh: str
    title_en: str
    points_zh: list[str]
    points_en: list[str]
    hash: str


class CashAdvanceBanks(Answer, frozen=True, kw_only=True):
    """Every bank, and what is read before."""

    banks: list[CashAdvanceBank]
    guidance: Guidance


class CashAdvanceReferral(Answer, frozen=True, kw_only=True):
    """How far a referral has come, as far as the bank said."""

    referral_id: UUID
    bank: str
    amount_fen: int
    repayment: str
    months: int
    state: str
    made_at: datetime
    heard_at: datetime
    amount_paid_fen: int | None
    refusal_code: str | None


class LeftForBank(Answer, frozen=True, kw_only=True):
    """A referral, and where to send the browser; None when the bank declined."""

    referral: CashAdvanceReferral
    address: str | None


class CashAdvanceReferrals(Answer, frozen=True, kw_only=True):
    """The referrals, the latest first."""

    referrals: list[CashAdvanceReferral]
