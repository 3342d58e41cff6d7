"""Complaints and credit disputes: what was raised, until when it must be answered, and how it ended.

Sources: 银行保险机构消费者权益保护管理办法 2022年第9号 (a complaint is answered within 15 days, a difficult one within
60); 征信业管理条例 art. 25 (a dispute about credit information is marked while it is looked at, and answered within 20
days). The numbers are rows of `rules/cn`. Days are counted from the day on which something was raised, which is day 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal

WORDS_LENGTH_MIN: Final = 10
WORDS_LENGTH_MAX: Final = 1_000
# Of one person at a time: who has more to say adds it to one of these; a queue is not to be filled by one hand.
OPEN_MAX: Final = 5
SOON: Final = timedelta(days=3)  # a clock that runs out within these days is shown as such


class GrievanceMalformed(Refusal):
    """A complaint or dispute says what it is about in 10 to 1,000 characters; a dispute names one of one's loans."""

    code: ClassVar[str] = "grievance_malformed"


class GrievancesTooMany(Refusal):
    """Five complaints or disputes of this person wait for an answer: it comes to each of them."""

    code: ClassVar[str] = "grievances_too_many"
    status: ClassVar[int] = 409


class GrievanceAnswered(Refusal):
    """This complaint or dispute was answered already."""

    code: ClassVar[str] = "grievance_answered"
    status: ClassVar[int] = 409


class GrievanceNotExtendable(Refusal):
    """Only a complaint may take longer, once, and before its time is over; whoever raised it is told why."""

    code: ClassVar[str] = "grievance_not_extendable"
    status: ClassVar[int] = 409


class GrievanceKind(StrEnum):
    """What was raised. Words are stored: never changed, never used again."""

    COMPLAINT = "complaint"  # 投诉
    CREDIT_DISPUTE = "credit_dispute"  # 征信异议


class GrievanceOutcome(StrEnum):
    """How it was answered. Words are stored: never changed, never used again."""

    JUSTIFIED = "justified"  # it is as they say, and is put right
    PARTLY = "partly"
    UNJUSTIFIED = "unjustified"


class Clock(StrEnum):
    """How the time that is left looks."""

    RUNNING = "running"
    SOON = "soon"
    LATE = "late"
    ENDED = "ended"


# The row that says how long an answer may take, and the one for how long it may take once it was extended.
DAYS_MAX: Final = MappingProxyType(
    {
        GrievanceKind.COMPLAINT: "complaint_answer_days_max",
        GrievanceKind.CREDIT_DISPUTE: "credit_dispute_answer_days_max",
    }
)
EXTENDED_MAX: Final = "complaint_answer_days_extended_max"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grievance:
    """A complaint or dispute. `due_on` is the last day for its answer, as it stands; `document` says why that day.

    `loan_id`, or `account_id` of a revolving account, is what a dispute is about, and may be what a complaint is.
    """

    grievance_id: UUID
    person_id: UUID
    kind: GrievanceKind
    loan_id: UUID | None
    opened_at: datetime
    due_on: date
    document: str
    extended_at: datetime | None = None
    escalated_at: datetime | None = None
    answered_by: UUID | None = None
    answered_at: datetime | None = None
    outcome: GrievanceOutcome | None = None
    account_id: UUID | None = None

    def field(self, part: str) -> str:
        """Return the name under which words are sealed: `words`, `extension` or `answer`."""
        return f"grievance.{self.grievance_id.hex}.{part}"

    def clock(self, *, on: date) -> Clock:
        """Return how the time that is left looks on a day. Example: on the last day it is soon, on the next late."""
        if self.answered_at is not None:
            return Clock.ENDED
        if on > self.due_on:
            return Clock.LATE
        return Clock.SOON if on + SOON >= self.due_on else Clock.RUNNING

    def require_open(self) -> None:
        """Return when nobody has answered yet. Errors: GrievanceAnswered."""
        if self.answered_at is not None:
            raise GrievanceAnswered("This was answered already.")

    def require_extendable(self, *, on: date) -> None:
        """Return when an answer may take longer. Errors: GrievanceAnswered, GrievanceNotExtendable."""
        self.require_open()
        if self.kind is not GrievanceKind.COMPLAINT or self.extended_at is not None or on > self.due_on:
            raise GrievanceNotExtendable("Only a complaint may take longer, once, and while its time runs.")


def check_words(words: Personal[str]) -> Personal[str]:
    """Return words with their white space in order. Errors: GrievanceMalformed."""
    text = "\n".join(" ".join(line.split()) for line in words.reveal().splitlines()).strip()
    if not WORDS_LENGTH_MIN <= len(text) <= WORDS_LENGTH_MAX:
        raise GrievanceMalformed(f"Say it in {WORDS_LENGTH_MIN} to {WORDS_LENGTH_MAX} characters.")
    return Personal(text)
