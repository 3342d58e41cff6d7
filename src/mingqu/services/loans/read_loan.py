"""Read what a person may see of their loan: its state, its orders, its ledger."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from mingqu.domain.identifier import SLOTS
from mingqu.domain.loan import LoanState
from mingqu.services.house import House
from mingqu.store.ledgers import ledger
from mingqu.store.ledgers.ledger import Entry as Entry
from mingqu.store.loans import loan
from mingqu.store.orders import order


def loan_state(house: House, *, person_id: UUID, loan_id: UUID) -> LoanState:
    """Return the state of a person's loan as last written. Errors: NotFound."""
    with house.database.transaction() as tx:
        return loan.get_for(tx, person_id=person_id, loan_id=loan_id).state


def loan_ledger(house: House, *, person_id: UUID, loan_id: UUID) -> list[Entry]:
    """Return the entries on the accounts of a person's loan, in order of posting. Errors: NotFound."""
    with house.database.transaction() as tx:
        of = loan.get_for(tx, person_id=person_id, loan_id=loan_id)
        return ledger.entries(tx, cell=of.cell, owner=of.loan_id)


def order_states(house: House, *, order_id: UUID) -> list[str]:
    """Return the states an order went through, e.g. RESERVED, SENT, UNKNOWN, PAID."""
    with house.database.transaction() as tx:
        return [state.value for state in order.states(tx, order_id=order_id)]


def cells_of_book(house: House) -> Sequence[int]:
    """Return the cells of the book."""
    with house.database.transaction() as tx:
        return range(tx.cells)


def paid_orders(house: House) -> dict[str, int]:
    """Return the amount in fen of every paid order, by its number: to compare with the channel's own book."""
    with house.database.transaction() as tx:
        return {order_id.hex: amount_fen for order_id, amount_fen in order.paid_amounts(tx)}


def first_slots(house: House) -> list[int]:
    """Return the first slot of each cell of the book, by which something of a cell's own is named."""
    cells = len(cells_of_book(house))
    return [-(-cell * SLOTS // cells) for cell in range(cells)]
