"""Bind an order to its channel, with what must be known to send it opened from the vault."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.order import Action, Order, OrderKind
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.collection import CollectionChannel, HostedPage, HostedPaymentChannel, HostedPaymentRequest
from mingqu.services.chase_order import DeductionErrand, Errand, PayoutErrand, chase_order
from mingqu.services.house import HOSTED, House
from mingqu.services.settle_order import BookOrders
from mingqu.store import instrument, order, repayment, vault

PAGE_LASTS: Final = timedelta(hours=1)  # a person is looking at it; the channel closes it by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedErrand:
    """A page on which the person pays; making it again is the same page."""

    channel: HostedPaymentChannel

    @property
    def resend_is_safe(self) -> bool:
        return self.channel.resend_is_safe

    def send(self, order: Order) -> Accepted | Paid | Refused | NumberTaken:
        answer = self.channel.create(page_request(order))
        return Accepted() if isinstance(answer, HostedPage) else answer

    def ask(self, order: Order) -> Paid | Failed | InProgress | NotFound:
        return self.channel.ask(order.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOnlyErrand:
    """A deduction whose agreement has ended: what was said is asked for, nothing is said anew."""

    channel: CollectionChannel

    @property
    def resend_is_safe(self) -> bool:
        return False

    def send(self, order: Order) -> Accepted | Paid | Refused | NumberTaken:
        return Refused(code="agreement_ended") if order.attempts == 1 else NumberTaken()

    def ask(self, order: Order) -> Paid | Failed | InProgress | NotFound:
        return self.channel.ask(order.number)


def page_request(waiting: Order) -> HostedPaymentRequest:
    """Return the request for an order's page: the same bytes each time."""
    return HostedPaymentRequest(
        order_number=waiting.number,
        amount_fen=waiting.amount_fen,
        currency=waiting.currency,
        expires_at=waiting.run_at + PAGE_LASTS,
    )


def errand_of(house: House, *, order: Order) -> Errand:
    """Return an order bound to its channel. Errors: NotFound, PersonErased, SealBroken."""
    if order.channel == HOSTED:
        return HostedErrand(channel=house.hosted)
    assert order.instrument_id is not None, "money is paid to and deducted from a card"
    with house.database.transaction() as tx:
        if order.kind is OrderKind.COLLECTION:
            agreement = repayment.agreement_of(tx, order_id=order.order_id)
            if agreement is None or agreement.state != "active":
                return AskOnlyErrand(channel=house.collection)
            token = vault.open_field(
                tx,
                keyring=house.keyring,
                person_id=order.person_id,
                field=token_field(agreement.agreement_id),
            )
            return DeductionErrand(channel=house.collection, agreement_token=token)
        number = instrument.open_number(
            tx, keyring=house.keyring, person_id=order.person_id, instrument_id=order.instrument_id
        )
        name = vault.open_field(tx, keyring=house.keyring, person_id=order.person_id, field="name")
        return PayoutErrand(channel=house.payout, card_number=number, holder_name=name)


def run_errand(house: House, *, order_id: UUID) -> tuple[Order, Action]:
    """Take one order one step: announce, call, hear; see `chase_order`."""
    with house.database.transaction() as tx:
        waiting = order.load(tx, order_id=order_id)
    errand = errand_of(house, order=waiting)
    return chase_order(order_id=order_id, orders=BookOrders(house=house), errand=errand, clock=house.clock)


def token_field(agreement_id: UUID) -> str:
    """Return the name of the vault field that keeps an agreement's token."""
    return f"agreement.{agreement_id.hex}"
