"""The two transactions of an order's step, for a caller that adds its own postings before it commits.

with database.transaction() as tx:                       with database.transaction() as tx:
    order, action = announce(tx, order_id=…, …)              heard = hear(tx, order_id=…, word=…, at=…)
    tx.commit()                                              if heard.paid: … post the hold …
                                                             if heard.failed: … void the hold …
                                                             tx.commit()
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain import order as life
from mingqu.domain.moment import business_date_of
from mingqu.domain.order import (
    Action,
    AlertHuman,
    Ask,
    Order,
    OrderConflict,
    OrderKind,
    OrderState,
    Send,
    Wait,
)
from mingqu.domain.word import Word
from mingqu.services.house import DEDUCTING
from mingqu.store.orders import order as orders
from mingqu.store.orders.order import Direction
from mingqu.store.revolving import bill_deduction
from mingqu.store.server.database import Transaction

DEDUCTION_LOST_AFTER: Final = timedelta(days=2)  # its own day, and one on which the last statement becomes whole
PAYMENT_HEARD_WITHIN: Final = timedelta(minutes=5)  # or it is looked for again: a deduction has the whole day


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An order before and after a word. `conflict` is what could not be, if the word was not applied."""

    before: Order
    after: Order
    conflict: OrderConflict | None = None

    @property
    def paid(self) -> bool:
        """Whether this very word ended the order as paid: true once in an order's life."""
        return self.before.open and self.after.state is OrderState.PAID

    @property
    def failed(self) -> bool:
        """Whether this very word ended the order as failed: true once in an order's life."""
        return self.before.open and self.after.state is OrderState.FAILED


def announce(tx: Transaction, *, order_id: UUID, now: datetime, resend_is_safe: bool) -> tuple[Order, Action]:
    """Decide what is to be done about an order and store that it will be done. Errors: NotFound.

    A bill's deduction waits while another payment of its account may still succeed unheard: nobody pays twice. No
    deduction is said again on a later day than the first time, for its owner agreed to that day (the consents' texts):
    its channel is asked for it, and in the end people decide (`seek_lost_order`).
    """
    tx.lock_cell(tx.cell_of(order_id))
    before = orders.load(tx, order_id=order_id)
    if _is_fresh_deduction(before) and bill_deduction.waits_for_payment(tx, order_id=order_id):
        until = now + PAYMENT_HEARD_WITHIN
        return wait_until(tx, order_id=order_id, at=until), Wait(until=until)
    action = life.next_action(before, now=now, resend_is_safe=resend_is_safe and _is_of_its_day(before, now=now))
    match action:
        case Send() | Ask():
            after = life.announce(before, action, at=now)
            orders.update(tx, before=before, after=after)
            said = "send" if isinstance(action, Send) else "ask"
            orders.record_word(tx, order=after, at=now, direction=Direction.SAID, word=said)
        case AlertHuman(code=code):
            after = life.announce(before, action, at=now)
            orders.update(tx, before=before, after=after)
            orders.record_word(tx, order=after, at=now, direction=Direction.NOTED, word="alert", code=code)
        case _:
            after = before
    return after, action


def is_lost(known: Order, *, now: datetime) -> bool:
    """Return whether nobody knows an order and it may be said no more: a deduction sooner, for it has one day."""
    return life.is_lost(known, now=now, after=DEDUCTION_LOST_AFTER if _is_deduction(known) else life.LOST_AFTER)


def _is_of_its_day(before: Order, *, now: datetime) -> bool:
    """Whether it is the day on which an order may be said (again): any, but of a deduction that was sent."""
    return (
        not _is_deduction(before) or before.sent_at is None or business_date_of(now) == business_date_of(before.sent_at)
    )


def _is_deduction(before: Order) -> bool:
    return before.kind is OrderKind.COLLECTION and before.channel in DEDUCTING


def _is_fresh_deduction(before: Order) -> bool:
    """Whether an order may be a bill's deduction that was not sent yet: from a card, or a wallet that names none."""
    fresh = before.state is OrderState.RESERVED and before.kind is OrderKind.COLLECTION
    return fresh and before.loan_id is None


def hear(tx: Transaction, *, order_id: UUID, word: Word, at: datetime) -> Heard:
    """Store a word of the channel and what it does to the order. Errors: NotFound.

    The word is kept even when it changes nothing or cannot be; a conflict marks the order and moves no money.
    """
    tx.lock_cell(tx.cell_of(order_id))
    before = orders.load(tx, order_id=order_id)
    conflict: OrderConflict | None = None
    try:
        after = life.apply(before, word, at=at)
    except OrderConflict as found:
        conflict, after = found, life.dispute(before, found)
    if after is not before:
        orders.update(tx, before=before, after=after)
    orders.record_word(tx, order=after, at=at, direction=Direction.HEARD, word=word)
    if conflict is not None:
        orders.record_word(tx, order=after, at=at, direction=Direction.NOTED, word="conflict", code=conflict.code)
    return Heard(before=before, after=after, conflict=conflict)


def withdraw(tx: Transaction, *, order_id: UUID, code: str, at: datetime) -> Order:
    """End an order before anything was said, and return it. Errors: NotFound, OrderAlreadySent, OrderEnded."""
    tx.lock_cell(tx.cell_of(order_id))
    before = orders.load(tx, order_id=order_id)
    after = life.withdraw(before, code=code)
    orders.update(tx, before=before, after=after)
    orders.record_word(tx, order=after, at=at, direction=Direction.NOTED, word="withdraw", code=code)
    return after


def postpone(tx: Transaction, *, order_id: UUID, until: datetime) -> Order:
    """Let an order that could not even be asked wait until a moment, and return it."""
    tx.lock_cell(tx.cell_of(order_id))
    before = orders.load(tx, order_id=order_id)
    after = replace(before, next_at=until, version=before.version + 1)
    orders.update(tx, before=before, after=after)
    return after


def wait_until(tx: Transaction, *, order_id: UUID, at: datetime) -> Order:
    """Let an order that was not sent yet wait until its channel works, and return it; one that was is left alone."""
    tx.lock_cell(tx.cell_of(order_id))
    before = orders.load(tx, order_id=order_id)
    if before.sent_at is not None or not before.open or before.next_at >= at:
        return before
    after = replace(before, next_at=at, version=before.version + 1)
    orders.update(tx, before=before, after=after)
    return after


def hasten(tx: Transaction, *, order_id: UUID, at: datetime) -> Order:
    """Let an order be due at once, because a person wants to know now, and return it."""
    tx.lock_cell(tx.cell_of(order_id))
    before = orders.load(tx, order_id=order_id)
    if before.next_at <= at:
        return before
    after = replace(before, next_at=at, version=before.version + 1)
    orders.update(tx, before=before, after=after)
    return after
