"""What an order's end means to its revolving account: posted and told in the transaction that ends it."""

from __future__ import annotations

from mingqu.domain.ledger import Reason
from mingqu.domain.order import Order, OrderKind, OrderState, parent_of_holds
from mingqu.domain.spend import SpendEvent, SpendKind
from mingqu.services.house import House
from mingqu.services.revolving.draw_cash import holds_of_draw
from mingqu.services.revolving.record_spend import bring_up_all, give_back, record_spend
from mingqu.services.revolving.route_spend import release_spend
from mingqu.store import spend
from mingqu.store.database import Transaction


def settle_spend(tx: Transaction, house: House, *, ended: Order) -> None:
    """Record a draw that was paid out or a payment that came in, from the day on which the channel says it was.

    A payment that was judged late in the meantime counts from the day the account has reached. A draw that was refused
    for good gives back what was held for it.
    """
    account = spend.account_of_order(tx, order_id=ended.order_id)
    if ended.state is not OrderState.PAID:
        if ended.kind is OrderKind.PAYOUT:
            release_spend(tx, house, account=account, amount_fen=ended.amount_fen)
            give_back(
                tx,
                house,
                account=account,
                parent=parent_of_holds(ended.order_id),
                reference=ended.order_id,
                amount_fen=ended.amount_fen,
                reason=Reason.SPEND_DRAW,
            )
        return
    assert ended.value_date is not None
    on = max(ended.value_date, account.state.day)
    account = bring_up_all(tx, house, accounts=[account], to=on)[0]
    drawn = ended.kind is OrderKind.PAYOUT
    event = SpendEvent(
        event_id=ended.order_id,
        kind=SpendKind.DRAWN if drawn else SpendKind.REPAID,
        on=on,
        amount_fen=ended.amount_fen,
    )
    holds = holds_of_draw(ended.order_id) if drawn else ()
    record_spend(tx, house, account=account, event=event, holds=holds)
