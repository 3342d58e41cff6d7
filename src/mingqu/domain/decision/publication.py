"""Publications: which version of a policy holds from which business date on, as a list that only grows.

The last word holds: from its date on a publication is in force until another one, made later, begins. So a rollback is
a publication of a former version, and it also takes back whatever was planned for a later day. Nothing is edited.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


def standing(*, versions: Sequence[Document], spoken: Spoken, business_date: date) -> Document | None:
    """Return which of the versions of one policy decides on a date, or None.

    The last word among those begun is found first, and only then whether it has run out: a version that ends ends the
    policy, and never brings back what it replaced. Example: version 1 has no end, version 2 is published from October 1
    with a valid_to of October 15: from October 15 on the policy has no version in force.
    """
    last: tuple[int, Document] | None = None
    for one in versions:
        rank = ranks(document=one, spoken=spoken, business_date=business_date) if _begun(one, business_date) else None
        if rank is not None and (last is None or rank > last[0]):
            last = (rank, one)
    return last[1] if last is not None and in_force(document=last[1], business_date=business_date) else None


def _begun(document: Document, business_date: date) -> bool:
    reader = document.reader()
    return not reader.has("valid_from") or reader.day("valid_from") <= business_date


def days_of(*, documents: Iterable[Document], spoken: Spoken) -> frozenset[date]:
    """Return the days on which one of these versions begins or ends, by its file or by a publication."""
    found = set()
    for one in documents:
        reader = one.reader()
        found |= {reader.day(column) for column in ("valid_from", "valid_to") if reader.has(column)}
        found |= {said.from_date for said in spoken.get(key_of(one), ()) if said.from_date is not None}
    return frozenset(found)
