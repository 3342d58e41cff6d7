"""Money that lenders were asked for, offer by offer: noted before they are asked, called off where nothing was signed.

The caller holds the cell's lock to write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from mingqu.domain.money import Money
from mingqu.store.server.database import Transaction

_COLUMNS: Final = """offer_id, person_id, question_id, lender_id, reference, amount_fen, currency, asked_at,
    called_off_at, heard_at"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedFunding:
    """What a lender was asked to pay in for an offer, in fen. `reference` is the number it was asked under.

    `called_off_at` is when nothing could be signed any more, `heard_at` when the lender said that it has its money.
    """

    offer_id: UUID
    person_id: UUID
    question_id: UUID
    lender_id: UUID
    reference: UUID
    amount_fen: int
    currency: str
    asked_at: datetime
    called_off_at: datetime | None = None
    heard_at: datetime | None = None

    @property
    def money(self) -> Money:
        """What was asked for, with its currency."""
        return Money(self.amount_fen, self.currency)


def insert(tx: Transaction, *, asked: AskedFunding) -> None:
    """Note that a lender is about to be asked; what was noted before stays as it is."""
    tx.execute(
        f"""INSERT INTO lender_funding (cell, {_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, NULL, NULL)
            ON CONFLICT (cell, offer_id) DO NOTHING""",  # noqa: S608
        (
            tx.cell_of(asked.offer_id),
            asked.offer_id,
            asked.person_id,
            asked.question_id,
            asked.lender_id,
            asked.reference,
            asked.amount_fen,
            asked.currency,
            asked.asked_at,
        ),
    )


def of_offer(tx: Transaction, *, offer_id: UUID) -> AskedFunding | None:
    """Return what the lender of an offer was asked to pay in, or None where it was not asked."""
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM lender_funding WHERE cell = %s AND offer_id = %s",  # noqa: S608
        (tx.cell_of(offer_id), offer_id),
    ).fetchone()
    return None if row is None else _asked(row)


def of_loan(tx: Transaction, *, loan_id: UUID) -> AskedFunding | None:
    """Return what the lender of a loan was asked to pay in, or None where it was not asked."""
    row = tx.execute(
        f"""SELECT {_COLUMNS} FROM lender_funding WHERE cell = %s
            AND offer_id = (SELECT c.offer_id FROM contract c WHERE c.cell = %s AND c.loan_id = %s)""",  # noqa: S608
        (tx.cell_of(loan_id), tx.cell_of(loan_id), loan_id),
    ).fetchone()
    return None if row is None else _asked(row)


def _asked(row: Sequence[Any]) -> AskedFunding:
    return AskedFunding(
        offer_id=row[0],
        person_id=row[1],
        question_id=row[2],
        lender_id=row[3],
        reference=row[4],
        amount_fen=row[5],
        currency=row[6],
        asked_at=row[7],
        called_off_at=row[8],
        heard_at=row[9],
    )


def call_off(tx: Transaction, *, offer_id: UUID, at: datetime) -> None:
    """Note that nothing is signed on an offer any more, and its lender's money is not wanted."""
    tx.execute(
        "UPDATE lender_funding SET called_off_at = %s WHERE cell = %s AND offer_id = %s AND called_off_at IS NULL",
        (at, tx.cell_of(offer_id), offer_id),
    )


def hear(tx: Transaction, *, offer_id: UUID, at: datetime) -> None:
    """Note that the lender has its money back, or never paid it in."""
    tx.execute(
        "UPDATE lender_funding SET heard_at = %s WHERE cell = %s AND offer_id = %s AND heard_at IS NULL",
        (at, tx.cell_of(offer_id), offer_id),
    )
