"""What the API answers about lenders that decide by themselves."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from mingqu.client.answers import Answer


class LenderReason(Answer, frozen=True, kw_only=True):
    """Why a lender does not lend, and what would help, in its own words."""

    code: str
    text_zh: str
    text_en: str
    remedy_zh: str
    remedy_en: str


class LenderAnswer(Answer, frozen=True, kw_only=True):
    """One lender's answer as it stands."""

    question_id: UUID
    lender: str
    product_id: str
    amount_fen: int
    instalments: int
    method: str
    state: str
    asked_at: datetime
    open_until: datetime
    heard_at: datetime
    rate_year_ppm: int | None
    valid_until: datetime | None
    reasons: list[LenderReason]


class LeftOut(Answer, frozen=True, kw_only=True):
    """A lender that was not asked, and the code of why not."""

    lender: str
    code: str


class LenderAnswers(Answer, frozen=True, kw_only=True):
    """Every lender that was asked, and who was left out."""

    answers: list[LenderAnswer]
    left_out: list[LeftOut]
