"""The full check of the evidence: every leaf, every tree, every checkpoint, and that nothing went without a leaf."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from types import MappingProxyType
from typing import Any, Final, LiteralString
from uuid import UUID

from mingqu.domain.evidence import EMPTY_ROOT, Checkpoint, Hash, LeafKind, breaks_between, leaf_hash, moment, node_hash
from mingqu.store.evidence.checkpoint import load_checkpoint
from mingqu.store.evidence.leaf import log_sizes, logs_of
from mingqu.store.evidence.tree import STEP
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

# Leaves are read in pages, so that a check of a large book needs no memory in proportion to it.
LEAVES_PER_PAGE: Final = 10_000
# Whoever reads the report has seen enough by then; a damaged table would otherwise fill a disk with sentences.
FINDINGS_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a leaf says, read from its bytes: when, of whom, about what, the facts, and what it commits to."""

    cell: int
    sequence: int
    at: str
    person: str
    subject_id: UUID
    facts: dict[str, Any]
    commitments: dict[str, Any]


# Yields a sentence for each leaf of a cell, all of one kind, that says something else than its row.
Comparison = Callable[[Transaction, int, Sequence[Said]], Iterator[str]]
_NOTHING: Final[Mapping[LeafKind, Comparison]] = MappingProxyType({})


def prove(
    tx: Transaction,
    *,
    keyring: Keyring,
    expected: Sequence[tuple[LeafKind, LiteralString]] = (),
    compared: Mapping[LeafKind, Comparison] = _NOTHING,
) -> list[str]:
    """Return a sentence for each fault found, at most 100; an empty list is a proof.

    Every leaf hashes to its hash and says what its columns say; sequences have no gap; the trees, built anew from
    the leaves' bytes, give the stored nodes and the root of every checkpoint that ever was; every checkpoint is
    signed by a key of the keyring and follows the one before. `expected` names, as a SELECT of (cell, id), the
    rows that must have a leaf of a kind; `compared` compares the leaves of a kind, a page at a time, with their rows.
    """
    return list(islice(_findings(tx, keyring=keyring, expected=expected, compared=compared), FINDINGS_MAX))


def _findings(
    tx: Transaction,
    *,
    keyring: Keyring,
    expected: Sequence[tuple[LeafKind, LiteralString]],
    compared: Mapping[LeafKind, Comparison],
) -> Iterator[str]:
    for cell, count in log_sizes(tx).items():
        yield from _cell_findings(tx, cell=cell, count=count, compared=compared)
    yield from _checkpoint_findings(tx, keyring=keyring)
    for kind, rows in expected:
        yield from _missing(tx, kind=kind, rows=rows)


class _Growing:
    """A tree grown leaf by leaf: its peaks, and the stored-level nodes completed since the last look."""

    def __init__(self) -> None:
        self.size = 0
        self.peaks: list[tuple[int, Hash]] = []
        self.completed: dict[tuple[int, int], Hash] = {}

    def add(self, hash_: Hash) -> None:
        level = 0
        while self.peaks and self.peaks[-1][0] == level:  # at most once for each bit of the size
            hash_ = node_hash(self.peaks.pop()[1], hash_)
            level += 1
            if level % STEP == 0:
                self.completed[level, self.size >> level] = hash_
        self.peaks.append((level, hash_))
        self.size += 1

    def root(self) -> Hash:
        if not self.peaks:
            return EMPTY_ROOT
        *rest, (_, whole) = self.peaks
        for _, left in reversed(rest):
            whole = node_hash(left, whole)
        return whole


def _cell_findings(tx: Transaction, *, cell: int, count: int, compared: Mapping[LeafKind, Comparison]) -> Iterator[str]:
    published = tx.execute(
        "SELECT size, number, root FROM checkpoint_cell WHERE cell = %s ORDER BY size, number", (cell,)
    ).fetchall()[::-1]
    built = tx.execute("SELECT built FROM evidence_tree WHERE cell = %s", (cell,)).fetchone()
    growing = _Growing()
    yield from _roots_here(cell, growing, published)
    while growing.size < count:  # each page moves on, or the loop ends at the gap
        page = tx.execute(
            """
            SELECT sequence, person_id, kind, subject_id, at, body, hash FROM evidence_leaf
            WHERE cell = %s AND sequence >= %s ORDER BY sequence LIMIT %s
            """,
            (cell, growing.size, LEAVES_PER_PAGE),
        ).fetchall()
        said: dict[LeafKind, list[Said]] = defaultdict(list)
        for row in page:
            if row[0] != growing.size:
                break
            yield from _leaf_findings(tx, cell, row, said)
            growing.add(leaf_hash(bytes(row[5])))
            yield from _roots_here(cell, growing, published)
        yield from _node_findings(tx, cell=cell, growing=growing, built=0 if built is None else built[0])
        for kind, compare in compared.items():
            of_cells: dict[int, list[Said]] = defaultdict(list)  # one, unless the book was recut
            for leaf in said[kind]:
                of_cells[tx.cell_of(leaf.subject_id)].append(leaf)
            for of_cell, leaves in of_cells.items():
                yield from compare(tx, of_cell, leaves)
        if not page or page[-1][0] != growing.size - 1:
            yield f"cell {cell}: leaf {growing.size} is missing"
            return
    beyond = tx.execute("SELECT count(*) FROM evidence_leaf WHERE cell = %s AND sequence >= %s", (cell, count))
    (more,) = beyond.fetchone() or (0,)
    if more:
        yield f"cell {cell}: {more} leaves stand beyond the cell's count"
    yield from (f"cell {cell}: checkpoint {number} covers leaves that are not there" for _, number, _ in published)


def _roots_here(cell: int, growing: _Growing, published: list[tuple[int, int, bytes]]) -> Iterator[str]:
    while published and published[-1][0] == growing.size:  # one entry for each checkpoint at this size
        _, number, root = published.pop()
        if bytes(root) != growing.root():
            yield f"cell {cell}: the leaves do not give the root of checkpoint {number}"


def _leaf_findings(
    tx: Transaction,
    cell: int,
    row: tuple[int, UUID, str, UUID, datetime, bytes, bytes],
    read: dict[LeafKind, list[Said]],
) -> Iterator[str]:
    """Check one leaf against its own columns, and add what it says to what was read of its kind."""
    sequence, person_id, kind, subject_id, at, body, hash_ = row
    if leaf_hash(bytes(body)) != bytes(hash_):
        yield f"cell {cell}: leaf {sequence} does not hash to its hash"
    try:
        said = json.loads(bytes(body))
        shown = [said[name] for name in ("cell", "sequence", "person", "kind", "subject", "at")]
        leaf = Said(
            cell=cell,
            sequence=sequence,
            at=said["at"],
            person=said["person"],
            subject_id=UUID(said["subject"]),
            facts=dict(said["facts"]),
            commitments=dict(said["commitments"]),
        )
        read[LeafKind(said["kind"])].append(leaf)
    except (ValueError, KeyError, TypeError, AttributeError):
        yield f"cell {cell}: leaf {sequence} does not read"
        return
    if shown != [cell, sequence, person_id.hex, kind, subject_id.hex, moment(at)]:
        yield f"cell {cell}: leaf {sequence} says something else than its columns"
    if cell not in logs_of(tx, identity=person_id):
        yield f"cell {cell}: leaf {sequence} stands where its person's evidence never lay"


def _node_findings(tx: Transaction, *, cell: int, growing: _Growing, built: int) -> Iterator[str]:
    right = {node: hash_ for node, hash_ in growing.completed.items() if (node[1] + 1) << node[0] <= built}
    growing.completed.clear()
    levels, places = [level for level, _ in right], [place for _, place in right]
    rows = tx.execute(
        """
        SELECT level, place, hash FROM unnest(%s::smallint[], %s::bigint[]) AS wanted (level, place)
        JOIN evidence_node USING (level, place) WHERE cell = %s
        """,
        (levels, places, cell),
    )
    stored = {(level, place): bytes(hash_) for level, place, hash_ in rows}
    for (level, place), hash_ in right.items():
        if stored.get((level, place)) != hash_:
            yield f"cell {cell}: node {level}/{place} is not what its leaves give"


def _checkpoint_findings(tx: Transaction, *, keyring: Keyring) -> Iterator[str]:
    older: Checkpoint | None = None
    counts = {max(tx.counts[: place + 1]) for place in range(len(tx.counts))}
    for (number,) in tx.execute("SELECT number FROM checkpoint ORDER BY number").fetchall():
        newer = load_checkpoint(tx, number=number)
        assert newer is not None
        if len(newer.cells) not in counts or [cell.cell for cell in newer.cells] != list(range(len(newer.cells))):
            yield f"checkpoint {number} does not name every cell"
            return
        yield from breaks_between(older, newer)
        if not keyring.signed(key_id=newer.key_id, body=newer.body(), signature=newer.signature):
            yield f"checkpoint {number} is not signed by a key of this book"
        older = newer


def _missing(tx: Transaction, *, kind: LeafKind, rows: LiteralString) -> Iterator[str]:
    # The SELECT is a literal in our own store modules, never anything from outside.
    found = tx.execute(
        f"""
        SELECT e.cell, e.subject_id FROM ({rows}) AS e (cell, subject_id)
        WHERE NOT EXISTS (SELECT FROM evidence_leaf l
                          WHERE (%s OR l.cell = e.cell) AND l.subject_id = e.subject_id AND l.kind = %s)
        ORDER BY 1, 2 LIMIT %s
        """,  # noqa: S608 - see above
        # After a recut it may lie in another log: that this is one of its person's is asked of each leaf above.
        (len(tx.counts) > 1, kind.value, FINDINGS_MAX),
    )
    yield from (f"cell {cell}: {kind.value} {subject_id.hex} has no leaf" for cell, subject_id in found)
