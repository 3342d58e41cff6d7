"""Consents are given one by one, in words the person saw, each for one purpose and one named recipient."""

from __future__ import annotations

from uuid import UUID

from mingqu.domain import consent as consents
from mingqu.domain.consent import Consent, ConsentPurpose, ConsentTextChanged
from mingqu.domain.signal import KeyKind
from mingqu.services.house import House
from mingqu.services.once import Response, once
from mingqu.services.orders.end_agreement import end_agreement
from mingqu.services.repayment.choose_deduction import end_choices
from mingqu.store.decisions import signal
from mingqu.store.parties import consent, party
from mingqu.store.server.database import Transaction


def give_consent(
    house: House,
    *,
    person_id: UUID,
    purpose: ConsentPurpose,
    recipient: str | None = None,
    read: str | None = None,
    key: str,
) -> UUID:
    """Record that a person agreed to the newest text of a purpose; return the consent's id.

    `recipient` is the name shown in the text where it hands data to somebody (PIPL art. 23).
    `read` is the hash of the text that was shown, in hexadecimal: another one published since binds nobody.
    Errors: ConsentRecipientWrong, ConsentTextChanged, NotFound, and those of the idempotency key.
    """

    def work(tx: Transaction) -> Response:
        party.load_person(tx, person_id=person_id)
        text = consent.latest(dict(house.consent_texts), purpose=purpose)
        shown = text.shown(recipient=recipient)
        if read is not None and read != shown.text_hash.hex():
            raise ConsentTextChanged("This text was published anew since it was read.", text_hash=shown.text_hash.hex())
        given = consent.give(
            tx,
            keyring=house.keyring,
            consent=Consent(
                consent_id=house.id_for(person_id),
                person_id=person_id,
                text_id=shown.text_id,
                version=shown.version,
                text_hash=shown.text_hash,
                purpose=purpose,
                recipient=recipient,
                given_at=house.clock.now(),
            ),
        )
        return {"consent_id": given.consent_id.hex}

    request = {"purpose": purpose.value, "recipient": recipient} | ({} if read is None else {"read": read})
    response = once(house, person_id=person_id, command="give_consent", key=key, request=request, work=work)
    return UUID(str(response["consent_id"]))


def withdraw_consent(house: House, *, person_id: UUID, consent_id: UUID) -> None:
    """Record that a person withdrew a consent of theirs; what rests on it ends with it (PIPL art. 15).

    Errors: NotFound, ConsentAlreadyWithdrawn.
    """

    def work(tx: Transaction) -> None:
        tx.lock_cell(tx.cell_of(person_id))
        given = consent.load(tx, person_id=person_id, consent_id=consent_id)
        consent.withdraw(tx, keyring=house.keyring, consent=consents.withdraw(consent=given, at=house.clock.now()))
        if given.purpose is ConsentPurpose.AUTO_REPAYMENT:
            end_agreement(tx, house, person_id=person_id)
        if given.purpose is ConsentPurpose.BILL_REPAYMENT:
            end_choices(tx, house, person_id=person_id)
        if given.purpose is ConsentPurpose.FRAUD_PREVENTION:
            signal.forget(tx, person_id=person_id, kinds=[KeyKind.DEVICE])

    house.database.run(work)
