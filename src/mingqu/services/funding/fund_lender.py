"""A lender puts money in: what it lends comes out of this, never out of nothing."""

from __future__ import annotations

import hashlib
from uuid import UUID

from mingqu.domain.canonical import Canonical, canonical
from mingqu.domain.identifier import derived
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.domain.money import AmountOutOfRange, Money
from mingqu.services.house import House
from mingqu.store.ledgers import ledger
from mingqu.store.server import idempotency
from mingqu.store.server.database import Transaction


def fund_lender(house: House, *, lender_id: UUID, amount: Money, reference: UUID) -> None:
    """Book money that a lender put in, in the cell its reference carries; the same reference again changes nothing.

    Errors: AmountOutOfRange, IdempotencyKeyReused (the reference came with another lender or amount before).
    """
    if amount.fen <= 0:
        raise AmountOutOfRange("A lender puts in at least one fen.")
    said: dict[str, Canonical] = {"lender_id": lender_id.hex, "fen": amount.fen, "currency": amount.currency}
    body_hash = hashlib.sha256(canonical(said)).digest()

    def book_it(tx: Transaction) -> None:
        cell, key = tx.cell_of(reference), f"fund {reference.hex}"
        if idempotency.begin(tx, cell=cell, caller="fund_lender", key=key, body_hash=body_hash) is not None:
            return
        tx.lock_cell(cell)
        today = house.booking_date(tx, cell=cell)
        cash = Account(owner=lender_id, code=AccountCode.LENDER_CASH, currency=amount.currency)
        funding = Account(owner=lender_id, code=AccountCode.LENDER_FUNDING, currency=amount.currency)
        ledger.open_accounts(tx, cell=cell, accounts=[cash, funding])
        transfer = Transfer(
            id=derived(reference, 1),
            debit=cash,
            credit=funding,
            amount_fen=amount.fen,
            reason=Reason.FUND_LENDER,
            value_date=today,
            posted_on=today,
            reference=reference,
        )
        ledger.post(tx, cell=cell, transfers=[transfer])
        idempotency.finish(tx, cell=cell, caller="fund_lender", key=key, response={})

    house.database.run(book_it)
