"""What an order's end means to its revolving account: posted and told in the transaction that ends it."""

from __future__ import annotations

from mingqu.domain.ledger import Reason
from mingqu.domain.order import Order, OrderKind, OrderState, parent_of_holds
from mingqu.domain.spend import SpendEvent, SpendKind, deducted_fen
from mingqu.services.house import House
from mingqu.services.revolving.draw_cash import holds_of_draw
from mingqu.services.revolving.record_spend import bring_up_all, day_to_tell, give_back, record_spend
from mingqu.services.revolving.return_credit import settle_return
from mingqu.services.revolving.route_spend import release_spend
from mingqu.services.revolving.tell_of_deductions import tell_deducted, tell_not_deducted
from mingqu.store.revolving import bill_deduction, spend
from mingqu.store.revolving.bill_deduction import Choice
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.server.database import Transaction


def settle_spend(tx: Transaction, house: House, *, ended: Order) -> None:
    """Record a draw that was paid out or a payment that came in, from the day on which the channel says it was.

    A payment that was judged late in the meantime counts from the day the account has reached, and one that is heard
    while another may have come in time from the last day before the bill is made or judged. A draw that was refused
    for good gives back what was held for it. What became of a bill's deduction is told to the account's owner.
    """
    account = spend.account_of_order(tx, order_id=ended.order_id)
    if ended.kind is OrderKind.RETURN:
        settle_return(tx, house, account=account, ended=ended)
        return
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
        elif deducts := bill_deduction.bill_of_order(tx, order_id=ended.order_id):
            _not_deducted(tx, house, account, ended, *deducts)
        return
    assert ended.value_date is not None
    drawn = ended.kind is OrderKind.PAYOUT
    on = max(ended.value_date, account.state.day)
    if not drawn:
        on = day_to_tell(tx, account=account, on=on)
    account = bring_up_all(tx, house, accounts=[account], to=on)[0]
    event = SpendEvent(
        event_id=ended.order_id,
        kind=SpendKind.DRAWN if drawn else SpendKind.REPAID,
        on=on,
        amount_fen=ended.amount_fen,
    )
    holds = holds_of_draw(ended.order_id) if drawn else ()
    account = record_spend(tx, house, account=account, event=event, holds=holds)
    if not drawn and bill_deduction.bill_of_order(tx, order_id=ended.order_id):
        tell_deducted(tx, house, account=account, paid=ended)


def _not_deducted(
    tx: Transaction, house: House, account: SpendAccount, ended: Order, choice: Choice, number: int
) -> None:
    """Tell what of a bill's part is lacking, unless nothing is; behind the next bill, what of it stands in that one."""
    bill = next(one for one in spend.statements_of(tx, account_id=account.account_id) if one.number == number)
    last = account.state.bill
    assert last is not None, "an account of which something is deducted has a bill"
    if last.number == number:
        left_fen = deducted_fen(account.state, choice.part)
    else:
        left_fen = min(ended.amount_fen, max(0, account.state.whole_fen))
    if left_fen:
        tell_not_deducted(tx, house, account=account, bill=bill, amount_fen=left_fen)
