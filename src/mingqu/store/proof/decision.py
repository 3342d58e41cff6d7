"""Limits against decisions: what was granted is what the sealed record of a decision says, and nothing else is."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, LiteralString
from uuid import UUID

from mingqu.domain.canonical import canonical
from mingqu.domain.identifier import derived
from mingqu.domain.ledger import Reason
from mingqu.domain.personal import Personal
from mingqu.store.people import vault
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

# Enough to see what kind of break it is; a broken book may have millions.
FINDINGS_MAX: Final = 20
# Decisions are read page by page, so that the proof of a large book needs no memory in proportion to it.
DECISIONS_PER_PAGE: Final = 1_000

_PAGE: Final[LiteralString] = """
    SELECT d.decision_id, d.person_id, d.outcome, d.record, d.record_hash, d.sealed, d.versions_hash,
           p.erased_at IS NOT NULL, a.requested_amount_fen
    FROM decision d
    LEFT JOIN person p ON p.cell = d.cell AND p.person_id = d.person_id
    LEFT JOIN application a ON a.cell = d.cell AND a.application_id = d.application_id AND a.person_id = d.person_id
    WHERE d.cell = %s AND d.decision_id > %s ORDER BY d.decision_id LIMIT %s"""

_LINES: Final[LiteralString] = """
    SELECT decision_id, facility_id, person_id, product_id, product_version, rate_year_ppm, granted_fen, purpose_bound
    FROM facility
    WHERE cell = %s AND person_id = ANY (%s)"""

_GRANTS: Final[LiteralString] = """
    SELECT reference, id, debit_owner, amount_fen FROM transfer
    WHERE cell = %s AND debit_owner = ANY (%s) AND amount_fen > 0 AND reason = %s
    UNION ALL
    SELECT reference, id, debit_owner, -amount_fen FROM transfer
    WHERE cell = %s AND debit_owner = ANY (%s) AND amount_fen > 0 AND reason = %s"""

_CHANGES: Final[LiteralString] = """
    SELECT c.decision_id, c.owner, f.product_id, c.product_version, c.rate_year_ppm, c.before_fen, c.after_fen,
           coalesce(f.purpose_bound, false)
    FROM limit_change c LEFT JOIN facility f ON f.cell = c.cell AND f.facility_id = c.owner
    WHERE c.cell = %s AND c.person_id = ANY (%s)"""

# A line that names no decision, or another person's, would be in nobody's page.
_STRAY: Final[LiteralString] = """
    SELECT format('facility %%s was not granted by a decision about its person', f.facility_id)
    FROM facility f LEFT JOIN decision d ON d.cell = f.cell AND d.decision_id = f.decision_id
                                        AND d.person_id = f.person_id AND d.outcome = 'approved'
    WHERE d.decision_id IS NULL"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    """A decision's row: the record in two parts, where the sealed one lies, and what was asked for."""

    decision_id: UUID
    person_id: UUID
    outcome: str
    public: bytes
    record_hash: bytes
    field: str
    versions_hash: str
    erased: bool
    requested_amount_fen: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What a later decision made of a limit, as its row says; the person's own has no product."""

    owner: UUID
    product_id: str | None
    product_version: int | None
    rate_year_ppm: int | None
    before_fen: int
    after_fen: int
    bound: bool  # a line bound to a purpose, which no assessment prices: it is only ever cut to the person's limit


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A facility as its row says."""

    facility_id: UUID
    product_id: str
    product_version: int
    rate_year_ppm: int
    granted_fen: int


def decisions(tx: Transaction, *, keyring: Keyring) -> list[str]:
    """Return a sentence for each decision whose record is broken, and each limit that is not the decision's.

    The record's hash is computed again from its public part and the sealed one, which opens with the keyring; of a
    person who was erased only the lines' ids and sums are left to compare.
    """
    stray = [sentence for (sentence,) in tx.execute(_STRAY, ()).fetchmany(FINDINGS_MAX)]
    return stray + list(islice(_findings(tx, keyring=keyring), FINDINGS_MAX))


def _findings(tx: Transaction, *, keyring: Keyring) -> Iterator[str]:
    for cell in range(tx.cells):
        after = UUID(int=0)
        while page := _page(tx, cell=cell, after=after):  # each page moves on
            yield from _page_findings(tx, keyring=keyring, cell=cell, page=page)
            after = page[-1].decision_id


def _page(tx: Transaction, *, cell: int, after: UUID) -> list[_Decided]:
    return [
        _Decided(
            decision_id=row[0],
            person_id=row[1],
            outcome=row[2],
            public=bytes(row[3]),
            record_hash=bytes(row[4]),
            field=bytes(row[5]).decode(errors="replace"),
            versions_hash=row[6],
            erased=row[7],
            requested_amount_fen=row[8],
        )
        for row in tx.execute(_PAGE, (cell, after, DECISIONS_PER_PAGE))
    ]


def _page_findings(tx: Transaction, *, keyring: Keyring, cell: int, page: Sequence[_Decided]) -> Iterator[str]:
    people = list({one.person_id for one in page})
    lines: dict[UUID, list[_Line]] = defaultdict(list)
    owners = list(people)
    for decision_id, facility_id, _, product_id, version, rate, granted, bound in tx.execute(_LINES, (cell, people)):
        owners.append(facility_id)
        if bound:
            continue  # its own product priced it, and `purposes` proves it
        lines[decision_id].append(
            _Line(
                facility_id=facility_id,
                product_id=product_id,
                product_version=version,
                rate_year_ppm=rate,
                granted_fen=granted,
            )
        )
    grants: dict[UUID, list[tuple[UUID, UUID, int]]] = defaultdict(list)
    asked = (cell, owners, int(Reason.LIMIT_GRANT), cell, owners, int(Reason.LIMIT_CUT))
    for reference, *grant in tx.execute(_GRANTS, asked):
        grants[reference].append((grant[0], grant[1], grant[2]))
    changes = _changes(tx, cell=cell, people=people)
    fields = [(one.person_id, one.field) for one in page]
    opened = vault.open_many(tx, keyring=keyring, cell=cell, fields=fields)
    for one in page:
        sealed = _sealed(one, opened.get((one.person_id, one.field)))
        if sealed is None and not one.erased:
            yield f"decision {one.decision_id} is not what its record's hash says"
        elif changed := changes[one.decision_id]:
            if not _is_replaced(one, sealed, changed, lines[one.decision_id], grants[one.decision_id]):
                yield f"decision {one.decision_id} made something else of the limits than the book holds"
        elif sealed is None:
            yield from _erased(one, lines[one.decision_id], grants[one.decision_id])
        elif not _is_granted(one, sealed, lines[one.decision_id], grants[one.decision_id]):
            yield f"decision {one.decision_id} granted other limits than the book holds"


def _changes(tx: Transaction, *, cell: int, people: Sequence[UUID]) -> dict[UUID, list[_Change]]:
    found: dict[UUID, list[_Change]] = defaultdict(list)
    for row in tx.execute(_CHANGES, (cell, people)):
        found[row[0]].append(
            _Change(
                owner=row[1],
                product_id=row[2],
                product_version=row[3],
                rate_year_ppm=row[4],
                before_fen=row[5],
                after_fen=row[6],
                bound=row[7],
            )
        )
    return found


def _is_replaced(
    one: _Decided,
    sealed: dict[str, Any] | None,
    changes: Sequence[_Change],
    lines: Sequence[_Line],
    grants: Sequence[tuple[UUID, UUID, int]],
) -> bool:
    """Whether a later decision's changes are what it says, and what moved is what they say.

    Each limit is what was decided, or nothing; what moved of each, raised or cut, is the difference. Of a person who
    was erased only the second is left to compare.
    """
    moved: Counter[UUID] = Counter()
    for _, owner, amount_fen in grants:
        moved[owner] += amount_fen
    expected = Counter({change.owner: change.after_fen - change.before_fen for change in changes})
    expected.update({line.facility_id: line.granted_fen for line in lines})
    if {owner: fen for owner, fen in moved.items() if fen} != {owner: fen for owner, fen in expected.items() if fen}:
        return False
    if sealed is None:
        return True
    approved = one.outcome == "approved"
    own = [change.after_fen for change in changes if change.owner == one.person_id]
    if any(change.bound and change.after_fen > min(change.before_fen, own[0] if own else 0) for change in changes):
        return False
    made = [
        (change.product_id, change.product_version, change.rate_year_ppm, change.after_fen)
        for change in changes
        if change.owner != one.person_id and change.after_fen and not change.bound
    ] + [(line.product_id, line.product_version, line.rate_year_ppm, line.granted_fen) for line in lines]
    prices = [tuple(price) for price in sealed["prices"]] if approved else []
    return own == [sealed["limit_fen"] if approved else 0] and sorted(made, key=str) == sorted(prices, key=str)


def _sealed(one: _Decided, opened: Personal[str] | None) -> dict[str, Any] | None:
    """Return the sealed part of a record, if both parts hash to what the row says and agree with its columns."""
    if opened is None:
        return None
    text = opened.reveal()
    whole = b'{"public":' + one.public + b',"sealed":' + text.encode() + b"}"
    if hashlib.sha256(whole).digest() != one.record_hash:
        return None
    public, sealed = json.loads(one.public), json.loads(text)
    assert isinstance(public, dict)
    assert isinstance(sealed, dict)
    versions_hash = hashlib.sha256(canonical(public["versions"])).hexdigest()
    shown = (public["outcome"], versions_hash, sealed["inputs"].get("requested_amount_fen"))
    return sealed if shown == (one.outcome, one.versions_hash, one.requested_amount_fen) else None


def _is_granted(
    one: _Decided, sealed: dict[str, Any], lines: Sequence[_Line], grants: Sequence[tuple[UUID, UUID, int]]
) -> bool:
    """Whether the lines and grants are the decision's: one for the person, and one for each price, in their order."""
    if one.outcome != "approved":
        return not lines and not grants
    by_product = {line.product_id: line for line in lines}
    owners = [(one.person_id, sealed["limit_fen"])]
    for product_id, version, rate_year_ppm, limit_fen in sealed["prices"]:
        line = by_product.get(product_id)
        if line is None or (line.product_version, line.rate_year_ppm, line.granted_fen) != (
            version,
            rate_year_ppm,
            limit_fen,
        ):
            return False
        owners.append((line.facility_id, limit_fen))
    expected = [
        (derived(one.decision_id, place), owner, amount_fen)
        for place, (owner, amount_fen) in enumerate(owners, start=1)
    ]
    return len(lines) == len(sealed["prices"]) and Counter(grants) == Counter(expected)


def _erased(one: _Decided, lines: Sequence[_Line], grants: Sequence[tuple[UUID, UUID, int]]) -> Iterator[str]:
    """Compare what an erasure leaves: each line was granted what it says, once, under an id of the decision."""
    granted = {owner: amount_fen for transfer_id, owner, amount_fen in grants if owner != one.person_id}
    places = {derived(one.decision_id, place) for place in range(1, len(lines) + 2)}
    if granted != {line.facility_id: line.granted_fen for line in lines} or (
        lines and {transfer_id for transfer_id, _, _ in grants} != places
    ):
        yield f"decision {one.decision_id} granted other limits than the book holds"
