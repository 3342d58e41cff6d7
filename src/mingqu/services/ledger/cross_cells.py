"""Money goes from one cell to another by two transfers through clearing, the second one by leased work.

A cell posts for itself alone, so money leaves one cell in one transaction and arrives in another. The leg that can be
refused comes first; it writes the work that posts the second, whose ids are derived from the crossing's. What is under
way stands on the clearing accounts, and over all cells these net to just that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import SLOTS, derived, fresh
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.domain.refusal import Refusal
from mingqu.services.do_each import do_each
from mingqu.services.house import House
from mingqu.store.ledgers import ledger
from mingqu.store.server import work
from mingqu.store.server.database import DatabaseUnavailable, Transaction
from mingqu.store.server.work import Work

CROSSING: Final = "crossing"
LEASE_SECONDS: Final = 60
BATCH: Final = 100


class CrossingNotBetweenCells(Refusal):
    """Money within a cell, or to a cell that the book does not have, does not go through clearing."""

    code = "crossing_not_between_cells"


class CrossingChanged(Refusal):
    """A crossing of this id is in the books, and it is another one."""

    code = "crossing_changed"
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Money of one owner on its way between two cells. The id is the caller's, fresh, and stored before."""

    crossing_id: UUID
    owner: UUID
    code: AccountCode
    currency: str
    amount_fen: int
    from_cell: int
    to_cell: int


def cross_cells(house: House, *, crossing: Crossing) -> None:
    """Take money out of one cell, durably on its way to another; the same crossing again changes nothing.

    Errors: CrossingNotBetweenCells, CrossingChanged; TransferRefused when the first cell has not got the money.
    """

    def leave(tx: Transaction) -> None:
        start_leg(tx, crossing=crossing, at=house.booking_date(tx, cell=crossing.from_cell), house=house)

    house.database.run(leave)


def start_leg(tx: Transaction, *, crossing: Crossing, at: date, house: House) -> None:
    """Post the leg that leaves, and write the work that posts the one that arrives. The caller commits."""
    cells = range(tx.cells)
    if crossing.from_cell == crossing.to_cell or {crossing.from_cell, crossing.to_cell} - set(cells):
        raise CrossingNotBetweenCells("A crossing goes from one cell of the book to another.")
    tx.lock_cell(crossing.from_cell)
    known = ledger.posted_on(tx, cell=crossing.from_cell, transfer_id=derived(crossing.crossing_id, 1))
    payload: dict[str, object] = {
        "owner": crossing.owner.hex,
        "code": int(crossing.code),
        "currency": crossing.currency,
        "amount_fen": crossing.amount_fen,
        "to_cell": crossing.to_cell,
    }
    if known and work.payload_of(tx, cell=crossing.from_cell, work_id=crossing.crossing_id) != payload:
        raise CrossingChanged("Another crossing has this id.")
    gone = Account(owner=crossing.owner, code=crossing.code, currency=crossing.currency)
    way = clearing(crossing.from_cell, cells=tx.cells, currency=crossing.currency)
    ledger.open_accounts(tx, cell=crossing.from_cell, accounts=[way])
    ledger.post(
        tx,
        cell=crossing.from_cell,
        transfers=[_leg(crossing, index=1, debit=way, credit=gone, on=known or at)],
    )
    work.enqueue(
        tx,
        cell=crossing.from_cell,
        work_id=crossing.crossing_id,
        kind=CROSSING,
        subject_id=crossing.owner,
        run_at=house.clock.now(),
        payload=payload,
    )


def finish_crossings(house: House, *, cell: int) -> int:
    """Let what left a cell arrive, at most BATCH crossings, and return how many did."""
    now = house.clock.now()
    with house.database.transaction() as tx:
        leased = work.lease(tx, cell=cell, kinds=[CROSSING], now=now, lease_seconds=LEASE_SECONDS, limit=BATCH)
        tx.commit()
    arrived = 0

    def finish(piece: Work) -> None:
        nonlocal arrived
        arrived += _finish(house, piece)

    do_each(house, leased, finish)
    return arrived


def _finish(house: House, piece: Work) -> bool:
    """Post what arrives and complete the work; what is refused is tried again when its lease is over."""
    crossing = _crossing_of(piece)

    def arrive(tx: Transaction) -> None:
        _arrive(tx, house=house, crossing=crossing)

    def complete(tx: Transaction) -> None:
        work.complete(tx, work=piece, now=house.clock.now())

    try:
        house.database.run(arrive)
        # Only now, in the first cell's own transaction: killed in between, the next worker finds the leg in the books.
        house.database.run(complete)
    except DatabaseUnavailable:
        raise
    except Refusal:
        return False  # another worker was quicker, or the account is closed: `verify` names it as long as it is open
    return True


def clearing(cell: int, *, cells: int, currency: str) -> Account:
    """Return a cell's clearing account of a currency; its owner is the cell itself, by an id in its first slot."""
    slot = -(-cell * SLOTS // cells)  # rounded up: the first slot of the cell
    return Account(owner=fresh(milliseconds=0, slot=slot, entropy=0), code=AccountCode.CLEARING, currency=currency)


def _arrive(tx: Transaction, *, house: House, crossing: Crossing) -> None:
    cell = crossing.to_cell
    tx.lock_cell(cell)
    known = ledger.posted_on(tx, cell=cell, transfer_id=derived(crossing.crossing_id, 2))
    if known is not None:
        return
    come = Account(owner=crossing.owner, code=crossing.code, currency=crossing.currency)
    way = clearing(cell, cells=tx.cells, currency=crossing.currency)
    ledger.open_accounts(tx, cell=cell, accounts=[come, way])
    on = house.booking_date(tx, cell=cell)
    ledger.post(tx, cell=cell, transfers=[_leg(crossing, index=2, debit=come, credit=way, on=on)])


def _leg(crossing: Crossing, *, index: int, debit: Account, credit: Account, on: date) -> Transfer:
    return Transfer(
        id=derived(crossing.crossing_id, index),
        debit=debit,
        credit=credit,
        amount_fen=crossing.amount_fen,
        reason=Reason.BETWEEN_CELLS,
        value_date=on,
        posted_on=on,
        reference=crossing.crossing_id,
    )


def _crossing_of(piece: Work) -> Crossing:
    said = piece.payload
    return Crossing(
        crossing_id=piece.work_id,
        owner=UUID(str(said["owner"])),
        code=AccountCode(int(str(said["code"]))),
        currency=str(said["currency"]),
        amount_fen=int(str(said["amount_fen"])),
        from_cell=piece.cell,
        to_cell=int(str(said["to_cell"])),
    )
