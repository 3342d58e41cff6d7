"""Raise a complaint, or dispute what is reported about one's loan: it gets a last day for its answer from the rules."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from mingqu.domain.evidence import LeafKind
from mingqu.domain.grievance import (
    DAYS_MAX,
    OPEN_MAX,
    Grievance,
    GrievanceKind,
    GrievanceMalformed,
    GrievancesTooMany,
    check_words,
)
from mingqu.domain.personal import Personal
from mingqu.domain.rule import ANY
from mingqu.services.house import House
from mingqu.services.once import Response, once
from mingqu.store import evidence
from mingqu.store.loans import loan
from mingqu.store.overdue import grievance
from mingqu.store.people import vault
from mingqu.store.revolving import spend
from mingqu.store.server.database import Transaction


def raise_grievance(
    house: House,
    *,
    person_id: UUID,
    kind: str,
    words: Personal[str],
    key: str,
    loan_id: UUID | None = None,
    account_id: UUID | None = None,
) -> UUID:
    """Put a complaint or a dispute of a person before people, and return its id; sent again it is the same one.

    The words are sealed. Errors: GrievanceMalformed, GrievancesTooMany, NotFound, RuleMissing, PersonErased, and those
    of the idempotency key.
    """
    meant, said = next((one for one in GrievanceKind if one.value == kind), None), check_words(words)
    about = [one for one in (loan_id, account_id) if one is not None]
    if meant is None or len(about) > 1 or (meant is GrievanceKind.CREDIT_DISPUTE and not about):
        raise GrievanceMalformed("Raise a complaint, or a dispute about one of your loans or accounts.")

    def work(tx: Transaction) -> Response:
        if loan_id is not None:
            loan.get_for(tx, person_id=person_id, loan_id=loan_id)
        if account_id is not None:
            spend.get_for(tx, person_id=person_id, account_id=account_id)
        if sum(one.answered_at is None for one in grievance.of_person(tx, person_id=person_id)) >= OPEN_MAX:
            raise GrievancesTooMany("What you raised before waits for an answer; it comes to each of it.")
        now = house.clock.now()
        due_on, document = last_day(house, rule_id=DAYS_MAX[meant], since=house.clock.business_date())
        made = Grievance(
            grievance_id=house.id_for(person_id),
            person_id=person_id,
            kind=meant,
            loan_id=loan_id,
            account_id=account_id,
            opened_at=now,
            due_on=due_on,
            document=document,
        )
        grievance.insert(tx, grievance=made)
        vault.seal(tx, keyring=house.keyring, person_id=person_id, field=made.field("words"), value=said, at=now)
        _witness(tx, house, made, said)
        return {"grievance_id": made.grievance_id.hex}

    request = {
        "kind": meant.value,
        "loan_id": "" if loan_id is None else loan_id.hex,
        **({} if account_id is None else {"account_id": account_id.hex}),
        # By a keyed hash the same words are known again, and a dump cannot be tried for what they say.
        "words": house.keyring.lookup_hash(kind="grievance", value=said).hex(),
    }
    answer = once(house, person_id=person_id, command="raise_grievance", key=key, request=request, work=work)
    return UUID(str(answer["grievance_id"]))


def _witness(tx: Transaction, house: House, made: Grievance, said: Personal[str]) -> None:
    evidence.append(
        tx,
        keyring=house.keyring,
        cell=tx.cell_of(made.person_id),
        person_id=made.person_id,
        kind=LeafKind.GRIEVANCE,
        subject_id=made.grievance_id,
        at=made.opened_at,
        facts={
            "what": "raised",
            "kind": made.kind.value,
            "loan_id": None if made.loan_id is None else made.loan_id.hex,
            **({} if made.account_id is None else {"account_id": made.account_id.hex}),
            "due_on": made.due_on.isoformat(),
            "document": made.document,
        },
        private={"words": said},
    )


def last_day(house: House, *, rule_id: str, since: date) -> tuple[date, str]:
    """Return the last day for an answer by a row that holds on `since`, and the row's document. Errors: RuleMissing.

    Example: raised on 2026-11-21 under 20 days, the last day is 2026-12-11.
    """
    row = house.pack.rules.find(rule_id=rule_id, lender_type=ANY, product_kind=ANY, business_date=since)
    return since + timedelta(days=row.value), row.document
