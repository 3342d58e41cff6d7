"""What repayment orders were meant for, and the agreements by which due amounts are deducted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from mingqu.domain.loan import Intent
from mingqu.domain.order import OrderState
from mingqu.domain.ownership import NotFound
from mingqu.store.server import column
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Transaction

_COLLECTING: Final = """SELECT loan_id, array_agg(DISTINCT channel) FROM channel_order
    WHERE cell = $1::smallint AND loan_id = ANY ($2::uuid[]) AND kind = 'collection'
      AND state NOT IN ('PAID', 'FAILED') GROUP BY loan_id"""


_OPEN: Final = """SELECT loan_id, order_id, channel, state FROM channel_order
    WHERE cell = $1::smallint AND loan_id = ANY ($2::uuid[]) AND kind = 'collection'
      AND state NOT IN ('PAID', 'FAILED')"""
_AGREED: Final = """SELECT person_id, agreement_id, instrument_id, channel FROM repayment_agreement
    WHERE cell = $1::smallint AND person_id = ANY ($2::uuid[]) AND state = 'active'"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCollection:
    """A collection of a loan whose end is not known; one that is RESERVED was not sent yet."""

    loan_id: UUID
    order_id: UUID
    channel: str
    state: OrderState


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A person's agreement to deductions over a channel; `state` is pending, active or ended.

    The bank deducts from a card; a wallet's channel from the wallet that signed, and `instrument_id` is None.
    """

    agreement_id: UUID
    person_id: UUID
    instrument_id: UUID | None
    state: str
    channel: str


def insert_intent(tx: Transaction, *, order_id: UUID, loan_id: UUID, intent: Intent) -> None:
    """Store what an order was meant for; the same again changes nothing."""
    tx.execute(
        """INSERT INTO repayment (cell, order_id, loan_id, intent) VALUES (%s, %s, %s, %s)
           ON CONFLICT (cell, order_id) DO NOTHING""",
        (tx.cell_of(loan_id), order_id, loan_id, intent.value),
    )


def insert_deductions(tx: Transaction, *, cell: int, rows: Sequence[tuple[UUID, UUID, UUID]]) -> None:
    """Store of orders, as (order, loan, agreement) of one cell, that they deduct what is due; again changes nothing."""
    if rows:
        tx.execute(
            """INSERT INTO repayment (cell, order_id, loan_id, agreement_id, intent)
               SELECT %s, r.order_id, r.loan_id, r.agreement_id, %s
               FROM unnest(%b::uuid[], %b::uuid[], %b::uuid[]) AS r (order_id, loan_id, agreement_id)
               ON CONFLICT (cell, order_id) DO NOTHING""",
            (
                cell,
                Intent.DUE.value,
                column.of_uuids([order_id for order_id, _, _ in rows]),
                column.of_uuids([loan_id for _, loan_id, _ in rows]),
                column.of_uuids([agreement_id for _, _, agreement_id in rows]),
            ),
        )


def intent_of(tx: Transaction, *, order_id: UUID) -> Intent | None:
    """Return what an order was meant for, or None."""
    row = tx.execute(
        "SELECT intent FROM repayment WHERE cell = %s AND order_id = %s", (tx.cell_of(order_id), order_id)
    ).fetchone()
    return None if row is None else Intent(row[0])


def agreement_of(tx: Transaction, *, order_id: UUID) -> Agreement | None:
    """Return the agreement that a deduction rests on, in whatever state it is, or None for other orders."""
    row = tx.execute(
        """SELECT a.agreement_id, a.person_id, a.instrument_id, a.state, a.channel
           FROM repayment r JOIN repayment_agreement a ON a.cell = r.cell AND a.agreement_id = r.agreement_id
           WHERE r.cell = %s AND r.order_id = %s""",
        (tx.cell_of(order_id), order_id),
    ).fetchone()
    if row is None:
        return None
    return Agreement(agreement_id=row[0], person_id=row[1], instrument_id=row[2], state=row[3], channel=row[4])


def insert_agreement(tx: Transaction, *, agreement: Agreement, at: datetime) -> None:
    """Store a new agreement."""
    tx.execute(
        """INSERT INTO repayment_agreement (cell, agreement_id, person_id, instrument_id, state, channel, changed_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s)""",
        (
            tx.cell_of(agreement.person_id),
            agreement.agreement_id,
            agreement.person_id,
            agreement.instrument_id,
            agreement.state,
            agreement.channel,
            at,
        ),
    )


def load_agreement(tx: Transaction, *, person_id: UUID, agreement_id: UUID) -> Agreement:
    """Return a person's own agreement. Errors: NotFound, also for another person's."""
    row = tx.execute(
        """SELECT instrument_id, state, channel FROM repayment_agreement
           WHERE cell = %s AND agreement_id = %s AND person_id = %s""",
        (tx.cell_of(person_id), agreement_id, person_id),
    ).fetchone()
    if row is None:
        raise NotFound
    return Agreement(agreement_id=agreement_id, person_id=person_id, instrument_id=row[0], state=row[1], channel=row[2])


def owner_of(tx: Transaction, *, agreement_id: UUID, channel: str) -> UUID | None:
    """Return whose agreement over a channel this is, or None; an id that is in nobody's cell is nobody's."""
    row = tx.execute(
        "SELECT person_id FROM repayment_agreement WHERE cell = %s AND agreement_id = %s AND channel = %s",
        (tx.cell_of(agreement_id), agreement_id, channel),
    ).fetchone()
    return None if row is None else row[0]


def agreements_of(tx: Transaction, *, person_id: UUID) -> list[Agreement]:
    """Return every agreement of a person, the oldest first."""
    rows = tx.execute(
        """SELECT agreement_id, instrument_id, state, channel FROM repayment_agreement
           WHERE cell = %s AND person_id = %s ORDER BY agreement_id""",
        (tx.cell_of(person_id), person_id),
    )
    return [
        Agreement(agreement_id=row[0], person_id=person_id, instrument_id=row[1], state=row[2], channel=row[3])
        for row in rows
    ]


def set_agreement_state(tx: Transaction, *, agreement: Agreement, state: str, at: datetime) -> None:
    """Store an agreement's new state; a person has one active agreement at most, so an older one ends."""
    cell = tx.cell_of(agreement.person_id)
    if state == "active":
        tx.execute(
            """UPDATE repayment_agreement SET state = 'ended', changed_at = %s
               WHERE cell = %s AND person_id = %s AND state = 'active' AND agreement_id <> %s""",
            (at, cell, agreement.person_id, agreement.agreement_id),
        )
    tx.execute(
        "UPDATE repayment_agreement SET state = %s, changed_at = %s WHERE cell = %s AND agreement_id = %s",
        (state, at, cell, agreement.agreement_id),
    )


def active_agreements(tx: Transaction, *, cell: int, person_ids: Collection[UUID]) -> dict[UUID, Agreement]:
    """Return the active agreement of each of these people of a cell who has one."""
    return agreed_in(tx.together([agreed(cell=cell, person_ids=list(person_ids))])[0])


def agreed(*, cell: int, person_ids: Sequence[UUID]) -> Statement:
    """Return the statement of `active_agreements`, whose answer `agreed_in` reads."""
    return Statement(_AGREED, (column.smallint(cell), column.of_uuids(person_ids).packed))


def agreed_in(answer: Answer) -> dict[UUID, Agreement]:
    """Return the active agreements that the answer to `agreed` holds, by their people."""
    return {
        row[0]: Agreement(agreement_id=row[1], person_id=row[0], instrument_id=row[2], state="active", channel=row[3])
        for row in answer
    }


def loans_being_collected(tx: Transaction, *, cell: int, loan_ids: Collection[UUID]) -> dict[UUID, set[str]]:
    """Return, of these loans, those with a collection whose end is not known, and over which channels."""
    return collecting_in(tx.together([collecting(cell=cell, loan_ids=list(loan_ids))])[0])


def collecting(*, cell: int, loan_ids: Sequence[UUID]) -> Statement:
    """Return the statement of `loans_being_collected`, whose answer `collecting_in` reads."""
    return Statement(_COLLECTING, (column.smallint(cell), column.of_uuids(loan_ids).packed))


def collecting_in(answer: Answer) -> dict[UUID, set[str]]:
    """Return the loans that the answer to `collecting` holds, each with its channels."""
    return {loan_id: set(channels) for loan_id, channels in answer}


def opened(*, cell: int, loan_ids: Sequence[UUID]) -> Statement:
    """Return the statement that asks for the open collections of loans, whose answer `opened_in` reads."""
    return Statement(_OPEN, (column.smallint(cell), column.of_uuids(loan_ids).packed))


def opened_in(answer: Answer) -> list[OpenCollection]:
    """Return the open collections that the answer to `opened` holds."""
    return [
        OpenCollection(loan_id=loan_id, order_id=order_id, channel=channel, state=OrderState(state))
        for loan_id, order_id, channel, state in answer
    ]


def payout_instrument(tx: Transaction, *, cell: int, loan_id: UUID) -> UUID | None:
    """Return the card that a loan was paid out to last, or None: also of one whose money went to a merchant."""
    row = tx.execute(
        """SELECT instrument_id FROM channel_order
           WHERE cell = %s AND loan_id = %s AND kind = 'payout' AND state <> 'FAILED' ORDER BY order_id DESC LIMIT 1""",
        (cell, loan_id),
    ).fetchone()
    return None if row is None else row[0]
