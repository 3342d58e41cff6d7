"""Repay by hand on a page of the channel's, or let due amounts be deducted by an agreement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.consent import ConsentMissing, ConsentPurpose
from mingqu.domain.consent import require as require_consent
from mingqu.domain.instrument import CardNotSupported, InstrumentKind, require_verified
from mingqu.domain.loan import Intent, Quote, Stage, quote
from mingqu.domain.money import AmountOutOfRange, Money, format_fen
from mingqu.domain.order import Order, OrderKind, reserve
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.ports.collection import (
    Agreed,
    AgreementRequest,
    CodeSent,
    CodeWrong,
    HostedPage,
    HostedPaymentChannel,
)
from mingqu.ports.silence import ChannelSilent
from mingqu.services.house import ALIPAY_AGREEMENT, BANK, HOSTED, PAPAY, WECHAT, House
from mingqu.services.loans.withdraw_loan import require_cooling_off
from mingqu.services.once import Response, once
from mingqu.services.orders.announce_deductions import watch_agreement
from mingqu.services.orders.chase_order import chase_order
from mingqu.services.orders.end_agreement import end_agreement
from mingqu.services.orders.hear_order import BookOrders
from mingqu.services.orders.run_errand import (
    Payer,
    PaymentChannelUnknown,
    errand_of,
    keep_payer,
    page_request,
    payer_of,
    token_field,
)
from mingqu.store.loans import loan, repayment
from mingqu.store.loans.loan import Loan
from mingqu.store.loans.repayment import Agreement
from mingqu.store.orders import order
from mingqu.store.parties import consent
from mingqu.store.people import instrument, vault
from mingqu.store.server.database import Transaction

# Stages in which a borrower can pay: a loan that was taken for lost is still owed.
OWING: Final = (Stage.ACTIVE, Stage.CHARGED_OFF)
# The version of the text on automatic repayment from which on it speaks of a channel's wallet; cards are in all.
SPOKEN_OF_SINCE: Final[Mapping[str, int]] = {WECHAT: 2, PAPAY: 2, ALIPAY_AGREEMENT: 3}
ENDED: Final = "ended"  # of an agreement: it never holds again
NOBODY: Final = Payer()  # a page that anybody may pay on who has its address


class NothingDue(Refusal):
    """Nothing is owed on this loan."""

    code: ClassVar[str] = "nothing_due"
    status: ClassVar[int] = 409


class AgreementRefused(Refusal):
    """The card's bank did not agree to deductions from it."""

    code: ClassVar[str] = "agreement_refused"


class AgreementCodeWrong(Refusal):
    """The code of the agreement is not the one that the bank sent."""

    code: ClassVar[str] = "agreement_code_wrong"


class ChannelUnavailable(Refusal):
    """The channel did not answer; whether it did anything is asked again under the same number."""

    code: ClassVar[str] = "channel_unavailable"
    status: ClassVar[int] = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPage:
    """The order that waits for the person's payment, and what it is for."""

    order_id: UUID
    amount_fen: int


def quote_repayment(house: House, *, person_id: UUID, loan_id: UUID) -> Quote:
    """Return what is owed today on a person's loan: due, and all of it. Errors: NotFound, NothingDue."""
    with house.database.transaction() as tx:
        of = loan.get_for(tx, person_id=person_id, loan_id=loan_id)
        if of.state.stage not in OWING:
            raise NothingDue("Nothing is owed on this loan.")
        today = house.clock.business_date()
        on = max(today, of.state.as_of) if of.state.as_of else today
        return quote(terms=of.terms, state=of.state, on=on)


def repay_by_hand(
    house: House,
    *,
    person_id: UUID,
    loan_id: UUID,
    intent: Intent,
    amount_fen: int | None = None,
    payer: Payer = NOBODY,
    channel: str = HOSTED,
    key: str,
) -> PaymentPage:
    """Make an order that the person pays on the channel's page; without an amount, what the intent needs today.

    `payer` is what the channel needs to know of who pays: it is sealed, and the first one stays. `channel` is HOSTED or
    a name in `house.pages`; the order bears it for good.
    Errors: NotFound, NothingDue, CoolingOffOver, AmountMalformed, AmountOutOfRange, PaymentChannelUnknown, and those of
    the idempotency key.
    """
    if house.page_of(channel) is None:
        raise PaymentChannelUnknown("Nobody is paid here by this name.")
    if amount_fen is not None and Money(amount_fen).fen <= 0:
        raise AmountOutOfRange("A repayment is of at least one fen.")

    def work(tx: Transaction) -> Response:
        of = loan.get_for(tx, person_id=person_id, loan_id=loan_id)
        needed = _needed_fen(tx, house, of=of, intent=intent, asked_fen=amount_fen)
        amount = amount_fen or needed
        if amount == 0:
            raise NothingDue("Nothing is due on this loan today.")
        order_id = house.id_for(person_id)
        order.insert(
            tx,
            order=reserve(
                order_id=order_id,
                kind=OrderKind.COLLECTION,
                person_id=person_id,
                loan_id=loan_id,
                instrument_id=None,
                amount_fen=amount,
                currency=of.currency,
                channel=channel,
                run_at=house.clock.now(),
            ),
        )
        repayment.insert_intent(tx, order_id=order_id, loan_id=loan_id, intent=intent)
        keep_payer(tx, house, person_id=person_id, order_id=order_id, payer=payer, at=house.clock.now())
        return {"order_id": order_id.hex, "amount_fen": amount}

    request: dict[str, str | int | None] = {"loan_id": loan_id.hex, "intent": intent.value, "amount_fen": amount_fen}
    if channel != HOSTED:  # a key that was used before there was a choice keeps its meaning
        request["channel"] = channel
    answer = once(house, person_id=person_id, command="repay_by_hand", key=key, request=request, work=work)
    return PaymentPage(order_id=UUID(str(answer["order_id"])), amount_fen=int(str(answer["amount_fen"])))


def _needed_fen(tx: Transaction, house: House, *, of: Loan, intent: Intent, asked_fen: int | None) -> int:
    """Return what an intent needs today, with what a guarantor who paid bills may claim; of a loan that a guarantor
    paid for as a whole, what is owed to the guarantor.

    Errors: NothingDue, CoolingOffOver, AmountOutOfRange.
    """
    if of.state.stage is Stage.SETTLED and of.state.guarantor_claim_fen and intent is not Intent.WITHDRAW:
        return of.state.guarantor_claim_fen
    if of.state.stage not in OWING:
        raise NothingDue("Nothing is owed on this loan.")
    today = house.booking_date(tx, cell=of.cell)
    if intent is Intent.WITHDRAW:
        needed = require_cooling_off(tx, house, of=of, day=today).amount_fen
        if asked_fen not in (None, needed):
            raise AmountOutOfRange(f"Giving the loan back takes just its principal, {format_fen(needed)} yuan.")
        return needed
    owed = quote(terms=of.terms, state=of.state, on=today)
    return owed.free_fen if intent is Intent.PAYOFF else owed.in_order_fen


def open_page(house: House, *, person_id: UUID, order_id: UUID) -> HostedPage:
    """Return the channel's page of a person's order; asked again it is the same page.

    The order is announced first, so that whatever is paid on the page is asked for. Errors: NotFound (also for an
    order that no page is paid for), NothingDue when the payment has ended, ChannelUnavailable.
    """
    with house.database.transaction() as tx:
        waiting = order.load_for(tx, person_id=person_id, order_id=order_id)
        channel = house.page_of(waiting.channel)
        if waiting.kind is not OrderKind.COLLECTION or channel is None:
            raise NotFound  # a payout's or a deduction's number must never be a page's as well
        if not waiting.open or waiting.disputed:
            raise NothingDue("This payment has ended.")
        payer = payer_of(tx, house, waiting=waiting)
    errand = errand_of(house, order=waiting)
    if waiting.sent_at is None:
        chase_order(order_id=order_id, orders=BookOrders(house=house), errand=errand, clock=house.clock)
    return page_at(channel, waiting=waiting, payer=payer)


def page_at(channel: HostedPaymentChannel, *, waiting: Order, payer: Payer) -> HostedPage:
    """Return a channel's page of an order that was announced. Errors: ChannelUnavailable."""
    try:
        answer = channel.create(page_request(waiting, payer=payer))
    except ChannelSilent:
        raise ChannelUnavailable("The payment page did not open; please try again.") from None
    if not isinstance(answer, HostedPage):
        raise ChannelUnavailable("The payment page could not be made; please try again.")
    return answer


def request_agreement(house: House, *, person_id: UUID, instrument_id: UUID, key: str) -> UUID:
    """Begin an agreement to deduct due amounts from a person's verified card; the bank sends a code.

    Errors: NotFound, InstrumentNotVerified, CardNotSupported, ConsentMissing, AgreementRefused, ChannelUnavailable.
    """

    def work(tx: Transaction) -> Response:
        card = instrument.load(tx, person_id=person_id, instrument_id=instrument_id)
        require_verified(instrument=card)
        if card.kind is InstrumentKind.WALLET:
            raise CardNotSupported("The bank deducts from cards only.", kind=card.kind.value)
        require_agreed(tx, house, person_id=person_id)
        agreement = Agreement(
            agreement_id=house.id_for(person_id),
            person_id=person_id,
            instrument_id=instrument_id,
            state="pending",
            channel=BANK,
        )
        repayment.insert_agreement(tx, agreement=agreement, at=house.clock.now())
        return {"agreement_id": agreement.agreement_id.hex}

    request = {"instrument_id": instrument_id.hex}
    answer = once(house, person_id=person_id, command="request_agreement", key=key, request=request, work=work)
    agreement_id = UUID(str(answer["agreement_id"]))
    with house.database.transaction() as tx:
        keyring = house.keyring
        known = {
            field: vault.open_field(tx, keyring=keyring, person_id=person_id, field=field)
            for field in ("name", "id_number", "phone")
        }
        number = instrument.open_number(tx, keyring=keyring, person_id=person_id, instrument_id=instrument_id)
    try:
        said = house.collection.request_agreement(
            AgreementRequest(
                agreement_number=agreement_id.hex,
                card_number=number,
                holder_name=known["name"],
                id_number=known["id_number"],
                phone=known["phone"],
            )
        )
    except ChannelSilent:
        raise ChannelUnavailable("The bank did not answer; please try again.") from None
    if not isinstance(said, CodeSent):
        raise AgreementRefused("The bank did not accept this card for automatic repayment.")
    return agreement_id


def confirm_agreement(house: House, *, person_id: UUID, agreement_id: UUID, code: Personal[str]) -> None:
    """Begin an agreement with the bank's code; from then on due amounts are deducted. Confirming again changes nothing.

    A person has one agreement: an older one ends, and the bank hears of it. Errors: NotFound, ConsentMissing (also when
    it was withdrawn since the agreement was asked for), AgreementCodeWrong (tries_left), AgreementRefused (also for one
    that has ended), ChannelUnavailable.
    """
    with house.database.transaction() as tx:
        if repayment.load_agreement(tx, person_id=person_id, agreement_id=agreement_id).state == ENDED:
            raise AgreementRefused("This agreement has ended; begin another.")
        require_agreed(tx, house, person_id=person_id)
    try:
        said = house.collection.confirm_agreement(agreement_number=agreement_id.hex, code=code)
    except ChannelSilent:
        raise ChannelUnavailable("The bank did not answer; please try again.") from None
    if isinstance(said, CodeWrong):
        raise AgreementCodeWrong("The code is not right.", tries_left=said.tries_left)
    if not isinstance(said, Agreed):
        raise AgreementRefused("The bank ended this agreement; begin again.")
    refusal = house.database.run(
        lambda tx: keep_agreement(tx, house, person_id=person_id, agreement_id=agreement_id, token=said.token)
    )
    if refusal is not None:
        raise refusal


def keep_agreement(
    tx: Transaction, house: House, *, person_id: UUID, agreement_id: UUID, token: Personal[str]
) -> Refusal | None:
    """Store an agreement that the bank made as the one that holds; return a refusal where it may not hold after all."""
    tx.lock_cell(tx.cell_of(person_id))
    agreement = repayment.load_agreement(tx, person_id=person_id, agreement_id=agreement_id)
    if agreement.state == ENDED:
        return AgreementRefused("This agreement has ended; begin another.")
    if agreement.state == "active":
        return None
    now = house.clock.now()
    end_agreement(tx, house, person_id=person_id)
    vault.seal(tx, keyring=house.keyring, person_id=person_id, field=token_field(agreement_id), value=token, at=now)
    repayment.set_agreement_state(tx, agreement=agreement, state="active", at=now)
    try:
        require_agreed(tx, house, person_id=person_id, channel=agreement.channel)
    except ConsentMissing as withdrawn:
        end_agreement(tx, house, person_id=person_id)  # the bank has made it, and hears that it does not hold
        return withdrawn
    watch_agreement(tx, house, agreement=agreement)
    return None


def require_agreed(tx: Transaction, house: House, *, person_id: UUID, channel: str = BANK) -> None:
    """Return when a person's consent to deductions over a channel stands. Errors: ConsentMissing."""
    require_consent(
        consents=consent.of_person(tx, person_id=person_id),
        purpose=ConsentPurpose.AUTO_REPAYMENT,
        recipient=house.settings.operator_name,
        at=house.clock.now(),
        version_min=SPOKEN_OF_SINCE.get(channel, 1),
    )
