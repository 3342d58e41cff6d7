"""Limits of the whole book: reserve from a cell's slice, refill it when it runs low, lower a limit, even slices out."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from uuid import UUID

from mingqu.domain.money import AMOUNT_FEN_MAX, AmountOutOfRange
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.store.limits import headroom
from mingqu.store.limits.headroom import Slice
from mingqu.store.server.database import Transaction

# A refill takes one part in this many of what its cell's even share of the rest would be: a cell seldom comes back, and
# no cell takes what the others will need.
_PARTS: Final = 2


class HeadroomExhausted(Refusal):
    """The limit of the whole book has no room for this: neither the cell's slice nor what was not handed out yet."""

    code = "headroom_exhausted"


def set_headroom(house: House, *, headroom_id: UUID, name: str, limit_fen: int) -> int:
    """Make a limit of the whole book, raise or lower it; return the limit that holds now.

    A limit that is lowered below what cells were handed holds as far as they can give back at once what they do not
    use; the rest follows as uses end and `even_out` runs. Errors: AmountOutOfRange.
    """
    if not 0 <= limit_fen <= AMOUNT_FEN_MAX:
        raise AmountOutOfRange("A limit is zero or more, in whole fen.")

    def decide(tx: Transaction) -> None:
        headroom.create(tx, headroom_id=headroom_id, name=name, limit_fen=limit_fen)
        of = headroom.lock(tx, headroom_id=headroom_id)
        headroom.save(tx, headroom=replace(of, wanted_fen=limit_fen, limit_fen=max(limit_fen, of.handed_out_fen)))

    house.database.run(decide)
    return even_out(house, headroom_id=headroom_id)


def use_headroom(tx: Transaction, *, cell: int, headroom_id: UUID, use_id: UUID, amount_fen: int) -> None:
    """Set how much of a limit somebody uses: more is reserved, less is given back, the same again changes nothing.

    The caller holds the cell's lock and commits. Only when the slice has not got it, the global row is asked.
    Errors: HeadroomExhausted, HeadroomUnknown.
    """
    assert amount_fen >= 0
    part = headroom.slice_of(tx, cell=cell, headroom_id=headroom_id)
    more = amount_fen - headroom.use_of(tx, cell=cell, headroom_id=headroom_id, use_id=use_id)
    if more > part.free_fen:
        part = _refilled(tx, headroom_id=headroom_id, part=part, missing_fen=more - part.free_fen)
    part = replace(part, used_fen=part.used_fen + more)
    headroom.save_slice(tx, cell=cell, headroom_id=headroom_id, part=part)
    headroom.save_use(tx, cell=cell, headroom_id=headroom_id, use_id=use_id, amount_fen=amount_fen)


def even_out(house: House, *, headroom_id: UUID) -> int:
    """Take back from each cell what it holds above its even share and does not use; return the limit that holds now.

    Cell by cell, each a transaction of its own; killed anywhere, the sums stay right. Errors: HeadroomUnknown.
    """
    with house.database.transaction() as tx:
        cells = tx.cells
    for cell in range(cells):
        _take_back(house, cell=cell, headroom_id=headroom_id)
    with house.database.transaction() as tx:
        return headroom.lock(tx, headroom_id=headroom_id).limit_fen


def _refilled(tx: Transaction, *, headroom_id: UUID, part: Slice, missing_fen: int) -> Slice:
    of = headroom.lock(tx, headroom_id=headroom_id)
    left = of.wanted_fen - of.handed_out_fen  # below zero while a limit that was cut is being given back
    if missing_fen > left:
        raise HeadroomExhausted("The limit of the book has no room for this.", headroom=of.name)
    taken = max(missing_fen, left // (_PARTS * tx.cells))
    headroom.save(tx, headroom=replace(of, handed_out_fen=of.handed_out_fen + taken))
    return replace(part, slice_fen=part.slice_fen + taken)


def _take_back(house: House, *, cell: int, headroom_id: UUID) -> None:
    def take_back(tx: Transaction) -> None:
        _give_back(tx, cell=cell, headroom_id=headroom_id)

    house.database.run(take_back)


def _give_back(tx: Transaction, *, cell: int, headroom_id: UUID) -> None:
    tx.lock_cell(cell)
    part = headroom.slice_of(tx, cell=cell, headroom_id=headroom_id)
    of = headroom.lock(tx, headroom_id=headroom_id)
    # What is above the cell's even share goes back, and while more is handed out than wanted, as much as that takes.
    above = max(0, of.handed_out_fen - of.wanted_fen, part.slice_fen - of.wanted_fen // tx.cells)
    given = min(part.free_fen, above)
    handed_out = of.handed_out_fen - given
    headroom.save(tx, headroom=replace(of, handed_out_fen=handed_out, limit_fen=max(of.wanted_fen, handed_out)))
    headroom.save_slice(tx, cell=cell, headroom_id=headroom_id, part=replace(part, slice_fen=part.slice_fen - given))
