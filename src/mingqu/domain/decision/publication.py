"""Publications: which version of a policy holds from which business date on, as a list that only grows.

The last word holds: from its date on a publication is in force until another one, made later, begins. So a rollback is
a publication of a former version, and it also takes back whatever was planned for a later day. Nothing is edited.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from mingqu.domain.policy_file import FAR_FUTURE, Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One version of one policy, put into force from a business date; without a date it may only be tried.

    `sequence` is the place in the list of all publications of a book.
    """

    sequence: int
    kind: str
    name: str
    version: int
    from_date: date | None

    @property
    def key(self) -> str:
        """Which policy it is, as "kind/id"."""
        return f"{self.kind}/{self.name}"


Spoken = Mapping[str, tuple[Publication, ...]]  # by "kind/id", in order of their sequence


def by_policy(publications: Iterable[Publication]) -> Spoken:
    """Return the publications of each policy, by "kind/id", in order."""
    found: dict[str, tuple[Publication, ...]] = {}
    for one in sorted(publications, key=lambda each: each.sequence):
        found[one.key] = (*found.get(one.key, ()), one)
    return MappingProxyType(found)


def key_of(document: Document) -> str:
    """Return which policy a document is a version of, as "kind/id"."""
    return f"{document.body['kind']}/{document.body['id']}"


def version_of(document: Document) -> int:
    """Return the version number of a document."""
    return document.reader().integer("version", least=1, most=1_000_000)


def in_force(*, document: Document, business_date: date) -> bool:
    """Return whether the document itself says that it holds on the date; rules carry their dates in their rows."""
    reader = document.reader()
    start = reader.day("valid_from") if reader.has("valid_from") else date.min
    end = reader.day("valid_to") if reader.has("valid_to") else FAR_FUTURE
    return start <= business_date < end


def ranks(*, document: Document, spoken: Spoken, business_date: date) -> int | None:
    """Return the rank of a version among those of its policy on a date, or None when it does not decide then.

    Files that were never put into a book have no publications: of them the newest version holds. In a book the place of
    the last publication counts. Example: version 2 from October 1, version 1 from October 5 (a rollback): on October 3
    version 2 has the only rank, on October 6 version 1 has the higher one.
    """
    if not spoken:
        return version_of(document)
    version = version_of(document)
    begun = [
        one.sequence
        for one in spoken.get(key_of(document), ())
        if one.version == version and one.from_date is not None and one.from_date <= business_date
    ]
    return max(begun, default=None)
