"""Businesses that people said are theirs. Name and code lie sealed; the row has hashes and what the register said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from mingqu.domain.business import BusinessAnswer
from mingqu.domain.personal import Personal
from mingqu.store.people import vault
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

_HASH_KIND: Final = "uscc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Business:
    """One statement; `answer` is None until the register answered, hashes are None once the person was erased."""

    business_id: UUID
    person_id: UUID
    request_id: UUID
    uscc_hash: bytes | None
    stated_hash: bytes | None
    use: str
    answer: BusinessAnswer | None
    stated_at: datetime


def hash_of(keyring: Keyring, *, uscc: Personal[str]) -> bytes:
    """Return the keyed hash by which a business is found."""
    return keyring.lookup_hash(kind=_HASH_KIND, value=uscc)


def insert(tx: Transaction, *, business: Business) -> None:
    """Store a statement before the register is asked. The caller holds the lock of the person's cell."""
    tx.execute(
        """
        INSERT INTO business (cell, business_id, person_id, request_id, uscc_hash, stated_hash, use, stated_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            tx.cell_of(business.person_id),
            business.business_id,
            business.person_id,
            business.request_id,
            business.uscc_hash,
            business.stated_hash,
            business.use,
            business.stated_at,
        ),
    )


def answered(
    tx: Transaction,
    *,
    keyring: Keyring,
    business: Business,
    answer: BusinessAnswer,
    name: Personal[str],
    uscc: Personal[str],
    at: datetime,
) -> None:
    """Store what the register said; name and code of one that matches are sealed. Errors: PersonErased."""
    cell, person_id = tx.cell_of(business.person_id), business.person_id
    tx.execute(
        "UPDATE business SET answer = %s WHERE cell = %s AND business_id = %s AND answer IS NULL",
        (answer.value, cell, business.business_id),
    )
    if answer is BusinessAnswer.MATCH:
        values = {_field(business, "name"): name, _field(business, "uscc"): uscc}
        vault.seal_all(tx, keyring=keyring, person_id=person_id, values=values, at=at)


def of_request(tx: Transaction, *, person_id: UUID, request_id: UUID) -> Business | None:
    """Return what was stated under a request, or None."""
    row = tx.execute(
        """
        SELECT business_id, person_id, request_id, uscc_hash, stated_hash, use, answer, stated_at FROM business
        WHERE cell = %s AND person_id = %s AND request_id = %s
        """,
        (tx.cell_of(person_id), person_id, request_id),
    ).fetchone()
    return None if row is None else _business(row)


def tries_since(tx: Transaction, *, person_id: UUID, at: datetime) -> int:
    """Return how often a person stated a business since a moment."""
    row = tx.execute(
        "SELECT count(*) FROM business WHERE cell = %s AND person_id = %s AND stated_at > %s",
        (tx.cell_of(person_id), person_id, at),
    ).fetchone()
    assert row is not None
    return int(row[0])


def standing(tx: Transaction, *, person_id: UUID) -> Business | None:
    """Return a person's business as it was last verified, or None."""
    row = tx.execute(
        """
        SELECT business_id, person_id, request_id, uscc_hash, stated_hash, use, answer, stated_at FROM business
        WHERE cell = %s AND person_id = %s AND answer = 'match'
        ORDER BY stated_at DESC, business_id DESC LIMIT 1
        """,
        (tx.cell_of(person_id), person_id),
    ).fetchone()
    return None if row is None else _business(row)


def opened(tx: Transaction, *, keyring: Keyring, business: Business) -> tuple[Personal[str], Personal[str]]:
    """Return name and code of a verified business. Errors: PersonErased, SealBroken."""
    name, uscc = (
        vault.open_field(tx, keyring=keyring, person_id=business.person_id, field=_field(business, part))
        for part in ("name", "uscc")
    )
    return name, uscc


def forget(tx: Transaction, *, person_id: UUID) -> None:
    """Take away the hashes by which a person's businesses are found."""
    tx.execute(
        "UPDATE business SET uscc_hash = NULL, stated_hash = NULL WHERE cell = %s AND person_id = %s",
        (tx.cell_of(person_id), person_id),
    )


def _field(business: Business, part: str) -> str:
    return f"business.{business.business_id.hex}.{part}"


def _business(row: tuple[object, ...]) -> Business:
    business_id, person_id, request_id, uscc_hash, stated_hash, use, answer, stated_at = row
    assert isinstance(business_id, UUID)
    assert isinstance(person_id, UUID)
    assert isinstance(request_id, UUID)
    assert uscc_hash is None or isinstance(uscc_hash, bytes)
    assert stated_hash is None or isinstance(stated_hash, bytes)
    assert isinstance(stated_at, datetime)
    return Business(
        business_id=business_id,
        person_id=person_id,
        request_id=request_id,
        uscc_hash=uscc_hash,
        stated_hash=stated_hash,
        use=str(use),
        answer=None if answer is None else BusinessAnswer(str(answer)),
        stated_at=stated_at,
    )
