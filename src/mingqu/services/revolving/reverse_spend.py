"""A repayment of a revolving account that turned out not to have come (a bounced deduction): it is owed again.

What it had paid of each (principal, interest, fee, penalty, the owner's credit) its account's story says, told without
draws that came back. It is owed again from the day on which that is known, as part of the next bill: what the bills
before said stays, and nothing is borne for the days between; while another payment of the account is on its way, from
the evening that waits for it, so that whoever paid in time is not late. The limit is drawn again, above it if need be,
and its source's limits are used again as far as they have room. A return of the owner's
credit that was not sent yet is withdrawn first, where the payment had brought that credit. The owner is told.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from mingqu.domain.order import Order
from mingqu.domain.spend import SpendEvent, SpendKind, tell, undoing
from mingqu.services.house import House
from mingqu.services.revolving.record_spend import bring_up_all, day_to_tell, record_spend
from mingqu.services.revolving.return_credit import keep_unsent
from mingqu.services.revolving.route_spend import use_again
from mingqu.services.revolving.tell_account import promise_notice
from mingqu.store.revolving import spend
from mingqu.store.server.database import Transaction

REVERSED: Final = "spend.reversed"


def is_paid(tx: Transaction, *, order_id: UUID) -> bool:
    """Whether an order is a repayment of its revolving account that stands."""
    events = spend.events_of(tx, account_id=spend.account_of_order(tx, order_id=order_id).account_id)
    paid = any(one.kind is SpendKind.REPAID and one.event_id == order_id for one in events)
    return paid and not any(one.target == order_id for one in events)


def reverse_spend(tx: Transaction, house: House, *, bounced: Order) -> None:
    """Let a repayment be owed again; the caller holds the cell's lock, has looked that it stands, and commits."""
    account = spend.account_of_order(tx, order_id=bounced.order_id)
    on = day_to_tell(tx, account=account, on=house.clock.business_date())
    account = bring_up_all(tx, house, accounts=[account], to=on)[0]
    story = tell(
        terms=account.terms,
        opened_on=account.opened_on,
        limit_fen=account.granted_fen,
        events=spend.events_of(tx, account_id=account.account_id),
        to=on,
    )
    parts = undoing(story.paid[bounced.order_id], amount_fen=bounced.amount_fen)
    account = keep_unsent(tx, house, account=account, wanted_fen=parts[SpendKind.REVERSED])
    for kind, amount_fen in parts.items():
        event = SpendEvent(
            event_id=house.id_for(account.person_id), kind=kind, on=on, amount_fen=amount_fen, target=bounced.order_id
        )
        account = record_spend(tx, house, account=account, event=event)
    use_again(tx, house, account=account)
    promise_notice(
        tx,
        house,
        account=account,
        template=REVERSED,
        amount_fen=bounced.amount_fen,
        on=bounced.value_date,
        mark=bounced.order_id.hex,
    )
