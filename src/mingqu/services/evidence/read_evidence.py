"""The evidence log as an auditor reads it: checkpoints, one leaf with its path, and what extends what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.evidence import Checkpoint, Leaf
from mingqu.domain.evidence.tree import verify_consistency, verify_inclusion
from mingqu.domain.operator import Permission
from mingqu.domain.ownership import NotFound
from mingqu.domain.refusal import Refusal
from mingqu.services.access.note_access import note_access
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.evidence.verify_book import Report, verify_book
from mingqu.services.house import House
from mingqu.store import evidence, proof
from mingqu.store.evidence import EvidencePending
from mingqu.store.operators import access
from mingqu.store.server.database import Transaction

CHECKPOINTS_MAX: Final = 12  # rows of a card; every older one is proven by the next
LATEST_MAX: Final = 10
# Telling so many loans again takes some ten seconds; more is work for `mingqu verify`, which shows its progress.
LOANS_VERIFIED_MAX: Final = 20_000


class BookTooLargeToVerifyHere(Refusal):
    """The book is too large to be proved while somebody waits for a page: run `mingqu verify`."""

    code: ClassVar[str] = "book_too_large_to_verify_here"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A checkpoint of the list. `follows` says whether it names the one before it and every tree of it grew from it."""

    checkpoint: Checkpoint
    leaves: int
    added: int
    follows: bool
    signature_holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How one cell's tree grew between two checkpoints, with the proof that the old one is its beginning."""

    cell: int
    older: int
    newer: int
    path: int
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step from a leaf to a root: the sibling that the proof gives, the side it stands on, what it covers."""

    sibling: bytes
    left: bool
    leaves: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafView:
    """One leaf with its way up. `steps` is None while no checkpoint covers it."""

    leaf: Leaf
    body: Mapping[str, Canonical]
    steps: tuple[Step, ...] | None
    cell_steps: tuple[Step, ...]
    holds: bool
    checkpoint: Checkpoint | None
    public_key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceView:
    """The log and, if one was asked for, a leaf."""

    signed: tuple[Signed, ...]
    growth: tuple[Growth, ...]
    leaves: int
    pending: int
    latest: tuple[Leaf, ...]  # a way in, for who has no id at hand
    view: LeafView | None


def read_evidence(house: House, *, seat: Seat, cell: int | None = None, sequence: int | None = None) -> EvidenceView:
    """Return the log, and a leaf with its proof recomputed. Errors: OperatorForbidden, NotFound."""
    seat.operator.require(Permission.EVIDENCE)
    with house.database.transaction() as tx:
        signed = _signed(tx, house)
        leaves = evidence.leaf_count(tx)
        view = None
        if cell is not None and sequence is not None:
            view = _leaf_view(tx, house, _leaf(tx, cell, sequence))
        latest = tuple(evidence.latest_leaves(tx, limit=LATEST_MAX)) if view is None else ()
        growth = _growth(tx, signed) if len(signed) > 1 else []
    covered = signed[0].leaves if signed else 0
    return EvidenceView(
        signed=tuple(signed), growth=tuple(growth), leaves=leaves, pending=leaves - covered, latest=latest, view=view
    )


def leaf_of(house: House, *, seat: Seat, subject_id: UUID) -> tuple[int, int]:
    """Return cell and sequence of the newest leaf about a subject. Errors: OperatorForbidden, NotFound."""
    seat.operator.require(Permission.EVIDENCE)
    with house.database.transaction() as tx:
        found = evidence.leaf_about(tx, subject_id=subject_id)
    if found is None:
        raise NotFound
    return found


def proof_document(house: House, *, seat: Seat, cell: int, sequence: int) -> dict[str, Canonical]:
    """Return a leaf's proof as docs/howto/verify-a-proof.md reads it, and note that it was taken.

    Nothing personal is opened in it. Errors: OperatorForbidden, NotFound, EvidencePending.
    """
    seat.operator.require(Permission.EVIDENCE)
    with house.database.transaction() as tx:
        leaf = _leaf(tx, cell, sequence)
        document = evidence.document(evidence.inclusion_proof(tx, keyring=house.keyring, leaf=leaf))
        note_access(tx, house, seat=seat, person_id=leaf.person_id, what=access.PROOF, subject_id=leaf.subject_id)
        tx.commit()
    return document


def verify_now(house: House, *, seat: Seat) -> Report:
    """Prove the whole book, as `mingqu verify` does. Errors: OperatorForbidden, BookTooLargeToVerifyHere."""
    seat.operator.require(Permission.VERIFY_BOOK)
    with house.database.transaction() as tx:
        if proof.counts(tx)["loans"] > LOANS_VERIFIED_MAX:
            raise BookTooLargeToVerifyHere("This book is proved by `mingqu verify`, which takes its time.")
    return verify_book(database=house.database, keyring=house.keyring)


def _leaf(tx: Transaction, cell: int, sequence: int) -> Leaf:
    leaf = evidence.leaf_at(tx, cell=cell, sequence=sequence) if 0 <= cell < max(tx.counts) and sequence >= 0 else None
    if leaf is None:
        raise NotFound
    return leaf


def _signed(tx: Transaction, house: House) -> list[Signed]:
    last = evidence.last_checkpoint(tx)
    found: list[Checkpoint] = [] if last is None else [last]
    while found and found[-1].number > 1 and len(found) <= CHECKPOINTS_MAX:
        before = evidence.load_checkpoint(tx, number=found[-1].number - 1)
        assert before is not None, "checkpoints are numbered without gaps"
        found.append(before)
    rows = []
    for place, one in enumerate(found[:CHECKPOINTS_MAX]):
        before = found[place + 1] if place + 1 < len(found) else None
        size = sum(cell.size for cell in one.cells)
        known = sum(cell.size for cell in before.cells) if before else 0
        rows.append(
            Signed(
                checkpoint=one,
                leaves=size,
                added=size - known,
                follows=before is None or one.previous == before.hash(),
                signature_holds=house.keyring.signed(key_id=one.key_id, body=one.body(), signature=one.signature),
            )
        )
    return rows


def _growth(tx: Transaction, signed: list[Signed]) -> list[Growth]:
    """Prove for each cell that the newest tree begins with the one of the checkpoint before."""
    newer, older = signed[0].checkpoint, signed[1].checkpoint
    grown = []
    for cell, before in enumerate(older.cells):
        after = newer.cells[cell]
        path = evidence.consistency_proof(tx, cell=cell, older=older, newer=newer)
        holds = verify_consistency(
            older=before.size, older_root=before.root, size=after.size, root=after.root, path=path
        )
        grown.append(Growth(cell=cell, older=before.size, newer=after.size, path=len(path), holds=holds))
    return grown


def _leaf_view(tx: Transaction, house: House, leaf: Leaf) -> LeafView:
    body = json.loads(leaf.body)
    try:
        found = evidence.inclusion_proof(tx, keyring=house.keyring, leaf=leaf)
    except EvidencePending:
        return LeafView(leaf=leaf, body=body, steps=None, cell_steps=(), holds=False, checkpoint=None, public_key=b"")
    cells = len(found.checkpoint.cells)
    return LeafView(
        leaf=leaf,
        body=body,
        steps=_steps(leaf.sequence, found.cell_root.size, found.path),
        cell_steps=_steps(leaf.cell, cells, found.cell_path),
        holds=verify_inclusion(
            leaf=leaf.hash,
            index=leaf.sequence,
            size=found.cell_root.size,
            path=found.path,
            root=found.cell_root.root,
        ),
        checkpoint=found.checkpoint,
        public_key=found.public_key,
    )


def _steps(index: int, size: int, path: tuple[bytes, ...]) -> tuple[Step, ...]:
    """Return the way up with the side of each sibling and how many leaves it stands for (RFC 9162, 2.1.3.2)."""
    steps, last, width = [], size - 1, 1
    place = index
    for sibling in path:
        left = place % 2 == 1 or place == last
        while left and place and place % 2 == 0:
            place, last, width = place // 2, last // 2, width * 2
        begins = (place - 1 if left else place + 1) * width
        steps.append(Step(sibling=sibling, left=left, leaves=min(width, size - begins)))
        place, last, width = place // 2, last // 2, width * 2
    return tuple(steps)
