"""Orders at merchants' checkouts, the offers that people got for them, and what merchants gave back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.rows import TupleRow

from mingqu.domain.identifier import slot_of_reference
from mingqu.domain.order import OrderState
from mingqu.store.server.database import Transaction

_ORDER: Final = """checkout_id, merchant, number, body, order_hash, amount_fen, currency, opened_at, expires_at,
    cancelled_at, person_id, taken_at, ended_at"""
_OFFER: Final = "offer_id, person_id, checkout_id, merchant, order_hash, amount_fen, expires_at, loan_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """An order as its merchant signed it, with who took it; `body` is what is hashed, None once that is forgotten."""

    checkout_id: UUID
    merchant: str
    number: str
    body: bytes | None
    order_hash: bytes  # what its borrower agrees to
    amount_fen: int
    currency: str
    opened_at: datetime
    expires_at: datetime
    cancelled_at: datetime | None = None
    person_id: UUID | None = None
    taken_at: datetime | None = None
    ended_at: datetime | None = None  # when its merchant was told that its time is over

    def is_over(self, *, at: datetime) -> bool:
        """Return whether nobody takes or signs it any more at a moment, for its time is over."""
        return self.ended_at is not None or at >= self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderOffer:
    """An offer that was made for an order; the signed one names its loan."""

    offer_id: UUID
    person_id: UUID
    checkout_id: UUID
    merchant: str
    order_hash: bytes
    amount_fen: int
    expires_at: datetime
    loan_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRefund:
    """What a merchant gives back, by the collection that brings it; `state` is that of the collection."""

    order_id: UUID
    number: str
    amount_fen: int
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """What a merchant gives back of which order, by a number of its own."""

    checkout_id: UUID
    number: str
    amount_fen: int


def slot_for(*, merchant: str, number: str) -> int:
    """Return the slot in which an order lies: the same for the same number of a merchant."""
    return slot_of_reference(f"checkout {merchant} {number}")


def insert(tx: Transaction, *, made: Checkout) -> bool:
    """Store an order; return whether its merchant's number was free."""
    added = tx.execute(
        """
        INSERT INTO checkout
            (cell, checkout_id, merchant, number, body, order_hash, amount_fen, currency, opened_at, expires_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (cell, merchant, number) DO NOTHING
        """,
        (
            tx.cell_of(made.checkout_id),
            made.checkout_id,
            made.merchant,
            made.number,
            made.body,
            made.order_hash,
            made.amount_fen,
            made.currency,
            made.opened_at,
            made.expires_at,
        ),
    )
    return added.rowcount == 1


def numbered(tx: Transaction, *, cell: int, merchant: str, number: str) -> Checkout | None:
    """Return the order of a merchant's number, or None."""
    row = tx.execute(
        f"SELECT {_ORDER} FROM checkout WHERE cell = %s AND merchant = %s AND number = %s",  # noqa: S608
        (cell, merchant, number),
    ).fetchone()
    return None if row is None else _order(row)


def load(tx: Transaction, *, checkout_id: UUID) -> Checkout | None:
    """Return an order, or None."""
    row = tx.execute(
        f"SELECT {_ORDER} FROM checkout WHERE cell = %s AND checkout_id = %s",  # noqa: S608
        (tx.cell_of(checkout_id), checkout_id),
    ).fetchone()
    return None if row is None else _order(row)


def take(tx: Transaction, *, checkout_id: UUID, person_id: UUID, at: datetime) -> None:
    """Name who took an order; the caller holds the lock of the order's cell and saw that nobody had."""
    tx.execute(
        "UPDATE checkout SET person_id = %s, taken_at = %s WHERE cell = %s AND checkout_id = %s",
        (person_id, at, tx.cell_of(checkout_id), checkout_id),
    )


def cancel(tx: Transaction, *, checkout_id: UUID, at: datetime) -> None:
    """Cancel an order; the caller holds the lock of the order's cell and saw that nobody had taken it."""
    tx.execute(
        "UPDATE checkout SET cancelled_at = %s WHERE cell = %s AND checkout_id = %s",
        (at, tx.cell_of(checkout_id), checkout_id),
    )


def end(tx: Transaction, *, checkout_id: UUID, at: datetime) -> None:
    """Keep that the time of an order is over; the caller holds the lock of its taker's cell, or of its own if none."""
    tx.execute(
        "UPDATE checkout SET ended_at = %s WHERE cell = %s AND checkout_id = %s AND ended_at IS NULL",
        (at, tx.cell_of(checkout_id), checkout_id),
    )


def of_person(tx: Transaction, *, person_id: UUID) -> list[Checkout]:
    """Return the orders that a person took, in whichever cells they lie, the oldest first."""
    rows = tx.execute(
        f"SELECT {_ORDER} FROM checkout WHERE cell = ANY (%s) AND person_id = %s ORDER BY taken_at, checkout_id",  # noqa: S608
        (list(range(tx.cells)), person_id),
    )
    return [_order(row) for row in rows]


def latest(tx: Transaction, *, since: datetime, limit: int) -> list[Checkout]:
    """Return the latest orders of all merchants that were opened since a moment, the newest first."""
    rows = tx.execute(
        f"""SELECT {_ORDER} FROM checkout WHERE cell = ANY (%s) AND opened_at >= %s
            ORDER BY opened_at DESC, checkout_id LIMIT %s""",  # noqa: S608
        (list(range(tx.cells)), since, limit),
    )
    return [_order(row) for row in rows]


def forget_goods(tx: Transaction, *, person_id: UUID) -> None:
    """Forget what a person bought, in whichever cells it lies; of each order its hash stays.

    An order that was taken changes in no other way, so no lock is taken of the cells it lies in.
    """
    tx.execute(
        "UPDATE checkout SET body = NULL WHERE cell = ANY (%s) AND person_id = %s AND body IS NOT NULL",
        (list(range(tx.cells)), person_id),
    )


def insert_offers(tx: Transaction, *, offers: Sequence[OrderOffer]) -> None:
    """Store which offers were made for an order; the caller holds the lock of the person's cell and commits."""
    for one in offers:  # as many as a person has lines
        tx.execute(
            f"INSERT INTO checkout_offer (cell, {_OFFER}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",  # noqa: S608
            (
                tx.cell_of(one.offer_id),
                one.offer_id,
                one.person_id,
                one.checkout_id,
                one.merchant,
                one.order_hash,
                one.amount_fen,
                one.expires_at,
                one.loan_id,
            ),
        )


def of_offer(tx: Transaction, *, offer_id: UUID) -> OrderOffer | None:
    """Return the order that an offer was made for, or None where it pays a person."""
    row = tx.execute(
        f"SELECT {_OFFER} FROM checkout_offer WHERE cell = %s AND offer_id = %s",  # noqa: S608
        (tx.cell_of(offer_id), offer_id),
    ).fetchone()
    return None if row is None else _offer(row)


def signed_of(tx: Transaction, *, person_id: UUID, checkout_id: UUID) -> OrderOffer | None:
    """Return the offer of an order that its person signed, or None."""
    row = tx.execute(
        f"""SELECT {_OFFER} FROM checkout_offer
            WHERE cell = %s AND person_id = %s AND checkout_id = %s AND loan_id IS NOT NULL""",  # noqa: S608
        (tx.cell_of(person_id), person_id, checkout_id),
    ).fetchone()
    return None if row is None else _offer(row)


def of_loan(tx: Transaction, *, loan_id: UUID) -> OrderOffer | None:
    """Return the order that a loan paid for, or None."""
    row = tx.execute(
        f"SELECT {_OFFER} FROM checkout_offer WHERE cell = %s AND loan_id = %s",  # noqa: S608
        (tx.cell_of(loan_id), loan_id),
    ).fetchone()
    return None if row is None else _offer(row)


def signed(tx: Transaction, *, offer_id: UUID, loan_id: UUID) -> None:
    """Name the loan of an offer for an order that was signed; the caller saw that no other offer of it was."""
    tx.execute(
        "UPDATE checkout_offer SET loan_id = %s WHERE cell = %s AND offer_id = %s",
        (loan_id, tx.cell_of(offer_id), offer_id),
    )


def insert_refund(
    tx: Transaction, *, refund: OrderRefund, person_id: UUID, checkout_id: UUID, loan_id: UUID, at: datetime
) -> None:
    """Store what a merchant gives back, beside the collection that brings it."""
    tx.execute(
        """
        INSERT INTO checkout_refund (cell, order_id, person_id, checkout_id, loan_id, number, amount_fen, asked_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            tx.cell_of(person_id),
            refund.order_id,
            person_id,
            checkout_id,
            loan_id,
            refund.number,
            refund.amount_fen,
            at,
        ),
    )


def refunds_of(tx: Transaction, *, person_id: UUID, checkout_id: UUID) -> list[OrderRefund]:
    """Return what a merchant gave back of an order or means to, the oldest first."""
    rows = tx.execute(
        """
        SELECT r.order_id, r.number, r.amount_fen, o.state FROM checkout_refund r
        JOIN channel_order o ON o.cell = r.cell AND o.order_id = r.order_id
        WHERE r.cell = %s AND r.person_id = %s AND r.checkout_id = %s ORDER BY r.asked_at, r.order_id
        """,
        (tx.cell_of(person_id), person_id, checkout_id),
    )
    return [OrderRefund(order_id=row[0], number=row[1], amount_fen=row[2], state=row[3]) for row in rows]


def refunded_fen(tx: Transaction, *, person_id: UUID, checkout_id: UUID) -> int:
    """Return how much of an order has come back, in fen."""
    refunds = refunds_of(tx, person_id=person_id, checkout_id=checkout_id)
    return sum(one.amount_fen for one in refunds if one.state == OrderState.PAID.value)


def refund_of(tx: Transaction, *, order_id: UUID) -> Refund | None:
    """Return what a merchant gives back by a collection, or None where the collection is none of that."""
    row = tx.execute(
        "SELECT checkout_id, number, amount_fen FROM checkout_refund WHERE cell = %s AND order_id = %s",
        (tx.cell_of(order_id), order_id),
    ).fetchone()
    return None if row is None else Refund(checkout_id=row[0], number=row[1], amount_fen=row[2])


def is_refund(tx: Transaction, *, order_id: UUID) -> bool:
    """Return whether a collection brings what a merchant gives back."""
    return refund_of(tx, order_id=order_id) is not None


def _order(row: TupleRow) -> Checkout:
    return Checkout(
        checkout_id=row[0],
        merchant=row[1],
        number=row[2],
        body=None if row[3] is None else bytes(row[3]),
        order_hash=bytes(row[4]),
        amount_fen=row[5],
        currency=row[6],
        opened_at=row[7],
        expires_at=row[8],
        cancelled_at=row[9],
        person_id=row[10],
        taken_at=row[11],
        ended_at=row[12],
    )


def _offer(row: TupleRow) -> OrderOffer:
    return OrderOffer(
        offer_id=row[0],
        person_id=row[1],
        checkout_id=row[2],
        merchant=row[3],
        order_hash=bytes(row[4]),
        amount_fen=row[5],
        expires_at=row[6],
        loan_id=row[7],
    )
