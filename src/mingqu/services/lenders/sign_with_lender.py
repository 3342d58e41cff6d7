"""Let a lender that decides by itself sign and fund what a person is about to sign.

The lender confirms its price before the code is sent that signs. Where the price has moved nothing is signed: a new
offer is made, with a cost table of its own that the person has to read; what was read before is worth nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.identifier import beside
from mingqu.domain.lender_answer import LenderQuestion, WordKind
from mingqu.domain.money import Rounding
from mingqu.domain.ownership import NotFound
from mingqu.domain.refusal import Refusal
from mingqu.ports.lender import Confirmed, Funded, Later, LenderChannel, LenderFunding, LenderSignature, PriceMoved
from mingqu.ports.silence import ChannelSilent
from mingqu.services.funding.fund_lender import book_funding
from mingqu.services.house import House
from mingqu.services.lenders.call_off_funding import is_called_off, note_asked
from mingqu.services.lenders.hear_lender import keep_word, note_trouble, reprice
from mingqu.services.offers.disclose_cost import live_offer, read_disclosure
from mingqu.services.offers.make_offers import require_routed
from mingqu.services.offers.price_offer import CostAboveCap, offer_at, product_of
from mingqu.services.repayment.repay import ChannelUnavailable
from mingqu.store.lenders import lender_question
from mingqu.store.lenders.lender_funding import AskedFunding
from mingqu.store.loans import offer
from mingqu.store.loans.offer import Offer
from mingqu.store.merchants import checkout
from mingqu.store.server.database import Transaction

_SIGNS: Final = "lender signature"
_FUNDS: Final = "lender funding"
_MOVED: Final = "price moved"


class PriceChanged(Refusal):
    """The lender's price is another since the cost table was read: read that of the new offer, and accept or leave."""

    code: ClassVar[str] = "price_changed"
    status: ClassVar[int] = 409


class LenderNotSigned(Refusal):
    """The lender does not sign, or takes back what it offered: take another offer, or ask for new ones."""

    code: ClassVar[str] = "lender_not_signed"
    status: ClassVar[int] = 409


class LenderNotConfirmed(Refusal):
    """The lender has not confirmed its price for this offer: have the code sent that signs, which asks it."""

    code: ClassVar[str] = "lender_not_confirmed"
    status: ClassVar[int] = 409


class LenderCalledOff(Refusal):
    """Nothing is signed on this offer any more: its lender was told to keep its money. Ask for new offers."""

    code: ClassVar[str] = "lender_called_off"
    status: ClassVar[int] = 409


class LenderNotFunded(Refusal):
    """The lender's money for this contract is not here yet: sign again in a while; nothing was signed."""

    code: ClassVar[str] = "lender_not_funded"
    status: ClassVar[int] = 409


def confirm_with_lender(house: House, *, person_id: UUID, offer_id: UUID) -> None:
    """Have the lender of an offer confirm the price that was read, if it decides by itself; done again it stays done.

    Errors: NotFound, OfferStale, CostTableNotRead, PriceChanged (details: offer_id of the new offer, rate_year_ppm),
    CostAboveCap (the new price is above the law: no new offer), LenderNotSigned, ChannelUnavailable.
    """
    with house.database.transaction() as tx:
        question = lender_question.question_of_offer(tx, offer_id=offer_id)
        if question is None:
            return
        stored, offered = live_offer(tx, house, person_id=person_id, offer_id=offer_id)
        read_disclosure(tx, stored=stored, offered=offered)
    channel = _channel(house, question)
    signature = LenderSignature(
        number=signature_number(offer_id),
        application_number=question.number,
        amount_fen=stored.terms.principal_fen,
        currency=stored.terms.currency,
        rate_year_ppm=stored.terms.rate.yearly_ppm(rounding=Rounding.HALF_UP),
        terms_hash=offer.terms_hash(stored.terms),
    )
    try:
        word = channel.sign(signature)
    except ChannelSilent as silent:
        note_trouble(house, question_id=question.question_id, reason=silent.reason, about=WordKind.SIGN)
        raise ChannelUnavailable("The lender did not answer: send the same again in a moment.") from None

    def hear(tx: Transaction) -> Refusal | None:
        tx.lock_cell(tx.cell_of(person_id))
        known = lender_question.load(tx, question_id=question.question_id)
        keep_word(tx, house, question=known, kind=WordKind.SIGN, number=signature.number, word=word)
        match word:
            case Confirmed():
                return None
            case PriceMoved():
                return _moved(tx, house, known=known, old=stored, word=word)
            case _:
                return LenderNotSigned("The lender does not sign this offer: take another one.", reason=word.code)

    refusal = house.database.run(hear)
    if refusal is not None:
        raise refusal


def require_confirmed(tx: Transaction, *, stored: Offer) -> None:
    """Return when an offer is the house's own, or its lender confirmed and funded it.

    Errors: LenderNotConfirmed, LenderCalledOff.
    """
    question = lender_question.question_of_offer(tx, offer_id=stored.offer_id)
    if question is None:
        return
    _require_wanted(tx, offer_id=stored.offer_id)
    said = {(one.kind, one.number): one.said for one in lender_question.words_of(tx, question_id=question.question_id)}
    confirmed = said.get((WordKind.SIGN, signature_number(stored.offer_id))) == "confirmed"
    funded = said.get((WordKind.FUND, beside(stored.offer_id, purpose=_FUNDS).hex)) == "funded"
    if not confirmed or not funded:
        raise LenderNotConfirmed("The lender has not confirmed this offer: have the code sent that signs it.")


def fund_from_lender(
    house: House, *, person_id: UUID, offer_id: UUID, require: Callable[[Transaction, Offer], object]
) -> None:
    """Have the lender of an offer pay in what will be lent, if it decides by itself; booked once under its number.

    `require` refuses what would not be signed anyway, e.g. for an order that is paid, before a lender pays in anything.
    That it is asked is noted first, with the work that calls it off where nothing is signed.
    Errors: NotFound, LenderNotConfirmed, LenderNotFunded, LenderNotSigned, LenderCalledOff, ChannelUnavailable,
    InstitutionNotConnected, PartnerNotListed, PilotExcludes.
    """
    with house.database.transaction() as tx:
        question = lender_question.question_of_offer(tx, offer_id=offer_id)
        if question is None:
            return
        stored, line = offer.load_offer_with_line(tx, person_id=person_id, offer_id=offer_id)
        if stored.loan_id is not None:
            return  # signed before; whoever asks again hears the same
        require(tx, stored)
        words = lender_question.words_of(tx, question_id=question.question_id)
    require_routed(house, product=product_of(house, line), person_id=person_id)  # before the lender pays anything in
    number = signature_number(offer_id)
    if not any((one.kind, one.number, one.said) == (WordKind.SIGN, number, "confirmed") for one in words):
        raise LenderNotConfirmed("The lender has not confirmed this offer: have the code sent that signs it.")
    asked = AskedFunding(
        offer_id=offer_id,
        person_id=person_id,
        question_id=question.question_id,
        lender_id=line.lender_id,
        reference=beside(offer_id, purpose=_FUNDS),
        amount_fen=stored.terms.principal_fen,
        currency=stored.terms.currency,
        asked_at=house.clock.now(),
    )

    def note(tx: Transaction) -> None:
        tx.lock_cell(tx.cell_of(person_id))
        _require_wanted(tx, offer_id=offer_id)
        note_asked(tx, house, asked=asked, expires_at=stored.expires_at)

    house.database.run(note)
    funding = LenderFunding(
        number=asked.reference.hex,
        signature_number=number,
        amount_fen=asked.amount_fen,
        currency=asked.currency,
    )
    try:
        word = _channel(house, question).fund(funding)
    except ChannelSilent as silent:
        note_trouble(house, question_id=question.question_id, reason=silent.reason, about=WordKind.FUND)
        raise ChannelUnavailable("The lender did not answer: send the same again in a moment.") from None
    if isinstance(word, Later):
        raise LenderNotFunded("The lender's money is not here yet: sign again in a while.")
    if not isinstance(word, Funded):
        raise LenderNotSigned("The lender does not fund this offer: take another one.", reason=word.code)

    def hear(tx: Transaction) -> None:
        tx.lock_cell(tx.cell_of(person_id))
        _require_wanted(tx, offer_id=offer_id)  # called off meanwhile: the lender is told to keep what it says it paid
        book_funding(tx, house, lender_id=asked.lender_id, amount=asked.money, reference=asked.reference)
        keep_word(tx, house, question=question, kind=WordKind.FUND, number=funding.number, word=word)

    house.database.run(hear)


def _require_wanted(tx: Transaction, *, offer_id: UUID) -> None:
    if is_called_off(tx, offer_id=offer_id):
        raise LenderCalledOff("Nothing is signed on this offer any more: ask for new ones.")


def signature_number(offer_id: UUID) -> str:
    """Return the number under which a lender signs an offer: the same each time."""
    return beside(offer_id, purpose=_SIGNS).hex


def _moved(tx: Transaction, house: House, *, known: LenderQuestion, old: Offer, word: PriceMoved) -> Refusal:
    """Return the refusal of a price that has moved, with the offer at the new price; one above the law makes none."""
    try:
        priced = reprice(tx, house, question=known, to=word.offer)
    except CostAboveCap as refusal:
        return refusal
    bought = checkout.of_offer(tx, offer_id=old.offer_id)
    expires_at: datetime = min(word.offer.valid_until, house.clock.now() + house.settings.offer_lasts)
    if bought is not None:
        expires_at = min(expires_at, bought.expires_at)
    new_id = beside(old.offer_id, purpose=f"{_MOVED} {word.offer.rate_year_ppm} {word.offer.valid_until.isoformat()}")
    told = PriceChanged(
        "The lender's price has changed: read what it costs now.",
        offer_id=new_id.hex,
        rate_year_ppm=word.offer.rate_year_ppm,
    )
    try:
        offer.load_offer(tx, person_id=old.person_id, offer_id=new_id)
    except NotFound:
        pass
    else:
        return told  # the lender said the same before
    made = offer_at(
        tx,
        house,
        facility_id=old.facility_id,
        person_id=old.person_id,
        rate_year_ppm=word.offer.rate_year_ppm,
        amount_fen=priced.amount_fen,
        instalments=priced.instalments,
        method=priced.method,
        offer_id=new_id,
        expires_at=expires_at,
        stepped=bought is None,
    )
    if bought is not None:  # what pays an order pays it at the new price as well
        checkout.insert_offers(tx, offers=[replace(bought, offer_id=new_id)])
    lender_question.rest_on(tx, offer_id=made.offer.offer_id, question=priced)
    return told


def _channel(house: House, question: LenderQuestion) -> LenderChannel:
    channel = house.lenders.get(question.lender)
    if channel is None:
        raise LenderNotSigned("This lender is not connected any more: take another offer.", reason="not_connected")
    return channel
