"""A draft against the pack it wants to join: checked as at load, on each day on which something changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Final

from mingqu.domain.decision.fault import fault_of
from mingqu.domain.decision.pack import Pack, parse_pack
from mingqu.domain.decision.publication import Publication, days_of, in_force, key_of, version_of
from mingqu.domain.decision.strategy import PolicyMissing
from mingqu.domain.policy_file import Document, Plain
from mingqu.domain.refusal import Refusal
from mingqu.domain.rule import RuleMissing

DAYS_CHECKED_MAX: Final = 60  # days on which something changes; more are planned by nobody
# What may end without a successor: a version that has run out when it is published ends it from that day on.
ENDED_BY_A_VERSION: Final = ("experiment", "product")
CHANGES_MAX: Final = 500  # lines of a difference; a person reads no more


class DraftVersionTaken(Refusal):
    """This version, or a later one of the same policy, is published already; a draft has a new, higher version."""

    code: ClassVar[str] = "draft_version_taken"
    status: ClassVar[int] = 409


class PublicationNotInForce(Refusal):
    """The file itself does not hold on the day from which it is to be published; see its valid_from and valid_to."""

    code: ClassVar[str] = "publication_not_in_force"


class PublicationChangesNothing(Refusal):
    """This version is in force from that day on anyway."""

    code: ClassVar[str] = "publication_changes_nothing"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One cell in which two versions of a policy differ; None where one of them has no such cell."""

    place: str
    before: Plain
    after: Plain


def require_new_version(*, pack: Pack, document: Document) -> None:
    """Return when no version as high as the draft's is in the pack. Errors: DraftVersionTaken, PolicyFault."""
    highest = max((version_of(one) for one in pack.documents if key_of(one) == key_of(document)), default=0)
    if version_of(document) <= highest:
        raise DraftVersionTaken(
            f"{document.file}: version {highest} of {key_of(document)} is there already; give the draft a higher one.",
            version=highest,
        )


def joined(*, pack: Pack, document: Document, from_date: date | None) -> Pack:
    """Return the pack with a version put into force from a date, or kept for trials; or the first fault.

    Checked are the file, the whole pack around it, and what decides on `from_date` and on each later day on which a
    publication or a file begins or ends.
    Errors: PublicationNotInForce, PublicationChangesNothing, and those of `parse_pack`.
    """
    publication = Publication(
        sequence=max((one.sequence for said in pack.spoken.values() for one in said), default=0) + 1,
        kind=str(document.body["kind"]),
        name=str(document.body["id"]),
        version=version_of(document),
        from_date=from_date,
    )
    if from_date is not None and not _may_begin(document, from_date):
        raise PublicationNotInForce(f"{document.file}: by its own dates it does not hold on {from_date}.")
    said = [one for each in pack.spoken.values() for one in each]
    if publication.key in pack.spoken:
        last = pack.spoken[publication.key][-1]
        if (last.version, last.from_date) == (publication.version, from_date):
            raise PublicationChangesNothing(f"{publication.key} version {last.version} is published from then already.")
    known = [one for one in pack.documents if one.hash != document.hash or key_of(one) != publication.key]
    after = parse_pack(documents=[*known, document], publications=[*said, publication])
    for day in _days(after, from_date) if from_date is not None else ():
        offered = tuple(product.id for product in after.offered(business_date=day))
        # Who is tried on needs all that is tried on each of these days, not only on the first.
        tried = [one.instead for one in after.experiments(business_date=day) if one.decides]
        try:
            for instead in [{}, *tried] if offered else []:
                after.on(business_date=day, product_ids=offered, instead=instead)
        except (PolicyMissing, RuleMissing) as missing:
            raise fault_of(document=document, missing=missing) from None
    return after


def _may_begin(document: Document, from_date: date) -> bool:
    """Return whether a version may be published from a day: it holds then, or it is the end of what may end."""
    if document.body["kind"] in ENDED_BY_A_VERSION:
        return not document.reader().has("valid_from") or document.reader().day("valid_from") <= from_date
    return in_force(document=document, business_date=from_date)


def _days(pack: Pack, first: date) -> list[date]:
    """Return the days from `first` on, on which what decides may change."""
    changing = days_of(documents=pack.documents, spoken=pack.spoken)
    return sorted({first, *(day for day in changing if day > first)})[:DAYS_CHECKED_MAX]


def differences(*, before: Document | None, after: Document) -> tuple[Change, ...]:
    """Return what differs between two versions, cell by cell, in order of place; at most CHANGES_MAX.

    Rows, cases and axes are told apart by their id, name or field, so that a row that moved is no change.
    Example: `row[band-e].wait_days`: 90 → 60.
    """
    old = {} if before is None else dict(_cells(before.body, ""))
    new = dict(_cells(after.body, ""))
    return tuple(
        Change(place=place, before=old.get(place), after=new.get(place))
        for place in sorted(old | new)
        if old.get(place) != new.get(place) and place != "version"
    )[:CHANGES_MAX]


def _cells(value: object, place: str) -> list[tuple[str, Plain]]:
    if isinstance(value, dict):
        return [cell for name in value for cell in _cells(value[name], f"{place}.{name}" if place else str(name))]
    if isinstance(value, list):
        return [cell for at, one in enumerate(value) for cell in _cells(one, f"{place}[{_label(one, at)}]")]
    assert value is None or isinstance(value, str | int | bool), "a policy holds plain values"
    return [(place, value)]


def _label(value: object, at: int) -> str:
    if isinstance(value, dict):
        for name in ("id", "name", "field", "policy"):
            if isinstance(value.get(name), str):
                return str(value[name])
    return str(at)
