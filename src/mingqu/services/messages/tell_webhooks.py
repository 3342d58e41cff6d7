"""Tell programs of others what happened: written with the business row, delivered by the worker, never within it."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import dated
from mingqu.domain.moment import business_date_of
from mingqu.ports.silence import ChannelSilent
from mingqu.ports.webhook import AddressRefused, NotTaken, Taken, Webhook, WebhookChannel
from mingqu.services.house import House
from mingqu.services.messages.report_to_lender import CLOSED, FUNDED, OVERDUE, REPAID, Happened, promise_reports
from mingqu.store import webhook, work
from mingqu.store.database import Transaction
from mingqu.store.webhook import Subscription
from mingqu.store.work import NewWork, Work

log = logging.getLogger("mingqu.webhook")

DELIVERY: Final = "webhook"
BATCH: Final = 20  # of a cell and round: a receiver that hangs must not keep orders waiting for long
LEASE_SECONDS: Final = 300  # a whole batch of receivers that hang
# Standard Webhooks' schedule: the first try at once, the last after some three days.
WAITS: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
ATTEMPTS_MAX: Final = len(WAITS) + 1


class Event(StrEnum):
    """What a program may be told of."""

    DECISION_MADE = "decision.made"
    CONTRACT_SIGNED = "contract.signed"
    LOAN_DISBURSED = "loan.disbursed"
    PAYOUT_FAILED = "loan.payout_failed"
    PAYOUT_RETURNED = "loan.payout_returned"
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
    promise_reports(tx, house, cell=cell, happened=[_reported(each) for each in told if each.event in REPORTED])
    listening = webhook.active(tx) if listening is None else listening
    now = house.clock.now()
    rows = [
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
    work.enqueue_many(tx, cell=cell, rows=rows)


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


def deliver_webhooks(house: House, *, cell: int) -> int:
    """Deliver what is due in a cell, at most BATCH of it, and return how much was tried.

    A receiver that fails is not tried again in the same round. After ATTEMPTS_MAX a delivery is given up and counted.
    """
    channel = house.webhook
    if channel is None:
        return 0
    with house.database.transaction() as tx:
        leased = work.lease(
            tx, cell=cell, kinds=[DELIVERY], now=house.clock.now(), lease_seconds=LEASE_SECONDS, limit=BATCH
        )
        tx.commit()
    failing: set[UUID] = set()
    for piece in leased:
        if piece.subject_id in failing:
            # Not tried, so not counted: it waits as long as its own tries say.
            _again(house, piece, after=WAITS[min(_tries(piece), len(WAITS) - 1)])
            continue
        try:
            well = _deliver(house, channel, piece)
        except work.LeaseLost:
            continue  # it took too long, and somebody else has it now
        if not well:
            failing.add(piece.subject_id)
    return len(leased)


def _tries(piece: Work) -> int:
    """Return how often a delivery was really tried: a lease that was lost or given back is none."""
    return int(str(piece.payload.get("tries", 0)))


def _deliver(house: House, channel: WebhookChannel, piece: Work) -> bool:
    """Try once; return whether the receiver is well."""
    with house.database.transaction() as tx:
        to = webhook.load(tx, subscription_id=piece.subject_id)
        secret = webhook.open_secret(tx, keyring=house.keyring, subscription_id=piece.subject_id)
    if to.ended_at is not None:
        _done(house, piece, to)
        return True
    message = Webhook(
        message_id=f"msg_{piece.work_id.hex}",
        url=to.url,
        secret=secret,
        at=house.clock.now(),
        body=str(piece.payload["body"]).encode(),
    )
    answer: Taken | NotTaken | AddressRefused | None
    try:
        answer = channel.deliver(message)
    except ChannelSilent:
        answer = None
    if isinstance(answer, Taken):
        _done(house, piece, to, delivered=1)
        return True
    if isinstance(answer, NotTaken) and answer.gone:
        _done(house, piece, to, given_up=1, ends=True)
        return False
    tries = _tries(piece) + 1
    if tries >= ATTEMPTS_MAX:
        _done(house, piece, to, given_up=1)
    else:
        _again(house, piece, after=WAITS[tries - 1], tries=tries)
    return False


def _again(house: House, piece: Work, *, after: timedelta, tries: int | None = None) -> None:
    payload = None if tries is None else {**piece.payload, "tries": tries}
    with house.database.transaction() as tx:
        work.reschedule(tx, work=piece, run_at=house.clock.now() + after, payload=payload)
        tx.commit()


def _done(
    house: House, piece: Work, to: Subscription, *, delivered: int = 0, given_up: int = 0, ends: bool = False
) -> None:
    now = house.clock.now()
    with house.database.transaction() as tx:
        work.complete(tx, work=piece, now=now)
        webhook.count(tx, subscription_id=to.subscription_id, delivered=delivered, given_up=given_up)
        if ends:
            webhook.end(tx, subscription_id=to.subscription_id, at=now)
        tx.commit()
    if given_up:
        log.warning(
            "webhook.given_up",
            extra={"fields": {"subscription_id": to.subscription_id.hex, "message_id": piece.work_id.hex}},
        )
