"""Let the bills of a revolving account be deducted, or no more: which part, under a consent of its own."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.consent import require as require_consent
from mingqu.domain.refusal import Refusal
from mingqu.domain.spend import DeductedPart
from mingqu.services.house import House
from mingqu.services.once import Response, once
from mingqu.services.revolving.deduct_bills import begin_work
from mingqu.services.revolving.reserve_deduction import end_choice
from mingqu.store.loans import repayment
from mingqu.store.parties import consent
from mingqu.store.revolving import bill_deduction, spend
from mingqu.store.revolving.bill_deduction import Choice
from mingqu.store.server.database import Transaction


class AgreementMissing(Refusal):
    """There is no card or wallet to deduct from: agree to automatic repayment with one first."""

    code: ClassVar[str] = "agreement_missing"
    status: ClassVar[int] = 409


def choose_deduction(house: House, *, person_id: UUID, account_id: UUID, part: DeductedPart, key: str) -> UUID:
    """Let a part of each bill of an account be deducted from now on, and return the choice's id.

    A bill whose due day is over is not taken up any more. Chosen again it stays as it is; another part is another
    choice. Errors: NotFound, ConsentMissing, AgreementMissing, and those of the key.
    """

    def work(tx: Transaction) -> Response:
        account = spend.get_for(tx, person_id=person_id, account_id=account_id)
        given = require_consent(
            consents=consent.of_person(tx, person_id=person_id),
            purpose=ConsentPurpose.BILL_REPAYMENT,
            recipient=house.settings.operator_name,
            at=house.clock.now(),
        )
        if not repayment.active_agreements(tx, cell=account.cell, person_ids=[person_id]):
            raise AgreementMissing("Agree to automatic repayment with a card or wallet first.")
        standing = bill_deduction.of_account(tx, account_id=account_id)
        if standing is not None:
            if standing.part is part and standing.consent_id == given.consent_id:
                return {"choice_id": standing.choice_id.hex}
            end_choice(tx, house, choice=standing)
        choice = Choice(
            choice_id=house.id_for(person_id),
            account_id=account_id,
            person_id=person_id,
            consent_id=given.consent_id,
            part=part,
            chosen_at=house.clock.now(),
        )
        bill_deduction.insert(tx, choice=choice)
        begin_work(tx, house, account=account, choice=choice)
        return {"choice_id": choice.choice_id.hex}

    request: dict[str, Canonical] = {"account_id": account_id.hex, "part": part.value}
    answer = once(house, person_id=person_id, command="choose_deduction", key=key, request=request, work=work)
    return UUID(str(answer["choice_id"]))


def stop_deduction(house: House, *, person_id: UUID, account_id: UUID) -> None:
    """Let nothing more of an account's bills be deducted; where nothing was, it stays so. Errors: NotFound.

    What was not sent yet is withdrawn; what was is heard as ever.
    """

    def stop(tx: Transaction) -> None:
        tx.lock_cell(tx.cell_of(person_id))
        spend.get_for(tx, person_id=person_id, account_id=account_id)
        standing = bill_deduction.of_account(tx, account_id=account_id)
        if standing is not None:
            end_choice(tx, house, choice=standing)

    house.database.run(stop)


def end_choices(tx: Transaction, house: House, *, person_id: UUID) -> None:
    """End every choice of a person, whose consent was withdrawn. The caller holds the cell's lock and commits."""
    for standing in bill_deduction.of_person(tx, person_id=person_id):
        end_choice(tx, house, choice=standing)
