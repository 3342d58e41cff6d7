"""Publish policies: somebody drafts, two people put it into force from a business date; back by the same way.

A draft is checked as a file is at load, with the whole pack around it, when it is drafted, when it is proposed, and in
the transaction that publishes it. Whoever drafted it does not approve it. The running servers take it up with their
next decision (`store.decisions.current_policies`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import Canonical, canonical
from mingqu.domain.decision.draft import joined, require_new_version
from mingqu.domain.decision.publication import version_of
from mingqu.domain.operator import Permission
from mingqu.domain.ownership import NotFound
from mingqu.domain.policy_file import Document
from mingqu.domain.proposal import HOUSE, Proposal, ProposalStale
from mingqu.domain.refusal import Refusal
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.house import House
from mingqu.services.once import id_of_key
from mingqu.store.decisions import policy, publication
from mingqu.store.decisions.publication import Draft
from mingqu.store.server.database import Transaction

FILE_NAME_LENGTH_MAX: Final = 120


class AuthorIsChecker(Refusal):
    """Who drafted a policy does not approve that it is published: that takes somebody else."""

    code: ClassVar[str] = "author_is_checker"
    status: ClassVar[int] = 403


class PublicationTooLate(Refusal):
    """A policy is published from today or a later day on; what was decided before stays as it was decided."""

    code: ClassVar[str] = "publication_too_late"
    status: ClassVar[int] = 409


class PublicationMalformed(Refusal):
    """What is to be published is not said as a policy, a version and a day."""

    code: ClassVar[str] = "publication_malformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """A draft as stored: its id, and which version of which policy it would be."""

    draft_id: UUID
    kind: str
    name: str
    version: int
    hash: str


def check_draft(house: House, *, content: bytes, file: str, from_date: date | None = None) -> Document:
    """Return the document of a file that could be published from a date (today if none is given), storing nothing.

    Errors: PolicyFault and every other that a load of policies knows, DraftVersionTaken, PublicationNotInForce.
    """
    with house.database.transaction() as tx:
        return _checked(tx, house, policy.parse_document(content, file=_file(file)), from_date)


def draft_policy(house: House, *, seat: Seat, content: bytes, file: str) -> Drafted:
    """Store a file as a draft, checked with the whole pack around it; the same content again is the same draft.

    Errors: OperatorForbidden, PolicyFault and every other that a load of policies knows, DraftVersionTaken.
    """
    seat.operator.require(Permission.PUBLISH)
    document = policy.parse_document(content, file=_file(file))

    def work(tx: Transaction) -> Drafted:
        _checked(tx, house, document, None)
        draft_id = publication.insert_draft(
            tx,
            draft=Draft(
                draft_id=house.id_for(HOUSE),
                document=document,
                drafted_by=seat.operator.operator_id,
                drafted_at=house.clock.now(),
            ),
        )
        return Drafted(
            draft_id=draft_id,
            kind=str(document.body["kind"]),
            name=str(document.body["id"]),
            version=version_of(document),
            hash=document.hash,
        )

    return house.database.run(work)


def _file(name: str) -> str:
    """Return a name for messages and for the book: the last part of a path, printable, not endless."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1][:FILE_NAME_LENGTH_MAX]
    return last if last.isprintable() and last else "draft.toml"


def _checked(tx: Transaction, house: House, document: Document, from_date: date | None) -> Document:
    """Return a draft that could be published, from its own first day if that is yet to come and no other is asked."""
    pack = house.policies.refresh(tx)
    reader = document.reader()
    reader.name("kind")
    reader.name("id")
    require_new_version(pack=pack, document=document)
    own = reader.day("valid_from") if reader.has("valid_from") else date.min
    joined(pack=pack, document=document, from_date=from_date or max(own, house.clock.business_date()))
    return document


def subject_of(*, kind: str, name: str) -> UUID:
    """Return the id under which a policy is proposed: always the same, so that one proposal on it waits at a time."""
    return id_of_key(scope=HOUSE, command="policy", key=f"{kind}/{name}")


def say_publication(
    tx: Transaction, house: House, subject_id: UUID, asked: Mapping[str, Canonical]
) -> tuple[UUID, dict[str, Canonical]]:
    """Return what is to be published, checked. `asked` has kind, name, version, from_date (empty: for trials only).

    Errors: PublicationMalformed, NotFound (there is neither such a version nor a draft of it), PublicationTooLate, and
    those of `joined`.
    """
    kind, name = str(asked.get("kind", "")), str(asked.get("name", ""))
    if subject_of(kind=kind, name=name) != subject_id:
        raise NotFound
    try:
        version = int(str(asked.get("version", "")))
        day = str(asked.get("from_date", ""))
        from_date = date.fromisoformat(day) if day else None
    except ValueError:
        raise PublicationMalformed("A version is a number, a day is written like 2026-10-01.") from None
    pack = house.policies.refresh(tx)
    document = _wanted(tx, kind, name, version, content=str(asked.get("hash", "")), known=pack.documents)
    _require_not_past(house, from_date)
    joined(pack=pack, document=document, from_date=from_date)
    return HOUSE, {
        "kind": kind,
        "name": name,
        "version": version,
        "hash": document.hash,
        "from_date": None if from_date is None else from_date.isoformat(),
    }


def _wanted(
    tx: Transaction, kind: str, name: str, version: int, *, content: str, known: tuple[Document, ...]
) -> Document:
    """Return the version as published, or as drafted with just this content (the only draft, if none is named).

    Errors: NotFound, PublicationMalformed, ProposalStale when it was published with another content.
    """
    for one in known:
        if (one.body["kind"], one.body["id"], version_of(one)) == (kind, name, version):
            if content not in ("", one.hash):
                raise ProposalStale("This version was published with another content; give the draft a higher one.")
            return one
    drafted = [
        one.document
        for one in publication.drafts(tx)
        if (one.document.body["kind"], one.document.body["id"], version_of(one.document)) == (kind, name, version)
        and content in ("", one.document.hash)
    ]
    if not drafted:
        raise NotFound
    if len(drafted) > 1:
        raise PublicationMalformed("There are several drafts of this version: name one by its hash.")
    return drafted[0]


def _require_not_past(house: House, from_date: date | None) -> None:
    if from_date is not None and from_date < house.clock.business_date():
        raise PublicationTooLate("Publish from today or a later day on.")


def basis_of_publication(tx: Transaction, proposal: Proposal) -> str:
    """Return what a publication rests on: the content, and what was published of this policy before."""
    kind, name = str(proposal.body["kind"]), str(proposal.body["name"])
    before = [one for one in publication.publications(tx) if one.key == f"{kind}/{name}"]
    last = before[-1].sequence if before else 0
    return hashlib.sha256(canonical([str(proposal.body["hash"]), last])).hexdigest()


def publish_policy(tx: Transaction, house: House, proposal: Proposal) -> None:
    """Put a version into force, once it was checked again beside what is in force now.

    Errors: AuthorIsChecker, PublicationTooLate, NotFound, ProposalStale, PolicyAlreadyPublished, and those of `joined`.
    """
    body, now = proposal.body, house.clock.now()
    kind, name, version, content = str(body["kind"]), str(body["name"]), int(str(body["version"])), str(body["hash"])
    author = publication.author_of(tx, kind=kind, name=name, version=version, content=content)
    if author == proposal.checker_id:
        raise AuthorIsChecker("You drafted this; somebody else approves it.")
    from_date = None if body["from_date"] is None else date.fromisoformat(str(body["from_date"]))
    _require_not_past(house, from_date)
    publication.next_generation(tx)  # from here on nobody else publishes, so what is checked is what stands
    pack = policy.load_published(tx)
    document = _wanted(tx, kind, name, version, content=content, known=pack.documents)
    if document.hash != content:
        raise ProposalStale("This version was published since with another content; propose anew.")
    joined(pack=pack, document=document, from_date=from_date)
    policy.insert_version(tx, document=document, at=now)
    publication.insert(
        tx,
        kind=kind,
        name=name,
        version=version,
        from_date=from_date,
        at=now,
        proposal_id=proposal.proposal_id,
    )
