"""An order at a merchant's checkout on the phone: what is bought and from whom, how to repay it, offers for it."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.asked import Wish, address, wish_put
from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import Form
from mingqu.domain.checkout import CheckoutState
from mingqu.domain.refusal import Refusal
from mingqu.services.checkout.take_checkout import (
    OrderView,
    ask_for_order,
    offers_for_order,
    order_view_of,
    take_checkout,
    waiting_order,
)
from mingqu.services.decisions.read_limit import limit_view
from mingqu.services.offers.make_offers import LendersUndecided, NoLimit
from mingqu.services.offers.price_offer import Offered

COUNTS: Final = (3, 6, 12)  # of instalments that a checkout offers; a lender that has others is found by a wish
METHOD: Final = "equal_instalment"


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of a checkout."""
    return [
        door.page("/checkout/{checkout_id:str}", show),
        door.step("/checkout/{checkout_id:str}", ask_for_offers),
    ]


def show(visit: Visit) -> Response[Any]:
    """Show the order. Errors: NotFound."""
    return _page(visit)


def ask_for_offers(visit: Visit, form: Form) -> Response[Any]:
    """Take the order, ask for it who decides by themselves, and lead to what lenders offer; nothing is chosen."""
    checkout_id = visit.identifier("checkout_id")
    try:
        instalments = form.number("instalments")
        order = take_checkout(visit.house, person_id=visit.person_id, checkout_id=checkout_id)
        asked = ask_for_order(
            visit.house,
            person_id=visit.person_id,
            checkout_id=checkout_id,
            instalments=instalments,
            method=METHOD,
            key=form.key,
        )
        wish = wish_put(
            asked, amount_fen=order.amount_fen, instalments=instalments, method=METHOD, checkout_id=checkout_id
        )
        made = _offers(visit, wish, checkout_id=checkout_id, instalments=instalments)
    except NoLimit as refusal:  # an order is not made smaller: who was never assessed applies, anybody else is told
        assessed = limit_view(visit.house, person_id=visit.person_id) is not None
        return _page(visit, refusal=refusal, lacks="too_little" if assessed else "no_limit")
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return _page(visit, refusal=refusal)
    return visit.go(address([one.offer.offer_id for one in made], wish))


def _offers(visit: Visit, wish: Wish | None, *, checkout_id: UUID, instalments: int) -> list[Offered]:
    """Return what is offered for an order, maybe nothing yet where lenders are asked. Errors: LendersUndecided."""
    try:
        return offers_for_order(
            visit.house,
            person_id=visit.person_id,
            checkout_id=checkout_id,
            instalments=instalments,
            method=METHOD,
        )
    except LendersUndecided:
        if wish is None:
            raise
        return []


def order_values(visit: Visit, order: OrderView) -> dict[str, Any]:
    """Return what pages show of an order."""
    return {
        "id": order.checkout_id.hex,
        "merchant": visit.words.pick(order.merchant.name_zh, order.merchant.name_en),
        "tail": order.merchant.account[-4:],
        "number": order.number,
        "items": [(one.name, one.quantity, one.quantity * one.price_fen) for one in order.items],
        "amount_fen": order.amount_fen,
        "hash": order.order_hash,
        "state": order.state.value,
        "expires_at": order.expires_at,
        "return_url": order.return_url,
        "loan_id": None if order.loan_id is None else order.loan_id.hex,
    }


def waiting_values(visit: Visit) -> dict[str, Any] | None:
    """Return the order that a person took last and can still pay, as pages lead to it, or None."""
    order = waiting_order(visit.house, person_id=visit.person_id)
    return None if order is None else order_values(visit, order)


def _page(visit: Visit, *, refusal: Refusal | None = None, lacks: str = "") -> Response[Any]:
    order = order_view_of(visit.house, person_id=visit.person_id, checkout_id=visit.identifier("checkout_id"))
    return visit.show(
        "checkout.html",
        status=200 if refusal is None else refusal.status,
        order=order_values(visit, order),
        open=order.state in (CheckoutState.OPEN, CheckoutState.TAKEN),
        counts=COUNTS,
        problem=None if refusal is None or lacks else visit.words.refusal(refusal),
        lacks=lacks,
        key=visit.form_key(),
    )
