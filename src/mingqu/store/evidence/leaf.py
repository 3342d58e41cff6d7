"""Leaves: appended under the cell's lock, in the transaction of what they bear witness to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID

from mingqu.domain.canonical import Canonical, canonical
from mingqu.domain.evidence import Leaf, LeafKind, commit, leaf_body, leaf_hash
from mingqu.domain.identifier import cell_of
from mingqu.domain.personal import Personal
from mingqu.store.people import vault
from mingqu.store.server import column
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

# Fails, by the column that takes no null, where the cell has another count than the caller read under its lock.
_COUNT: Final = """UPDATE cell SET leaf_count = CASE WHEN leaf_count = $2::bigint THEN leaf_count + $3::bigint END
    WHERE cell = $1::smallint"""
_STORE: Final = """INSERT INTO evidence_leaf (cell, sequence, person_id, kind, subject_id, at, body, hash)
    SELECT $1::smallint, sequence, person_id, kind, subject_id, $2::timestamptz, body, hash
    FROM unnest($3::bigint[], $4::uuid[], $5::text[], $6::uuid[], $7::bytea[], $8::bytea[])
         AS given (sequence, person_id, kind, subject_id, body, hash)"""
Private = Mapping[str, Personal[str] | Canonical]
_NOTHING: Final[Private] = MappingProxyType({})
# A close appends a chunk of loans at a time; more leaves would hold the cell's lock too long.
LEAVES_PER_APPEND_MAX: Final = 10_000


def log_sizes(tx: Transaction) -> dict[int, int]:
    """Return how many leaves each log has. Cell and log have one number; a log outlives a recut to fewer cells."""
    sizes: dict[int, int] = dict(tx.execute("SELECT cell, leaf_count FROM cell ORDER BY cell").fetchall())
    rows = tx.execute("SELECT cell, built FROM evidence_tree WHERE cell >= %s", (tx.cells,))
    return dict.fromkeys(range(max(tx.counts)), 0) | sizes | dict(rows.fetchall())


def logs_of(tx: Transaction, *, identity: UUID) -> list[int]:
    """Return the logs in which evidence about a person, or an id made for one, may lie; the one of now first."""
    return list(dict.fromkeys(cell_of(identity, cells=cells) for cells in reversed(tx.counts)))


def private_field(tx: Transaction, *, person_id: UUID, cell: int, sequence: int) -> str:
    """Return the vault's field in which a leaf's private values lie. Sequences are counted in each log anew."""
    is_first = cell == cell_of(person_id, cells=tx.counts[0])
    return f"evidence.{sequence}" if is_first else f"evidence.{cell}.{sequence}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a leaf will say: public `facts`, and `private` values that it only commits to."""

    person_id: UUID
    kind: LeafKind
    subject_id: UUID
    facts: Mapping[str, Canonical]
    private: Private = field(default_factory=dict)
    sealed: Mapping[str, Personal[str]] = field(default_factory=dict)


def append(
    tx: Transaction,
    *,
    keyring: Keyring,
    cell: int,
    person_id: UUID,
    kind: LeafKind,
    subject_id: UUID,
    at: datetime,
    facts: Mapping[str, Canonical],
    private: Private = _NOTHING,
    sealed: Mapping[str, Personal[str]] | None = None,
) -> Leaf:
    """Append one leaf to the evidence of a cell. The caller holds the cell's lock.

    Facts are published with proofs and outlive an erasure: nothing personal belongs there. Of each private value
    the leaf holds a salted commitment; value and salt are sealed in the vault under the person's key. `sealed` are
    further fields of the person, sealed in the same round trip; the leaf says nothing of them.
    Errors, with private values only: NotFound, PersonErased.
    """
    draft = Draft(
        person_id=person_id, kind=kind, subject_id=subject_id, facts=facts, private=private, sealed=sealed or {}
    )
    return append_all(tx, keyring=keyring, cell=cell, at=at, drafts=[draft])[0]


def append_all(tx: Transaction, *, keyring: Keyring, cell: int, at: datetime, drafts: Sequence[Draft]) -> list[Leaf]:
    """Append several leaves in two round trips, in the order given. See `append`."""
    assert 0 < len(drafts) <= LEAVES_PER_APPEND_MAX
    assert all(tx.cell_of(draft.person_id) == cell for draft in drafts), "evidence lies in the person's cell"
    row = tx.execute(
        "UPDATE cell SET leaf_count = leaf_count + %s WHERE cell = %s RETURNING leaf_count", (len(drafts), cell)
    ).fetchone()
    assert row is not None, "a leaf is appended to a cell that the book does not have"
    first = row[0] - len(drafts)
    leaves = [
        _leaf(tx, keyring=keyring, cell=cell, sequence=sequence, at=at, draft=draft)
        for sequence, draft in enumerate(drafts, start=first)
    ]
    tx.together([_stored(leaves, at=at)])
    return leaves


def appended(*, cell: int, first: int, at: datetime, drafts: Sequence[Draft]) -> list[Statement]:
    """Return the statements that append leaves without private values, for one round trip with other writes.

    `first` is how many leaves the cell had when the caller took its lock, under which nobody else appends: otherwise
    the first statement fails, so they may take a commit along. `require_appended` takes the answers.
    """
    assert 0 < len(drafts) <= LEAVES_PER_APPEND_MAX
    assert not any(draft.private or draft.sealed for draft in drafts), "what is sealed is appended by `append_all`"
    leaves = [
        _written(cell=cell, sequence=sequence, at=at, draft=draft, commitments={})
        for sequence, draft in enumerate(drafts, start=first)
    ]
    counted = (column.smallint(cell), column.bigint(first), column.bigint(len(drafts)))
    return [Statement(_COUNT, counted), _stored(leaves, at=at)]


def appended_sealed(
    tx: Transaction, *, key: bytes, cell: int, first: int, at: datetime, draft: Draft
) -> list[Statement]:
    """Return the statements that append one leaf with what it commits to, for one round trip with other writes.

    `key` is the data key of the leaf's person, and `first` how many leaves the cell had when the caller took its lock;
    `require_appended` takes the first two answers.
    """
    sealed, commitments = _committed(tx, cell=cell, sequence=first, draft=draft)
    leaf = _written(cell=cell, sequence=first, at=at, draft=draft, commitments=commitments)
    counted = (column.smallint(cell), column.bigint(first), column.bigint(1))
    kept = vault.sealed(cell=cell, person_id=draft.person_id, key=key, values=sealed, at=at)
    return [Statement(_COUNT, counted), _stored([leaf], at=at), kept]


def require_appended(answers: Sequence[Answer], *, drafts: Sequence[Draft]) -> None:
    """Fail an assertion unless the leaves follow on those that were there."""
    assert answers[0].rowcount == 1, "somebody else appended a leaf under the cell's lock"
    assert answers[1].rowcount == len(drafts)


def _stored(leaves: Sequence[Leaf], *, at: datetime) -> Statement:
    values = (
        column.of_bigints([leaf.sequence for leaf in leaves]),
        column.of_uuids([leaf.person_id for leaf in leaves]),
        column.of_texts([leaf.kind.value for leaf in leaves]),
        column.of_uuids([leaf.subject_id for leaf in leaves]),
        column.of_bytes_or_nulls([leaf.body for leaf in leaves]),
        column.of_bytes_or_nulls([leaf.hash for leaf in leaves]),
    )
    return Statement(_STORE, (column.smallint(leaves[0].cell), column.moment(at), *(each.packed for each in values)))


def leaves_of(tx: Transaction, *, person_id: UUID, subject_id: UUID) -> list[Leaf]:
    """Return the leaves about a subject (a consent, a contract …) of this person, in order; none if it is another's."""
    logs = logs_of(tx, identity=person_id)[::-1]
    rows = tx.execute(
        """
        SELECT cell, sequence, kind, at, body, hash FROM evidence_leaf
        WHERE cell = ANY (%s) AND subject_id = %s AND person_id = %s ORDER BY array_position(%s, cell), sequence
        """,
        (logs, subject_id, person_id, logs),
    )
    return [
        Leaf(
            cell=cell,
            sequence=sequence,
            person_id=person_id,
            kind=LeafKind(kind),
            subject_id=subject_id,
            at=at,
            body=bytes(body),
            hash=bytes(leaf_hash_stored),
        )
        for cell, sequence, kind, at, body, leaf_hash_stored in rows
    ]


def leaf_at(tx: Transaction, *, cell: int, sequence: int) -> Leaf | None:
    """Return the leaf of a place, or None."""
    row = tx.execute(
        "SELECT person_id, kind, subject_id, at, body, hash FROM evidence_leaf WHERE cell = %s AND sequence = %s",
        (cell, sequence),
    ).fetchone()
    if row is None:
        return None
    return Leaf(
        cell=cell,
        sequence=sequence,
        person_id=row[0],
        kind=LeafKind(row[1]),
        subject_id=row[2],
        at=row[3],
        body=bytes(row[4]),
        hash=bytes(row[5]),
    )


def leaf_about(tx: Transaction, *, subject_id: UUID) -> tuple[int, int] | None:
    """Return cell and sequence of the newest leaf about a subject, whoever's it is, or None."""
    for cell in logs_of(tx, identity=subject_id):
        row = tx.execute(
            "SELECT max(sequence) FROM evidence_leaf WHERE cell = %s AND subject_id = %s", (cell, subject_id)
        ).fetchone()
        if row is not None and row[0] is not None:
            return (cell, row[0])
    return None


def latest_leaves(tx: Transaction, *, limit: int) -> list[Leaf]:
    """Return the newest leaves of all cells, the newest first."""
    found: list[Leaf] = []
    for cell, count in log_sizes(tx).items():
        places = range(max(0, count - limit), count)
        found += [leaf for place in places if (leaf := leaf_at(tx, cell=cell, sequence=place)) is not None]
    return sorted(found, key=lambda leaf: (leaf.at, leaf.cell, leaf.sequence), reverse=True)[:limit]


def leaf_count(tx: Transaction) -> int:
    """Return how many leaves the book has."""
    return sum(log_sizes(tx).values())


def open_private(
    tx: Transaction, *, keyring: Keyring, person_id: UUID, cell: int, sequence: int
) -> dict[str, tuple[bytes, Personal[Canonical]]]:
    """Return salt and value of each commitment of a leaf, named by its cell and sequence, for its person's eyes.

    Errors: NotFound (the leaf has no private values), PersonErased, SealBroken.
    """
    name = private_field(tx, person_id=person_id, cell=cell, sequence=sequence)
    text = vault.open_field(tx, keyring=keyring, person_id=person_id, field=name).reveal()
    return {name: (bytes.fromhex(entry["salt"]), Personal(entry["value"])) for name, entry in json.loads(text).items()}


def _leaf(tx: Transaction, *, keyring: Keyring, cell: int, sequence: int, at: datetime, draft: Draft) -> Leaf:
    sealed, commitments = _committed(tx, cell=cell, sequence=sequence, draft=draft)
    if sealed:
        vault.seal_all(tx, keyring=keyring, person_id=draft.person_id, values=sealed, at=at)
    return _written(cell=cell, sequence=sequence, at=at, draft=draft, commitments=commitments)


def _committed(
    tx: Transaction, *, cell: int, sequence: int, draft: Draft
) -> tuple[Mapping[str, Personal[str]], Canonical]:
    """Return what is sealed with a leaf, and what it says instead of its private values."""
    opened: dict[str, tuple[bytes, Canonical]] = {
        name: (vault.salt(), value.reveal() if isinstance(value, Personal) else value)
        for name, value in draft.private.items()
    }
    sealed = dict(draft.sealed)
    if opened:
        kept = canonical({name: {"salt": salt.hex(), "value": value} for name, (salt, value) in opened.items()})
        sealed[private_field(tx, person_id=draft.person_id, cell=cell, sequence=sequence)] = Personal(kept.decode())
    return sealed, {name: commit(salt=salt, value=value).hex() for name, (salt, value) in opened.items()}


def _written(*, cell: int, sequence: int, at: datetime, draft: Draft, commitments: Canonical) -> Leaf:
    body = leaf_body(
        cell=cell,
        sequence=sequence,
        person_id=draft.person_id,
        kind=draft.kind,
        subject_id=draft.subject_id,
        at=at,
        facts=draft.facts,
        commitments=commitments,
    )
    return Leaf(
        cell=cell,
        sequence=sequence,
        person_id=draft.person_id,
        kind=draft.kind,
        subject_id=draft.subject_id,
        at=at,
        body=body,
        hash=leaf_hash(body),
    )
