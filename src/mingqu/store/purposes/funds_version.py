"""Versions of what loans' money is bound by, and what was answered. The caller holds the lock of the person's cell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from mingqu.domain.purpose.version import VersionState, standing
from mingqu.store.people import vault
from mingqu.store.purposes import payee as payees
from mingqu.store.purposes.payee import Payee
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

_SELECT: Final[LiteralString] = """
    SELECT v.version_id, v.loan_id, v.person_id, v.number, v.body, v.hash, v.returned_id, v.proposal_id,
           v.published_at, v.lapses_at, a.answer, a.order_id, a.answered_at
    FROM funds_version v LEFT JOIN funds_version_answer a ON a.cell = v.cell AND a.version_id = v.version_id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FundsVersion:
    """A version as it was published, and what became of it: `order_id` pays what was agreed to."""

    version_id: UUID
    loan_id: UUID
    person_id: UUID
    number: int
    body: bytes
    hash: str
    returned_id: UUID
    proposal_id: UUID
    published_at: datetime
    lapses_at: datetime
    answer: VersionState | None = None
    order_id: UUID | None = None
    answered_at: datetime | None = None

    def standing(self, *, at: datetime) -> VersionState:
        """Return where the version stands at a moment."""
        return standing(answer=self.answer, lapses_at=self.lapses_at, at=at)


def publish(tx: Transaction, *, keyring: Keyring, version: FundsVersion, payee: Payee) -> None:
    """Store a version with its payee sealed beside what was signed."""
    tx.execute(
        """
        INSERT INTO funds_version (cell, version_id, loan_id, person_id, number, body, hash, account_hash, bank,
                                   purpose, returned_id, proposal_id, published_at, lapses_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            tx.cell_of(version.loan_id),
            version.version_id,
            version.loan_id,
            version.person_id,
            version.number,
            version.body,
            version.hash,
            payees.hash_of(keyring, payee=payee),
            payee.bank,
            payee.purpose,
            version.returned_id,
            version.proposal_id,
            version.published_at,
            version.lapses_at,
        ),
    )
    values = payees.sealed_as(payee, loan_id=version.loan_id, number=version.number)
    vault.seal_all(tx, keyring=keyring, person_id=version.person_id, values=values, at=version.published_at)


def answer(
    tx: Transaction, *, version: FundsVersion, answer: VersionState, at: datetime, order_id: UUID | None = None
) -> None:
    """Store what became of a version; it is answered once."""
    tx.execute(
        """
        INSERT INTO funds_version_answer (cell, version_id, person_id, answer, order_id, answered_at)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        (tx.cell_of(version.loan_id), version.version_id, version.person_id, answer.value, order_id, at),
    )


def of_loan(tx: Transaction, *, loan_id: UUID) -> list[FundsVersion]:
    """Return the versions of a loan, the newest first; what was signed is not among them."""
    rows = tx.execute(
        _SELECT + " WHERE v.cell = %s AND v.loan_id = %s ORDER BY v.number DESC", (tx.cell_of(loan_id), loan_id)
    )
    return [_read(row) for row in rows]


def waiting(tx: Transaction, *, loan_id: UUID, at: datetime) -> FundsVersion | None:
    """Return the version of a loan that waits for an answer at a moment, or None: only the newest can."""
    row = tx.execute(
        _SELECT + " WHERE v.cell = %s AND v.loan_id = %s ORDER BY v.number DESC LIMIT 1", (tx.cell_of(loan_id), loan_id)
    ).fetchone()
    newest = None if row is None else _read(row)
    return newest if newest is not None and newest.standing(at=at) is VersionState.OPEN else None


def _read(row: tuple[object, ...]) -> FundsVersion:
    known = dict(zip(FundsVersion.__dataclass_fields__, row, strict=True))
    body, said = known.pop("body"), known.pop("answer")
    assert isinstance(body, bytes | memoryview)
    return FundsVersion(
        **known,  # type: ignore[arg-type]
        body=bytes(body),
        answer=None if said is None else VersionState(said),
    )
