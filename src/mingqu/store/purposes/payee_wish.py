"""Accounts that borrowers name anew for the payees of their loans by stages. The caller holds the lock of the cell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mingqu.domain.personal import Personal
from mingqu.store.people import vault
from mingqu.store.purposes import payee as payees
from mingqu.store.purposes.payee import Payee
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeeWish:
    """An account that was named, at which bank; the company is the contract's."""

    wish_id: UUID
    account: Personal[str]
    bank: str


def insert(
    tx: Transaction, *, keyring: Keyring, wish_id: UUID, loan_id: UUID, person_id: UUID, payee: Payee, at: datetime
) -> None:
    """Store an account that a borrower named, sealed with their other data. Errors: PersonErased."""
    tx.execute(
        """INSERT INTO payee_wish (cell, wish_id, loan_id, person_id, account_hash, bank, wished_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s)""",
        (
            tx.cell_of(loan_id),
            wish_id,
            loan_id,
            person_id,
            payees.hash_of(keyring, payee=payee),
            payee.bank,
            at,
        ),
    )
    vault.seal_all(tx, keyring=keyring, person_id=person_id, values={_field(wish_id): payee.account}, at=at)


def newest(tx: Transaction, *, keyring: Keyring, loan_id: UUID, person_id: UUID) -> PayeeWish | None:
    """Return the account that was named last, opened, or None. Errors: PersonErased, SealBroken."""
    row = tx.execute(
        """SELECT wish_id, bank FROM payee_wish WHERE cell = %s AND loan_id = %s AND person_id = %s
           ORDER BY wished_at DESC, wish_id DESC LIMIT 1""",
        (tx.cell_of(loan_id), loan_id, person_id),
    ).fetchone()
    if row is None:
        return None
    account = vault.open_field(tx, keyring=keyring, person_id=person_id, field=_field(row[0]))
    return PayeeWish(wish_id=row[0], account=account, bank=row[1])


def _field(wish_id: UUID) -> str:
    return f"payee_wish.{wish_id.hex}"
