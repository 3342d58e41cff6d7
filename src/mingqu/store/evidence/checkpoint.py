"""Checkpoints: trees brought up to the last leaf, one signed statement over all cells, chained to the one before."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from mingqu.domain.evidence import EMPTY_ROOT, CellRoot, Checkpoint, Leaf, cells_root
from mingqu.domain.evidence.checkpoint import checkpoint_body
from mingqu.store.evidence import tree
from mingqu.store.evidence.leaf import log_sizes
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring


def book_id(tx: Transaction) -> UUID:
    """Return the id of this book's evidence."""
    row = tx.execute("SELECT book_id FROM evidence_book").fetchone()
    assert row is not None, "the migration wrote it"
    return UUID(bytes=row[0].bytes)


def build_trees(tx: Transaction) -> dict[int, int]:
    """Bring the tree of every cell up to its last committed leaf; return the size of each.

    It does not wait for writers: leaves of a cell commit in their order, so the committed count has no gaps.
    """
    # Two builders would write the same nodes: the second waits here, then finds nothing to do.
    tx.execute("LOCK TABLE checkpoint IN SHARE ROW EXCLUSIVE MODE")
    sizes = log_sizes(tx)
    built: dict[int, int] = dict(tx.execute("SELECT cell, built FROM evidence_tree").fetchall())
    for cell, size in sizes.items():
        if built.get(cell, 0) < size:
            tree.build(tx, cell=cell, size=size)
    return sizes


def publish_checkpoint(tx: Transaction, *, keyring: Keyring, at: datetime) -> Checkpoint:
    """Sign a checkpoint over everything committed so far; with nothing new, return the last one again.

    Its time is never before that of the last one: whoever publishes may have a clock that is behind another's, or have
    looked at it before another published.
    """
    sizes = build_trees(tx)
    last = last_checkpoint(tx)
    before = {} if last is None else {cell.cell: cell for cell in last.cells}
    if last is not None and {cell.cell: cell.size for cell in last.cells} == sizes:
        return last
    cells = tuple(
        before[cell]
        if cell in before and before[cell].size == size
        else CellRoot(cell=cell, size=size, root=tree.cell_root(tx, cell=cell, size=size))
        for cell, size in sizes.items()
    )
    number = 1 if last is None else last.number + 1
    at = at if last is None else max(at, last.at)
    previous = EMPTY_ROOT if last is None else last.hash()
    book = book_id(tx)
    body = checkpoint_body(book_id=book, number=number, at=at, cells=cells, previous=previous)
    key_id, signature = keyring.sign(body)
    checkpoint = Checkpoint(
        book_id=book,
        number=number,
        at=at,
        cells=cells,
        root=cells_root(cells),
        previous=previous,
        key_id=key_id,
        signature=signature,
    )
    _insert(tx, checkpoint=checkpoint)
    return checkpoint


def last_checkpoint(tx: Transaction) -> Checkpoint | None:
    """Return the newest checkpoint, or None before the first."""
    row = tx.execute("SELECT max(number) FROM checkpoint").fetchone()
    return None if row is None or row[0] is None else load_checkpoint(tx, number=row[0])


def is_covered(tx: Transaction, *, leaf: Leaf) -> bool:
    """Return whether the newest checkpoint covers a leaf."""
    row = tx.execute(
        "SELECT size FROM checkpoint_cell WHERE cell = %s AND number = (SELECT max(number) FROM checkpoint)",
        (leaf.cell,),
    ).fetchone()
    return row is not None and bool(row[0] > leaf.sequence)


def load_checkpoint(tx: Transaction, *, number: int) -> Checkpoint | None:
    """Return a checkpoint by its number, or None."""
    row = tx.execute(
        "SELECT at, root, previous, key_id, signature FROM checkpoint WHERE number = %s", (number,)
    ).fetchone()
    if row is None:
        return None
    cells = tx.execute("SELECT cell, size, root FROM checkpoint_cell WHERE number = %s ORDER BY cell", (number,))
    return Checkpoint(
        book_id=book_id(tx),
        number=number,
        at=row[0],
        cells=tuple(CellRoot(cell=cell, size=size, root=bytes(root)) for cell, size, root in cells),
        root=bytes(row[1]),
        previous=bytes(row[2]),
        key_id=row[3],
        signature=bytes(row[4]),
    )


def _insert(tx: Transaction, *, checkpoint: Checkpoint) -> None:
    tx.execute(
        "INSERT INTO checkpoint (number, at, root, previous, key_id, signature) VALUES (%s, %s, %s, %s, %s, %s)",
        (
            checkpoint.number,
            checkpoint.at,
            checkpoint.root,
            checkpoint.previous,
            checkpoint.key_id,
            checkpoint.signature,
        ),
    )
    tx.execute(
        """
        INSERT INTO checkpoint_cell (cell, number, size, root)
        SELECT cell, %s, size, root FROM unnest(%s::smallint[], %s::bigint[], %s::bytea[]) AS given (cell, size, root)
        """,
        (
            checkpoint.number,
            [cell.cell for cell in checkpoint.cells],
            [cell.size for cell in checkpoint.cells],
            [cell.root for cell in checkpoint.cells],
        ),
    )
