"""A lender puts money in, and has back what was not lent: what it lends comes out of this, never out of nothing."""

from __future__ import annotations

import hashlib
from typing import Final
from uuid import UUID

from mingqu.domain.canonical import Canonical, canonical
from mingqu.domain.identifier import derived
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.domain.money import AmountOutOfRange, Money
from mingqu.services.house import House
from mingqu.store.ledgers import ledger
from mingqu.store.server import idempotency
from mingqu.store.server.database import Transaction

_IN: Final = 1  # which id of a reference is the transfer in, and which the one back
_BACK: Final = 2


def fund_lender(house: House, *, lender_id: UUID, amount: Money, reference: UUID) -> None:
    """Book money that a lender put in, in the cell its reference carries; the same reference again changes nothing.

    Errors: AmountOutOfRange, IdempotencyKeyReused (the reference came with another lender or amount before).
    """
    house.database.run(lambda tx: book_funding(tx, house, lender_id=lender_id, amount=amount, reference=reference))


def book_funding(tx: Transaction, house: House, *, lender_id: UUID, amount: Money, reference: UUID) -> None:
    """Book money that a lender put in, in the caller's transaction. Errors: those of `fund_lender`."""
    if amount.fen <= 0:
        raise AmountOutOfRange("A lender puts in at least one fen.")
    said: dict[str, Canonical] = {"lender_id": lender_id.hex, "fen": amount.fen, "currency": amount.currency}
    body_hash = hashlib.sha256(canonical(said)).digest()
    cell, key = tx.cell_of(reference), f"fund {reference.hex}"
    if idempotency.begin(tx, cell=cell, caller="fund_lender", key=key, body_hash=body_hash) is not None:
        return
    tx.lock_cell(cell)
    cash, funding = _accounts(lender_id, amount)
    ledger.open_accounts(tx, cell=cell, accounts=[cash, funding])
    today = house.booking_date(tx, cell=cell)
    transfer = Transfer(
        id=derived(reference, _IN),
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


def is_funded(tx: Transaction, *, reference: UUID) -> bool:
    """Return whether money was booked as put in under a reference, gone back since or not."""
    cell = tx.cell_of(reference)
    return ledger.posted_on(tx, cell=cell, transfer_id=derived(reference, _IN)) is not None


def return_funding(tx: Transaction, house: House, *, lender_id: UUID, amount: Money, reference: UUID) -> None:
    """Book back the whole of what a lender put in under a reference; done again it is the same transfer.

    The caller holds the cell's lock and commits. Example: 3,000.00 yuan put in for an offer that ran out: 300,000 fen
    from LENDER_CASH to LENDER_FUNDING, and the lender has neither.
    Errors: TransferRefused when what it put in was lent otherwise meanwhile.
    """
    cell, (cash, funding) = tx.cell_of(reference), _accounts(lender_id, amount)
    today = house.booking_date(tx, cell=cell)
    transfer = Transfer(
        id=derived(reference, _BACK),
        debit=funding,
        credit=cash,
        amount_fen=amount.fen,
        reason=Reason.RETURN_FUNDING,
        value_date=today,
        posted_on=today,
        reference=reference,
    )
    ledger.post(tx, cell=cell, transfers=[transfer])


def _accounts(lender_id: UUID, amount: Money) -> tuple[Account, Account]:
    return (
        Account(owner=lender_id, code=AccountCode.LENDER_CASH, currency=amount.currency),
        Account(owner=lender_id, code=AccountCode.LENDER_FUNDING, currency=amount.currency),
    )
