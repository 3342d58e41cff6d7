"""Ask a channel now what became of an order that it fell silent on: with the same number, never with a new one."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.operator import Permission
from mingqu.domain.refusal import Refusal
from mingqu.services.access.note_access import note_access
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.house import House
from mingqu.services.orders import keep_order
from mingqu.services.orders.run_errand import run_errand
from mingqu.store.operators import access
from mingqu.store.orders import order, queue
from mingqu.store.server.database import Transaction

# A channel answers within seconds; who presses the button twice is one question.
AGAIN_AFTER: Final = timedelta(seconds=10)


class AskedJustNow(Refusal):
    """The channel was asked about this order a moment ago: give it time to answer."""

    code: ClassVar[str] = "asked_just_now"
    status: ClassVar[int] = 429


class NothingToAsk(Refusal):
    """This order has ended, is in dispute, or was never said to its channel: there is nothing to ask about."""

    code: ClassVar[str] = "nothing_to_ask"
    status: ClassVar[int] = 409


def ask_again(house: House, *, seat: Seat, order_id: UUID) -> str:
    """Ask a channel about an order before its turn, and return the order's state after that.

    Errors: OperatorForbidden, NotFound, NothingToAsk, AskedJustNow.
    """
    seat.operator.require(Permission.ASK_AGAIN)

    def hasten(tx: Transaction) -> None:
        tx.lock_cell(tx.cell_of(order_id))
        now, waiting = house.clock.now(), order.load(tx, order_id=order_id)
        if not waiting.open or waiting.disputed or waiting.sent_at is None:
            raise NothingToAsk("There is nothing to ask about this order.", state=waiting.state.value)
        asked = queue.last_asked_at(tx, order_id=order_id)
        if asked is not None and now - asked < AGAIN_AFTER:
            raise AskedJustNow("The channel was asked a moment ago.", retry_after_seconds=AGAIN_AFTER.seconds)
        keep_order.hasten(tx, order_id=order_id, at=now)
        note_access(tx, house, seat=seat, person_id=waiting.person_id, what=access.ASK_AGAIN, subject_id=order_id)

    house.database.run(hasten)
    after, _ = run_errand(house, order_id=order_id)
    return after.state.value
