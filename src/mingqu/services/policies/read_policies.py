"""What decides, as people read it: policies with their versions, drafts and history, switches, lists, what is tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.decision.draft import Change, differences
from mingqu.domain.decision.experiment import Experiment
from mingqu.domain.decision.pack import Pack
from mingqu.domain.decision.publication import key_of, version_of
from mingqu.domain.decision.strategy import PolicyMissing
from mingqu.domain.decision.switch import Switch, is_law
from mingqu.domain.operator import Permission
from mingqu.domain.ownership import NotFound
from mingqu.domain.policy_file import Document
from mingqu.domain.proposal import Deed
from mingqu.domain.watch_list import ListEntry
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.house import House
from mingqu.services.policies.publish_policy import subject_of
from mingqu.store.decisions import publication, shadow, switch, watch_list
from mingqu.store.decisions.publication import Draft, Published
from mingqu.store.operators import operator, proposal

# A trial is looked at by what it said lately; the whole of it is for `mingqu lab replay`.
BESIDE_SHOWN: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLine:
    """One policy: the version in force today (None: none), since when, and what is planned and drafted."""

    kind: str
    name: str
    version: int | None
    hash: str | None
    since: date | None
    planned: tuple[tuple[int, date], ...]
    versions: int
    drafts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyView:
    """One policy with its versions, drafts, publications, and how two of them differ."""

    line: PolicyLine
    versions: tuple[Document, ...]
    drafts: tuple[Draft, ...]
    history: tuple[Published, ...]
    waits: UUID | None
    before: Document | None
    after: Document
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchLine:
    """A switch with its owner's name, whether it is off today, and the proposal to put it on that waits."""

    switch: Switch
    owner: str
    off: bool
    waits: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListLine:
    """An entry with its owner's name, whether it counts today, and the proposal to take it off that waits."""

    entry: ListEntry
    owner: str
    holds: bool
    waits: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoliciesView:
    """The whole page. `rules` are the rows that decide today and whether each is law; `beside` counts shadows."""

    lines: tuple[PolicyLine, ...]
    drafts: tuple[Draft, ...]
    switches: tuple[SwitchLine, ...]
    rules: tuple[tuple[str, bool], ...]
    products: tuple[str, ...]
    lenders: tuple[str, ...]
    experiments: tuple[Experiment, ...]
    beside: tuple[tuple[str, str, str, int], ...]
    entries: tuple[ListLine, ...]


def list_policies(house: House) -> tuple[PolicyLine, ...]:
    """Return every policy of the book, by kind and name."""
    with house.database.transaction() as tx:
        return _lines(house.policies.refresh(tx), house.clock.business_date(), publication.drafts(tx))


def read_policies(house: House, *, seat: Seat) -> PoliciesView:
    """Return what decides today and what stands beside it. Errors: OperatorForbidden."""
    seat.operator.require(Permission.POLICIES)
    today, now = house.clock.business_date(), house.clock.now()
    with house.database.transaction() as tx:
        pack = house.policies.refresh(tx)
        drafts = _open(pack, publication.drafts(tx))
        names = {one.operator_id: one.name for one in operator.every(tx)}
        waiting = {one.subject_id: one.proposal_id for one in proposal.waiting(tx, at=now)}
        return PoliciesView(
            lines=_lines(pack, today, drafts),
            drafts=drafts,
            switches=tuple(
                SwitchLine(
                    switch=one,
                    owner=names.get(one.owner_id, "?"),
                    off=one.holds(business_date=today),
                    waits=waiting.get(one.switch_id),
                )
                for one in switch.latest(tx)
            ),
            rules=_rules(pack, today),
            products=tuple(product.id for product in pack.offered(business_date=today)),
            lenders=tuple(sorted({lender.code for lender in pack.lenders})),
            experiments=pack.experiments(business_date=today),
            beside=tuple(shadow.counts(tx, since=now - BESIDE_SHOWN)),
            entries=tuple(
                ListLine(
                    entry=one,
                    owner=names.get(one.owner_id, "?"),
                    holds=one.holds(business_date=today),
                    waits=waiting.get(one.entry_id),
                )
                for one in watch_list.latest(tx)
            ),
        )


def read_policy(
    house: House, *, kind: str, name: str, before: int | None = None, after: int | None = None, draft_hash: str = ""
) -> PolicyView:
    """Return one policy, comparing two versions: by default the one in force with the newest, drafts included.

    `draft_hash` chooses among drafts of one version. Errors: NotFound.
    """
    today = house.clock.business_date()
    with house.database.transaction() as tx:
        pack = house.policies.refresh(tx)
        drafts = tuple(one for one in publication.drafts(tx) if key_of(one.document) == f"{kind}/{name}")
        history = tuple(publication.history(tx, kind=kind, name=name))
        subject = subject_of(kind=kind, name=name)
        waits = proposal.waits_for(tx, deed=Deed.PUBLISH_POLICY, subject_id=subject, at=house.clock.now())
        lines = [one for one in _lines(pack, today, drafts) if (one.kind, one.name) == (kind, name)]
    open_drafts = _open(pack, drafts)
    versions = tuple(one for one in pack.documents if key_of(one) == f"{kind}/{name}")
    known = [*versions, *(one.document for one in reversed(open_drafts))]  # the draft handed in last stands last
    if not known or not lines:
        raise NotFound
    newest = _chosen(known, after, draft_hash) or known[-1]
    standing = before if before is not None else lines[0].version
    old = _chosen(list(versions), standing, "") if standing is not None else None
    if old is not None and old.hash == newest.hash and before is None:
        old = next((one for one in reversed(versions) if version_of(one) < version_of(newest)), None)
    return PolicyView(
        line=lines[0],
        versions=versions,
        drafts=open_drafts,
        history=history,
        waits=None if waits is None else waits.proposal_id,
        before=old,
        after=newest,
        changes=differences(before=old, after=newest),
    )


def _open(pack: Pack, drafts: Sequence[Draft]) -> tuple[Draft, ...]:
    """Return the drafts that can still be published: those with a version above all published ones of their policy."""
    highest: dict[str, int] = {}
    for one in pack.documents:
        highest[key_of(one)] = max(version_of(one), highest.get(key_of(one), 0))
    return tuple(
        one for one in drafts if not one.taken and version_of(one.document) > highest.get(key_of(one.document), 0)
    )


def _chosen(known: list[Document], version: int | None, content: str) -> Document | None:
    found = [one for one in known if version_of(one) == version and content in ("", one.hash)]
    if version is not None and not found:
        raise NotFound
    return found[-1] if found else None


def _lines(pack: Pack, today: date, drafts: Sequence[Draft]) -> tuple[PolicyLine, ...]:
    standing = {key_of(one): one for one in pack.in_force(business_date=today)}
    open_drafts = [key_of(one.document) for one in _open(pack, drafts)]
    lines = []
    for key in sorted({key_of(one) for one in pack.documents} | set(open_drafts)):
        kind, name = key.split("/", 1)
        said = pack.spoken.get(key, ())
        begun = [one for one in said if one.from_date is not None and one.from_date <= today]
        # A planned version that a later word took back comes never, and is not shown as if it did.
        planned = tuple(
            (one.version, one.from_date)
            for at, one in enumerate(said)
            if one.from_date is not None
            and one.from_date > today
            and not any(later.from_date is not None and later.from_date <= one.from_date for later in said[at + 1 :])
        )
        document = standing.get(key)
        lines.append(
            PolicyLine(
                kind=kind,
                name=name,
                version=None if document is None else version_of(document),
                hash=None if document is None else document.hash,
                since=begun[-1].from_date if begun and document is not None else None,
                planned=planned,
                versions=sum(key_of(one) == key for one in pack.documents),
                drafts=open_drafts.count(key),
            )
        )
    return tuple(lines)


def _rules(pack: Pack, today: date) -> tuple[tuple[str, bool], ...]:
    offered = tuple(product.id for product in pack.offered(business_date=today))
    if not offered:
        return ()
    try:
        strategy = pack.on(business_date=today, product_ids=offered)
    except PolicyMissing:
        return ()
    return tuple((f"{strategy.policy.id}/{row.id}", is_law(row)) for row in strategy.policy.rows)
