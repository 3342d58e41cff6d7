"""Draws of a revolving account, which of them came back, and what its bills come to without those."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.spend import SpendEvent, SpendKind
from mingqu.domain.spend import Statement as Bill
from mingqu.domain.spend.packed import packed_bill, unpacked_bill
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.server.database import Transaction

_DRAWS_MAX: Final = 50  # a page of them


def draws_of(tx: Transaction, *, account_id: UUID) -> list[tuple[SpendEvent, date | None]]:
    """Return the last draws of an account, the newest first, each with the day on which it came back, if it did."""
    rows = tx.execute(
        """SELECT e.event_id, e.on_date, e.amount_fen, b.on_date
           FROM spend_event e LEFT JOIN spend_event b ON b.cell = e.cell AND b.account_id = e.account_id
                                     AND b.target = e.event_id AND b.kind = 'draw_returned'
           WHERE e.cell = %s AND e.account_id = %s AND e.kind = 'drawn' ORDER BY e.number DESC LIMIT %s""",
        (tx.cell_of(account_id), account_id, _DRAWS_MAX),
    )
    return [
        (SpendEvent(event_id=event_id, kind=SpendKind.DRAWN, on=on, amount_fen=amount_fen), returned_on)
        for event_id, on, amount_fen, returned_on in rows
    ]


def correct_bills(tx: Transaction, *, account: SpendAccount, bills: Sequence[Bill]) -> None:
    """Store what bills of an account come to since its last event; as they were issued they stay."""
    tx.execute(
        """INSERT INTO spend_bill_corrected (cell, account_id, number, event_number, body)
           SELECT %s, %s, n.number, %s, n.body FROM unnest(%s::integer[], %s::bytea[]) AS n (number, body)""",
        (
            account.cell,
            account.account_id,
            account.events,
            [bill.number for bill in bills],
            [packed_bill(bill) for bill in bills],
        ),
    )


def corrected_of(tx: Transaction, *, account_id: UUID) -> dict[int, Bill]:
    """Return what bills of an account come to that were corrected, by their numbers."""
    rows = tx.execute(
        """SELECT DISTINCT ON (number) body FROM spend_bill_corrected WHERE cell = %s AND account_id = %s
           ORDER BY number, event_number DESC""",
        (tx.cell_of(account_id), account_id),
    )
    return {bill.number: bill for bill in (unpacked_bill(body) for (body,) in rows)}
