"""Ask the channel about the orders of open breaks: only its word books. A bill never overrules an answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.order import Order, OrderState
from mingqu.domain.ownership import NotFound as NoSuchOrder
from mingqu.domain.reconciliation import BreakState
from mingqu.domain.refusal import Refusal
from mingqu.domain.word import Failed, InProgress, NotFound, Paid, Refused, Silent, name_of
from mingqu.ports.silence import ChannelSilent
from mingqu.services.house import House
from mingqu.services.orders import keep_order
from mingqu.services.orders.hear_order import BookOrders
from mingqu.services.orders.run_errand import errand_of, run_errand
from mingqu.store.bills import reconciliation
from mingqu.store.bills.reconciliation import KnownBreak
from mingqu.store.orders import order
from mingqu.store.server.database import DatabaseUnavailable

# A day of many breaks is one trouble and not so many questions; the rest is asked in the next rounds.
ASKS_MAX: Final = 100
AGAIN_AFTER: Final = timedelta(hours=6)  # the answer of this morning may be another one in the evening
NO_ORDER: Final = "no_such_order"
_FINAL: Final = (Paid, Failed, Refused)


def ask_about_breaks(house: House, *, breaks: Sequence[KnownBreak]) -> int:
    """Ask about the orders of breaks that are open, at most ASKS_MAX, and return how many orders changed by it.

    An order that is open is asked by its own errand. Of one that has ended only explicit words are heard: the same word
    changes nothing, and another one puts the order into dispute, where two people decide.
    """
    now, asked, changed = house.clock.now(), 0, 0
    for one in breaks:
        if one.state is not BreakState.OPEN or one.order_id is None or asked == ASKS_MAX:
            continue
        if one.asked_at is not None and now - one.asked_at < AGAIN_AFTER:
            continue
        asked += 1
        answer, has_changed = _ask(house, order_id=one.order_id, at=now)
        changed += has_changed
        _note(house, break_id=one.break_id, answer=answer, at=now)
    return changed


def _ask(house: House, *, order_id: UUID, at: datetime) -> tuple[str, bool]:
    """Return what came of asking: a word's name or a refusal's code, and whether the order is another one now."""
    try:
        with house.database.transaction() as tx:
            before = order.load(tx, order_id=order_id)
        if before.sent_at is None or before.disputed:
            return before.state.value.lower(), False  # nothing was said to the channel, or people are at it
        if before.open:
            house.database.run(lambda tx: keep_order.hasten(tx, order_id=order_id, at=at))
            after, _ = run_errand(house, order_id=order_id)
            return after.state.value.lower(), after.state is not before.state
        return _ask_of_ended(house, before, at=at)
    except NoSuchOrder:
        return NO_ORDER, False
    except DatabaseUnavailable:
        raise  # nothing else will work either
    except Refusal as refusal:
        return refusal.code, False


def _ask_of_ended(house: House, before: Order, *, at: datetime) -> tuple[str, bool]:
    word: Paid | Failed | InProgress | NotFound | Silent
    try:
        word = errand_of(house, order=before).ask(before)
    except ChannelSilent as silent:
        word = Silent(reason=silent.reason)
    agrees = isinstance(word, Paid) == (before.state is OrderState.PAID)
    if not isinstance(word, _FINAL) or (agrees and not _is_otherwise(before, word)):
        return name_of(word), False
    after = BookOrders(house=house).hear(order_id=before.order_id, word=word, at=at)
    return name_of(word), after != before


def _is_otherwise(before: Order, word: Paid | Failed | Refused) -> bool:
    """Whether a word that the order was paid speaks of another amount, currency or number than we have."""
    return isinstance(word, Paid) and (word.amount_fen, word.currency, word.reference) != (
        before.amount_fen,
        before.currency,
        before.reference,
    )


def _note(house: House, *, break_id: UUID, answer: str, at: datetime) -> None:
    house.database.run(lambda tx: reconciliation.asked(tx, break_id=break_id, answer=answer, at=at))
