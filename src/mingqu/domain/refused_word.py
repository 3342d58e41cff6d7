"""What came from outside and was refused or parked: kept with its reason for people, never acted upon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Final
from uuid import UUID

# As long as signals: a quarrel with a channel about a year's end is over by then.
KEPT_FOR: Final = timedelta(days=400)
# Anybody may send forgeries. Of one day, source and reason so many are told apart; the rest are counted in one row.
DISTINCT_MAX: Final = 200

Facts = Mapping[str, str | int]


class RefusedKind(Enum):
    """What it claimed to be."""

    NOTICE = "notice"  # a callback
    BILL = "bill"
    LENDER = "lender"  # an answer of a lender that decides by itself
    CARD = "card"  # proof that a card is somebody's own


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedWord:
    """What was refused, and how often on its day. `facts` hold nothing personal; `digest` is SHA-256 of what came.

    One without facts and digest stands for those of its day that are not told apart any more.
    """

    word_id: UUID
    kind: RefusedKind
    source: str
    reason: str
    on: date
    subject_id: UUID | None
    facts: Facts
    digest: bytes | None
    times: int
    first_at: datetime
    last_at: datetime
