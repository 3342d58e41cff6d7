"""An order at a merchant's checkout for its buyer: see it, take it, and get offers of several lenders for it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar.params import FromPath, JSONBody

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.offer import Offers, offer_of
from mingqu.api.operation import reads, writes
from mingqu.api.shape import Answer, Body, Fen, Hash, Method
from mingqu.domain.decision.switch import LendingSwitchedOff
from mingqu.domain.freeze import DrawingStopped
from mingqu.domain.limit import AssessmentExpired
from mingqu.domain.product import TermsNotOffered
from mingqu.services.checkout.open_checkout import CheckoutOver, CheckoutTaken
from mingqu.services.checkout.take_checkout import (
    CheckoutUsed,
    OrderView,
    ask_for_order,
    offers_for_order,
    order_view_of,
    take_checkout,
)
from mingqu.services.limits.check_drawing import DrawingFrozen, FundingExhausted
from mingqu.services.offers.make_offers import LendersUndecided, NoLimit
from mingqu.services.offers.price_offer import CostAboveCap

TAG: Final = "Checkout"


class Bought(Answer, frozen=True, kw_only=True):
    """One of the goods; the price is that of a single one."""

    name: Annotated[str, msgspec.Meta(examples=["橡木餐桌"])]
    quantity: Annotated[int, msgspec.Meta(examples=[1])]
    price_fen: Fen


class MerchantOrder(Answer, frozen=True, kw_only=True):
    """An order to be paid by a loan. Whoever signs agrees to `order_hash`; the money goes to the merchant."""

    checkout_id: UUID
    merchant_zh: Annotated[str, msgspec.Meta(examples=["河畔家具有限公司"])]
    merchant_en: Annotated[str, msgspec.Meta(examples=["Riverside Furniture"])]
    number: Annotated[str, msgspec.Meta(examples=["R-2026-1001"])]
    items: list[Bought]
    amount_fen: Fen
    currency: Annotated[str, msgspec.Meta(examples=["CNY"])]
    order_hash: Hash
    state: Annotated[str, msgspec.Meta(examples=["taken"])]
    expires_at: datetime
    loan_id: UUID | None


class NewOrderOffers(Body, frozen=True, kw_only=True):
    """How an order is to be repaid."""

    instalments: Annotated[int, msgspec.Meta(ge=1, le=360, examples=[12])]
    method: Method


@reads("/checkouts/{checkout_id:uuid}", tag=TAG)
def read_checkout(checkout_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> MerchantOrder:
    """Read an order that nobody took, or that is one's own."""
    return _order(order_view_of(house, person_id=caller.person_id, checkout_id=checkout_id))


@writes("/checkouts/{checkout_id:uuid}/take", tag=TAG, body=False, status=200, refuses=(CheckoutTaken, CheckoutOver))
def take_order(checkout_id: FromPath[UUID], key: KeyHere, house: HouseHere, caller: CallerHere) -> MerchantOrder:
    """Take an order: from then on nobody else pays it. It binds to nothing; what is not signed runs out."""
    assert key, "taken again by the same person it is the same"
    return _order(take_checkout(house, person_id=caller.person_id, checkout_id=checkout_id))


@writes(
    "/checkouts/{checkout_id:uuid}/offers",
    tag=TAG,
    refuses=(
        CheckoutOver,
        CheckoutUsed,
        NoLimit,
        DrawingFrozen,
        DrawingStopped,
        AssessmentExpired,
        TermsNotOffered,
        LendingSwitchedOff,
        LendersUndecided,
        FundingExhausted,
        CostAboveCap,
    ),
)
def make_order_offers(
    checkout_id: FromPath[UUID], data: JSONBody[NewOrderOffers], key: KeyHere, house: HouseHere, caller: CallerHere
) -> Offers:
    """Get what each lender offers for an order that one took, the cheapest first; none is chosen beforehand.

    Lenders that decide by themselves, and to which the caller agreed by name, are asked with it: GET
    /v1/lender-questions says how each stands, and who answers later is among the offers when this is asked again. Each
    time all offers are made anew; they bind nobody, and one of them is signed. An offer is signed as any other, with
    the order's hash as `funds_contract_hash` and no card.
    """
    ask_for_order(
        house,
        person_id=caller.person_id,
        checkout_id=checkout_id,
        instalments=data.instalments,
        method=data.method,
        key=key,
    )
    made = offers_for_order(
        house,
        person_id=caller.person_id,
        checkout_id=checkout_id,
        instalments=data.instalments,
        method=data.method,
    )
    return Offers(offers=[offer_of(one) for one in made])


def _order(view: OrderView) -> MerchantOrder:
    return MerchantOrder(
        checkout_id=view.checkout_id,
        merchant_zh=view.merchant.name_zh,
        merchant_en=view.merchant.name_en,
        number=view.number,
        items=[Bought(name=one.name, quantity=one.quantity, price_fen=one.price_fen) for one in view.items],
        amount_fen=view.amount_fen,
        currency=view.currency,
        order_hash=view.order_hash,
        state=view.state.value,
        expires_at=view.expires_at,
        loan_id=view.loan_id,
    )


HANDLERS: Final = (read_checkout, take_order, make_order_offers)
