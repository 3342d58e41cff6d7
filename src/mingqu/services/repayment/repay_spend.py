"""Pay a revolving account on the channel's page: the least payment, the bill, everything, or any amount."""

from __future__ import annotations

from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.money import AmountOutOfRange, Money
from mingqu.domain.order import OrderKind, OrderState, reserve
from mingqu.domain.spend import PaymentWish, wished_fen
from mingqu.services.house import HOSTED, House
from mingqu.services.once import Response, once
from mingqu.services.orders.keep_order import wait_until
from mingqu.services.orders.run_errand import PaymentChannelUnknown
from mingqu.services.repayment.repay import NothingDue, PaymentPage
from mingqu.services.revolving.deduct_bills import PAGE_HOUR
from mingqu.services.revolving.record_spend import RepaymentUnderWay, brought_up
from mingqu.store.orders import order
from mingqu.store.revolving import bill_deduction, spend
from mingqu.store.server.database import Transaction


def repay_spend(
    house: House,
    *,
    person_id: UUID,
    account_id: UUID,
    wish: PaymentWish,
    amount_fen: int | None = None,
    channel: str = HOSTED,
    key: str,
) -> PaymentPage:
    """Make an order that the person pays on the channel's page; without an amount, what the wish takes today.

    What is being deducted meanwhile is not asked for a second time, unless its owner names an amount; a deduction that
    was not sent yet lets the page go first. Paying is never frozen. Errors: NotFound, NothingDue, AmountOutOfRange,
    PaymentChannelUnknown, RepaymentUnderWay, and those of the key.
    """
    if house.page_of(channel) is None:
        raise PaymentChannelUnknown("Nobody is paid here by this name.")
    if amount_fen is not None and Money(amount_fen).fen <= 0:
        raise AmountOutOfRange("A repayment is of at least one fen.")

    def work(tx: Transaction) -> Response:
        account = spend.get_for(tx, person_id=person_id, account_id=account_id)
        account = brought_up(tx, house, account=account, to=house.clock.business_date())
        amount = amount_fen or wished_fen(account.state, wish)
        if account.state.whole_fen <= 0 or amount <= 0:
            raise NothingDue("Nothing is owed on this account.")
        for deduction in bill_deduction.open_orders(tx, account_id=account_id):
            if deduction.state is OrderState.RESERVED:
                wait_until(tx, order_id=deduction.order_id, at=house.clock.now() + PAGE_HOUR)
            elif amount_fen is None:
                amount -= deduction.amount_fen
        if amount <= 0:
            raise RepaymentUnderWay("This is being deducted just now; please look again in a moment.")
        order_id = house.id_for(person_id)
        order.insert(
            tx,
            order=reserve(
                order_id=order_id,
                kind=OrderKind.COLLECTION,
                person_id=person_id,
                loan_id=None,
                instrument_id=None,
                amount_fen=amount,
                currency=account.currency,
                channel=channel,
                run_at=house.clock.now(),
            ),
        )
        spend.insert_order(tx, account=account, order_id=order_id)
        return {"order_id": order_id.hex, "amount_fen": amount}

    request: dict[str, Canonical] = {
        "account_id": account_id.hex,
        "wish": wish.value,
        "amount_fen": amount_fen,
        "channel": channel,
    }
    answer = once(house, person_id=person_id, command="repay_spend", key=key, request=request, work=work)
    return PaymentPage(order_id=UUID(str(answer["order_id"])), amount_fen=int(str(answer["amount_fen"])))
