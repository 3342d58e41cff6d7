"""Which accounts' bills are deducted, and the orders that deduct them. The caller holds the cell's lock for writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.rows import TupleRow

from mingqu.domain.loan import Intent
from mingqu.domain.order import Order
from mingqu.domain.ownership import NotFound
from mingqu.domain.spend import DeductedPart
from mingqu.store.orders import order as orders
from mingqu.store.server.database import Transaction

_SELECT: Final[LiteralString] = """
    SELECT choice_id, account_id, person_id, consent_id, part, chosen_at, ended_at FROM bill_deduction"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An account's owner lets a part of each bill be deducted, under a consent, until they end it."""

    choice_id: UUID
    account_id: UUID
    person_id: UUID
    consent_id: UUID
    part: DeductedPart
    chosen_at: datetime
    ended_at: datetime | None = None


def insert(tx: Transaction, *, choice: Choice) -> None:
    """Store a new choice; the one before has ended."""
    tx.execute(
        """INSERT INTO bill_deduction (cell, choice_id, account_id, person_id, consent_id, part, chosen_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s)""",
        (
            tx.cell_of(choice.person_id),
            choice.choice_id,
            choice.account_id,
            choice.person_id,
            choice.consent_id,
            choice.part.value,
            choice.chosen_at,
        ),
    )


def end(tx: Transaction, *, choice: Choice, at: datetime) -> None:
    """Store that a choice has ended."""
    tx.execute(
        "UPDATE bill_deduction SET ended_at = %s WHERE cell = %s AND choice_id = %s AND ended_at IS NULL",
        (at, tx.cell_of(choice.person_id), choice.choice_id),
    )


def load(tx: Transaction, *, choice_id: UUID) -> Choice:
    """Return a choice, ended or not. Errors: NotFound."""
    row = tx.execute(_SELECT + " WHERE cell = %s AND choice_id = %s", (tx.cell_of(choice_id), choice_id)).fetchone()
    if row is None:
        raise NotFound
    return _choice(row)


def of_account(tx: Transaction, *, account_id: UUID) -> Choice | None:
    """Return the choice that holds for an account, or None."""
    row = tx.execute(
        _SELECT + " WHERE cell = %s AND account_id = %s AND ended_at IS NULL", (tx.cell_of(account_id), account_id)
    ).fetchone()
    return None if row is None else _choice(row)


def of_person(tx: Transaction, *, person_id: UUID) -> list[Choice]:
    """Return the choices of a person that hold, by account."""
    rows = tx.execute(
        _SELECT + " WHERE cell = %s AND person_id = %s AND ended_at IS NULL ORDER BY account_id",
        (tx.cell_of(person_id), person_id),
    )
    return [_choice(row) for row in rows]


def insert_order(tx: Transaction, *, choice: Choice, bill_number: int, order: Order, agreement_id: UUID) -> bool:
    """Store an order that deducts a bill, and the agreement that it rests on; return whether it is new.

    Errors: OrderExists.
    """
    if not orders.insert(tx, order=order):
        return False
    cell = tx.cell_of(choice.account_id)
    tx.execute(
        """INSERT INTO spend_order (cell, order_id, account_id, choice_id, bill_number) VALUES (%s, %s, %s, %s, %s)""",
        (cell, order.order_id, choice.account_id, choice.choice_id, bill_number),
    )
    tx.execute(
        "INSERT INTO repayment (cell, order_id, agreement_id, intent) VALUES (%s, %s, %s, %s)",
        (cell, order.order_id, agreement_id, Intent.DUE.value),
    )
    return True


def open_orders(tx: Transaction, *, account_id: UUID) -> list[Order]:
    """Return the deductions of an account whose end is not known, the oldest first."""
    rows = tx.execute(
        f"""SELECT {orders.COLUMNS} FROM channel_order JOIN spend_order s USING (cell, order_id)
            WHERE cell = %s AND s.account_id = %s AND s.choice_id IS NOT NULL AND state NOT IN ('PAID', 'FAILED')
            ORDER BY order_id""",  # noqa: S608  Only our own list of columns is put in.
        (tx.cell_of(account_id), account_id),
    )
    return [orders.order_in(row) for row in rows]


def waits_for_payment(tx: Transaction, *, order_id: UUID) -> bool:
    """Return whether an order is a bill's deduction that was not sent, while a payment of its account is on its way."""
    row = tx.execute(
        """SELECT EXISTS (SELECT FROM spend_order d JOIN channel_order w ON w.cell = d.cell AND w.order_id = d.order_id
               JOIN spend_order s ON s.cell = d.cell AND s.account_id = d.account_id
               JOIN channel_order o ON o.cell = s.cell AND o.order_id = s.order_id
               WHERE d.cell = %s AND d.order_id = %s AND d.choice_id IS NOT NULL AND w.state = 'RESERVED'
                 AND o.kind = 'collection' AND o.state IN ('SENT', 'UNKNOWN'))""",
        (tx.cell_of(order_id), order_id),
    ).fetchone()
    assert row is not None
    return bool(row[0])


def was_tried(tx: Transaction, *, account_id: UUID, since: datetime, before: Order) -> bool:
    """Return whether another deduction of an account, to go out from a moment on and before an order, was sent."""
    row = tx.execute(
        """SELECT EXISTS (SELECT FROM spend_order s JOIN channel_order o ON o.cell = s.cell AND o.order_id = s.order_id
               WHERE s.cell = %s AND s.account_id = %s AND s.choice_id IS NOT NULL AND o.sent_at IS NOT NULL
                 AND o.run_at >= %s AND o.run_at <= %s AND o.order_id <> %s)""",
        (tx.cell_of(account_id), account_id, since, before.run_at, before.order_id),
    ).fetchone()
    assert row is not None
    return bool(row[0])


def bill_of_order(tx: Transaction, *, order_id: UUID) -> tuple[Choice, int] | None:
    """Return under which choice an order deducts which bill, or None for other orders."""
    row = tx.execute(
        "SELECT choice_id, bill_number FROM spend_order WHERE cell = %s AND order_id = %s AND choice_id IS NOT NULL",
        (tx.cell_of(order_id), order_id),
    ).fetchone()
    return None if row is None else (load(tx, choice_id=row[0]), int(row[1]))


def _choice(row: TupleRow) -> Choice:
    return Choice(
        choice_id=row[0],
        account_id=row[1],
        person_id=row[2],
        consent_id=row[3],
        part=DeductedPart(row[4]),
        chosen_at=row[5],
        ended_at=row[6],
    )
