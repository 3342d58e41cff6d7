"""Send many orders in one message, where their channel takes batches; each is announced and heard as if sent alone.

A batch has no life of its own in the book. Each item is an order that was announced before, under its own number, and
hears its own word; an item that the answer leaves out, and every item of a batch that falls silent, is UNKNOWN and is
asked for by itself from then on. So a worker that dies anywhere here leaves what it leaves with single orders.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from mingqu.domain.order import Order, OrderKind, Send
from mingqu.domain.refusal import Refusal
from mingqu.domain.word import Silent, Word
from mingqu.ports.batch import BATCH_ITEMS_MAX, Batch, BatchChannel, BatchTaken
from mingqu.ports.collection import DeductionRequest
from mingqu.ports.payout import PayoutRequest
from mingqu.ports.silence import ChannelSilent
from mingqu.services.do_each import named
from mingqu.services.house import House
from mingqu.services.orders.chase_order import DeductionErrand, PayoutErrand
from mingqu.services.orders.hear_order import BookOrders
from mingqu.services.orders.run_errand import errand_of, is_over
from mingqu.store.orders import order
from mingqu.store.server.database import TROUBLE

log = logging.getLogger("mingqu.work")

_PAYING: Final = (OrderKind.PAYOUT, OrderKind.RETURN)


def send_batches(house: House, *, due: Sequence[UUID]) -> set[UUID]:
    """Send those of `due` orders in batches that were never sent and are many enough; return which were taken a step.

    Fewer than `Settings.batch_from` of a channel and direction are sent one by one: they end sooner so.
    """
    if not house.batches or len(due) < house.settings.batch_from:
        return set()
    with house.database.transaction() as tx:
        waiting = [order.load(tx, order_id=order_id) for order_id in due]
    now, sent = house.clock.now(), set()
    for name, channel in sorted(house.batches.items()):
        if house.opens_at(name, now) > now:
            continue
        fresh = [one for one in waiting if one.channel == name and one.open and one.sent_at is None]
        fresh = [one for one in fresh if not is_over(one, now=now)]
        for together in (
            [one for one in fresh if one.kind in _PAYING and one.instrument_id is not None],
            [one for one in fresh if one.kind is OrderKind.COLLECTION],
        ):
            if len(together) < house.settings.batch_from:
                continue
            for start in range(0, len(together), BATCH_ITEMS_MAX):
                sent |= _send_or_leave(house, channel, together[start : start + BATCH_ITEMS_MAX])
    return sent


def _send_or_leave(house: House, channel: BatchChannel, orders: Sequence[Order]) -> set[UUID]:
    """Send orders together; where that fails as nobody had foreseen, the single way takes each by itself.

    What was said by then is asked for, and only the one whose fault it is is set aside. Errors: the server's trouble.
    """
    try:
        return _send(house, channel, orders)
    except TROUBLE:
        raise
    except Exception as error:  # noqa: BLE001 - a batch has no life of its own: each of its orders goes on
        log.error("batch.failed", extra={"fields": {"orders": len(orders), "code": named(error)}})
        return set()


def _send(house: House, channel: BatchChannel, orders: Sequence[Order]) -> set[UUID]:
    """Announce orders one by one, say those that are to be sent in one message, and hear a word for each."""
    book, said = BookOrders(house=house), {}
    for one in orders:
        request = _request(house, one)
        if request is None:
            continue  # it is in trouble by itself: the single way says so
        _, action = book.announce(order_id=one.order_id, now=house.clock.now(), resend_is_safe=True)
        if isinstance(action, Send) and not action.again:
            said[one.order_id] = request
    if not said:
        return set()
    words = _say(house, channel, list(said.values()))
    for order_id, request in said.items():
        word = words.get(request.order_number, Silent(reason="unreadable"))
        book.hear(order_id=order_id, word=word, at=house.clock.now())
    return set(said)


def _say(house: House, channel: BatchChannel, items: Sequence[PayoutRequest | DeductionRequest]) -> dict[str, Word]:
    payouts = tuple(item for item in items if isinstance(item, PayoutRequest))
    deductions = tuple(item for item in items if isinstance(item, DeductionRequest))
    batch = Batch(batch_number=house.identifiers.fresh(0).hex, items=payouts or deductions)
    try:
        answer = channel.send_batch(batch)
    except ChannelSilent as silence:
        return {item.order_number: Silent(reason=silence.reason) for item in items}
    return dict(answer.words) if isinstance(answer, BatchTaken) else {}


def _request(house: House, one: Order) -> PayoutRequest | DeductionRequest | None:
    try:
        errand = errand_of(house, order=one)
    except Refusal:
        return None
    return errand.request(one) if isinstance(errand, PayoutErrand | DeductionErrand) else None
