"""The payee that a contract names: account and name sealed with the borrower's other data, found by a keyed hash."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.store.people import vault
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

_HASH_KIND: Final = "payee_account"


class PayeeNamedAlready(Refusal):
    """The contract names a payee already, and it is another one."""

    code: ClassVar[str] = "payee_named_already"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Payee:
    """Whom money is entrusted to: `bank` is the code of the account's bank, `purpose` a word of ours."""

    account: Personal[str]
    name: Personal[str]
    bank: str
    purpose: str


def insert(
    tx: Transaction,
    *,
    keyring: Keyring,
    loan_id: UUID,
    person_id: UUID,
    contract_id: UUID,
    payee: Payee,
    at: datetime,
) -> None:
    """Store the payee of a contract's loan; the same again changes nothing. Errors: PayeeNamedAlready, PersonErased."""
    cell, account_hash = tx.cell_of(loan_id), hash_of(keyring, payee=payee)
    added = tx.execute(
        """
        INSERT INTO contract_payee (cell, loan_id, person_id, contract_id, account_hash, bank, purpose, named_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (cell, loan_id) DO NOTHING
        """,
        (cell, loan_id, person_id, contract_id, account_hash, payee.bank, payee.purpose, at),
    )
    if added.rowcount == 0:
        if load(tx, keyring=keyring, loan_id=loan_id, person_id=person_id) != payee:
            raise PayeeNamedAlready("This contract names another payee.")
        return
    values = {_account_field(loan_id): payee.account, _name_field(loan_id): payee.name}
    vault.seal_all(tx, keyring=keyring, person_id=person_id, values=values, at=at)


def is_named(tx: Transaction, *, loan_id: UUID) -> bool:
    """Whether the contract of a loan names a payee."""
    row = tx.execute(
        "SELECT FROM contract_payee WHERE cell = %s AND loan_id = %s", (tx.cell_of(loan_id), loan_id)
    ).fetchone()
    return row is not None


def load(tx: Transaction, *, keyring: Keyring, loan_id: UUID, person_id: UUID) -> Payee | None:
    """Return the payee of a loan, opened, or None when its contract names none. Errors: PersonErased, SealBroken."""
    row = tx.execute(
        "SELECT bank, purpose FROM contract_payee WHERE cell = %s AND loan_id = %s AND person_id = %s",
        (tx.cell_of(loan_id), loan_id, person_id),
    ).fetchone()
    if row is None:
        return None

    def opened(field: str) -> Personal[str]:
        return vault.open_field(tx, keyring=keyring, person_id=person_id, field=field)

    return Payee(
        account=opened(_account_field(loan_id)), name=opened(_name_field(loan_id)), bank=row[0], purpose=row[1]
    )


def hash_of(keyring: Keyring, *, payee: Payee) -> bytes:
    """Return the keyed hash of account and name, which tells one payee from another."""
    return keyring.lookup_hash(
        kind=_HASH_KIND, value=Personal(f"{payee.bank}/{payee.account.reveal()}/{payee.name.reveal()}")
    )


def _account_field(loan_id: UUID) -> str:
    return f"payee_account.{loan_id.hex}"


def _name_field(loan_id: UUID) -> str:
    return f"payee_name.{loan_id.hex}"
