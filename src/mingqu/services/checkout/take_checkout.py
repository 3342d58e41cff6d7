"""The person's side of a checkout: see an order, take it, get offers of several lenders for it, and sign one of them.

An order lies where its merchant's number routes, its offers with the person. So it is taken first, by whoever is first;
what a death leaves in between is an order that its person takes again. The offers are those of any amount
(`make_offers`), bound to the order in the transaction that makes them: whoever signs one agrees to the order's hash,
and the money goes to the merchant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

import msgspec

from mingqu.domain.checkout import CheckoutState, Item, Merchant
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.checkout.open_checkout import CheckoutOver, CheckoutTaken, state_of
from mingqu.services.house import House
from mingqu.services.lenders.ask_lenders import Asked, ask_lenders
from mingqu.services.offers.make_offers import ForOrder, make_offers
from mingqu.services.offers.price_offer import Offered
from mingqu.services.purpose.bind_money import Bound, binding_of
from mingqu.store.loans.offer import Offer
from mingqu.store.merchants import checkout
from mingqu.store.merchants.checkout import Checkout, OrderOffer
from mingqu.store.purposes import purpose_loan
from mingqu.store.purposes.payee import Payee
from mingqu.store.server.database import Transaction

PURPOSE: Final = "merchant_order"


class OrderNotAgreed(Refusal):
    """This loan pays an order: read what is bought and from whom, and agree to it by its hash."""

    code: ClassVar[str] = "order_not_agreed"
    status: ClassVar[int] = 409


class CheckoutUsed(Refusal):
    """A loan for this order was signed already: an order is paid once."""

    code: ClassVar[str] = "checkout_used"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """An order as its buyer sees it; `loan_id` once it was signed."""

    checkout_id: UUID
    merchant: Merchant
    number: str
    items: tuple[Item, ...]
    amount_fen: int
    currency: str
    order_hash: str
    state: CheckoutState
    expires_at: datetime
    loan_id: UUID | None
    return_url: str | None


class _Goods(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    quantity: int
    price_fen: int


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    items: tuple[_Goods, ...]
    return_url: str | None = None


def order_view_of(house: House, *, person_id: UUID, checkout_id: UUID) -> OrderView:
    """Return an order that nobody took, or this person did. Errors: NotFound."""
    with house.database.transaction() as tx:
        known = _visible(tx, person_id=person_id, checkout_id=checkout_id)
        return _view(tx, house, known)


def take_checkout(house: House, *, person_id: UUID, checkout_id: UUID) -> OrderView:
    """Take an order; taken again by the same person it is the same. Errors: NotFound, CheckoutTaken, CheckoutOver."""

    def work(tx: Transaction) -> OrderView:
        if checkout.load(tx, checkout_id=checkout_id) is None:
            raise NotFound
        tx.lock_cell(tx.cell_of(checkout_id))
        known = checkout.load(tx, checkout_id=checkout_id)
        assert known is not None
        if known.person_id not in (None, person_id):
            raise CheckoutTaken("Somebody else pays this order.")
        _require_time(house, known=known)
        if known.person_id is None:
            checkout.take(tx, checkout_id=checkout_id, person_id=person_id, at=house.clock.now())
            known = _visible(tx, person_id=person_id, checkout_id=checkout_id)
        return _view(tx, house, known)

    return house.database.run(work)


def offers_for_order(
    house: House, *, person_id: UUID, checkout_id: UUID, instalments: int, method: str
) -> list[Offered]:
    """Return what each lender with a line offers for an order that the person took, the cheapest first.

    Errors: NotFound, CheckoutOver, CheckoutUsed, and those of `make_offers`.
    """
    known = _own(house, person_id=person_id, checkout_id=checkout_id)
    return make_offers(
        house,
        person_id=person_id,
        amount_fen=known.amount_fen,
        instalments=instalments,
        method=method,
        order=_for_order(house, known=known, person_id=person_id),
    )


def ask_for_order(
    house: House, *, person_id: UUID, checkout_id: UUID, instalments: int, method: str, key: str
) -> Asked:
    """Ask the lenders that decide by themselves about an order that the person took; return how each stands now.

    What they offer joins the others when offers are asked for (`offers_for_order`), also later. A question is over when
    its order is. With the same `key` it is one asking. Errors: NotFound, CheckoutOver, CheckoutUsed, and those of
    `ask_lenders`.
    """
    known = _own(house, person_id=person_id, checkout_id=checkout_id)
    if not house.lenders:
        return Asked(questions=(), left_out=())
    return ask_lenders(
        house,
        person_id=person_id,
        amount_fen=known.amount_fen,
        instalments=instalments,
        method=method,
        key=key,
        order=_for_order(house, known=known, person_id=person_id),
    )


def _own(house: House, *, person_id: UUID, checkout_id: UUID) -> Checkout:
    """Return an order that the person took and that still has time. Errors: NotFound, CheckoutOver."""
    with house.database.transaction() as tx:
        known = _visible(tx, person_id=person_id, checkout_id=checkout_id)
    if known.person_id is None:
        raise NotFound  # nobody has offers for an order that they did not take
    _require_time(house, known=known)
    return known


def _require_time(house: House, *, known: Checkout | None) -> None:
    if known is None or known.cancelled_at is not None or known.is_over(at=house.clock.now()):
        raise CheckoutOver("This order cannot be paid any more: ask the merchant for a new one.")


def _for_order(house: House, *, known: Checkout, person_id: UUID) -> ForOrder:
    """Return an order as offers are made, and lenders asked, for it."""

    def require(tx: Transaction) -> None:
        require_unused(tx, person_id=person_id, checkout_id=known.checkout_id)
        _require_time(house, known=checkout.load(tx, checkout_id=known.checkout_id))

    def bind(tx: Transaction, made: Sequence[Offered]) -> None:
        bound = [
            OrderOffer(
                offer_id=one.offer.offer_id,
                person_id=person_id,
                checkout_id=known.checkout_id,
                merchant=known.merchant,
                order_hash=known.order_hash,
                amount_fen=known.amount_fen,
                expires_at=known.expires_at,
            )
            for one in made
        ]
        checkout.insert_offers(tx, offers=bound)

    return ForOrder(checkout_id=known.checkout_id, until=known.expires_at, require=require, bind=bind)


def waiting_order(house: House, *, person_id: UUID) -> OrderView | None:
    """Return the order that a person took last and can still pay, or None."""
    with house.database.transaction() as tx:
        now = house.clock.now()
        alive = [one for one in checkout.of_person(tx, person_id=person_id) if not one.is_over(at=now)]
        unpaid = (one for one in reversed(alive) if state_of(tx, house, known=one) is CheckoutState.TAKEN)
        found = next(unpaid, None)
        return None if found is None else _view(tx, house, found)


def require_unused(tx: Transaction, *, person_id: UUID, checkout_id: UUID) -> None:
    """Return when no loan for an order was signed; the caller holds the lock of the person. Errors: CheckoutUsed."""
    if checkout.signed_of(tx, person_id=person_id, checkout_id=checkout_id) is not None:
        raise CheckoutUsed("A loan for this order was signed already.")


def order_of_offer(house: House, *, person_id: UUID, offer_id: UUID) -> OrderView | None:
    """Return the order that a person's offer is for, or None where it pays the person. Errors: NotFound."""
    with house.database.transaction() as tx:
        bound = checkout.of_offer(tx, offer_id=offer_id)
        if bound is None:
            return None
        return _view(tx, house, _visible(tx, person_id=person_id, checkout_id=bound.checkout_id))


def bound_of(tx: Transaction, house: House, *, stored: Offer, agreed_hash: str | None) -> Bound | None:
    """Return what binds an offer's money: an order, a funds contract, or nothing. The caller holds the person's lock.

    Errors: OrderNotAgreed, CheckoutOver, CheckoutUsed, FundsContractNotAgreed.
    """
    bound = checkout.of_offer(tx, offer_id=stored.offer_id)
    if bound is None:
        return binding_of(tx, house, stored=stored, agreed_hash=agreed_hash)
    require_unused(tx, person_id=stored.person_id, checkout_id=bound.checkout_id)
    _require_time(house, known=checkout.load(tx, checkout_id=bound.checkout_id))
    order_hash = bound.order_hash.hex()
    if agreed_hash != order_hash:
        raise OrderNotAgreed("Read what is bought and from whom, and agree to it.", order_hash=order_hash)
    merchant = house.merchants[bound.merchant]
    payee = Payee(
        account=Personal(merchant.account), name=Personal(merchant.name_zh), bank=merchant.bank, purpose=PURPOSE
    )
    return Bound(offer_id=stored.offer_id, contract_hash=order_hash, payee=payee, for_order=True)


def bound_by(tx: Transaction, bound: Bound, *, loan_id: UUID) -> None:
    """Name the loan that was signed of what binds its money; the caller holds the lock and commits."""
    signed = checkout.signed if bound.for_order else purpose_loan.signed
    signed(tx, offer_id=bound.offer_id, loan_id=loan_id)


def _visible(tx: Transaction, *, person_id: UUID, checkout_id: UUID) -> Checkout:
    known = checkout.load(tx, checkout_id=checkout_id)
    if known is None or known.person_id not in (None, person_id):
        raise NotFound
    return known


def _view(tx: Transaction, house: House, known: Checkout) -> OrderView:
    loan_id = None
    if known.person_id is not None:
        signed = checkout.signed_of(tx, person_id=known.person_id, checkout_id=known.checkout_id)
        loan_id = None if signed is None else signed.loan_id
    # Nothing is said of goods that an erasure forgot.
    said = _Body(items=()) if known.body is None else msgspec.json.decode(known.body, type=_Body)
    return OrderView(
        checkout_id=known.checkout_id,
        merchant=house.merchants[known.merchant],
        number=known.number,
        items=tuple(Item(name=one.name, quantity=one.quantity, price_fen=one.price_fen) for one in said.items),
        amount_fen=known.amount_fen,
        currency=known.currency,
        order_hash=known.order_hash.hex(),
        state=state_of(tx, house, known=known),
        expires_at=known.expires_at,
        loan_id=loan_id,
        return_url=said.return_url,
    )
