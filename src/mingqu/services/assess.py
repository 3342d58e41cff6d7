"""One assessment a person: a consented bureau query, one decision with reasons, limits in the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain import consent as consents
from mingqu.domain import party as people
from mingqu.domain.canonical import canonical
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.decision import Decision, decide
from mingqu.domain.decision.field import Fields, FieldType
from mingqu.domain.evidence import LeafKind
from mingqu.domain.identifier import derived
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.domain.money import AmountOutOfRange
from mingqu.domain.party import IdentityLevel
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.ports.bureau import BureauQuery, BureauReport, NotCovered, QueryRefused
from mingqu.ports.silence import ChannelSilent
from mingqu.services.house import House
from mingqu.services.note_signals import NOWHERE, Origin
from mingqu.services.read_review import may_apply_again
from mingqu.services.read_signals import Applies, read_signals, require_still_given
from mingqu.services.replay_decision import replay_decision
from mingqu.services.tell_webhooks import Event, Told, tell
from mingqu.store import consent, decision, evidence, ledger, offer, party, vault
from mingqu.store.database import Transaction

CURRENCY: Final = "CNY"
LIMIT_ACCOUNTS: Final = (
    AccountCode.LIMIT_GRANTED,
    AccountCode.LIMIT_AVAILABLE,
    AccountCode.LIMIT_DRAWN,
    AccountCode.LIMIT_OVER,
)


class BureauSilent(Refusal):
    """The credit bureau did not answer; nothing was decided. Send the same application again."""

    code: ClassVar[str] = "bureau_silent"
    status: ClassVar[int] = 503


class BureauHasNothing(Refusal):
    """The bureau knows nothing of this person, or does not answer for them: people must look at it."""

    code: ClassVar[str] = "bureau_has_nothing"


class IdentityUnverified(Refusal):
    """A person is assessed only after name, number, card and phone were verified."""

    code: ClassVar[str] = "identity_unverified"
    status: ClassVar[int] = 403


class AssessedAlready(Refusal):
    """The person holds limits from an earlier assessment; those are used, not added to."""

    code: ClassVar[str] = "assessed_already"
    status: ClassVar[int] = 409


class ApplicationDiffers(Refusal):
    """An application with this id was made before and asked for something else."""

    code: ClassVar[str] = "application_differs"


class AppliedTooSoon(Refusal):
    """The last answer named a day from which on applying again has a point; that day has not come."""

    code: ClassVar[str] = "applied_too_soon"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The decision as made, with the ids under which it and its limits are kept."""

    decision_id: UUID
    decision: Decision


def assess(
    house: House,
    *,
    person_id: UUID,
    application_id: UUID,
    requested_amount_fen: int,
    monthly_income_fen: int,
    origin: Origin = NOWHERE,
) -> Assessment:
    """Assess a person once, for every product on offer, and grant what is approved.

    `application_id` is made by the caller and the same when the request is sent again: the bureau is then not
    asked twice, and the stored decision is answered. Amounts in fen. A consent withdrawn while this was under way ends
    it with nothing kept.
    Sources: PIPL art. 23, 24 and 征信业管理条例 art. 18 (consent to the query and to an automated decision).
    Errors: NotFound (the id is another's), ConsentMissing, IdentityUnverified, BureauSilent, BureauHasNothing,
    AppliedTooSoon, ApplicationDiffers, VelocityStopped,
    AssessedAlready, AmountOutOfRange (nothing is asked for), and those of `decide`.
    """
    if requested_amount_fen == 0:
        raise AmountOutOfRange("Ask for at least one fen.")
    today = house.clock.business_date()
    with house.database.transaction() as tx:
        stored = decision.of_application(tx, person_id=person_id, application_id=application_id)
        if stored is not None:
            applied = decision.load_application(tx, person_id=person_id, application_id=application_id)
            if applied.requested_amount_fen != requested_amount_fen:
                raise ApplicationDiffers("This application was made before, for another amount; make a new one.")
            return _remembered(tx, house, person_id=person_id, decision_id=stored)
        if offer.facilities(tx, person_id=person_id):
            raise AssessedAlready("This person was assessed before and holds limits.")
        _require_waited(tx, house, person_id=person_id, today=today)
        query, inputs = _prepare(tx, house, person_id=person_id, application_id=application_id, today=today)
    inputs |= {"requested_amount_fen": requested_amount_fen, "monthly_income_fen": monthly_income_fen}
    products = tuple(product.id for product in house.pack.offered(business_date=today))
    fields = house.pack.on(business_date=today, product_ids=products).fields
    applies = Applies(person_id=person_id, application_id=application_id, amount_fen=requested_amount_fen)
    signals = read_signals(house, applies=applies, fields=fields, origin=origin)
    inputs |= _ask_bureau(house, query, fields)
    inputs |= signals.values
    read_under = {"credit_bureau": str(query.consent_id)} | {of: str(one) for of, one in signals.read_under.items()}
    made = decide(inputs=inputs, pack=house.pack, product_ids=products, business_date=today, read_under=read_under)

    def keep(tx: Transaction) -> Assessment:
        cell = tx.cell_of(person_id)
        tx.lock_cell(cell)
        before = decision.of_application(tx, person_id=person_id, application_id=application_id)
        if before is not None:
            return _remembered(tx, house, person_id=person_id, decision_id=before)
        if offer.facilities(tx, person_id=person_id):
            raise AssessedAlready("This person was assessed before and holds limits.")
        rested_on = {query.consent_id, *signals.read_under.values()}
        require_still_given(tx, house, person_id=person_id, consent_ids=rested_on)
        decision_id = house.id_for(person_id)
        _store(tx, house, person_id, application_id, decision_id, requested_amount_fen, made)
        if made.approved:
            _grant(tx, house, person_id=person_id, decision_id=decision_id, made=made, cell=cell)
        told = Told(
            event=Event.DECISION_MADE,
            person_id=person_id,
            subject_id=decision_id,
            on=today,
            facts={"decision_id": str(decision_id), "approved": made.approved, "limit_fen": made.limit_fen},
        )
        tell(tx, house, cell=cell, told=[told])
        return Assessment(decision_id=decision_id, decision=made)

    return house.database.run(keep)


def _require_waited(tx: Transaction, house: House, *, person_id: UUID, today: date) -> None:
    """Return when the day has come that the last refusal named: each query leaves a mark on the person's record."""
    last = decision.latest_decision(tx, person_id=person_id)
    if last is None or may_apply_again(tx, person_id=person_id, decision_id=last.decision_id):
        return
    made = replay_decision(tx, house, person_id=person_id, decision_id=last.decision_id)
    retry_on = max((reason.retry_on for reason in made.reasons if reason.retry_on is not None), default=today)
    if today < retry_on:
        raise AppliedTooSoon(
            f"Applying again has a point from {retry_on} on; nothing was asked of the bureau.",
            retry_on=retry_on.isoformat(),
        )


def _prepare(
    tx: Transaction, house: House, *, person_id: UUID, application_id: UUID, today: date
) -> tuple[BureauQuery, dict[str, int | str | bool | None]]:
    """Read what is known of the person and make the query they consented to."""
    person = party.load_person(tx, person_id=person_id)
    if person.identity_level < IdentityLevel.FOUR_ELEMENTS:
        raise IdentityUnverified("Verify your name and card first.")
    given = consent.of_person(tx, person_id=person_id)
    now = house.clock.now()
    consents.require(consents=given, purpose=ConsentPurpose.AUTOMATED_DECISION, recipient=None, at=now)
    query_consent = consents.require(
        consents=given, purpose=ConsentPurpose.BUREAU_QUERY, recipient=house.settings.operator_name, at=now
    )
    name = vault.open_field(tx, keyring=house.keyring, person_id=person_id, field="name")
    number = vault.open_field(tx, keyring=house.keyring, person_id=person_id, field="id_number")
    card = people.read_id_number(number=number, on=today)
    query = BureauQuery(
        query_number=application_id.hex,
        consent_id=query_consent.consent_id,
        purpose="loan_approval",
        name=name,
        id_number=number,
    )
    return query, {
        "identity_level": int(person.identity_level),
        "age_years": people.age_years(born_on=card.born_on.reveal(), on=today),
        "consents_given": True,
    }


def _ask_bureau(house: House, query: BureauQuery, fields: Fields) -> Mapping[str, int | bool]:
    try:
        answer = house.bureau.features(query)
    except ChannelSilent:
        raise BureauSilent("The credit bureau did not answer. Nothing is decided; please try again.") from None
    match answer:
        case BureauReport():
            flags = {field.name for field in fields.fields if field.type is FieldType.FLAG}
            return {name: bool(value) if name in flags else value for name, value in answer.features.items()}
        case NotCovered() | QueryRefused():
            raise BureauHasNothing("The credit bureau has nothing to go by; ask for a person to look at it.")


def _store(
    tx: Transaction,
    house: House,
    person_id: UUID,
    application_id: UUID,
    decision_id: UUID,
    requested_amount_fen: int,
    made: Decision,
) -> None:
    now, record = house.clock.now(), made.record()
    whole, public = made.record_bytes(), canonical(record["public"])
    decision.insert_application(
        tx,
        application=decision.StoredApplication(
            application_id=application_id,
            person_id=person_id,
            requested_amount_fen=requested_amount_fen,
            applied_at=now,
        ),
    )
    # What the decision says about the person lies in the vault, under their key; here only a reference to it.
    field = f"decision.{decision_id.hex}"
    sealed = Personal(canonical(record["sealed"]).decode())
    vault.seal(tx, keyring=house.keyring, person_id=person_id, field=field, value=sealed, at=now)
    decision.insert_decision(
        tx,
        decision=decision.StoredDecision(
            decision_id=decision_id,
            application_id=application_id,
            person_id=person_id,
            decided_at=now,
            business_date=made.business_date,
            outcome=made.outcome,
            record=public,
            record_hash=hashlib.sha256(whole).digest(),
            sealed=field.encode(),
            versions_hash=hashlib.sha256(canonical(dict(made.versions))).hexdigest(),
        ),
    )
    evidence.append(
        tx,
        keyring=house.keyring,
        cell=tx.cell_of(person_id),
        person_id=person_id,
        kind=LeafKind.DECISION,
        subject_id=decision_id,
        at=now,
        facts={
            "outcome": made.outcome,
            "business_date": made.business_date.isoformat(),
            "public_hash": hashlib.sha256(public).hexdigest(),
        },
        private={"record_hash": hashlib.sha256(whole).hexdigest()},
    )


def _remembered(tx: Transaction, house: House, *, person_id: UUID, decision_id: UUID) -> Assessment:
    """Return a stored decision by deciding again from its record, which also proves that it still holds."""
    return Assessment(
        decision_id=decision_id,
        decision=replay_decision(tx, house, person_id=person_id, decision_id=decision_id),
    )


def _grant(tx: Transaction, house: House, *, person_id: UUID, decision_id: UUID, made: Decision, cell: int) -> None:
    """Put the limits into the ledger: one for the person over all products, one for each product."""
    today, now = house.booking_date(tx, cell=cell), house.clock.now()
    owners = [(person_id, made.limit_fen)]
    for price in made.prices:
        product = house.pack.product_version(product_id=price.product_id, version=price.product_version)
        facility = offer.Facility(
            facility_id=house.id_for(person_id),
            person_id=person_id,
            product_id=product.id,
            product_version=product.version,
            lender_id=product.lender_id,
            decision_id=decision_id,
            currency=CURRENCY,
            granted_fen=price.limit_fen,
            rate_year_ppm=price.rate_year_ppm,
            created_at=now,
        )
        offer.insert_facility(tx, facility=facility)
        owners.append((facility.facility_id, price.limit_fen))
    accounts = [Account(owner=owner, code=code, currency=CURRENCY) for owner, _ in owners for code in LIMIT_ACCOUNTS]
    ledger.open_accounts(tx, cell=cell, accounts=accounts)
    ledger.post(
        tx,
        cell=cell,
        transfers=[
            Transfer(
                id=derived(decision_id, index),
                debit=Account(owner=owner, code=AccountCode.LIMIT_GRANTED, currency=CURRENCY),
                credit=Account(owner=owner, code=AccountCode.LIMIT_AVAILABLE, currency=CURRENCY),
                amount_fen=amount_fen,
                reason=Reason.LIMIT_GRANT,
                value_date=today,
                posted_on=today,
                reference=decision_id,
            )
            for index, (owner, amount_fen) in enumerate(owners, start=1)
        ],
    )
