"""Tell programs of others what happened: written with the business row, delivered by the worker, never within it.

The delivery is `deliver_webhooks`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import dated
from mingqu.domain.moment import business_date_of
from mingqu.services.house import House
from mingqu.services.messages.report_to_lender import CLOSED, FUNDED, OVERDUE, REPAID, Happened, promise_reports
from mingqu.store.lenders.lender_question import Questions
from mingqu.store.messages import webhook
from mingqu.store.messages.webhook import Subscription
from mingqu.store.server import work
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import NewWork

DELIVERY: Final = "webhook"


class Event(StrEnum):
    """What a program may be told of."""

    DECISION_MADE = "decision.made"
    CONTRACT_SIGNED = "contract.signed"
    LOAN_DISBURSED = "loan.disbursed"
    PAYOUT_FAILED = "loan.payout_failed"
    PAYOUT_RETURNED = "loan.payout_returned"
    CALLED_OFF = "loan.called_off"
    DRAW_RETURNED = "account.draw_returned"
    BILL_DUE = "loan.bill_due"
    PAYMENT_RECEIVED = "payment.received"
    LOAN_OVERDUE = "loan.overdue"
    LOAN_SETTLED = "loan.settled"


REPORTED: Final = {
    Event.LOAN_DISBURSED: FUNDED,
    Event.PAYMENT_RECEIVED: REPAID,
    Event.LOAN_OVERDUE: OVERDUE,
    Event.LOAN_SETTLED: CLOSED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One thing that happened to somebody. `facts` are ids, dates as text and amounts in fen: nothing personal.

    The same event of the same subject and day with the same `mark` is told once.
    """

    event: Event
    person_id: UUID
    subject_id: UUID
    on: date
    facts: dict[str, str | int | bool | None]
    mark: str = ""


def tell(
    tx: Transaction, house: House, *, cell: int, told: Sequence[Told], listening: Sequence[Subscription] | None = None
) -> None:
    """Write a delivery for everybody who asked for these events; the caller commits them with what happened.

    Lenders that decide by themselves hear of their own loans.

    `listening` are the subscriptions that have not ended, if the caller has asked for them.
    """
    if not told:
        return
    report(tx, house, cell=cell, told=told)
    listening = webhook.active(tx) if listening is None else listening
    work.enqueue_many(tx, cell=cell, rows=deliveries_of(told, listening=listening, now=house.clock.now()))


def report(tx: Transaction, house: House, *, cell: int, told: Sequence[Told], known: Questions | None = None) -> None:
    """Write what lenders that decide by themselves hear of these events; `known` is as for `promise_reports`."""
    happened = [_reported(each) for each in told if each.event in REPORTED]
    promise_reports(tx, house, cell=cell, happened=happened, known=known)


def deliveries_of(told: Sequence[Told], *, listening: Sequence[Subscription], now: datetime) -> list[NewWork]:
    """Return the deliveries of events to everybody who asked for them."""
    return [
        NewWork(
            work_id=dated(each.subject_id, on=each.on, purpose=f"{each.event} {each.mark} {one.subscription_id.hex}"),
            kind=DELIVERY,
            subject_id=one.subscription_id,
            run_at=now,
            payload={
                "event": each.event.value,
                "body": json.dumps(
                    {
                        "type": each.event.value,
                        "timestamp": now.isoformat(),
                        "data": {"person_id": str(each.person_id), **each.facts},
                    },
                    ensure_ascii=False,
                ),
            },
        )
        for one in listening
        for each in told
        if each.event.value in one.events
    ]


def _reported(each: Told) -> Happened:
    """Return what a lender that decides by itself hears of what programs are told."""
    return Happened(
        event=REPORTED[each.event],
        loan_id=UUID(str(each.facts["loan_id"])),
        subject_id=each.subject_id,
        on=each.on,
        mark=each.mark,
        amount_fen=int(str(each.facts["amount_fen"])),
    )


def today(house: House) -> date:
    """Return the day on which something happens now."""
    return business_date_of(house.clock.now())
