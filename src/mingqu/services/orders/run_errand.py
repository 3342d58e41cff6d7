"""Bind an order to its channel, with what must be known to send it opened from the vault."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.moment import business_date_of
from mingqu.domain.order import Action, Done, Order, OrderKind, OrderState, Wait
from mingqu.domain.ownership import NotFound as FieldMissing
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.clock import Clock
from mingqu.ports.collection import DeductionChannel, HostedPage, HostedPaymentChannel, HostedPaymentRequest
from mingqu.services.house import COMBINED, ENTRUSTED, House
from mingqu.services.orders import keep_order
from mingqu.services.orders.chase_order import (
    DeductionErrand,
    EntrustedErrand,
    Errand,
    PayoutErrand,
    RefundErrand,
    chase_order,
)
from mingqu.services.orders.combined_page import CombinedPage
from mingqu.services.orders.drop_agreement import CANCEL_AGREEMENT
from mingqu.services.orders.find_announcement import announced_for
from mingqu.services.orders.hear_order import BookOrders
from mingqu.services.orders.settle_order import settle
from mingqu.store.loans import loan, refund, repayment
from mingqu.store.loans.repayment import Agreement
from mingqu.store.orders import combined, order
from mingqu.store.people import instrument, vault
from mingqu.store.purposes import payee
from mingqu.store.revolving import bill_deduction
from mingqu.store.server import work
from mingqu.store.server.database import Transaction

PAGE_LASTS: Final = timedelta(hours=1)  # a person is looking at it
CLOSE_AFTER: Final = timedelta(minutes=1)  # their clock may be behind ours, and a payment of the last second is one
# Of a page that was never opened nothing can be closed: whoever opens it finds it over. An hour is for clocks.
UNOPENED_AFTER: Final = timedelta(hours=1)


class PaymentChannelUnknown(Refusal):
    """Nobody is paid here by this name: the house has no such channel, or has it no more."""

    code: ClassVar[str] = "payment_channel_unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """Who pays a page: their subject at the channel when they are inside its app, and where they ask from."""

    login: Personal[str] | None = None
    address: Personal[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedErrand:
    """A page on which the person pays; making it again is the same page.

    An expired page that is still open is closed and asked for again, so that no money comes after we look away. "Not
    found" ends an order in one case only: where the page is a request that the browser brings (`unopened_page_ends`),
    it bears its own end, and that is past. Nothing that could still arrive would be done then.
    """

    channel: HostedPaymentChannel
    clock: Clock
    payer: Payer

    @property
    def resend_is_safe(self) -> bool:
        return self.channel.resend_is_safe

    def send(self, order: Order) -> Accepted | Paid | Refused | NumberTaken:
        answer = self.channel.create(page_request(order, payer=self.payer))
        return Accepted() if isinstance(answer, HostedPage) else answer

    def ask(self, order: Order) -> Paid | Failed | InProgress | NotFound:
        said = self.channel.ask(order.number)
        if isinstance(said, InProgress) and self.clock.now() >= expiry_of(order) + CLOSE_AFTER:
            self.channel.close_page(order.number)
            return self.channel.ask(order.number)
        if isinstance(said, NotFound) and self._never_opened(order):
            return Failed(code="page_never_opened")
        return said

    def _never_opened(self, order: Order) -> bool:
        return self.channel.unopened_page_ends and self.clock.now() >= expiry_of(order) + UNOPENED_AFTER


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedAgreementErrand:
    """A deduction whose agreement has ended: nothing is taken any more, and what was perhaps said is asked for.

    A worker that died may have announced it and never said it. Once the bank has heard that the agreement ended
    (`token` is given then), the number is said again: the bank knows what it did under it, or refuses it for good.
    """

    channel: DeductionChannel
    token: Personal[str] | None

    @property
    def resend_is_safe(self) -> bool:
        return self.token is not None and self.channel.resend_is_safe

    def send(self, order: Order) -> Accepted | Paid | Refused | NumberTaken:
        if order.attempts == 1:
            return Refused(code="agreement_ended")  # it was never said, and it is not said now
        assert self.token is not None, "nothing is sent again that is not safe to be"
        return DeductionErrand(channel=self.channel, agreement_token=self.token).send(order)

    def ask(self, order: Order) -> Paid | Failed | InProgress | NotFound:
        return self.channel.ask(order.number)


def expiry_of(waiting: Order) -> datetime:
    """Return the moment from which nobody can pay on an order's page."""
    return waiting.run_at + PAGE_LASTS


def page_request(waiting: Order, *, payer: Payer) -> HostedPaymentRequest:
    """Return the request for an order's page: the same bytes each time."""
    return HostedPaymentRequest(
        order_number=waiting.number,
        amount_fen=waiting.amount_fen,
        currency=waiting.currency,
        expires_at=expiry_of(waiting),
        payer_login=payer.login,
        payer_address=payer.address,
    )


def keep_payer(tx: Transaction, house: House, *, person_id: UUID, order_id: UUID, payer: Payer, at: datetime) -> None:
    """Seal who pays an order, so that whoever makes its page, and makes it again, says the same. The caller commits."""
    told = {_login_field(order_id): payer.login, _address_field(order_id): payer.address}
    values = {name: value for name, value in told.items() if value is not None}
    if values:
        vault.seal_all(tx, keyring=house.keyring, person_id=person_id, values=values, at=at)


def payer_of(tx: Transaction, house: House, *, waiting: Order, kept_under: UUID | None = None) -> Payer:
    """Return who pays an order, as far as it was said, by the order or by what it is a part of. Errors: SealBroken.

    Of somebody erased nothing is left to say; what they paid is asked for all the same.
    """
    named = kept_under or waiting.order_id

    def opened(name: str) -> Personal[str] | None:
        try:
            return vault.open_field(tx, keyring=house.keyring, person_id=waiting.person_id, field=name)
        except (FieldMissing, vault.PersonErased):
            return None

    return Payer(login=opened(_login_field(named)), address=opened(_address_field(named)))


def _login_field(order_id: UUID) -> str:
    return f"payer_login.{order_id.hex}"


def _address_field(order_id: UUID) -> str:
    return f"payer_address.{order_id.hex}"


def errand_of(house: House, *, order: Order) -> Errand:
    """Return an order bound to its channel. Errors: NotFound, PersonErased, SealBroken, PaymentChannelUnknown."""
    if order.kind is OrderKind.RETURN and order.instrument_id is None:
        return _refund_of(house, order=order)
    if order.channel == ENTRUSTED:
        return _entrusted_of(house, order=order)
    if order.channel == COMBINED:
        return combined_errand(house, waiting=order)
    page = house.page_of(order.channel)
    if page is not None:
        with house.database.transaction() as tx:
            payer = payer_of(tx, house, waiting=order)
        return HostedErrand(channel=page, clock=house.clock, payer=payer)
    deducting = house.deducts_over(order.channel) if order.kind is OrderKind.COLLECTION else None
    if deducting is None and order.instrument_id is None:  # it was paid on a page, or from a wallet
        raise PaymentChannelUnknown("The channel of this payment is not connected.")
    with house.database.transaction() as tx:
        if deducting is not None:
            agreement = repayment.agreement_of(tx, order_id=order.order_id)
            if agreement is None or agreement.state != "active":
                token = _token_of_ended(tx, house, order=order, agreement=agreement)
                return EndedAgreementErrand(channel=deducting, token=token)
            token = vault.open_field(
                tx,
                keyring=house.keyring,
                person_id=order.person_id,
                field=token_field(agreement.agreement_id),
            )
            announced = None
            if order.channel in house.announcing:
                announced = announced_for(tx, waiting=order, agreement_id=agreement.agreement_id)
            return DeductionErrand(channel=deducting, agreement_token=token, announced=announced)
        assert order.instrument_id is not None
        number = instrument.open_number(
            tx, keyring=house.keyring, person_id=order.person_id, instrument_id=order.instrument_id
        )
        name = vault.open_field(tx, keyring=house.keyring, person_id=order.person_id, field="name")
    paying = house.payout_of(order.channel)
    if paying is None:
        raise PaymentChannelUnknown("The channel of this payout is not connected.")
    return PayoutErrand(channel=paying, card_number=number, holder_name=name)


def combined_errand(house: House, *, waiting: Order) -> HostedErrand:
    """Return a part of a payment for several lenders. Errors: SealBroken, PaymentChannelUnknown."""
    with house.database.transaction() as tx:
        combined_id = combined.combined_of(tx, order_id=waiting.order_id)
        assert combined_id is not None, "an order of this channel is a part"
        parts = combined.parts_of(tx, combined_id=combined_id)
        payer = payer_of(tx, house, waiting=waiting, kept_under=combined_id)
    if house.combined is None:
        raise PaymentChannelUnknown("The channel of this payment is not connected.")
    page = CombinedPage(channel=house.combined.channel, number=combined_id.hex, parts=tuple(parts))
    return HostedErrand(channel=page, clock=house.clock, payer=payer)


def _refund_of(house: House, *, order: Order) -> Errand:
    """Return a return that goes back the way the money came. Errors: PaymentChannelUnknown."""
    with house.database.transaction() as tx:
        given = refund.load(tx, order_id=order.order_id)
    channel = house.refunds.get(order.channel)
    if given is None or channel is None:
        raise PaymentChannelUnknown("The channel of the payment to give back is not connected.")
    return RefundErrand(channel=channel, paid_by=given.paid_by.hex, total_fen=given.total_fen)


def _entrusted_of(house: House, *, order: Order) -> Errand:
    """Return a payment to a contract's payee. Errors: NotFound, PersonErased, SealBroken, PaymentChannelUnknown."""
    assert order.loan_id is not None
    with house.database.transaction() as tx:
        named = payee.load(tx, keyring=house.keyring, loan_id=order.loan_id, person_id=order.person_id)
        of = loan.get(tx, cell=tx.cell_of(order.loan_id), loan_id=order.loan_id)
    if named is None or house.entrusted is None:
        raise PaymentChannelUnknown("No channel here pays merchants, or the contract names none.")
    return EntrustedErrand(
        channel=house.entrusted,
        payee_account=named.account,
        payee_name=named.name,
        payee_bank=named.bank,
        contract_number=of.contract_id.hex,
        purpose=named.purpose,
    )


def _token_of_ended(
    tx: Transaction, house: House, *, order: Order, agreement: Agreement | None
) -> Personal[str] | None:
    """Return the token of an agreement of whose end the bank has heard: with it nothing can be deducted any more."""
    if agreement is None:
        return None
    told = work.of_subjects(
        tx,
        cell=tx.cell_of(order.order_id),
        kind=CANCEL_AGREEMENT,
        subject_ids=[agreement.agreement_id],
        limit=1,
    )
    if not told or told[0][2] is None:
        return None
    try:
        field = token_field(agreement.agreement_id)
        return vault.open_field(tx, keyring=house.keyring, person_id=order.person_id, field=field)
    except (FieldMissing, vault.PersonErased):
        return None  # it stays asked for, and people hear of it


def run_errand(house: House, *, order_id: UUID) -> tuple[Order, Action]:
    """Take one order one step: announce, call, hear; see `chase_order`.

    What was not sent yet waits while its channel does not work; what was sent is asked about at any hour. A bill's
    deduction whose day is over is not sent any more (`end_over`).
    """
    with house.database.transaction() as tx:
        waiting = order.load(tx, order_id=order_id)
    now = house.clock.now()
    if is_over(waiting, now=now):
        ended = house.database.run(lambda tx: end_over(tx, house, order_id=order_id))
        if ended is not None:
            return ended, Done()
    opens = house.opens_at(waiting.channel, now) if waiting.open and waiting.sent_at is None else now
    if opens > now:
        return house.database.run(lambda tx: keep_order.wait_until(tx, order_id=order_id, at=opens)), Wait(until=opens)
    errand = errand_of(house, order=waiting)
    return chase_order(order_id=order_id, orders=BookOrders(house=house), errand=errand, clock=house.clock)


def is_over(waiting: Order, *, now: datetime) -> bool:
    """Whether an order was never sent, and the day of its try is over, where it may be a bill's deduction."""
    fresh = waiting.state is OrderState.RESERVED and waiting.kind is OrderKind.COLLECTION and waiting.loan_id is None
    return fresh and business_date_of(now) > business_date_of(waiting.run_at)


def end_over(tx: Transaction, house: House, *, order_id: UUID) -> Order | None:
    """End a bill's deduction that waited until its day was over, for a payment by hand or for its channel; or None.

    Its owner agreed to that day's tries and no others (the consent's text), is told, and pays by hand from then on.
    Nothing was said to the channel, and nothing is: who dies here leaves it as it was.
    """
    tx.lock_cell(tx.cell_of(order_id))
    now = house.clock.now()
    waiting = order.load(tx, order_id=order_id)
    if not is_over(waiting, now=now) or bill_deduction.bill_of_order(tx, order_id=order_id) is None:
        return None
    ended = keep_order.withdraw(tx, order_id=order_id, code="day_over", at=now)
    settle(tx, house, ended=ended)
    return ended


def token_field(agreement_id: UUID) -> str:
    """Return the name of the vault field that keeps an agreement's token."""
    return f"agreement.{agreement_id.hex}"
