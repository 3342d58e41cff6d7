"""Take one order one step further: store what will be said, say it, store what was heard.

The three parts and what a crash between them costs:

    1  announce   one transaction   the order's next state and the word "send" or "ask" are stored
       ── crash: nothing was said; the store believes it was. The next step asks, hears "not found", sends again
          under the same number.
    2  call       no transaction    the channel is called; silence becomes the word Silent
       ── crash: the channel may have done it and we forgot its answer. The next step asks and hears it.
    3  hear       one transaction   the word, the order's new state and the transfers it causes are stored together
       ── crash before the commit: as after 2. After the commit: done; a word heard again changes nothing.

So no order is sent for the first time twice, and money is posted in the very transaction that ends the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from mingqu.domain.moment import business_date_of
from mingqu.domain.order import Action, AlertHuman, Ask, Done, Order, Send, Wait
from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused, Silent, Word
from mingqu.ports.clock import Clock
from mingqu.ports.collection import DeductionChannel, DeductionRequest
from mingqu.ports.entrusted import EntrustedPaymentChannel, EntrustedRequest
from mingqu.ports.payout import PayoutChannel, PayoutRequest
from mingqu.ports.refund import RefundChannel, RefundRequest
from mingqu.ports.silence import ChannelSilent
from mingqu.services.orders.find_announcement import Announced

# An alert is stored before the step goes on to what is due besides, so a step takes two turns at most.
TURNS_MAX: Final = 2


class Errand(Protocol):
    """One order bound to its channel, with the personal data that a send needs already opened."""

    @property
    def resend_is_safe(self) -> bool:
        """Whether the channel documents idempotency by order number."""
        ...

    def send(self, order: Order) -> Accepted | Paid | Refused | NumberTaken:
        """Say the order. Errors: ChannelSilent."""
        ...

    def ask(self, order: Order) -> Paid | Failed | InProgress | NotFound:
        """Ask what became of it. Errors: ChannelSilent."""
        ...


class Orders(Protocol):
    """Orders as the service keeps them; each method is one transaction, begun and committed inside."""

    def announce(self, *, order_id: UUID, now: datetime, resend_is_safe: bool) -> tuple[Order, Action]:
        """Decide the next action under the cell's lock, store the order as announced, return both."""
        ...

    def hear(self, *, order_id: UUID, word: Word, at: datetime) -> Order:
        """Store the word, apply it (or mark the conflict), post what it causes, return the order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutErrand:
    """An order of kind PAYOUT or RETURN at a payout channel."""

    channel: PayoutChannel
    card_number: Personal[str]
    holder_name: Personal[str]

    @property
    def resend_is_safe(self) -> bool:
        return self.channel.resend_is_safe

    def send(self, order: Order) -> Accepted | Paid | Refused | NumberTaken:
        return self.channel.send(self.request(order))

    def request(self, order: Order) -> PayoutRequest:
        """Return what is asked of the channel, alone or in a batch."""
        return PayoutRequest(
            order_number=order.number,
            amount_fen=order.amount_fen,
            currency=order.currency,
            card_number=self.card_number,
            holder_name=self.holder_name,
        )

    def ask(self, order: Order) -> Paid | Failed | InProgress | NotFound:
        return self.channel.ask(order.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrustedErrand:
    """An order of kind PAYOUT to the payee whom the loan's contract names."""

    channel: EntrustedPaymentChannel
    payee_account: Personal[str]
    payee_name: Personal[str]
    payee_bank: str
    contract_number: str
    purpose: str

    @property
    def resend_is_safe(self) -> bool:
        return self.channel.resend_is_safe

    def send(self, order: Order) -> Accepted | Paid | Refused | NumberTaken:
        return self.channel.entrust(
            EntrustedRequest(
                order_number=order.number,
                amount_fen=order.amount_fen,
                currency=order.currency,
                payee_account=self.payee_account,
                payee_name=self.payee_name,
                payee_bank=self.payee_bank,
                contract_number=self.contract_number,
                purpose=self.purpose,
            )
        )

    def ask(self, order: Order) -> Paid | Failed | InProgress | NotFound:
        return self.channel.ask(order.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundErrand:
    """An order of kind RETURN that gives a payment back the way it came."""

    channel: RefundChannel
    paid_by: str  # the number of the payment
    total_fen: int

    @property
    def resend_is_safe(self) -> bool:
        return True  # the port says so: a refund's number makes it one refund

    def send(self, order: Order) -> Accepted | Paid | Refused | NumberTaken:
        return self.channel.refund(
            RefundRequest(
                refund_number=order.number,
                order_number=self.paid_by,
                amount_fen=order.amount_fen,
                total_fen=self.total_fen,
                currency=order.currency,
            )
        )

    def ask(self, order: Order) -> Paid | Failed | InProgress | NotFound:
        return self.channel.ask_refund(order.number, order_number=self.paid_by)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeductionErrand:
    """An order of kind COLLECTION under a repayment agreement, and what was announced of it.

    An announcement is of one day: a deduction that goes out later, because nobody worked that day, names none.
    """

    channel: DeductionChannel
    agreement_token: Personal[str]
    announced: Announced | None = None

    @property
    def resend_is_safe(self) -> bool:
        return self.channel.resend_is_safe

    def send(self, order: Order) -> Accepted | Paid | Refused | NumberTaken:
        return self.channel.deduct(self.request(order))

    def request(self, order: Order) -> DeductionRequest:
        """Return what is asked of the channel, alone or in a batch."""
        return DeductionRequest(
            order_number=order.number,
            amount_fen=order.amount_fen,
            currency=order.currency,
            agreement_token=self.agreement_token,
            amount_fen_min=order.least_fen,
            announced_as=self._announced_as(order),
        )

    def _announced_as(self, order: Order) -> str | None:
        """Return the number of the announcement; it goes by the first send, so that a second says the same."""
        if self.announced is None or order.sent_at is None:
            return None
        return self.announced.number if business_date_of(order.sent_at) == self.announced.on else None

    def ask(self, order: Order) -> Paid | Failed | InProgress | NotFound:
        return self.channel.ask(order.number)


def chase(*, order: Order, action: Action, errand: Errand) -> list[Word]:
    """Call the channel as announced and return what was heard: one word, or none if the action needs no call.

    Nothing is stored here and no transaction may be open. Only `ChannelSilent` is taken for silence; any other
    exception is a bug, passes through, and leaves an order that will be asked.
    """
    try:
        match action:
            case Send():
                return [errand.send(order)]
            case Ask():
                return [errand.ask(order)]
            case Wait() | AlertHuman() | Done():
                return []
    except ChannelSilent as silence:
        return [Silent(reason=silence.reason)]


def chase_order(*, order_id: UUID, orders: Orders, errand: Errand, clock: Clock) -> tuple[Order, Action]:
    """Take one order one step: announce, call, hear. Return the order and what was done, or `Wait` / `Done`.

    An alert is announced (the caller's `Orders` tells the human) and the step goes on to what is due besides.
    """
    for _ in range(TURNS_MAX):
        order, action = orders.announce(order_id=order_id, now=clock.now(), resend_is_safe=errand.resend_is_safe)
        if not isinstance(action, AlertHuman):
            break
    for word in chase(order=order, action=action, errand=errand):
        order = orders.hear(order_id=order_id, word=word, at=clock.now())
    return order, action
