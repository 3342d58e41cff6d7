"""An order that nobody knows: when it may be said no more, the channel's statements are read for it.

For a week after the first send a number that is "not found" is said again, a deduction's on the first day alone. After
that nothing more is said, for the channel's own memory of numbers may be ending. What then counts is what the channel's
account shows: every movement of every day since the first send. Found, the order is paid, by that line. Not found on
any of them, it is lost, machines leave it, and two people decide that it never will be done (`decide_order`), which
gives its hold back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain import order as life
from mingqu.domain.moment import business_date_of
from mingqu.domain.order import Order, OrderKind, OrderLost
from mingqu.domain.word import Paid
from mingqu.ports.payout import Direction, StatementLine
from mingqu.ports.silence import ChannelSilent
from mingqu.services.house import DEDUCTING, ENTRUSTED, House
from mingqu.services.orders.keep_order import is_lost
from mingqu.services.orders.settle_order import hear_word
from mingqu.store.orders import order
from mingqu.store.orders.order import Direction as Word
from mingqu.store.server.database import Transaction

NOT_ON_STATEMENT: Final = "not_on_statement"
# The window's seven days and the day on which the last statement becomes whole; later days hold no request of ours.
DAYS_MAX: Final = 10

Statement = Callable[[date], Sequence[StatementLine]]


def seek_lost_order(house: House, *, order_id: UUID) -> Order:
    """Read the channel's statements for an order that is lost, and return the order: paid, in dispute, or as it was.

    A channel that is silent on one of the days leaves everything as it is; the next round asks again. No transaction
    may be open. Errors: NotFound.
    """
    with house.database.transaction() as tx:
        known = order.load(tx, order_id=order_id)
    now = house.clock.now()
    statement = _statement_of(house, known)
    if statement is None or not is_lost(known, now=now):
        return known
    assert known.sent_at is not None
    try:
        line = _found(statement, known, since=known.sent_at, now=now)
    except ChannelSilent:
        return known
    if line is None:
        return house.database.run(lambda tx: _leave_to_people(tx, order_id=order_id, at=now))
    paid = Paid(at=line.succeeded_at, amount_fen=line.amount_fen, currency=line.currency, reference=line.reference)
    return house.database.run(lambda tx: hear_word(tx, house, order_id=order_id, word=paid, at=now))


def _statement_of(house: House, known: Order) -> Statement | None:
    """Return whose statement shows an order; pages end by themselves and have none here."""
    if known.kind is OrderKind.COLLECTION:
        deducting = house.deducts_over(known.channel) if known.channel in DEDUCTING else None
        return None if deducting is None else deducting.statement
    if known.instrument_id is None and known.kind is OrderKind.RETURN:
        return None  # of a refund: what became of it is said by its own question, for a year
    paying = house.entrusted if known.channel == ENTRUSTED else house.payout_of(known.channel)
    return None if paying is None else paying.statement


def _found(statement: Statement, known: Order, *, since: datetime, now: datetime) -> StatementLine | None:
    """Return the line that is the order's, from the day of its first send to yesterday. Errors: ChannelSilent."""
    direction = Direction.IN if known.kind is OrderKind.COLLECTION else Direction.OUT
    first = business_date_of(since)
    days = min(DAYS_MAX, (business_date_of(now) - first).days)
    for place in range(days):
        for line in statement(first + timedelta(days=place)):
            if line.order_number == known.number and line.direction is direction:
                return line
    return None


def _leave_to_people(tx: Transaction, *, order_id: UUID, at: datetime) -> Order:
    """Note that no statement shows it, and mark the order, unless something was heard of it meanwhile."""
    tx.lock_cell(tx.cell_of(order_id))
    before = order.load(tx, order_id=order_id)
    if not is_lost(before, now=at):
        return before
    after = life.dispute(before, OrderLost("No statement of the channel shows this order."))
    order.update(tx, before=before, after=after)
    order.record_word(tx, order=after, at=at, direction=Word.NOTED, word=NOT_ON_STATEMENT)
    order.record_word(tx, order=after, at=at, direction=Word.NOTED, word="conflict", code=OrderLost.code)
    return after
