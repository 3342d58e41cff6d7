"""Checkpoints: one short signed statement about the evidence of every cell, chained to the one before it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mingqu.domain.canonical import canonical
from mingqu.domain.evidence.leaf import moment
from mingqu.domain.evidence.tree import EMPTY_ROOT, Hash, leaf_hash, root_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRoot:
    """The root over the first `size` leaves of a cell."""

    cell: int
    size: int
    root: Hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A signed statement of all cell roots at a moment, chained to the one before it."""

    book_id: UUID
    number: int
    at: datetime
    cells: tuple[CellRoot, ...]
    root: Hash
    previous: Hash
    key_id: str
    signature: bytes

    def body(self) -> bytes:
        """Return the bytes that are signed. The root stands for the cells, so they stay short."""
        return checkpoint_body(
            book_id=self.book_id, number=self.number, at=self.at, cells=self.cells, previous=self.previous
        )

    def hash(self) -> Hash:
        """Return the hash by which the next checkpoint names this one."""
        return hashlib.sha256(self.body()).digest()


def cell_leaf(cell: CellRoot) -> bytes:
    """Return the bytes of a cell's leaf in the tree over the cells."""
    return canonical({"cell": cell.cell, "root": cell.root.hex(), "size": cell.size})


def cells_root(cells: Sequence[CellRoot]) -> Hash:
    """Return the root over the cell roots, in the order of the cells."""
    return root_of([leaf_hash(cell_leaf(cell)) for cell in cells])


def checkpoint_body(*, book_id: UUID, number: int, at: datetime, cells: Sequence[CellRoot], previous: Hash) -> bytes:
    """Return the bytes of a checkpoint that are signed, canonical JSON."""
    assert [cell.cell for cell in cells] == list(range(len(cells))), "every cell of the book, in order"
    return canonical(
        {
            "at": moment(at),
            "book": book_id.hex,
            "cells": len(cells),
            "leaves": sum(cell.size for cell in cells),
            "number": number,
            "previous": previous.hex(),
            "root": cells_root(cells).hex(),
            "version": 1,
        }
    )


def breaks_between(older: Checkpoint | None, newer: Checkpoint) -> list[str]:
    """Return a sentence for each way in which a checkpoint does not follow the one before it (None: the first).

    That each cell's tree extends the older one takes a consistency proof as well; here sizes only.
    """
    previous = EMPTY_ROOT if older is None else older.hash()
    number = 1 if older is None else older.number + 1
    found = []
    if newer.number != number:
        found.append(f"checkpoint {newer.number} stands where {number} should")
    if newer.previous != previous:
        found.append(f"checkpoint {newer.number} does not name the one before it")
    if newer.root != cells_root(newer.cells):
        found.append(f"checkpoint {newer.number} has another root than its cells")
    if older is None:
        return found
    if newer.book_id != older.book_id:
        return [*found, f"checkpoint {newer.number} is of another book"]
    if len(newer.cells) < len(older.cells):  # a book that is cut into more cells gets more logs, and keeps each
        return [*found, f"checkpoint {newer.number} has lost cells"]
    if newer.at < older.at:
        found.append(f"checkpoint {newer.number} is earlier than the one before it")
    found += [
        f"checkpoint {newer.number} has lost leaves of cell {after.cell}"
        for before, after in zip(older.cells, newer.cells, strict=False)
        if after.size < before.size
    ]
    return found
