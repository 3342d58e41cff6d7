"""An agreement to deduct what is due: made with the bank's code, ended by withdrawing the consent it rests on."""

from __future__ import annotations

from mingqu.domain.consent import ConsentPurpose
from mingqu.services.give_consent import give_consent, withdraw_consent
from mingqu.services.read_person import consents_of, person_view
from mingqu.services.repay import AgreementRefused, confirm_agreement, request_agreement
from mingqu.simulation.people import IdleError, Person


def agree(person: Person) -> None:
    """Agree to deductions, or go on with an agreement that was begun. Errors: Refusal."""
    assert person.instrument_id is not None
    house = person.house
    if any(card.agreement_id is not None for card in person_view(house, person_id=person.own_id).cards):
        person.agreement_key = ""
        return
    person.agreement_key = person.agreement_key or person.new_key("agreement")
    give_consent(
        house,
        person_id=person.own_id,
        purpose=ConsentPurpose.AUTO_REPAYMENT,
        recipient=house.settings.operator_name,
        key=f"consent to {person.agreement_key}",
    )
    try:
        agreement_id = request_agreement(
            house, person_id=person.own_id, instrument_id=person.instrument_id, key=person.agreement_key
        )
        confirm_agreement(house, person_id=person.own_id, agreement_id=agreement_id, code=person.latest_code())
    except AgreementRefused:
        person.agreement_key = ""  # dead at the bank: the next one is another
        raise
    person.agreement_key = ""


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
