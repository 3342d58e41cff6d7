"""Loans whose money is bound to a purpose: what was quoted for a car, its line, and the loan that was signed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import beside
from mingqu.store.server.database import Transaction

_COLUMNS: Final = """offer_id, person_id, facility_id, product_id, product_version, way, contract_hash, merchant,
    price_fen, down_payment_fen, amount_fen, rate_year_ppm, papers, quoted_at, loan_id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurposeLoan:
    """What was quoted for a car: amounts in fen, the yearly rate in ppm, the papers that were brought beforehand."""

    offer_id: UUID
    person_id: UUID
    facility_id: UUID
    product_id: str
    product_version: int
    way: str
    contract_hash: str
    merchant: str
    price_fen: int
    down_payment_fen: int
    amount_fen: int
    rate_year_ppm: int
    papers: tuple[str, ...]
    quoted_at: datetime
    loan_id: UUID | None = None


def card_of_loan(loan_id: UUID) -> UUID:
    """Return the id of the card on which a loan's money lies."""
    return beside(loan_id, purpose="purpose card")


def insert(tx: Transaction, *, quoted: PurposeLoan) -> None:
    """Store what was quoted; the caller holds the cell's lock and commits."""
    values = (getattr(quoted, name.strip()) for name in _COLUMNS.split(","))
    marks = ", ".join(["%s"] * len(_COLUMNS.split(",")))
    tx.execute(
        f"INSERT INTO purpose_loan (cell, {_COLUMNS}) VALUES (%s, {marks})",  # noqa: S608
        (tx.cell_of(quoted.person_id), *(list(value) if isinstance(value, tuple) else value for value in values)),
    )


def of_offer(tx: Transaction, *, offer_id: UUID) -> PurposeLoan | None:
    """Return what was quoted with an offer, or None where its money is bound to no purpose."""
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM purpose_loan WHERE cell = %s AND offer_id = %s",  # noqa: S608
        (tx.cell_of(offer_id), offer_id),
    ).fetchone()
    return None if row is None else _read(row)


def of_loan(tx: Transaction, *, loan_id: UUID) -> PurposeLoan | None:
    """Return what was quoted for a loan, or None where its money is bound to no purpose."""
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM purpose_loan WHERE cell = %s AND loan_id = %s",  # noqa: S608
        (tx.cell_of(loan_id), loan_id),
    ).fetchone()
    return None if row is None else _read(row)


def of_person(tx: Transaction, *, person_id: UUID, limit: int) -> list[PurposeLoan]:
    """Return what was quoted to a person, the newest first."""
    rows = tx.execute(
        f"""SELECT {_COLUMNS} FROM purpose_loan WHERE cell = %s AND person_id = %s
            ORDER BY quoted_at DESC, offer_id DESC LIMIT %s""",  # noqa: S608
        (tx.cell_of(person_id), person_id, limit),
    )
    return [_read(row) for row in rows]


def signed_of(tx: Transaction, *, person_id: UUID) -> list[PurposeLoan]:
    """Return the quotes of a person that were signed: a person has few cars."""
    rows = tx.execute(
        f"""SELECT {_COLUMNS} FROM purpose_loan WHERE cell = %s AND person_id = %s AND loan_id IS NOT NULL
            ORDER BY quoted_at DESC, offer_id DESC""",  # noqa: S608
        (tx.cell_of(person_id), person_id),
    )
    return [_read(row) for row in rows]


def signed(tx: Transaction, *, offer_id: UUID, loan_id: UUID) -> None:
    """Store which loan was signed on a quote; the caller holds the cell's lock."""
    tx.execute(
        "UPDATE purpose_loan SET loan_id = %s WHERE cell = %s AND offer_id = %s",
        (loan_id, tx.cell_of(offer_id), offer_id),
    )


def _read(row: tuple[object, ...]) -> PurposeLoan:
    names = (name.strip() for name in _COLUMNS.split(","))
    known = dict(zip(names, row, strict=True))
    papers = known.pop("papers")
    assert isinstance(papers, list)
    return PurposeLoan(**known, papers=tuple(papers))  # type: ignore[arg-type]
