"""Real name and own card in one check: name, ID number, card and phone belong together (四要素)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from mingqu.domain import consent as consents
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.instrument import (
    ElementsAnswer,
    InstrumentState,
    find_bin,
    read_card_number,
    require_payout,
    verified,
)
from mingqu.domain.one_time_code import CodePurpose
from mingqu.domain.party import IdentityEvent, IdentityLevel, read_id_number, read_name, read_phone
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.ports.identity import FourElements, IdentityAnswer
from mingqu.ports.silence import ChannelSilent
from mingqu.services.house import House
from mingqu.services.sign_in import check_code
from mingqu.store import consent, directory, instrument, loan, party
from mingqu.store.database import Transaction


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
    name, phone = read_name(name), read_phone(phone)
    id_card = read_id_number(number=id_number, on=today)
    card_number = read_card_number(card_number)
    issuer = find_bin(number=card_number, bins=house.bins)
    now = house.clock.now()
    with house.database.transaction() as tx:
        party.load_person(tx, person_id=person_id)
        consents.require(
            consents=consent.of_person(tx, person_id=person_id),
            purpose=ConsentPurpose.REAL_NAME_VERIFICATION,
            recipient=None,
            at=now,
        )
    check_code(house, phone=phone, purpose=CodePurpose.VERIFY_IDENTITY, digits=digits)
    with house.database.transaction() as tx:
        instrument.count_attempt(tx, keyring=house.keyring, number=card_number, at=now)
        tx.commit()
    try:
        answer = house.identity.check(
            FourElements(
                request_number=request_id.hex, name=name, id_number=id_card.number, card_number=card_number, phone=phone
            )
        )
    except ChannelSilent:
        raise IdentityCheckSilent("The check did not answer. Nothing is decided; please try again.") from None

    def bind(tx: Transaction) -> Verified:
        owner = _one_person(tx, house, person_id=person_id, id_number=id_card.number, answer=answer)
        tx.lock_cell(tx.cell_of(owner))
        for held in instrument.of_person(tx, person_id=owner):
            same = (
                instrument.open_number(tx, keyring=house.keyring, person_id=owner, instrument_id=held.instrument_id)
                == card_number
            )
            if same and held.state is InstrumentState.VERIFIED:
                return Verified(person_id=owner, instrument_id=held.instrument_id)
        bound = instrument.add(
            tx,
            keyring=house.keyring,
            instrument_id=house.id_for(owner),
            person_id=owner,
            kind=issuer.kind,
            issuer=issuer.issuer,
            number=card_number,
            at=now,
        )
        own = verified(instrument=bound, answer=ElementsAnswer(answer.value))
        require_payout(instrument=own)
        instrument.set_state(tx, instrument=own, was=bound.state, at=now)
        level = party.load_person(tx, person_id=owner).identity_level
        if level < IdentityLevel.FOUR_ELEMENTS:
            party.set_identity(
                tx, keyring=house.keyring, person_id=owner, name=name, id_card=id_card, phone=phone, at=now
            )
            if level is IdentityLevel.NONE:
                party.set_identity_level(tx, person_id=owner, event=IdentityEvent.NUMBER_CHECKED)
            party.set_identity_level(tx, person_id=owner, event=IdentityEvent.FOUR_ELEMENTS_MATCHED)
        return Verified(person_id=owner, instrument_id=own.instrument_id)

    return house.database.run(bind)


def _one_person(
    tx: Transaction, house: House, *, person_id: UUID, id_number: Personal[str], answer: IdentityAnswer
) -> UUID:
    """Return the person whose ID number this is: the known one, to whom the new logins are led, or the new one."""
    known = directory.find_id_number(tx, keyring=house.keyring, id_number=id_number)
    if known is None or known == person_id or answer is not IdentityAnswer.MATCH:
        return person_id
    for cell in sorted({tx.cell_of(person_id), tx.cell_of(known)}):
        tx.lock_cell(cell)
    party.merge(
        tx,
        from_person_id=person_id,
        to_person_id=known,
        owes_money=lambda who: loan.owes_money(tx, person_id=who),
        at=house.clock.now(),
    )
    return known
