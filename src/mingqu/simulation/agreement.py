"""An agreement to deduct what is due: made with the bank's code, ended by withdrawing the consent it rests on."""

from __future__ import annotations

from mingqu.domain.consent import ConsentMissing, ConsentPurpose
from mingqu.services.people.read_person import consents_of, person_view
from mingqu.services.privacy.give_consent import give_consent, withdraw_consent
from mingqu.services.repayment.repay import AgreementRefused, confirm_agreement, request_agreement
from mingqu.simulation.people import IdleError, Person


def agree(person: Person) -> None:
    """Agree to deductions at one go, unless an agreement holds. Errors: Refusal."""
    if any(card.agreement_id is not None for card in person_view(person.house, person_id=person.own_id).cards):
        return
    begin(person)
    confirm(person)


def begin(person: Person) -> None:
    """Consent to deductions and ask the bank for a code, under one key until it was answered. Errors: Refusal."""
    assert person.instrument_id is not None
    house = person.house
    person.agreement_key = person.agreement_key or person.new_key("agreement")
    give_consent(
        house,
        person_id=person.own_id,
        purpose=ConsentPurpose.AUTO_REPAYMENT,
        recipient=house.settings.operator_name,
        key=f"consent to {person.agreement_key}",
    )
    try:
        person.agreement_id = request_agreement(
            house, person_id=person.own_id, instrument_id=person.instrument_id, key=person.agreement_key
        )
    except (AgreementRefused, ConsentMissing):
        person.agreement_key = ""  # dead at the bank, or withdrawn meanwhile: the next one is another
        raise
    person.agreement_key = ""


def confirm(person: Person) -> None:
    """Type in the bank's code, also long after, once more, or for an agreement that has ended. Errors: Refusal."""
    if person.agreement_id is None:
        raise IdleError("No agreement was begun.")
    confirm_agreement(
        person.house, person_id=person.own_id, agreement_id=person.agreement_id, code=person.latest_code()
    )


def withdraw(person: Person) -> None:
    """Withdraw the consent to deductions. Errors: IdleError when there is none."""
    house = person.house
    standing = [
        each
        for each in consents_of(house, person_id=person.own_id)
        if each.purpose is ConsentPurpose.AUTO_REPAYMENT and each.withdrawn_at is None
    ]
    if not standing:
        raise IdleError("No consent to deductions stands.")
    for each in standing:
        withdraw_consent(house, person_id=person.own_id, consent_id=each.consent_id)
