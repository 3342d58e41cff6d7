"""What a lender that decides by itself answers, and how a question put to it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

OPEN_FOR: Final = timedelta(days=1)  # who has not decided by then is asked anew by a new application


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderOffer:
    """The lender lends what was asked for at this yearly rate, in parts per million, until a moment (UTC)."""

    rate_year_ppm: int
    valid_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderReason:
    """Why a lender does not lend, and what would help, as it says so itself."""

    code: str
    text_zh: str
    text_en: str
    remedy_zh: str
    remedy_en: str


class QuestionState(StrEnum):
    """How a question stands.

    PARKED: the last answer may not be shown; it is asked again, and people see it. EXPIRED: no answer that may be shown
    came in its time.
    """

    ASKED = "asked"
    LATER = "later"
    PARKED = "parked"
    OFFERED = "offered"
    REFUSED = "refused"
    EXPIRED = "expired"


OPEN: Final = frozenset({QuestionState.ASKED, QuestionState.LATER, QuestionState.PARKED})


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderQuestion:
    """An application as it was put to one lender, and what that lender last said. Amounts in fen.

    `parked` says what was wrong with the last answer: a kind of silence, or the code of a refusal. One for an order
    at a merchant's checkout names it, and is over when the order is (`closes_at`).
    """

    question_id: UUID
    person_id: UUID
    facility_id: UUID
    lender: str
    product_id: str
    amount_fen: int
    currency: str
    instalments: int
    method: str
    consent_id: UUID
    asked_at: datetime
    state: QuestionState
    heard_at: datetime
    offer: LenderOffer | None = None
    reasons: tuple[LenderReason, ...] = ()
    parked: str | None = None
    checkout_id: UUID | None = None
    closes_at: datetime | None = None

    @property
    def number(self) -> str:
        """The number under which the lender knows it."""
        return self.question_id.hex

    @property
    def open_until(self) -> datetime:
        """The moment from which the lender is not asked any more, and nothing it says counts."""
        whole = self.asked_at + OPEN_FOR
        return whole if self.closes_at is None else min(whole, self.closes_at)

    def stands(self, *, at: datetime) -> bool:
        """Return whether it is answered by an offer whose price still holds."""
        return self.state is QuestionState.OFFERED and self.offer is not None and at < self.offer.valid_until


class WordKind(StrEnum):
    """What a lender's word was about."""

    ASSESS = "assess"
    SIGN = "sign"
    FUND = "fund"
    RETURN = "return"


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderWord:
    """One word of a lender, kept for ever with its leaf of evidence: the record of what it decided.

    `number` is the one it answers, `said` what it said in one word, `rate_year_ppm` the price it named, if any; `body`
    is the whole answer in canonical bytes.
    """

    word_id: UUID
    question_id: UUID
    person_id: UUID
    kind: WordKind
    number: str
    said: str
    rate_year_ppm: int | None
    body: bytes
    at: datetime
