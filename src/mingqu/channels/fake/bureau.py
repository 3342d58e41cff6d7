"""A credit bureau that knows the people it was told about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.channels.fake.faults import Faults
from mingqu.domain.personal import Personal
from mingqu.ports.bureau import BureauQuery, BureauReport, NotCovered, QueryRefused
from mingqu.ports.clock import Clock

PURPOSES: Final = ("loan_approval", "post_loan")


class FakeBureau:
    """Implements `BureauChannel`. Its call is named "bureau.features" for `Faults.plan`."""

    def __init__(self, *, clock: Clock, faults: Faults | None = None) -> None:
        self._clock = clock
        self.faults = faults or Faults()
        self._people: dict[Personal[str], dict[str, int]] = {}
        self._answered: dict[str, BureauReport | NotCovered] = {}
        self._queries: dict[Personal[str], list[tuple[date, UUID, str]]] = {}

    def know(self, *, id_number: Personal[str], features: Mapping[str, int]) -> None:
        """Learn the features of a person, e.g. one row of a CSV after its columns were mapped."""
        self._people[id_number] = dict(features)

    def queries_of(self, *, id_number: Personal[str]) -> list[tuple[date, UUID, str]]:
        """Return the date, consent and purpose of each query on a person's record."""
        return list(self._queries.get(id_number, ()))

    def features(self, query: BureauQuery) -> BureauReport | NotCovered | QueryRefused:
        """Answer a query: the same number, the same answer, one query on the record."""
        return self.faults.carry(
            "bureau.features",
            do=lambda: self._features(query),
            refuse=lambda: QueryRefused(code="refused_by_bureau"),
        )

    def _features(self, query: BureauQuery) -> BureauReport | NotCovered | QueryRefused:
        if query.purpose not in PURPOSES:
            return QueryRefused(code="purpose_unknown")
        if query.query_number not in self._answered:
            today = self._clock.business_date()
            self._queries.setdefault(query.id_number, []).append((today, query.consent_id, query.purpose))
            features = self._people.get(query.id_number)
            self._answered[query.query_number] = (
                NotCovered()
                if features is None
                else BureauReport(features=dict(features), as_of=today, reference=f"R{query.query_number[:12]}")
            )
        return self._answered[query.query_number]
