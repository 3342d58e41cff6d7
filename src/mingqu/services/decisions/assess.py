"""One assessment a person: a consented bureau query, one decision with reasons, limits in the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import ClassVar
from uuid import UUID

from mingqu.domain import consent as consents
from mingqu.domain import party as people
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.decision.field import BUREAU_SOURCE, Fields, FieldType, Value
from mingqu.domain.decision.switch import LendingSwitchedOff
from mingqu.domain.money import AmountOutOfRange
from mingqu.domain.ownership import NotFound
from mingqu.domain.party import IdentityLevel
from mingqu.domain.refusal import Refusal
from mingqu.ports.bureau import BureauQuery, BureauReport, NotCovered, QueryRefused
from mingqu.ports.silence import ChannelSilent
from mingqu.services.appeals.read_review import may_apply_again
from mingqu.services.decisions.decide_beside import decide_beside
from mingqu.services.decisions.keep_assessment import ApplicationDiffers as ApplicationDiffers
from mingqu.services.decisions.keep_assessment import (
    Asked,
    keep_assessment,
    remembered,
    require_due,
    require_same,
    way_of,
)
from mingqu.services.decisions.keep_assessment import AssessedAlready as AssessedAlready
from mingqu.services.decisions.keep_assessment import Assessment as Assessment
from mingqu.services.decisions.read_signals import Applies, read_signals
from mingqu.services.house import House
from mingqu.services.once import Claim
from mingqu.services.people.know_applicant import Applicant, know_applicant, standing
from mingqu.services.people.note_signals import NOWHERE, Origin
from mingqu.services.policies.read_lists import hashes_listed
from mingqu.services.policies.replay_decision import replay_decision
from mingqu.store.decisions import decision
from mingqu.store.loans import offer
from mingqu.store.server.database import Transaction


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


class AppliedTooSoon(Refusal):
    """The last answer named a day from which on applying again has a point; that day has not come."""

    code: ClassVar[str] = "applied_too_soon"
    status: ClassVar[int] = 409


def assess(
    house: House,
    *,
    person_id: UUID,
    application_id: UUID,
    requested_amount_fen: int,
    monthly_income_fen: int,
    origin: Origin = NOWHERE,
    claim: Claim | None = None,
) -> Assessment:
    """Assess a person for every product on offer, and grant what is approved.

    Whoever holds limits is assessed again once the assessment ran out, or after the days that the strategy names: what
    is decided then replaces the limits (`replace_limits`).

    `application_id` is made by the caller and the same when the request is sent again: the bureau is then not
    asked twice, and the stored decision is answered; `claim`, if the caller has an idempotency key, is answered in the
    same transaction. Amounts in fen. A consent withdrawn while this was under way ends
    it with nothing kept.
    Sources: PIPL art. 23, 24 and 征信业管理条例 art. 18 (consent to the query and to an automated decision).
    Errors: NotFound (the id is another's), ConsentMissing, IdentityUnverified, BureauSilent, BureauHasNothing,
    AppliedTooSoon, ApplicationDiffers, VelocityStopped, LendingSwitchedOff (nothing is asked of the bureau then),
    AssessedAlready, AmountOutOfRange (nothing is asked for), PersonErased, SealBroken, those of `decide` and the key.
    """
    if requested_amount_fen == 0:
        raise AmountOutOfRange("Ask for at least one fen.")
    today = house.clock.business_date()
    applicant = know_applicant(house, person_id=person_id, application_id=application_id, claim=claim)
    if applicant.decided is not None:
        decision_id = require_same(applicant.decided, requested_amount_fen=requested_amount_fen)
        with house.database.transaction() as tx:
            return remembered(tx, house, person_id=person_id, decision_id=decision_id)
    current = applicant.current
    if applicant.holds_limits or applicant.was_decided:
        with house.database.transaction() as tx:
            if applicant.holds_limits:
                require_due(tx, current, person_id=person_id, today=today)
            _require_waited(tx, house, person_id=person_id, today=today)
    way = way_of(current, person_id=person_id, today=today)
    query, rests_on, inputs = _prepare(house, applicant, application_id=application_id, today=today)
    fields = current.pack.on(business_date=today, product_ids=way.products, instead=way.variant.instead).fields
    told = {"requested_amount_fen": requested_amount_fen, "monthly_income_fen": monthly_income_fen}
    for name, value in told.items():  # before anything is noted, and anybody asked
        if (field := fields.named(name)) is not None:
            field.number(value)
    origin, recognized = _recognizable(house, applicant, origin)
    applies = Applies(application_id=application_id, amount_fen=requested_amount_fen)
    signals = read_signals(house, applicant=applicant, applies=applies, fields=fields, origin=origin)
    inputs |= {**told, **_ask_bureau(house, query, fields), **signals.values}
    asked = Asked(
        person_id=person_id,
        application_id=application_id,
        requested_amount_fen=requested_amount_fen,
        today=today,
        rests_on={**rests_on, **recognized, **signals.read_under},
        listed=hashes_listed(house, known=applicant.known, origin=origin),
        claim=claim,
    )
    done, read = house.database.run(lambda tx: keep_assessment(tx, house, asked=asked, inputs=inputs), planned=True)
    decide_beside(house, person_id=person_id, decision_id=done.decision_id, made=done.decision, inputs=read)
    return done


def may_be_assessed(house: House, *, person_id: UUID) -> bool:
    """Whether somebody holds no limits, or is due for a new assessment that replaces them."""
    with house.database.transaction() as tx:
        if not offer.facilities(tx, person_id=person_id):
            return True
        try:
            require_due(tx, house.policies.current(tx), person_id=person_id, today=house.clock.business_date())
        except (AssessedAlready, LendingSwitchedOff):
            return False
    return True


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


def _recognizable(house: House, applicant: Applicant, origin: Origin) -> tuple[Origin, dict[str, UUID]]:
    """Return the origin as far as it may be used, and the consent under which its device is recognized, if it is."""
    if origin.device is None:
        return origin, {}
    allowed = standing(house, consents=applicant.consents, purpose=ConsentPurpose.FRAUD_PREVENTION)
    if allowed is None:
        return replace(origin, device=None), {}
    return origin, {ConsentPurpose.FRAUD_PREVENTION.value: allowed.consent_id}


def _prepare(
    house: House, applicant: Applicant, *, application_id: UUID, today: date
) -> tuple[BureauQuery, dict[str, UUID], dict[str, Value]]:
    """Return the query that the person consented to, what that and the decision rest on, and what is known of them."""
    if applicant.person.identity_level < IdentityLevel.FOUR_ELEMENTS:
        raise IdentityUnverified("Verify your name and card first.")
    now = house.clock.now()
    automated = consents.require(
        consents=applicant.consents, purpose=ConsentPurpose.AUTOMATED_DECISION, recipient=None, at=now
    )
    bureau = consents.require(
        consents=applicant.consents,
        purpose=ConsentPurpose.BUREAU_QUERY,
        recipient=house.settings.operator_name,
        at=now,
    )
    name, number = applicant.name, applicant.id_number
    if name is None or number is None:
        raise NotFound
    card = people.read_id_number(number=number, on=today)
    query = BureauQuery(
        query_number=application_id.hex,
        consent_id=bureau.consent_id,
        purpose="loan_approval",
        name=name,
        id_number=number,
    )
    known: dict[str, Value] = {
        "identity_level": int(applicant.person.identity_level),
        "age_years": people.age_years(born_on=card.born_on.reveal(), on=today),
        "consents_given": True,
    }
    return query, {"credit_bureau": bureau.consent_id, "automated_decision": automated.consent_id}, known


def _ask_bureau(house: House, query: BureauQuery, fields: Fields) -> Mapping[str, int | bool]:
    try:
        answer = house.bureau.features(query)
    except ChannelSilent:
        raise BureauSilent("The credit bureau did not answer. Nothing is decided; please try again.") from None
    match answer:
        case BureauReport():
            # Only what the bureau is declared for: it has no say in what we know or what the person asks for.
            kinds = {field.name: field.type for field in fields.fields if field.source == BUREAU_SOURCE}
            return {
                name: bool(value) if kinds[name] is FieldType.FLAG else value
                for name, value in answer.features.items()
                if name in kinds
            }
        case NotCovered() | QueryRefused():
            raise BureauHasNothing("The credit bureau has nothing to go by; ask for a person to look at it.")
