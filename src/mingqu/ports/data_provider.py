"""What we need from a licensed provider of behavior data: single numbers about a person who allowed just that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol
from uuid import UUID

from mingqu.domain.personal import Personal
from mingqu.ports.bureau import NotCovered as NotCovered
from mingqu.ports.bureau import QueryRefused as QueryRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class DataQuery:
    """One query, by phone. It names the consent it rests on and each feature that is wanted: no other is answered.

    `query_number` is ours, 32 hex digits; the same number gives the same answer and is billed once.
    Source: PIPL art. 6 (as little as is needed), 14, 23.
    """

    query_number: str
    consent_id: UUID
    phone: Personal[str]
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReport:
    """The features that were asked for and are known, by name, whole numbers only, as of a date."""

    features: Mapping[str, int]
    as_of: date
    reference: str


class DataProvider(Protocol):
    """Answers consented queries."""

    def features(self, query: DataQuery) -> DataReport | NotCovered | QueryRefused:
        """Return what is known of a phone. Errors: ChannelSilent."""
        ...
