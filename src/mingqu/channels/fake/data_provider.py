"""A provider of behavior data that knows the phones it was told about."""

from __future__ import annotations

from collections.abc import Mapping

from mingqu.channels.fake.faults import Faults
from mingqu.domain.personal import Personal
from mingqu.ports.clock import Clock
from mingqu.ports.data_provider import DataQuery, DataReport, NotCovered, QueryRefused


class FakeDataProvider:
    """Implements `DataProvider`. Its call is named "data.features" for `Faults.plan`."""

    def __init__(self, *, clock: Clock, faults: Faults | None = None) -> None:
        self._clock = clock
        self.faults = faults or Faults()
        self._phones: dict[Personal[str], dict[str, int]] = {}
        self._answered: dict[str, DataReport | NotCovered] = {}
        self.queries: list[DataQuery] = []  # each that was billed

    def know(self, *, phone: Personal[str], features: Mapping[str, int]) -> None:
        """Learn the features of a phone, in place of what was known before."""
        self._phones[phone] = dict(features)

    def features(self, query: DataQuery) -> DataReport | NotCovered | QueryRefused:
        """Answer a query: the same number, the same answer, billed once."""
        return self.faults.carry(
            "data.features",
            do=lambda: self._features(query),
            refuse=lambda: QueryRefused(code="refused_by_provider"),
        )

    def _features(self, query: DataQuery) -> DataReport | NotCovered | QueryRefused:
        if not query.features:
            return QueryRefused(code="features_missing")
        if query.query_number not in self._answered:
            self.queries.append(query)
            known = self._phones.get(query.phone)
            self._answered[query.query_number] = (
                NotCovered()
                if known is None
                else DataReport(
                    features={name: known[name] for name in query.features if name in known},
                    as_of=self._clock.business_date(),
                    reference=f"D{query.query_number[:12]}",
                )
            )
        return self._answered[query.query_number]
