"""What we need from the licensed credit bureau: counts and amounts about a person who consented to be asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol
from uuid import UUID

from mingqu.domain.personal import Personal


@dataclass(frozen=True, slots=True, kw_only=True)
class BureauQuery:
    """One query. It names the consent it rests on and its purpose (征信业管理条例 art. 18, 2013).

    `purpose` is "loan_approval" or "post_loan". `query_number` is ours, 32 hex digits; the same number gives
    the same report and counts as one query on the person's record.
    """

    query_number: str
    consent_id: UUID
    purpose: str
    name: Personal[str]
    id_number: Personal[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BureauReport:
    """Features by name, whole numbers only (fen, months, counts), as the bureau knew them on `as_of`."""

    features: Mapping[str, int]
    as_of: date
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCovered:
    """The bureau has nothing about this person. That is not a bad mark and not a good one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRefused:
    """The bureau does not answer this query. `code` says why, e.g. "purpose_unknown"."""

    code: str


class BureauChannel(Protocol):
    """Answers consented queries."""

    def features(self, query: BureauQuery) -> BureauReport | NotCovered | QueryRefused:
        """Return what is known about a person. Errors: ChannelSilent."""
        ...
