"""A cash draw of a revolving account that was paid and came back (退汇): the account is told again without it.

Its owner never had the money, so nothing of it was ever owed: principal, interest, fee and penalty are taken back by
the ledger's difference, days that were late because of it were not, and both limits and what its source lends are free
again. The order stays PAID, for so it was, and an event of its own takes it back; the money stands in the lender's cash
as before the draw. What was paid meanwhile pays what else is owed, and the rest is the owner's. A bill that was sent
stays as it was sent, beside what is left of it; a deduction that was not sent asks for that much and no more, and one
that is under way becomes the owner's credit if it succeeds. Nothing therefore rests on a draw that could not follow.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from mingqu.domain.order import Order
from mingqu.domain.spend import SpendEvent, SpendKind
from mingqu.services.house import House
from mingqu.services.messages.tell_webhooks import Event, Told, tell
from mingqu.services.revolving.record_spend import bring_up_all, day_to_tell, record_spend
from mingqu.services.revolving.route_spend import use_less
from mingqu.services.revolving.tell_account import promise_notice
from mingqu.store.revolving import spend
from mingqu.store.server.database import Transaction

RETURNED: Final = "spend.draw_returned"


def is_drawn(tx: Transaction, *, order_id: UUID) -> bool:
    """Whether an order is a draw of its revolving account that stands."""
    events = spend.events_of(tx, account_id=spend.account_of_order(tx, order_id=order_id).account_id)
    drawn = any(one.kind is SpendKind.DRAWN and one.event_id == order_id for one in events)
    return drawn and not any(one.target == order_id and one.kind is SpendKind.DRAW_RETURNED for one in events)


def return_draw(tx: Transaction, house: House, *, returned: Order) -> None:
    """Let a draw that came back never have been; the caller holds the cell's lock, has looked that it stands, and
    commits. Whoever draws again does so by a new order."""
    account = spend.account_of_order(tx, order_id=returned.order_id)
    on = day_to_tell(tx, account=account, on=house.clock.business_date())
    account = bring_up_all(tx, house, accounts=[account], to=on)[0]
    event = SpendEvent(
        event_id=house.id_for(account.person_id),
        kind=SpendKind.DRAW_RETURNED,
        on=on,
        amount_fen=returned.amount_fen,
        target=returned.order_id,
    )
    account = record_spend(tx, house, account=account, event=event)
    use_less(tx, house, account=account)
    told = Told(
        event=Event.DRAW_RETURNED,
        person_id=account.person_id,
        subject_id=returned.order_id,
        on=on,
        facts={
            "account_id": str(account.account_id),
            "order_id": str(returned.order_id),
            "amount_fen": returned.amount_fen,
            "currency": returned.currency,
            "value_date": None if returned.value_date is None else returned.value_date.isoformat(),
        },
    )
    tell(tx, house, cell=account.cell, told=[told])
    promise_notice(
        tx,
        house,
        account=account,
        template=RETURNED,
        amount_fen=returned.amount_fen,
        on=returned.value_date,
        mark=returned.order_id.hex,
    )
