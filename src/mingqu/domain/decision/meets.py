"""Which fields each version meets: a table is checked against the fields in force on the days on which it decides.

So the fields can be rolled back, and can lose a field: a table that decides no more needs no field any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import TypeVar

from mingqu.domain.decision.field import Fields, parse_fields
from mingqu.domain.decision.publication import Spoken, days_of, key_of, standing, version_of
from mingqu.domain.policy_file import Document, PolicyFault

Read = TypeVar("Read")


class Meets:
    """The fields of a pack, in all versions, and which of them a version of another policy is read with.

    `names` counts the policies that declare fields; exactly one should. Errors: PolicyFault for malformed fields.
    """

    def __init__(self, *, documents: Sequence[Document], spoken: Spoken) -> None:
        self._spoken = spoken
        self._versions: dict[str, list[Document]] = {}
        for one in documents:
            self._versions.setdefault(key_of(one), []).append(one)
        self._declaring = sorted((one for one in documents if one.body["kind"] == "fields"), key=version_of)
        self._parsed = {one.hash: parse_fields(document=one) for one in self._declaring}
        self._days = days_of(documents=self._declaring, spoken=spoken)
        self._on: dict[date, Document | None] = {}
        self.names = len({key_of(one) for one in self._declaring})

    def check(self, document: Document, read: Callable[[Fields], Read]) -> Read:
        """Return what `read` makes of a version with the last fields it meets, once it was read with all of them.

        One that meets none (it may only be tried, or was replaced on its first day) is read with the newest that it
        fits. Errors: those of `read`; of the newest fields, when it fits none.
        """
        met = self._met(document)
        for fields in met[:-1]:
            read(fields)
        if met:
            return read(met[-1])
        newest, *older = (self._parsed[one.hash] for one in reversed(self._declaring))
        try:
            return read(newest)
        except PolicyFault as fault:
            for fields in older:
                try:
                    return read(fields)
                except PolicyFault:
                    continue
            raise fault from None

    def _met(self, document: Document) -> list[Fields]:
        """Return each version of the fields that is in force on a day on which the document is, in order of time."""
        versions = self._versions[key_of(document)]
        found: dict[str, Fields] = {}
        for day in sorted(self._days | days_of(documents=versions, spoken=self._spoken)):
            decides = standing(versions=versions, spoken=self._spoken, business_date=day)
            fields = self._fields(day) if decides is document else None
            if fields is not None:
                found.setdefault(fields.hash, self._parsed[fields.hash])
        return list(found.values())

    def _fields(self, day: date) -> Document | None:
        if day not in self._on:
            self._on[day] = standing(versions=self._declaring, spoken=self._spoken, business_date=day)
        return self._on[day]
