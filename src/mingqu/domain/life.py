"""What happens in a person's life and changes what may be done: another phone, a death, and that it was told wrongly.

A card or a name changes by proof of the person themselves (`services/people/verify_identity`). What they cannot prove
any more, two operators record from papers. Sources: 民法典 art. 13 (a person's capacity ends with death), GB/T
45251-2025 (nobody but the debtor is contacted; heirs are not dunned by machine).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.refusal import Refusal

# A paper is named by its number and who issued it, so that somebody else finds it: "死亡证明 3301-2026-000123".
PAPER_LENGTH_MIN: Final = 6
PAPER_LENGTH_MAX: Final = 80
_PAPER: Final = re.compile(r"[^\x00-\x1f\x7f]+")
# What names a paper is not sealed and outlives an erasure: whose number it would be has no place in it.
_IDENTITY: Final = re.compile(r"[0-9]{17}[0-9Xx]")


class LifeEventMalformed(Refusal):
    """What happened is one of those that can be recorded, on a day that is over, with a paper that proves it."""

    code: ClassVar[str] = "life_event_malformed"


class PersonDeceased(Refusal):
    """This person is recorded as deceased: nothing is lent, deducted or demanded; their heirs speak with a person."""

    code: ClassVar[str] = "person_deceased"
    status: ClassVar[int] = 409


class LifeKind(StrEnum):
    """What happened. Words are stored: never changed, never used again."""

    PHONE_CHANGED = "phone_changed"  # the old number is not theirs any more
    DECEASED = "deceased"
    ALIVE = "alive"  # a death was told wrongly


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeEvent:
    """One event: what, on which day, by which paper, recorded by two people when."""

    event_id: UUID
    person_id: UUID
    kind: LifeKind
    happened_on: date
    paper: str
    proposal_id: UUID
    recorded_at: datetime


def read_kind(text: str) -> LifeKind:
    """Return the kind that a form names. Errors: LifeEventMalformed."""
    found = next((one for one in LifeKind if one.value == text), None)
    if found is None:
        raise LifeEventMalformed("This is nothing that is recorded here.")
    return found


def check_paper(text: str) -> str:
    """Return the name of a paper with its white space in order. Errors: LifeEventMalformed."""
    paper = " ".join(text.split())
    if _IDENTITY.search(paper):
        raise LifeEventMalformed("Name the paper by its own number, not by that of somebody's identity card.")
    if not (PAPER_LENGTH_MIN <= len(paper) <= PAPER_LENGTH_MAX and _PAPER.fullmatch(paper)):
        raise LifeEventMalformed(f"Name the paper in {PAPER_LENGTH_MIN} to {PAPER_LENGTH_MAX} characters.")
    return paper


def check_day(text: str, *, today: date) -> date:
    """Return the day on which it happened. Errors: LifeEventMalformed."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise LifeEventMalformed("Write the day on which it happened.") from None
    if day > today:
        raise LifeEventMalformed("It happened today or before.")
    return day
