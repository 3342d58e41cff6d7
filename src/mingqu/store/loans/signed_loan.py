"""A loan with what it was signed under: the version of its product, and when; or under which it was taken over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from mingqu.domain.ownership import NotFound, require_owner
from mingqu.store.loans.loan import COLUMNS, FROM, Loan, loan_of
from mingqu.store.server.database import Transaction

_SELECT: Final[LiteralString] = f"""{COLUMNS},
    coalesce(
        (SELECT (convert_from(body, 'UTF8')::jsonb ->> 'product_version')::integer FROM contract AS c
            WHERE c.cell = loan.cell AND c.contract_id = loan.contract_id AND c.person_id = loan.person_id),
        (SELECT coalesce((detail ->> 'product_version')::integer, 1) FROM loan_event AS e
            WHERE e.cell = loan.cell AND e.loan_id = loan.loan_id AND e.kind = 'migrated_in')),
    coalesce(
        (SELECT signed_at FROM contract AS c
            WHERE c.cell = loan.cell AND c.contract_id = loan.contract_id AND c.person_id = loan.person_id),
        (SELECT posted_at FROM loan_event AS e
            WHERE e.cell = loan.cell AND e.loan_id = loan.loan_id AND e.kind = 'migrated_in'))
    {FROM}"""  # noqa: S608  Only our own list of columns is put in.


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedLoan:
    """A loan with the version of the product it was signed under, and when; or under which it was taken over."""

    loan: Loan
    product_version: int
    signed_at: datetime


def of_person(tx: Transaction, *, person_id: UUID) -> list[SignedLoan]:
    """Return all loans of a person with what they were signed under, the oldest first. Errors: NotFound."""
    rows = tx.execute(
        _SELECT + " WHERE cell = %s AND person_id = %s ORDER BY loan_id", (tx.cell_of(person_id), person_id)
    )
    return [_signed(row) for row in rows]


def get_for(tx: Transaction, *, person_id: UUID, loan_id: UUID) -> SignedLoan:
    """Return a person's own loan with what it was signed under. Errors: NotFound, also for another person's."""
    row = tx.execute(_SELECT + " WHERE cell = %s AND loan_id = %s", (tx.cell_of(loan_id), loan_id)).fetchone()
    if row is None:
        raise NotFound
    signed = _signed(row)
    require_owner(owner_id=signed.loan.person_id, person_id=person_id)
    return signed


def _signed(row: tuple[object, ...]) -> SignedLoan:
    *columns, product_version, signed_at = row
    if product_version is None or signed_at is None:
        raise NotFound
    assert isinstance(signed_at, datetime)
    return SignedLoan(loan=loan_of(tuple(columns)), product_version=int(str(product_version)), signed_at=signed_at)
