"""Deliver webhooks, of programs and of merchants: signed, again while nobody takes one, given up in the end.

What became of a merchant's is kept with it: how often it was tried, when it was taken and with which answer. Where a
person took the order, a leaf bears witness to that.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.evidence import LeafKind
from mingqu.ports.silence import ChannelSilent
from mingqu.ports.webhook import AddressRefused, NotTaken, Taken, Webhook, WebhookChannel
from mingqu.services.do_each import do_each
from mingqu.services.house import House
from mingqu.services.messages.tell_merchant import MERCHANT_DELIVERY
from mingqu.services.messages.tell_webhooks import DELIVERY
from mingqu.store import evidence
from mingqu.store.merchants import checkout
from mingqu.store.messages import webhook
from mingqu.store.messages.webhook import Subscription
from mingqu.store.server import work
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import Work

log = logging.getLogger("mingqu.webhook")

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
DELIVERED, GIVEN_UP, DROPPED = "delivered", "given_up", "dropped"


def deliver_webhooks(house: House, *, cell: int) -> int:
    """Deliver what is due in a cell, at most BATCH of it, and return how much was tried.

    A receiver that fails is not tried again in the same round. After ATTEMPTS_MAX a delivery is given up and counted.
    """
    channel = house.webhook
    if channel is None:
        return 0
    with house.database.transaction() as tx:
        leased = work.lease(
            tx,
            cell=cell,
            kinds=[DELIVERY, MERCHANT_DELIVERY],
            now=house.clock.now(),
            lease_seconds=LEASE_SECONDS,
            limit=BATCH,
        )
        tx.commit()
    failing: set[UUID] = set()

    def deliver(piece: Work) -> None:
        if _goes_to(piece) in failing:
            # Not tried, so not counted: it waits as long as its own tries say.
            _again(house, piece, after=WAITS[min(_tries(piece), len(WAITS) - 1)])
        elif not _deliver(house, channel, piece):
            failing.add(_goes_to(piece))

    return do_each(house, leased, deliver)


def message_id_of(work_id: UUID) -> str:
    """Return the id under which a message is sent, each time the same."""
    return f"msg_{work_id.hex}"


def _goes_to(piece: Work) -> UUID:
    """Return the subscription that a delivery is for: a merchant's is about an order and names it."""
    return UUID(str(piece.payload["subscription_id"])) if piece.kind == MERCHANT_DELIVERY else piece.subject_id


def _tries(piece: Work) -> int:
    """Return how often a delivery was really tried: a lease that was lost or given back is none."""
    return int(str(piece.payload.get("tries", 0)))


def _deliver(house: House, channel: WebhookChannel, piece: Work) -> bool:
    """Try once; return whether the receiver is well."""
    with house.database.transaction() as tx:
        to = webhook.load(tx, subscription_id=_goes_to(piece))
        secret = webhook.open_secret(tx, keyring=house.keyring, subscription_id=to.subscription_id)
    if to.ended_at is not None:
        _done(house, piece, to, ended=DROPPED)
        return True
    message = Webhook(
        message_id=message_id_of(piece.work_id),
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
    status = answer.status if isinstance(answer, Taken | NotTaken) else None
    if isinstance(answer, Taken):
        _done(house, piece, to, ended=DELIVERED, status=status)
        return True
    if isinstance(answer, NotTaken) and answer.gone:
        _done(house, piece, to, ended=GIVEN_UP, status=status, ends=True)
        return False
    tries = _tries(piece) + 1
    if tries >= ATTEMPTS_MAX:
        _done(house, piece, to, ended=GIVEN_UP, status=status)
    else:
        _again(house, piece, after=WAITS[tries - 1], tries=tries)
    return False


def _again(house: House, piece: Work, *, after: timedelta, tries: int | None = None) -> None:
    payload = None if tries is None else {**piece.payload, "tries": tries}
    with house.database.transaction() as tx:
        work.reschedule(tx, work=piece, run_at=house.clock.now() + after, payload=payload)
        tx.commit()


def _done(
    house: House, piece: Work, to: Subscription, *, ended: str, status: int | None = None, ends: bool = False
) -> None:
    now, payload = house.clock.now(), None
    with house.database.transaction() as tx:
        if piece.kind == MERCHANT_DELIVERY:
            tries = _tries(piece) + (ended != DROPPED)
            payload = {**piece.payload, "tries": tries, "ended": ended, "answer": status}
            if ended == DELIVERED:
                _witness(tx, house, piece, status=status)
        work.complete(tx, work=piece, now=now, payload=payload)
        counted = {ended: 1} if ended != DROPPED else {}
        webhook.count(tx, subscription_id=to.subscription_id, **counted)
        if ends:
            webhook.end(tx, subscription_id=to.subscription_id, at=now)
        tx.commit()
    if ended == GIVEN_UP:
        log.warning(
            "webhook.given_up",
            extra={"fields": {"subscription_id": to.subscription_id.hex, "message_id": piece.work_id.hex}},
        )


def _witness(tx: Transaction, house: House, piece: Work, *, status: int | None) -> None:
    """Leave a leaf that a merchant has a message, in the cell of whoever took the order; of nobody's there is none."""
    of = checkout.load(tx, checkout_id=piece.subject_id)
    if of is None or of.person_id is None or tx.cell_of(of.person_id) != piece.cell:
        return
    tx.lock_cell(piece.cell)
    evidence.append(
        tx,
        keyring=house.keyring,
        cell=piece.cell,
        person_id=of.person_id,
        kind=LeafKind.MERCHANT_TOLD,
        subject_id=piece.work_id,
        at=house.clock.now(),
        facts={
            "checkout_id": of.checkout_id.hex,
            "event": str(piece.payload["event"]),
            "message_hash": hashlib.sha256(str(piece.payload["body"]).encode()).hexdigest(),
            "answer": status,
        },
    )
