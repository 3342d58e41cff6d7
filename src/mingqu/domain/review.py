"""A person looks at it: what was asked for, how it can be answered, and by when.

Source: PIPL art. 24 (an explanation, and the right to refuse a decision made by a program alone).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from types import MappingProxyType
from typing import ClassVar, Final

from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal

# What may be asked for: about a decision, about a loan, or about something that was received.
OF_DECISION: Final = ("explain", "review")
OF_LOAN: Final = ("defer", "respread", "talk")
SUSPICIOUS: Final = "suspicious"  # a message, a call or a link that may not be ours
# Borrowers are told three working days; a weekend is no excuse in a queue that is sorted by age.
ANSWERED_WITHIN: Final = timedelta(days=3)
# Who took a request and went home does not keep it from whoever comes next.
TAKEN_FOR: Final = timedelta(hours=4)
ANSWER_LENGTH_MIN: Final = 10
ANSWER_LENGTH_MAX: Final = 500


class ReviewOutcome(Enum):
    """How a request was answered. Words are stored: never changed, never used again."""

    UPHELD = "upheld"  # the decision stands
    REASSESS = "reassess"  # the person may apply again at once, whatever day the decision named
    OVERRIDDEN = "overridden"  # two people set the refusal aside; what they granted is another decision
    ANSWERED = "answered"  # explained, or talked about
    PHISHING = "phishing"  # it was not ours, and meant to deceive
    GENUINE = "genuine"  # it was ours


_O: Final = ReviewOutcome
OUTCOMES: Final[Mapping[str, tuple[ReviewOutcome, ...]]] = MappingProxyType(
    {
        "review": (_O.UPHELD, _O.REASSESS, _O.OVERRIDDEN),
        "explain": (_O.ANSWERED, _O.REASSESS, _O.OVERRIDDEN),
        SUSPICIOUS: (_O.PHISHING, _O.GENUINE, _O.ANSWERED),
        **dict.fromkeys(OF_LOAN, (_O.ANSWERED,)),
    }
)


class ReviewTaken(Refusal):
    """Somebody else took this request and is at it."""

    code: ClassVar[str] = "review_taken"
    status: ClassVar[int] = 409


class ReviewNotTaken(Refusal):
    """Who answers a request has taken it first, so that two people do not answer one."""

    code: ClassVar[str] = "review_not_taken"
    status: ClassVar[int] = 409


class ReviewAnswered(Refusal):
    """This request was answered already."""

    code: ClassVar[str] = "review_answered"
    status: ClassVar[int] = 409


class OverrideMissing(Refusal):
    """Nobody has set this decision aside yet: propose it, and answer once somebody else has approved."""

    code: ClassVar[str] = "override_missing"
    status: ClassVar[int] = 409


class AnswerMalformed(Refusal):
    """An answer is one of those that the wish allows, and says something to whoever asked."""

    code: ClassVar[str] = "answer_malformed"


def read_outcome(text: str, *, wish: str) -> ReviewOutcome:
    """Return the outcome that a form names, if the wish allows it. Errors: AnswerMalformed."""
    found = next((one for one in OUTCOMES.get(wish, ()) if one.value == text), None)
    if found is None:
        raise AnswerMalformed("This is no answer to what was asked for.")
    return found


def check_answer(answer: Personal[str]) -> Personal[str]:
    """Return an answer with its white space in order. Errors: AnswerMalformed."""
    text = " ".join(answer.reveal().split())
    if not ANSWER_LENGTH_MIN <= len(text) <= ANSWER_LENGTH_MAX:
        raise AnswerMalformed(f"An answer has {ANSWER_LENGTH_MIN} to {ANSWER_LENGTH_MAX} characters.")
    return Personal(text)
