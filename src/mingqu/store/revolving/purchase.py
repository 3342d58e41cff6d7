"""Purchases from a revolving account, from authorization to capture, release and refund. Under the cell's lock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.rows import TupleRow

from mingqu.domain.ownership import NotFound
from mingqu.store.server.database import Transaction

HELD: Final = "held"
CAPTURED: Final = "captured"
RELEASED: Final = "released"
PURCHASES_SHOWN_MAX: Final = 200  # of an account, on a page and in an answer
LAPSING_MAX: Final = 200  # holds that a worker ends in one transaction

_SELECT: Final[LiteralString] = """
    SELECT purchase_id, account_id, merchant_id, merchant_name, number, state, held_fen, captured_fen, refunded_fen,
           lapses_on, authorized_at, captured_on FROM spend_purchase"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """One purchase; `number` is the merchant's, amounts in fen. What is held lapses on `lapses_on`."""

    purchase_id: UUID
    account_id: UUID
    merchant_id: str
    merchant_name: str
    number: str
    state: str
    held_fen: int
    captured_fen: int
    refunded_fen: int
    lapses_on: date
    authorized_at: datetime
    captured_on: date | None


def insert(tx: Transaction, *, purchase: Purchase) -> None:
    """Store a new purchase."""
    tx.execute(
        """INSERT INTO spend_purchase (cell, purchase_id, account_id, merchant_id, merchant_name, number, state,
               held_fen, lapses_on, authorized_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            tx.cell_of(purchase.account_id),
            purchase.purchase_id,
            purchase.account_id,
            purchase.merchant_id,
            purchase.merchant_name,
            purchase.number,
            purchase.state,
            purchase.held_fen,
            purchase.lapses_on,
            purchase.authorized_at,
        ),
    )


def numbered(tx: Transaction, *, account_id: UUID, merchant_id: str, number: str) -> Purchase | None:
    """Return the purchase that a merchant's number names, or None."""
    row = tx.execute(
        _SELECT + " WHERE cell = %s AND account_id = %s AND merchant_id = %s AND number = %s",
        (tx.cell_of(account_id), account_id, merchant_id, number),
    ).fetchone()
    return None if row is None else _purchase(row)


def load(tx: Transaction, *, purchase_id: UUID) -> Purchase:
    """Return a purchase. Errors: NotFound."""
    row = tx.execute(
        _SELECT + " WHERE cell = %s AND purchase_id = %s", (tx.cell_of(purchase_id), purchase_id)
    ).fetchone()
    if row is None:
        raise NotFound
    return _purchase(row)


def save(tx: Transaction, *, purchase: Purchase) -> None:
    """Store what became of a purchase."""
    tx.execute(
        """UPDATE spend_purchase SET state = %s, captured_fen = %s, refunded_fen = %s, captured_on = %s
           WHERE cell = %s AND purchase_id = %s""",
        (
            purchase.state,
            purchase.captured_fen,
            purchase.refunded_fen,
            purchase.captured_on,
            tx.cell_of(purchase.purchase_id),
            purchase.purchase_id,
        ),
    )


def of_account(tx: Transaction, *, account_id: UUID) -> list[Purchase]:
    """Return the last purchases of an account, the newest first."""
    rows = tx.execute(
        _SELECT + " WHERE cell = %s AND account_id = %s ORDER BY authorized_at DESC, purchase_id DESC LIMIT %s",
        (tx.cell_of(account_id), account_id, PURCHASES_SHOWN_MAX),
    )
    return [_purchase(row) for row in rows]


def lapsing(tx: Transaction, *, cell: int, on: date) -> list[Purchase]:
    """Return holds that no merchant captured in time."""
    rows = tx.execute(
        _SELECT + " WHERE cell = %s AND state = 'held' AND lapses_on <= %s ORDER BY lapses_on, purchase_id LIMIT %s",
        (cell, on, LAPSING_MAX),
    )
    return [_purchase(row) for row in rows]


def _purchase(row: TupleRow) -> Purchase:
    return Purchase(
        purchase_id=row[0],
        account_id=row[1],
        merchant_id=row[2],
        merchant_name=row[3],
        number=row[4],
        state=row[5],
        held_fen=row[6],
        captured_fen=row[7],
        refunded_fen=row[8],
        lapses_on=row[9],
        authorized_at=row[10],
        captured_on=row[11],
    )
