"""The payee that a contract names: account and name sealed with the borrower's other data, found by a keyed hash.

What was signed is never changed. Where a later version of the contract was agreed to (`funds_version`), the payee in
force is that version's, and what was signed can still be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.personal import Personal
from mingqu.domain.purpose.version import SIGNED
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
        if as_signed(tx, keyring=keyring, loan_id=loan_id, person_id=person_id) != payee:
            raise PayeeNamedAlready("This contract names another payee.")
        return
    values = sealed_as(payee, loan_id=loan_id, number=SIGNED)
    vault.seal_all(tx, keyring=keyring, person_id=person_id, values=values, at=at)


def is_named(tx: Transaction, *, loan_id: UUID) -> bool:
    """Whether the contract of a loan names a payee."""
    row = tx.execute(
        "SELECT FROM contract_payee WHERE cell = %s AND loan_id = %s", (tx.cell_of(loan_id), loan_id)
    ).fetchone()
    return row is not None


def load(tx: Transaction, *, keyring: Keyring, loan_id: UUID, person_id: UUID) -> Payee | None:
    """Return the payee in force of a loan, opened, or None when its contract names none: of the last version agreed to.

    Errors: PersonErased, SealBroken.
    """
    row = tx.execute(
        """
        SELECT coalesce(v.number, %s), coalesce(v.bank, p.bank), coalesce(v.purpose, p.purpose)
        FROM contract_payee p LEFT JOIN LATERAL (
            SELECT f.number, f.bank, f.purpose FROM funds_version f
            JOIN funds_version_answer a ON a.cell = f.cell AND a.version_id = f.version_id
            WHERE f.cell = p.cell AND f.loan_id = p.loan_id AND a.answer = 'agreed' ORDER BY f.number DESC LIMIT 1
        ) v ON true
        WHERE p.cell = %s AND p.loan_id = %s AND p.person_id = %s
        """,
        (SIGNED, tx.cell_of(loan_id), loan_id, person_id),
    ).fetchone()
    return None if row is None else _opened(tx, keyring, loan_id, person_id, row)


def as_signed(tx: Transaction, *, keyring: Keyring, loan_id: UUID, person_id: UUID) -> Payee | None:
    """Return the payee that a loan's contract named when it was signed, or None. Errors: PersonErased, SealBroken."""
    row = tx.execute(
        "SELECT %s::int, bank, purpose FROM contract_payee WHERE cell = %s AND loan_id = %s AND person_id = %s",
        (SIGNED, tx.cell_of(loan_id), loan_id, person_id),
    ).fetchone()
    return None if row is None else _opened(tx, keyring, loan_id, person_id, row)


def of_version(tx: Transaction, *, keyring: Keyring, loan_id: UUID, person_id: UUID, number: int) -> Payee | None:
    """Return the payee that a later version names, agreed to or not, or None. Errors: PersonErased, SealBroken."""
    row = tx.execute(
        """SELECT number, bank, purpose FROM funds_version
           WHERE cell = %s AND loan_id = %s AND person_id = %s AND number = %s""",
        (tx.cell_of(loan_id), loan_id, person_id, number),
    ).fetchone()
    return None if row is None else _opened(tx, keyring, loan_id, person_id, row)


def sealed_as(payee: Payee, *, loan_id: UUID, number: int) -> dict[str, Personal[str]]:
    """Return what of a version's payee is sealed, by the names of the fields."""
    return {_account_field(loan_id, number): payee.account, _name_field(loan_id, number): payee.name}


def hash_of(keyring: Keyring, *, payee: Payee) -> bytes:
    """Return the keyed hash of account and name, which tells one payee from another."""
    return keyring.lookup_hash(
        kind=_HASH_KIND, value=Personal(f"{payee.bank}/{payee.account.reveal()}/{payee.name.reveal()}")
    )


def _opened(tx: Transaction, keyring: Keyring, loan_id: UUID, person_id: UUID, row: tuple[int, str, str]) -> Payee:
    number, bank, purpose = row

    def opened(field: str) -> Personal[str]:
        return vault.open_field(tx, keyring=keyring, person_id=person_id, field=field)

    return Payee(
        account=opened(_account_field(loan_id, number)),
        name=opened(_name_field(loan_id, number)),
        bank=bank,
        purpose=purpose,
    )


def _account_field(loan_id: UUID, number: int) -> str:
    return f"payee_account.{loan_id.hex}" + _of_version(number)


def _name_field(loan_id: UUID, number: int) -> str:
    return f"payee_name.{loan_id.hex}" + _of_version(number)


def _of_version(number: int) -> str:
    return "" if number == SIGNED else f".{number}"
