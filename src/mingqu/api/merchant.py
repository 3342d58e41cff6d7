"""What merchants say of their orders: open one for checkout by instalments, look at it, cancel it, give money back.

Each request is signed with the merchant's own Ed25519 key, as RFC 9421 has it: components `"@method" "@path" "@query"
"content-digest"`, the merchant's code as key id, a time and a nonce of 32 hexadecimal digits used once. Every request
is signed anew, also one that is sent again; the Idempotency-Key then stays.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, SkipValidation

from mingqu.api.gate import HouseHere, KeyHere
from mingqu.api.operation import reads, writes
from mingqu.api.shape import PLAIN, Answer, Body, Fen, FenAsked, Hash, shaped
from mingqu.domain.checkout import (
    ITEMS_MAX,
    NAME_LENGTH_MAX,
    NUMBER_LENGTH_MAX,
    QUANTITY_MAX,
    CheckoutMalformed,
    Item,
    Merchant,
    MerchantUnknown,
    check_order,
)
from mingqu.ports.merchant import MerchantReplayed, MerchantStale, MerchantUnsigned
from mingqu.services.checkout.open_checkout import (
    CheckoutExists,
    CheckoutNotPaid,
    CheckoutTaken,
    CheckoutView,
    RefundAboveOrder,
    cancel_checkout,
    checkout_view,
    merchant_of_request,
    open_checkout,
    refund_checkout,
)
from mingqu.services.house import House
from mingqu.services.messages.subscribe_webhook import URL_LENGTH_MAX
from mingqu.services.messages.tell_merchant import MerchantEvent
from mingqu.services.repayment.repay import ChannelUnavailable

TAG: Final = "Merchants"
MerchantHere = NamedDependency[SkipValidation[Merchant]]
SIGNED: Final = (MerchantUnsigned, MerchantStale, MerchantReplayed, MerchantUnknown)
OrderNumber = Annotated[
    str, msgspec.Meta(min_length=1, max_length=NUMBER_LENGTH_MAX, pattern=PLAIN, examples=["R-2026-1001"])
]
State = Annotated[str, msgspec.Meta(examples=["open"], description="open, taken, signed, paid, failed, …")]


class Goods(Body, frozen=True, kw_only=True):
    """One of the goods; the price is that of a single one."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LENGTH_MAX, pattern=PLAIN, examples=["橡木餐桌"])]
    quantity: Annotated[int, msgspec.Meta(ge=1, le=QUANTITY_MAX, examples=[1])]
    price_fen: FenAsked


class NewCheckout(Body, frozen=True, kw_only=True):
    """An order: the merchant's number, the goods, what they come to, and where its buyer goes on afterwards."""

    number: OrderNumber
    items: Annotated[list[Goods], msgspec.Meta(min_length=1, max_length=ITEMS_MAX)]
    amount_fen: FenAsked
    currency: Annotated[str, msgspec.Meta(min_length=3, max_length=3, pattern="^[A-Z]{3}$", examples=["CNY"])]
    return_url: (
        Annotated[
            str, msgspec.Meta(min_length=1, max_length=URL_LENGTH_MAX, examples=["https://shop.example/orders/1"])
        ]
        | None
    ) = None


class Refund(Answer, frozen=True, kw_only=True):
    """What comes back, by the merchant's own number; `state` is that of the payment that brings it."""

    number: OrderNumber
    amount_fen: Fen
    state: Annotated[str, msgspec.Meta(examples=["PAID"])]


class Message(Answer, frozen=True, kw_only=True):
    """What the merchant was told of an order, and what became of that: the merchant's answer, and when it came.

    `ended` is empty while it is tried, then delivered, given_up, or dropped where the address had been ended.
    """

    event: MerchantEvent
    made_at: datetime
    tries: Annotated[int, msgspec.Meta(examples=[1])]
    ended: Annotated[str, msgspec.Meta(examples=["delivered"])]
    delivered_at: datetime | None
    answer: Annotated[int | None, msgspec.Meta(examples=[204])]


class Checkout(Answer, frozen=True, kw_only=True):
    """An order as it stands. The buyer opens `/checkout/{checkout_id}` on the borrower's pages."""

    checkout_id: UUID
    number: OrderNumber
    amount_fen: Fen
    currency: Annotated[str, msgspec.Meta(examples=["CNY"])]
    order_hash: Hash
    state: State
    expires_at: datetime
    refunded_fen: Fen
    refunds: list[Refund]
    messages: list[Message]


class NewOrderRefund(Body, frozen=True, kw_only=True):
    """How much is given back."""

    amount_fen: FenAsked


class RefundToPay(Answer, frozen=True, kw_only=True):
    """A refund, and the page on which the merchant pays it while that is open."""

    order_id: UUID
    amount_fen: Fen
    state: Annotated[str, msgspec.Meta(examples=["SENT"])]
    pay_at: str | None


async def merchant_of(request: Request[Any, Any, Any], house: NamedDependency[SkipValidation[House]]) -> Merchant:
    """Return who signed a request. Errors: MerchantUnsigned, MerchantStale, MerchantReplayed, MerchantUnknown."""
    raw_path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    target = (raw_path + (b"?" + query if query else b"")).decode("ascii", "replace")
    body = await request.body()
    return merchant_of_request(house, method=request.method, target=target, headers=dict(request.headers), body=body)


@writes("/merchant/checkouts", tag=TAG, public=True, refuses=(*SIGNED, CheckoutMalformed, CheckoutExists))
def open_order(data: JSONBody[NewCheckout], key: KeyHere, house: HouseHere, merchant: MerchantHere) -> Checkout:
    """Open an order. The merchant's number makes one order of two requests; it lasts two hours."""
    assert key, "the merchant's number makes two requests one"
    wanted = check_order(
        merchant=merchant.code,
        number=data.number,
        items=[Item(name=one.name, quantity=one.quantity, price_fen=one.price_fen) for one in data.items],
        amount_fen=data.amount_fen,
        currency=data.currency,
        return_url=data.return_url,
    )
    return _checkout(open_checkout(house, wanted=wanted))


@reads("/merchant/checkouts/{checkout_id:uuid}", tag=TAG, public=True, refuses=SIGNED)
def read_order_of_merchant(checkout_id: FromPath[UUID], house: HouseHere, merchant: MerchantHere) -> Checkout:
    """Read an order of the merchant's own, and what became of it."""
    return _checkout(checkout_view(house, merchant=merchant.code, checkout_id=checkout_id))


@writes(
    "/merchant/checkouts/{checkout_id:uuid}/cancel",
    tag=TAG,
    public=True,
    body=False,
    status=200,
    refuses=(*SIGNED, CheckoutTaken),
)
def cancel_order(checkout_id: FromPath[UUID], key: KeyHere, house: HouseHere, merchant: MerchantHere) -> Checkout:
    """Cancel an order that nobody took."""
    assert key, "cancelled again it stays so"
    return _checkout(cancel_checkout(house, merchant=merchant.code, checkout_id=checkout_id))


@writes(
    "/merchant/checkouts/{checkout_id:uuid}/refunds",
    tag=TAG,
    public=True,
    refuses=(*SIGNED, CheckoutNotPaid, RefundAboveOrder, ChannelUnavailable),
)
def refund_order(
    checkout_id: FromPath[UUID],
    data: JSONBody[NewOrderRefund],
    key: KeyHere,
    house: HouseHere,
    merchant: MerchantHere,
) -> RefundToPay:
    """Give back part or all of a paid order; the key is the refund's number. The merchant pays on the page named."""
    made = refund_checkout(
        house, merchant=merchant.code, checkout_id=checkout_id, number=key, amount_fen=data.amount_fen
    )
    return RefundToPay(order_id=made.order_id, amount_fen=made.amount_fen, state=made.state, pay_at=made.pay_at)


def _checkout(view: CheckoutView) -> Checkout:
    return Checkout(
        checkout_id=view.checkout_id,
        number=view.number,
        amount_fen=view.amount_fen,
        currency=view.currency,
        order_hash=view.order_hash,
        state=view.state.value,
        expires_at=view.expires_at,
        refunded_fen=view.refunded_fen,
        refunds=[Refund(number=one.number, amount_fen=one.amount_fen, state=one.state) for one in view.refunds],
        messages=[shaped(one, Message, event=MerchantEvent(one.event)) for one in view.messages],
    )


HANDLERS: Final = (open_order, read_order_of_merchant, cancel_order, refund_order)
