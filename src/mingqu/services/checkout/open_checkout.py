"""The merchant's side of a checkout: open an order, look how it stands, cancel it, give money back.

A merchant speaks in requests that it signs (`ports.merchant`), and of its own orders alone. Its order number makes one
order of two requests, and its number of a refund one refund. What it gives back it pays on a page, like a borrower. The
money is used as if the goods had never been bought (`Intent.WITHDRAW`): who returns everything owes no interest, what a
part returns is repaid early, and what the borrower had paid beyond that goes back to the borrower.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.checkout import CheckoutMalformed, CheckoutState, Merchant, MerchantUnknown, Wanted
from mingqu.domain.identifier import beside
from mingqu.domain.loan import Intent, Stage
from mingqu.domain.order import OrderKind, OrderState, reserve
from mingqu.domain.ownership import NotFound
from mingqu.domain.refusal import Refusal
from mingqu.ports.merchant import MerchantUnsigned
from mingqu.services.house import HOSTED, House
from mingqu.services.messages.subscribe_webhook import WebhookUrlRefused, require_sound
from mingqu.services.messages.tell_merchant import MerchantMessage, messages_about
from mingqu.services.once import Response, once
from mingqu.services.repayment.repay import open_page
from mingqu.store.loans import loan, repayment
from mingqu.store.merchants import checkout
from mingqu.store.merchants.checkout import Checkout, OrderRefund
from mingqu.store.orders import order
from mingqu.store.server import work
from mingqu.store.server.database import Transaction

CHECKOUT_LASTS: Final = timedelta(hours=2)  # a cart is paid or left; prices and stock move
CHECKOUT_ENDS: Final = "checkout_ends"  # the kind of work that looks at an order once its time is over
REFUNDS_MAX: Final = 20  # of one order, ended or not
# A loan that money can still come to.
_TAKING: Final = (Stage.ACTIVE, Stage.SETTLED)


class CheckoutExists(Refusal):
    """The merchant's number is that of another order."""

    code: ClassVar[str] = "checkout_exists_with_different_body"
    status: ClassVar[int] = 409


class CheckoutTaken(Refusal):
    """Somebody took this order already: it is not cancelled any more, and nobody else pays it."""

    code: ClassVar[str] = "checkout_taken"
    status: ClassVar[int] = 409


class CheckoutOver(Refusal):
    """This order was cancelled, or its time is over: ask the merchant for a new one."""

    code: ClassVar[str] = "checkout_over"
    status: ClassVar[int] = 409


class CheckoutNotPaid(Refusal):
    """The merchant has not been paid for this order, or the money came back: there is nothing to give back."""

    code: ClassVar[str] = "checkout_not_paid"
    status: ClassVar[int] = 409


class RefundAboveOrder(Refusal):
    """More would be given back than the order came to; refunds under way count."""

    code: ClassVar[str] = "refund_above_order"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutView:
    """An order as its merchant sees it: no word of who took it. `refunded_fen` is what came back.

    `messages` are what the merchant was told of it, each with what became of it.
    """

    checkout_id: UUID
    number: str
    amount_fen: int
    currency: str
    order_hash: str
    state: CheckoutState
    expires_at: datetime
    refunded_fen: int
    refunds: tuple[OrderRefund, ...]
    messages: tuple[MerchantMessage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPage:
    """What a merchant gives back, and the page on which it pays; no page once that has ended."""

    order_id: UUID
    amount_fen: int
    state: str
    pay_at: str | None


def merchant_of_request(house: House, *, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Merchant:
    """Return who signed a request. Errors: MerchantUnsigned, MerchantStale, MerchantReplayed, MerchantUnknown."""
    if house.merchant_requests is None:
        raise MerchantUnsigned("No merchant is known here.")
    keys = {code: one.key for code, one in house.merchants.items()}
    code = house.merchant_requests.read(keys=keys, method=method, target=target, headers=headers, body=body)
    found = house.merchants[code]
    if not found.sells_on(house.clock.business_date()):
        raise MerchantUnknown("No orders of this merchant are taken today.")
    return found


def open_checkout(house: House, *, wanted: Wanted) -> CheckoutView:
    """Open an order; the same number with the same goods is the same order.

    Its buyer is led back to no address that a webhook would not be sent to. Errors: CheckoutExists, CheckoutMalformed.
    """
    if wanted.return_url is not None:
        try:
            require_sound(wanted.return_url, to_loopback=house.settings.webhooks_to_loopback)
        except WebhookUrlRefused as refusal:
            raise CheckoutMalformed(refusal.message, field="return_url") from None
    slot = checkout.slot_for(merchant=wanted.merchant, number=wanted.number)
    now, checkout_id = house.clock.now(), house.identifiers.fresh(slot)
    made = Checkout(
        checkout_id=checkout_id,
        merchant=wanted.merchant,
        number=wanted.number,
        body=wanted.body(),
        order_hash=wanted.hash,
        amount_fen=wanted.amount_fen,
        currency=wanted.currency,
        opened_at=now,
        expires_at=now + CHECKOUT_LASTS,
    )

    def make(tx: Transaction) -> Checkout:
        if checkout.insert(tx, made=made):
            work.enqueue(
                tx,
                cell=tx.cell_of(checkout_id),
                work_id=beside(checkout_id, purpose=CHECKOUT_ENDS),
                kind=CHECKOUT_ENDS,
                subject_id=checkout_id,
                run_at=made.expires_at,
                payload={},
            )
            return made
        cell = tx.cell_of(checkout_id)
        known = checkout.numbered(tx, cell=cell, merchant=wanted.merchant, number=wanted.number)
        assert known is not None, "somebody has the number"
        if known.order_hash != made.order_hash:
            raise CheckoutExists("This number is that of another order.")
        return known

    return checkout_view(house, merchant=wanted.merchant, checkout_id=house.database.run(make).checkout_id)


def checkout_view(house: House, *, merchant: str, checkout_id: UUID) -> CheckoutView:
    """Return an order of a merchant's own as it stands. Errors: NotFound."""
    with house.database.transaction() as tx:
        known = _own(tx, merchant=merchant, checkout_id=checkout_id)
        state = state_of(tx, house, known=known)
        refunds: list[OrderRefund] = []
        if known.person_id is not None:
            refunds = checkout.refunds_of(tx, person_id=known.person_id, checkout_id=checkout_id)
        told = messages_about(tx, of=known)
    return CheckoutView(
        checkout_id=checkout_id,
        number=known.number,
        amount_fen=known.amount_fen,
        currency=known.currency,
        order_hash=known.order_hash.hex(),
        state=state,
        expires_at=known.expires_at,
        refunded_fen=sum(one.amount_fen for one in refunds if one.state == OrderState.PAID.value),
        refunds=tuple(refunds),
        messages=tuple(told),
    )


def state_of(tx: Transaction, house: House, *, known: Checkout) -> CheckoutState:
    """Return where an order stands."""
    if known.cancelled_at is not None:
        return CheckoutState.CANCELLED
    if known.person_id is not None:
        signed = checkout.signed_of(tx, person_id=known.person_id, checkout_id=known.checkout_id)
        if signed is not None and signed.loan_id is not None:
            return _paid_state(tx, loan_id=signed.loan_id)
    if known.is_over(at=house.clock.now()):
        return CheckoutState.EXPIRED
    return CheckoutState.OPEN if known.person_id is None else CheckoutState.TAKEN


def _paid_state(tx: Transaction, *, loan_id: UUID) -> CheckoutState:
    """A loan is paid to the merchant while its money is out; planned again, or cancelled, it is not."""
    stage = loan.get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id).state.stage
    if stage is Stage.CANCELLED:
        return CheckoutState.FAILED
    if stage is not Stage.PLANNED:
        return CheckoutState.PAID
    payouts = [one for one in order.orders_of_loan(tx, loan_id=loan_id) if one.kind is OrderKind.PAYOUT]
    return CheckoutState.SIGNED if any(one.open for one in payouts) else CheckoutState.FAILED


def cancel_checkout(house: House, *, merchant: str, checkout_id: UUID) -> CheckoutView:
    """Cancel an order that nobody took; cancelled again it stays so. Errors: NotFound, CheckoutTaken."""

    def end(tx: Transaction) -> None:
        _own(tx, merchant=merchant, checkout_id=checkout_id)
        tx.lock_cell(tx.cell_of(checkout_id))
        known = _own(tx, merchant=merchant, checkout_id=checkout_id)
        if known.person_id is not None:
            raise CheckoutTaken("Somebody took this order: give money back once it is paid.")
        if known.cancelled_at is None:
            checkout.cancel(tx, checkout_id=checkout_id, at=house.clock.now())

    house.database.run(end)
    return checkout_view(house, merchant=merchant, checkout_id=checkout_id)


def refund_checkout(house: House, *, merchant: str, checkout_id: UUID, number: str, amount_fen: int) -> RefundPage:
    """Let a merchant give back part or all of an order; return the page on which it pays.

    `number` is the merchant's own and makes one refund of two requests. Errors: NotFound, CheckoutNotPaid,
    RefundAboveOrder, ChannelUnavailable, and those of the idempotency key when the number came with another amount.
    """
    with house.database.transaction() as tx:
        person_id = _own(tx, merchant=merchant, checkout_id=checkout_id).person_id
    if person_id is None:
        raise CheckoutNotPaid("Nobody paid this order.")

    def give_back(tx: Transaction) -> Response:
        signed = checkout.signed_of(tx, person_id=person_id, checkout_id=checkout_id)
        if signed is None or signed.loan_id is None:
            raise CheckoutNotPaid("This order is not paid.")
        of = loan.get(tx, cell=tx.cell_of(signed.loan_id), loan_id=signed.loan_id)
        if of.state.stage not in _TAKING:
            raise CheckoutNotPaid("This order is not paid, or its loan takes no money any more.")
        before = checkout.refunds_of(tx, person_id=person_id, checkout_id=checkout_id)
        given_fen = sum(one.amount_fen for one in before if one.state != OrderState.FAILED.value)
        left_fen = signed.amount_fen - given_fen
        if amount_fen <= 0 or amount_fen > left_fen or len(before) >= REFUNDS_MAX:
            raise RefundAboveOrder(
                "More would come back than was paid: refund at most what is left.", left_fen=left_fen
            )
        order_id = house.id_for(person_id)
        wanted = reserve(
            order_id=order_id,
            kind=OrderKind.COLLECTION,
            person_id=person_id,
            loan_id=of.loan_id,
            instrument_id=None,
            amount_fen=amount_fen,
            currency=of.currency,
            channel=HOSTED,
            run_at=house.clock.now(),
        )
        order.insert(tx, order=wanted)
        repayment.insert_intent(tx, order_id=order_id, loan_id=of.loan_id, intent=Intent.WITHDRAW)
        made = OrderRefund(order_id=order_id, number=number, amount_fen=amount_fen, state=wanted.state.value)
        checkout.insert_refund(
            tx,
            refund=made,
            person_id=person_id,
            checkout_id=checkout_id,
            loan_id=of.loan_id,
            at=house.clock.now(),
        )
        return {"order_id": order_id.hex}

    answer = once(
        house,
        person_id=person_id,
        command="refund_checkout",
        key=f"{checkout_id.hex} {number}",
        request={"amount_fen": amount_fen},
        work=give_back,
    )
    return _page_of(house, person_id=person_id, order_id=UUID(str(answer["order_id"])))


def _page_of(house: House, *, person_id: UUID, order_id: UUID) -> RefundPage:
    """Return a refund with its page, while it can be paid. Errors: ChannelUnavailable."""
    with house.database.transaction() as tx:
        waiting = order.load_for(tx, person_id=person_id, order_id=order_id)
    pay_at: str | None = None
    if waiting.open and not waiting.disputed:
        pay_at = open_page(house, person_id=person_id, order_id=order_id).address
    return RefundPage(order_id=order_id, amount_fen=waiting.amount_fen, state=waiting.state.value, pay_at=pay_at)


def _own(tx: Transaction, *, merchant: str, checkout_id: UUID) -> Checkout:
    known = checkout.load(tx, checkout_id=checkout_id)
    if known is None or known.merchant != merchant:
        raise NotFound
    return known
