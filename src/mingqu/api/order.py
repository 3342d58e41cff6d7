"""What became of the caller's money on its way: orders to channels, and payments made by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar.params import FromPath, JSONBody

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.operation import reads, writes
from mingqu.api.shape import Answer, Body, Fen, FenAsked, shaped
from mingqu.domain.loan import Intent
from mingqu.domain.ownership import NotFound
from mingqu.services.house import HOSTED
from mingqu.services.loans.withdraw_loan import CoolingOffOver
from mingqu.services.once import once_done
from mingqu.services.orders.run_errand import PaymentChannelUnknown
from mingqu.services.repayment.read_loans import OrderView, order_view
from mingqu.services.repayment.repay import ChannelUnavailable, NothingDue, open_page, repay_by_hand

TAG: Final = "Payments"


class OrderStep(Answer, frozen=True, kw_only=True):
    """A state that an order went through, and when."""

    state: Annotated[str, msgspec.Meta(examples=["SENT"])]
    at: datetime


class Order(Answer, frozen=True, kw_only=True):
    """An order to a channel. `UNKNOWN` means that the channel fell silent: it is asked again, never paid again."""

    order_id: UUID
    kind: Annotated[str, msgspec.Meta(examples=["payout"])]
    state: Annotated[str, msgspec.Meta(description="RESERVED, SENT, UNKNOWN, PAID or FAILED.", examples=["PAID"])]
    loan_id: UUID | None
    instrument_id: UUID | None
    amount_fen: Fen
    currency: Annotated[str, msgspec.Meta(examples=["CNY"])]
    channel: Annotated[str, msgspec.Meta(examples=["bank"])]
    run_at: datetime
    paid_at: datetime | None
    refusal_code: str | None
    steps: list[OrderStep]


class NewPayment(Body, frozen=True, kw_only=True):
    """A payment by hand: `due` pays what is due, `payoff` everything, `withdraw` gives the loan back in its first days.

    Without an amount, just what that takes.
    """

    loan_id: UUID
    intent: Intent
    amount_fen: FenAsked | None = None
    channel: Annotated[
        str,
        msgspec.Meta(description="`hosted`, or `alipay` where it is connected.", examples=["hosted"], max_length=32),
    ] = HOSTED


class PaymentOrder(Answer, frozen=True, kw_only=True):
    """The order that waits for the payment."""

    order_id: UUID
    amount_fen: Fen


class PaymentPage(Answer, frozen=True, kw_only=True):
    """Where the person pays."""

    address: Annotated[str, msgspec.Meta(examples=["https://bank.example/pay/0192…"])]


@reads("/orders/{order_id:uuid}", tag=TAG)
def read_order(order_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> Order:
    """Read what became of a payout, a deduction or a payment."""
    return order_of(order_view(house, person_id=caller.person_id, order_id=order_id))


@writes("/payments", tag=TAG, refuses=(NotFound, NothingDue, CoolingOffOver, PaymentChannelUnknown))
def make_payment(data: JSONBody[NewPayment], key: KeyHere, house: HouseHere, caller: CallerHere) -> PaymentOrder:
    """Make an order that the person pays by hand."""
    page = repay_by_hand(
        house,
        person_id=caller.person_id,
        loan_id=data.loan_id,
        intent=data.intent,
        amount_fen=data.amount_fen,
        channel=data.channel,
        key=key,
    )
    return PaymentOrder(order_id=page.order_id, amount_fen=page.amount_fen)


@writes("/payments/{order_id:uuid}/page", tag=TAG, body=False, status=200, refuses=(NothingDue, ChannelUnavailable))
def open_payment_page(order_id: FromPath[UUID], key: KeyHere, house: HouseHere, caller: CallerHere) -> PaymentPage:
    """Open the channel's page of a payment; sent again under its key it is the same page, paid by now or not."""

    def act() -> dict[str, object]:
        return {"address": open_page(house, person_id=caller.person_id, order_id=order_id).address}

    request = {"order_id": order_id.hex}
    answer = once_done(house, scope=caller.person_id, command="open_page", key=key, request=request, act=act)
    return PaymentPage(address=str(answer["address"]))


def order_of(view: OrderView) -> Order:
    """Return an order as it is answered."""
    return shaped(view, Order)


HANDLERS: Final = (read_order, make_payment, open_payment_page)
