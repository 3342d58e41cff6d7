"""Receipts that two people placed, and what is parked: money that came and that no loan could take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar
from uuid import UUID

from mingqu.domain.loan import Intent
from mingqu.domain.refusal import Refusal
from mingqu.store.server.database import Transaction


class ReceiptPlaced(Refusal):
    """This money has its loan already, or it never was parked."""

    code: ClassVar[str] = "receipt_placed"
    status: ClassVar[int] = 409


class SourceBooked(Refusal):
    """A receipt with this source is in the book: the same money is not booked twice."""

    code: ClassVar[str] = "source_booked"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedReceipt:
    """A repayment that two people told a loan. Amounts in fen; `proposal_id` is also the id of the event."""

    proposal_id: UUID
    loan_id: UUID
    person_id: UUID
    amount_fen: int
    currency: str
    value_date: date
    intent: Intent
    order_id: UUID | None = None
    source: str | None = None


def insert(tx: Transaction, *, receipt: PlacedReceipt) -> None:
    """Store a receipt with the event it becomes. Errors: ReceiptPlaced, SourceBooked."""
    if receipt.source is not None:
        # A source belongs to no cell: two people of other cells may be about to book the same line of a statement.
        tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (receipt.source,))
        require_new_source(tx, source=receipt.source)
    added = tx.execute(
        """
        INSERT INTO placed_receipt (cell, proposal_id, loan_id, person_id, amount_fen, currency, value_date, intent,
                                    order_id, source)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
        """,
        (
            tx.cell_of(receipt.person_id),
            receipt.proposal_id,
            receipt.loan_id,
            receipt.person_id,
            receipt.amount_fen,
            receipt.currency,
            receipt.value_date,
            receipt.intent.value,
            receipt.order_id,
            receipt.source,
        ),
    )
    if added.rowcount == 0:
        raise ReceiptPlaced("This money has its loan already.")


def require_new_source(tx: Transaction, *, source: str) -> None:
    """Return when no receipt of the book has this source. Errors: SourceBooked."""
    row = tx.execute(
        "SELECT FROM placed_receipt WHERE cell = ANY (%s) AND source = %s", (list(range(tx.cells)), source)
    ).fetchone()
    if row is not None:
        raise SourceBooked("A receipt with this source is booked already.")


def require_parked(tx: Transaction, *, order_id: UUID) -> UUID:
    """Return the lender with whom the money of an order is parked. Errors: ReceiptPlaced."""
    row = tx.execute(
        """
        SELECT t.credit_owner FROM transfer t
        WHERE t.cell = %(cell)s AND t.credit_code = 2002 AND t.reference = %(order_id)s AND NOT EXISTS (
            SELECT FROM placed_receipt p WHERE p.cell = t.cell AND p.order_id = t.reference)
        """,
        {"cell": tx.cell_of(order_id), "order_id": order_id},
    ).fetchone()
    if row is None:
        raise ReceiptPlaced("This money is not parked: it has its loan.")
    lender_id: UUID = row[0]
    return lender_id


def is_placed(tx: Transaction, *, event_id: UUID) -> bool:
    """Return whether an event is a receipt that two people placed, so that no order tells it."""
    row = tx.execute(
        "SELECT FROM placed_receipt WHERE cell = %s AND proposal_id = %s", (tx.cell_of(event_id), event_id)
    ).fetchone()
    return row is not None
