"""Real name and own card in one check: name, ID number, card and phone belong together (四要素)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from mingqu.domain import consent as consents
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.instrument import (
    Bin,
    CardClosed,
    CardNotOwn,
    CardNotSupported,
    ElementsAnswer,
    InstrumentState,
    find_bin,
    read_card_number,
    require_own,
    require_payout,
    verified,
)
from mingqu.domain.one_time_code import CodePurpose
from mingqu.domain.party import IdCard, IdentityEvent, IdentityLevel, read_id_number, read_name, read_phone
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.domain.signal import SignalKind
from mingqu.ports.identity import FourElements
from mingqu.ports.silence import ChannelSilent
from mingqu.services.access.note_refused import note_card
from mingqu.services.house import House
from mingqu.services.people.load_bins import bins_today
from mingqu.services.people.note_signals import promise_signal
from mingqu.store.limits import freeze
from mingqu.store.loans import loan
from mingqu.store.parties import consent, party
from mingqu.store.people import directory, instrument, one_time_code
from mingqu.store.people.directory import PersonMergeNeedsReview as PersonMergeNeedsReview
from mingqu.store.server import idempotency
from mingqu.store.server.database import Transaction


class IdentityCheckSilent(Refusal):
    """Whoever checks identities did not answer; nothing is decided. Send the same request again."""

    code: ClassVar[str] = "identity_check_silent"
    status: ClassVar[int] = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Who the person is (an older account of theirs, if they had one) and the card now bound."""

    person_id: UUID
    instrument_id: UUID


def verify_identity(
    house: House,
    *,
    person_id: UUID,
    request_id: UUID,
    name: Personal[str],
    id_number: Personal[str],
    phone: Personal[str],
    card_number: Personal[str],
    digits: Personal[str],
) -> Verified:
    """Verify a person by the four elements and bind the card as their own.

    `request_id` is made by the caller and is the same when the request is sent again; `digits` is the code
    sent to the card's phone. The check runs outside any transaction; a silent checker decides nothing.
    Sources: PIPL art. 29 (separate consent); same card at most four tries in 24 hours (banks' rule).
    Errors: IdNumberMalformed and the other syntax refusals, PersonUnderAge, ConsentMissing, those of the code,
    CardTriesExhausted, CardNotOwn, CardNotSupported, CardClosed, IdentityCheckSilent, PersonMergeNeedsReview.
    """
    today = house.clock.business_date()
    id_card = read_id_number(number=id_number, on=today)
    elements = FourElements(
        request_number=request_id.hex,
        name=read_name(name),
        id_number=id_card.number,
        card_number=read_card_number(card_number),
        phone=read_phone(phone),
    )
    with house.database.transaction() as tx:
        issuer = find_bin(number=elements.card_number, bins=bins_today(tx, house))
        party.load_person(tx, person_id=person_id)
        consents.require(
            consents=consent.of_person(tx, person_id=person_id),
            purpose=ConsentPurpose.REAL_NAME_VERIFICATION,
            recipient=None,
            at=house.clock.now(),
        )
    _use_code(house, person_id=person_id, elements=elements, digits=digits)
    try:
        answer = house.identity.check(elements)
    except ChannelSilent:
        raise IdentityCheckSilent("The check did not answer. Nothing is decided; please try again.") from None
    proof = _Proof(elements=elements, id_card=id_card, issuer=issuer, answer=answer)
    try:
        return _bound(house, person_id=person_id, proof=proof)
    except (CardNotOwn, CardNotSupported, CardClosed) as refusal:
        note_card(house, person_id=person_id, refusal=refusal)
        raise


def _bound(house: House, *, person_id: UUID, proof: _Proof) -> Verified:
    try:
        return house.database.run(lambda tx: _bind(tx, house, person_id=person_id, proof=proof))
    except directory.DirectoryTaken:
        # Two new logins proved the same identity at once: the other one is who this person is.
        return house.database.run(lambda tx: _bind(tx, house, person_id=person_id, proof=proof))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proof:
    """The elements, what is read from them, and what the checker said of them."""

    elements: FourElements
    id_card: IdCard
    issuer: Bin
    answer: ElementsAnswer


def _use_code(house: House, *, person_id: UUID, elements: FourElements, digits: Personal[str]) -> None:
    """Use up the code and count the try of the card, once for a request however often it is sent.

    A request whose code was right stays let in: it may be sent again when the checker was silent. A wrong code is
    counted, so that count is committed before the refusal is raised.
    """
    keyring = house.keyring
    # All four: a code lets one question in, and the same request about another name is another question.
    four = (elements.name, elements.id_number, elements.card_number, elements.phone)
    spoken = Personal("/".join(each.reveal() for each in four))
    body_hash = keyring.lookup_hash(kind="verify_identity", value=spoken)
    key = f"verify_identity {elements.request_number}"

    def use(tx: Transaction) -> Refusal | None:
        cell, at = tx.cell_of(person_id), house.clock.now()
        if idempotency.begin(tx, cell=cell, caller=person_id.hex, key=key, body_hash=body_hash) is not None:
            return None
        refusal = one_time_code.attempt(
            tx,
            keyring=keyring,
            phone=elements.phone,
            purpose=CodePurpose.VERIFY_IDENTITY,
            digits=digits,
            at=at,
        )
        if refusal is None:
            instrument.count_attempt(tx, keyring=keyring, number=elements.card_number, at=at)
            idempotency.finish(tx, cell=cell, caller=person_id.hex, key=key, response={})
        else:
            idempotency.forget(tx, cell=cell, caller=person_id.hex, key=key)
        return refusal

    refusal = house.database.run(use)
    if refusal is not None:
        raise refusal


def _bind(tx: Transaction, house: House, *, person_id: UUID, proof: _Proof) -> Verified:
    """Write what the check proved: who the person is, and the card as their own."""
    at, elements = house.clock.now(), proof.elements
    owner = _one_person(tx, house, person_id=person_id, proof=proof)
    require_own(answer=proof.answer)  # also of a card that is theirs already: it stays so, and this proves nothing
    tx.lock_cell(tx.cell_of(owner))
    for held in instrument.of_person(tx, person_id=owner):
        number = instrument.open_number(tx, keyring=house.keyring, person_id=owner, instrument_id=held.instrument_id)
        if number == elements.card_number and held.state is InstrumentState.VERIFIED:
            return Verified(person_id=owner, instrument_id=held.instrument_id)
    bound = instrument.add(
        tx,
        keyring=house.keyring,
        instrument_id=house.id_for(owner),
        person_id=owner,
        kind=proof.issuer.kind,
        issuer=proof.issuer.issuer,
        number=elements.card_number,
        at=at,
    )
    own = verified(instrument=bound, answer=proof.answer)
    require_payout(instrument=own)
    instrument.set_state(tx, instrument=own, was=bound.state, at=at)
    promise_signal(tx, person_id=owner, event_id=own.instrument_id, kind=SignalKind.CARD_BOUND, at=at)
    level = party.load_person(tx, person_id=owner).identity_level
    if level < IdentityLevel.FOUR_ELEMENTS:
        party.set_identity(
            tx,
            keyring=house.keyring,
            person_id=owner,
            name=elements.name,
            id_card=proof.id_card,
            phone=elements.phone,
            at=at,
        )
        if level is IdentityLevel.NONE:
            party.set_identity_level(tx, person_id=owner, event=IdentityEvent.NUMBER_CHECKED)
        party.set_identity_level(tx, person_id=owner, event=IdentityEvent.FOUR_ELEMENTS_MATCHED)
    else:
        # The number proved last is theirs now: codes that sign go there, and none to whoever has the old one.
        party.set_phone(tx, keyring=house.keyring, person_id=owner, phone=elements.phone, at=at)
    return Verified(person_id=owner, instrument_id=own.instrument_id)


def _one_person(tx: Transaction, house: House, *, person_id: UUID, proof: _Proof) -> UUID:
    """Return the person whose ID number this is: the known one, to whom the new logins are led, or the new one."""
    known = directory.find_id_number(tx, keyring=house.keyring, id_number=proof.elements.id_number)
    if known is None and party.load_person(tx, person_id=person_id).identity_level >= IdentityLevel.FOUR_ELEMENTS:
        # They are somebody already: a card that belongs to another name is not theirs, whoever holds the phone.
        raise CardNotOwn("This card does not belong to the person who is verified here.")
    if known is None or known == person_id or proof.answer is not ElementsAnswer.MATCH:
        return person_id
    for cell in sorted({tx.cell_of(person_id), tx.cell_of(known)}):
        tx.lock_cell(cell)
    party.merge(
        tx,
        from_person_id=person_id,
        to_person_id=known,
        # Who was stopped does not leave that behind by turning out to be somebody else.
        owes_money=lambda who: loan.owes_money(tx, person_id=who) or freeze.standing(tx, person_id=who) is not None,
        at=house.clock.now(),
    )
    return known
