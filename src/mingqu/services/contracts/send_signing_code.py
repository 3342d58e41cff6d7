"""The code that signs: sent to the person's own phone, it says what is signed and is good for that one offer."""

from __future__ import annotations

from uuid import UUID

from mingqu.domain.money import format_fen
from mingqu.domain.one_time_code import CodePurpose
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.ports.silence import ChannelSilent
from mingqu.ports.sms import Message, MessageKind
from mingqu.services.house import House
from mingqu.services.lenders.sign_with_lender import confirm_with_lender
from mingqu.services.messages.send_message import send_message
from mingqu.services.offers.disclose_cost import live_offer, read_disclosure
from mingqu.services.offers.make_offers import require_routed
from mingqu.services.offers.price_offer import product_of
from mingqu.store.loans import offer
from mingqu.store.loans.offer import Offer
from mingqu.store.parties import party
from mingqu.store.people import one_time_code, vault
from mingqu.store.server.database import Transaction


def send_signing_code(house: House, *, person_id: UUID, offer_id: UUID) -> None:
    """Send the code that signs an offer to the phone that was checked with the card.

    The message names the lender and the amount, so that nobody gives away a code without reading what it signs. The
    code is stored (as a keyed hash) before it is sent; if the message is lost the person asks for another. A lender
    that decides by itself confirms its price before.
    Errors: NotFound, OfferStale, CostTableNotRead, DrawingFrozen, DrawingStopped, CostAboveCap, CodeTooSoon,
    CodeSendsExhausted, PriceChanged, LenderNotSigned, ChannelUnavailable, InstitutionNotConnected, PartnerNotListed,
    PilotExcludes.
    """
    with house.database.transaction() as tx:
        _, line = offer.load_offer_with_line(tx, person_id=person_id, offer_id=offer_id)
    require_routed(house, product=product_of(house, line), person_id=person_id)
    confirm_with_lender(house, person_id=person_id, offer_id=offer_id)
    digits = house.codes.digits()
    with house.database.transaction() as tx:
        stored, offered = live_offer(tx, house, person_id=person_id, offer_id=offer_id)
        read_disclosure(tx, stored=stored, offered=offered)
        phone = _phone(tx, house, person_id=person_id)
        one_time_code.issue(
            tx,
            keyring=house.keyring,
            phone=phone,
            purpose=CodePurpose.SIGN_CONTRACT,
            digits=digits,
            at=house.clock.now(),
            subject=offer_id.hex,
        )
        tx.commit()
    message = Message(
        message_number=house.identifiers.fresh(0).hex,
        kind=MessageKind.CODE,
        phone=phone,
        template=f"code.{CodePurpose.SIGN_CONTRACT.value}",
        values={
            "code": digits,
            "lender": Personal(offered.lender_name_zh),
            "amount": Personal(format_fen(stored.terms.principal_fen)),
        },
    )
    try:
        send_message(house, message=message)
    except ChannelSilent:
        return  # it may have arrived; if not, a new code can be had after a minute


def try_signing_code(tx: Transaction, house: House, *, stored: Offer, code: Personal[str]) -> Refusal | None:
    """Try a code on an offer and return the refusal, which the caller commits; None when it is right, now used up."""
    return one_time_code.attempt(
        tx,
        keyring=house.keyring,
        phone=_phone(tx, house, person_id=stored.person_id),
        purpose=CodePurpose.SIGN_CONTRACT,
        digits=code,
        at=house.clock.now(),
        subject=stored.offer_id.hex,
    )


def _phone(tx: Transaction, house: House, *, person_id: UUID) -> Personal[str]:
    return vault.open_field(tx, keyring=house.keyring, person_id=person_id, field=party.FIELD_PHONE)
