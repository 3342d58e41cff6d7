"""Find the announcement that a deduction rests on, where its channel tells people of deductions to come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.moment import business_date_of, start_of
from mingqu.domain.order import Order
from mingqu.store.revolving import bill_deduction, spend
from mingqu.store.server import work
from mingqu.store.server.database import Transaction

TELL: Final = "announce_deduction"  # the work of telling a channel of one deduction to come
TOLD: Final = "told"  # in its payload once the channel has taken it
# The latest of a loan's: some days of it are announced again when they come to more, which takes a change each time.
LATEST_MAX: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """A deduction that a channel has taken notice of: its number there, of which day it is, and at most how much."""

    number: str
    on: date
    amount_fen: int


def announced_of(tx: Transaction, *, subject_id: UUID, agreement_id: UUID, on: date) -> list[Announced]:
    """Return what was announced of a loan or account for a day under an agreement, the smallest first."""
    rows = work.of_subjects(tx, cell=tx.cell_of(subject_id), kind=TELL, subject_ids=[subject_id], limit=LATEST_MAX)
    found = [
        Announced(number=str(payload["number"]), on=on, amount_fen=int(str(payload["amount_fen"])))
        for _, _, _, payload in rows
        if payload.get(TOLD) and (payload["on"], payload["agreement_id"]) == (on.isoformat(), agreement_id.hex)
    ]
    return sorted(found, key=lambda one: (one.amount_fen, one.number))


def announced_for(tx: Transaction, *, waiting: Order, agreement_id: UUID) -> Announced | None:
    """Return the announcement that covers a deduction, the same each time it is sent; None where nothing does.

    An announcement says at most how much. Of those that say enough for the day on which the deduction goes out it is
    the smallest; none is made for a day that has come, so that this answer never changes. It is good for one deduction:
    a bill's later try on the same day, after one that was sent, names none.
    """
    on = business_date_of(waiting.run_at)
    subject_id = waiting.loan_id
    if subject_id is None:
        subject_id = spend.account_of_order(tx, order_id=waiting.order_id).account_id
        if bill_deduction.was_tried(tx, account_id=subject_id, since=start_of(on), before=waiting):
            return None
    listed = announced_of(tx, subject_id=subject_id, agreement_id=agreement_id, on=on)
    return next((one for one in listed if one.amount_fen >= waiting.amount_fen), None)
