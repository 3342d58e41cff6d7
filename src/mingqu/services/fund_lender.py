"""A lender puts money in: what it lends comes out of this, never out of nothing."""

from __future__ import annotations

from uuid import UUID

from mingqu.domain.identifier import derived
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.domain.money import Money
from mingqu.services.house import House
from mingqu.store import ledger
from mingqu.store.database import Transaction


def fund_lender(house: House, *, lender_id: UUID, cell: int, amount: Money, reference: UUID) -> None:
    """Book money that a lender put in for one cell; the same reference again changes nothing."""

    def book_it(tx: Transaction) -> None:
        tx.lock_cell(cell)
        today = house.booking_date(tx, cell=cell)
        cash = Account(owner=lender_id, code=AccountCode.LENDER_CASH, currency=amount.currency)
        funding = Account(owner=lender_id, code=AccountCode.LENDER_FUNDING, currency=amount.currency)
        ledger.open_accounts(tx, cell=cell, accounts=[cash, funding])
        ledger.post(
            tx,
            cell=cell,
            transfers=[
                Transfer(
                    id=derived(reference, 1),
                    debit=cash,
                    credit=funding,
                    amount_fen=amount.fen,
                    reason=Reason.FUND_LENDER,
                    value_date=today,
                    posted_on=today,
                    reference=reference,
                )
            ],
        )

    house.database.run(book_it)
