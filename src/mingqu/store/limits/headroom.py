"""Limits of the whole book, handed out to cells in slices: a cell reserves from its own slice and asks nobody.

Sum of slices = handed out <= limit, always. The global row is touched only when a slice runs low, or by the job that
evens slices out. Order of locks: the cell, then the global row; whoever holds the global row waits for nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from mingqu.domain.refusal import Refusal
from mingqu.store.server.database import Transaction

FINDINGS_MAX: Final = 20


class HeadroomUnknown(Refusal):
    """There is no such limit of the whole book."""

    code = "headroom_unknown"
    status = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """A limit of the whole book. `limit_fen` holds now; it is above `wanted_fen` while cells still use what was cut."""

    headroom_id: UUID
    name: str
    wanted_fen: int
    limit_fen: int
    handed_out_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A cell's part of a limit, and how much of it is used."""

    slice_fen: int
    used_fen: int

    @property
    def free_fen(self) -> int:
        """What the cell may still reserve by itself."""
        return self.slice_fen - self.used_fen


def create(tx: Transaction, *, headroom_id: UUID, name: str, limit_fen: int) -> None:
    """Make a limit of the whole book; one that is there stays as it is."""
    tx.execute(
        "INSERT INTO headroom (headroom_id, name, wanted_fen, limit_fen) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (headroom_id) DO NOTHING",
        (headroom_id, name, limit_fen, limit_fen),
    )


def lock(tx: Transaction, *, headroom_id: UUID) -> Headroom:
    """Lock a limit's global row and return it. Errors: HeadroomUnknown."""
    row = tx.execute(
        "SELECT headroom_id, name, wanted_fen, limit_fen, handed_out_fen FROM headroom WHERE headroom_id = %s"
        " FOR NO KEY UPDATE",
        (headroom_id,),
    ).fetchone()
    if row is None:
        raise HeadroomUnknown("There is no such limit of the book.")
    return Headroom(headroom_id=row[0], name=row[1], wanted_fen=row[2], limit_fen=row[3], handed_out_fen=row[4])


def save(tx: Transaction, *, headroom: Headroom) -> None:
    """Write a limit whose row is locked."""
    tx.execute(
        "UPDATE headroom SET wanted_fen = %s, limit_fen = %s, handed_out_fen = %s WHERE headroom_id = %s",
        (headroom.wanted_fen, headroom.limit_fen, headroom.handed_out_fen, headroom.headroom_id),
    )


def slice_of(tx: Transaction, *, cell: int, headroom_id: UUID) -> Slice:
    """Return a cell's slice; nothing if it never had one. The caller holds the cell's lock if it goes on to write."""
    row = tx.execute(
        "SELECT slice_fen, used_fen FROM headroom_slice WHERE cell = %s AND headroom_id = %s", (cell, headroom_id)
    ).fetchone()
    return Slice(slice_fen=row[0], used_fen=row[1]) if row else Slice(slice_fen=0, used_fen=0)


def save_slice(tx: Transaction, *, cell: int, headroom_id: UUID, part: Slice) -> None:
    """Write a cell's slice, under the cell's lock. Errors: HeadroomUnknown."""
    written = tx.execute(
        "INSERT INTO headroom_slice (cell, headroom_id, slice_fen, used_fen)"
        " SELECT %s, headroom_id, %s, %s FROM headroom WHERE headroom_id = %s"
        " ON CONFLICT (cell, headroom_id) DO UPDATE SET slice_fen = excluded.slice_fen, used_fen = excluded.used_fen",
        (cell, part.slice_fen, part.used_fen, headroom_id),
    )
    if written.rowcount != 1:
        raise HeadroomUnknown("There is no such limit of the book.")


def slices_of(tx: Transaction, *, cell: int, headroom_ids: list[UUID]) -> dict[UUID, int]:
    """Return what a cell may still reserve by itself of some limits; those it has no slice of are left out."""
    rows = tx.execute(
        "SELECT headroom_id, slice_fen - used_fen FROM headroom_slice WHERE cell = %s AND headroom_id = ANY (%s)",
        (cell, headroom_ids),
    )
    return dict(rows.fetchall())


def left_of(tx: Transaction, *, headroom_ids: list[UUID]) -> dict[UUID, int]:
    """Return what is left to hand out of some limits, as it is seen without a lock; below zero after a cut."""
    rows = tx.execute(
        "SELECT headroom_id, wanted_fen - handed_out_fen FROM headroom WHERE headroom_id = ANY (%s)", (headroom_ids,)
    )
    return dict(rows.fetchall())


def wanted_of(tx: Transaction, *, headroom_ids: list[UUID]) -> dict[UUID, int]:
    """Return what was decided for some limits; those nobody made yet are left out."""
    rows = tx.execute("SELECT headroom_id, wanted_fen FROM headroom WHERE headroom_id = ANY (%s)", (headroom_ids,))
    return dict(rows.fetchall())


def use_of(tx: Transaction, *, cell: int, headroom_id: UUID, use_id: UUID) -> int:
    """Return how much of a limit somebody uses."""
    row = tx.execute(
        "SELECT amount_fen FROM headroom_use WHERE cell = %s AND headroom_id = %s AND use_id = %s",
        (cell, headroom_id, use_id),
    ).fetchone()
    return row[0] if row else 0


def save_use(tx: Transaction, *, cell: int, headroom_id: UUID, use_id: UUID, amount_fen: int) -> None:
    """Write how much of a limit somebody uses, under the cell's lock."""
    tx.execute(
        "INSERT INTO headroom_use (cell, headroom_id, use_id, amount_fen) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (cell, headroom_id, use_id) DO UPDATE SET amount_fen = excluded.amount_fen",
        (cell, headroom_id, use_id, amount_fen),
    )


def recut(tx: Transaction) -> None:
    """Make the slices anew after uses went to other cells: each as large as its uses, the rest not handed out."""
    tx.execute("DELETE FROM headroom_slice")
    tx.execute(
        """INSERT INTO headroom_slice (cell, headroom_id, slice_fen, used_fen)
           SELECT cell, headroom_id, sum(amount_fen), sum(amount_fen) FROM headroom_use GROUP BY 1, 2"""
    )
    tx.execute(
        """UPDATE headroom h SET handed_out_fen = s.fen, limit_fen = greatest(h.wanted_fen, s.fen)
           FROM (SELECT h.headroom_id, coalesce(sum(s.slice_fen), 0) AS fen FROM headroom h
                 LEFT JOIN headroom_slice s ON s.headroom_id = h.headroom_id GROUP BY 1) s
           WHERE s.headroom_id = h.headroom_id"""
    )


_PROOFS: Final[tuple[LiteralString, ...]] = (
    """
    SELECT format('headroom %%s has handed out %%s fen of %%s, and its slices are %%s', h.name, h.handed_out_fen,
                  h.limit_fen, coalesce(s.slices_fen, 0))
    FROM headroom h LEFT JOIN (SELECT headroom_id, sum(slice_fen) AS slices_fen FROM headroom_slice GROUP BY 1) s
      ON s.headroom_id = h.headroom_id
    WHERE h.handed_out_fen <> coalesce(s.slices_fen, 0) OR h.handed_out_fen > h.limit_fen OR h.wanted_fen > h.limit_fen
    """,
    """
    SELECT format('cell %%s uses %%s fen of a slice of %%s, and its uses are %%s', s.cell, s.used_fen, s.slice_fen,
                  coalesce(u.used_fen, 0))
    FROM headroom_slice s
    LEFT JOIN (SELECT cell, headroom_id, sum(amount_fen) AS used_fen FROM headroom_use GROUP BY 1, 2) u
      ON u.cell = s.cell AND u.headroom_id = s.headroom_id
    WHERE s.used_fen <> coalesce(u.used_fen, 0) OR s.used_fen > s.slice_fen OR s.used_fen < 0
    """,
)


def prove(tx: Transaction) -> list[str]:
    """Return a sentence per limit whose slices do not add up, and per slice whose uses do not."""
    return [sentence for check in _PROOFS for (sentence,) in tx.execute(check, {}).fetchmany(FINDINGS_MAX)]
