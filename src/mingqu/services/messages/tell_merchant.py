"""Tell a merchant what became of an order of its own: paid, not paid, money back, time over.

A message says what the merchant's own view of the order says, and nothing of who took it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import beside
from mingqu.services.house import House
from mingqu.store.merchants import checkout
from mingqu.store.merchants.checkout import Checkout
from mingqu.store.messages import webhook
from mingqu.store.server import work
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import NewWork

MERCHANT_DELIVERY: Final = "merchant_webhook"
MESSAGES_SHOWN_MAX: Final = 50  # of an order: some for each refund, to each address of the merchant


class MerchantEvent(StrEnum):
    """What a merchant may be told of."""

    PAID = "checkout.paid"
    FAILED = "checkout.failed"
    REFUNDED = "checkout.refunded"
    EXPIRED = "checkout.expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class MerchantMessage:
    """A message about an order, and what became of it: `delivered_at` is when the merchant took it.

    `ended` is "" while it is tried, then delivered, given_up, or dropped where its subscription had ended.
    """

    event: str
    made_at: datetime
    tries: int
    ended: str
    delivered_at: datetime | None
    answer: int | None


def tell_merchant(
    tx: Transaction,
    house: House,
    *,
    cell: int,
    of: Checkout,
    event: MerchantEvent,
    cause: UUID,
    facts: Mapping[str, str | int] | None = None,
) -> None:
    """Write a message to every address of the order's merchant that asked for the event; the caller commits them.

    `cause` is what happened, an id of the `cell`: of one cause an event is told once. Amounts in fen.
    """
    now = house.clock.now()
    body = {
        "type": event.value,
        "timestamp": now.isoformat(),
        "data": {
            "checkout_id": str(of.checkout_id),
            "number": of.number,
            "amount_fen": of.amount_fen,
            "currency": of.currency,
            "order_hash": of.order_hash.hex(),
            **(facts or {}),
        },
    }
    rows = [
        NewWork(
            work_id=beside(cause, purpose=f"{event} {one.subscription_id.hex}"),
            kind=MERCHANT_DELIVERY,
            subject_id=of.checkout_id,
            run_at=now,
            payload={
                "event": event.value,
                "subscription_id": one.subscription_id.hex,
                "made_at": now.isoformat(),
                "body": json.dumps(body, ensure_ascii=False),
            },
        )
        for one in webhook.of_merchant(tx, merchant=of.merchant)
        if one.ended_at is None and event.value in one.events
    ]
    work.enqueue_many(tx, cell=cell, rows=rows)


def tell_of_loan(
    tx: Transaction,
    house: House,
    *,
    loan_id: UUID,
    event: MerchantEvent,
    cause: UUID,
    facts: Mapping[str, str | int] | None = None,
) -> None:
    """Tell the merchant whose order a loan pays what became of the money; of any other loan nobody is told.

    The caller holds the lock of the loan's cell and commits.
    """
    bought = checkout.of_loan(tx, loan_id=loan_id)
    if bought is None:
        return
    of = checkout.load(tx, checkout_id=bought.checkout_id)
    assert of is not None, "a loan pays an order that is there"
    tell_merchant(tx, house, cell=tx.cell_of(loan_id), of=of, event=event, cause=cause, facts=facts)


def tell_of_refund(tx: Transaction, house: House, *, order_id: UUID) -> bool:
    """Tell a merchant that what it gave back has come; return whether a collection is such a refund.

    The caller holds the lock of the collection's cell, in which it has ended as paid, and commits.
    """
    refund = checkout.refund_of(tx, order_id=order_id)
    if refund is None:
        return False
    of = checkout.load(tx, checkout_id=refund.checkout_id)
    assert of is not None
    assert of.person_id is not None, "somebody paid what is given back"
    tell_merchant(
        tx,
        house,
        cell=tx.cell_of(order_id),
        of=of,
        event=MerchantEvent.REFUNDED,
        cause=order_id,
        facts={
            "refund_number": refund.number,
            "refund_fen": refund.amount_fen,
            "refunded_fen": checkout.refunded_fen(tx, person_id=of.person_id, checkout_id=of.checkout_id),
        },
    )
    return True


def messages_about(tx: Transaction, *, of: Checkout) -> list[MerchantMessage]:
    """Return what a merchant was told of an order, or is being told, the oldest first."""
    cells = {tx.cell_of(of.checkout_id)} | ({tx.cell_of(of.person_id)} if of.person_id is not None else set())
    found: list[MerchantMessage] = []
    for cell in sorted(cells):
        rows = work.of_subjects(
            tx, cell=cell, kind=MERCHANT_DELIVERY, subject_ids=[of.checkout_id], limit=MESSAGES_SHOWN_MAX
        )
        found += [_message(done_at, payload) for _, _, done_at, payload in rows]
    return sorted(found, key=lambda one: (one.made_at, one.event))


def _message(done_at: datetime | None, payload: Mapping[str, object]) -> MerchantMessage:
    ended, answer = str(payload.get("ended", "")), payload.get("answer")
    return MerchantMessage(
        event=str(payload["event"]),
        made_at=datetime.fromisoformat(str(payload["made_at"])),
        tries=int(str(payload.get("tries", 0))),
        ended=ended,
        delivered_at=done_at if ended == "delivered" else None,
        answer=None if answer is None else int(str(answer)),
    )
