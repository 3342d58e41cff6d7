"""One assessment a person: a consented bureau query, one decision with reasons, limits in the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import ClassVar
from uuid import UUID

from mingqu.domain import consent as consents
from mingqu.domain import party as people
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.decision import Decision
from mingqu.domain.decision.decide import decide_with
from mingqu.domain.decision.experiment import Variant, variant_of
from mingqu.domain.decision.field import BUREAU_SOURCE, Fields, FieldType
from mingqu.domain.decision.strategy import PolicyMissing, Strategy
from mingqu.domain.decision.switch import LendingSwitchedOff
from mingqu.domain.limit import Standing, valid_until
from mingqu.domain.money import AmountOutOfRange
from mingqu.domain.party import IdentityLevel
from mingqu.domain.policy_file import PolicyFault
from mingqu.domain.refusal import Refusal
from mingqu.ports.bureau import BureauQuery, BureauReport, NotCovered, QueryRefused
from mingqu.ports.silence import ChannelSilent
from mingqu.services.check_assessment import due_again
from mingqu.services.decide_beside import decide_beside
from mingqu.services.grant_limits import grant_limits
from mingqu.services.house import House
from mingqu.services.note_signals import NOWHERE, Origin
from mingqu.services.read_lists import read_lists
from mingqu.services.read_review import may_apply_again
from mingqu.services.read_signals import Applies, read_signals, require_still_given
from mingqu.services.record_decision import record_decision
from mingqu.services.replace_limits import replace_limits
from mingqu.services.replay_decision import replay, replay_decision
from mingqu.services.switch_off import lending
from mingqu.services.tell_webhooks import Event, Told, tell
from mingqu.store import assessment, consent, decision, offer, party, vault
from mingqu.store.current_policies import Current
from mingqu.store.database import Transaction
from mingqu.store.decision import StoredApplication


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
    """The person holds limits from an earlier assessment, and it is too early for a new one that replaces them."""

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
    decided_at: datetime


def assess(
    house: House,
    *,
    person_id: UUID,
    application_id: UUID,
    requested_amount_fen: int,
    monthly_income_fen: int,
    origin: Origin = NOWHERE,
) -> Assessment:
    """Assess a person for every product on offer, and grant what is approved.

    Whoever holds limits is assessed again once the assessment ran out, or after the days that the strategy names: what
    is decided then replaces the limits (`replace_limits`).

    `application_id` is made by the caller and the same when the request is sent again: the bureau is then not
    asked twice, and the stored decision is answered. Amounts in fen. A consent withdrawn while this was under way ends
    it with nothing kept.
    Sources: PIPL art. 23, 24 and 征信业管理条例 art. 18 (consent to the query and to an automated decision).
    Errors: NotFound (the id is another's), ConsentMissing, IdentityUnverified, BureauSilent, BureauHasNothing,
    AppliedTooSoon, ApplicationDiffers, VelocityStopped, LendingSwitchedOff (nothing is asked of the bureau then),
    AssessedAlready, AmountOutOfRange (nothing is asked for), and those of `decide`.
    """
    if requested_amount_fen == 0:
        raise AmountOutOfRange("Ask for at least one fen.")
    today = house.clock.business_date()
    with house.database.transaction() as tx:
        current = house.policies.current(tx)
        stored = decision.of_application(tx, person_id=person_id, application_id=application_id)
        if stored is not None:
            applied = decision.load_application(tx, person_id=person_id, application_id=application_id)
            if applied.requested_amount_fen != requested_amount_fen:
                raise ApplicationDiffers("This application was made before, for another amount; make a new one.")
            return _remembered(tx, house, person_id=person_id, decision_id=stored)
        _require_due(tx, current, person_id=person_id, today=today)
        _require_waited(tx, house, person_id=person_id, today=today)
        way = _way(current, person_id=person_id, today=today)
        query, inputs = _prepare(tx, house, person_id=person_id, application_id=application_id, today=today)
    fields = current.pack.on(business_date=today, product_ids=way.products, instead=way.variant.instead).fields
    told = {"requested_amount_fen": requested_amount_fen, "monthly_income_fen": monthly_income_fen}
    for name, value in told.items():  # before anything is noted, and anybody asked
        if (field := fields.named(name)) is not None:
            field.number(value)
    inputs |= told
    applies = Applies(person_id=person_id, application_id=application_id, amount_fen=requested_amount_fen)
    signals = read_signals(house, applies=applies, fields=fields, origin=origin)
    inputs |= _ask_bureau(house, query, fields)
    inputs |= signals.values
    with house.database.transaction() as tx:
        inputs |= read_lists(tx, house, person_id=person_id, fields=fields, origin=origin, on=today)
    asked = _Asked(
        person_id=person_id,
        application_id=application_id,
        requested_amount_fen=requested_amount_fen,
        today=today,
        rests_on={"credit_bureau": query.consent_id, **signals.read_under},
    )
    done = house.database.run(lambda tx: _keep(tx, house, asked=asked, inputs=inputs))
    decide_beside(house, person_id=person_id, decision_id=done.decision_id, made=done.decision, inputs=inputs)
    return done


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is decided: whose application it is, how much it asks for, on which day, and the consent of each read."""

    person_id: UUID
    application_id: UUID
    requested_amount_fen: int
    today: date
    rests_on: Mapping[str, UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """How somebody is decided: for which products, and whether by what is tried on some."""

    products: tuple[str, ...]
    variant: Variant


def _way(current: Current, *, person_id: UUID, today: date) -> _Way:
    """Return how a person is decided by what decides now. Errors: LendingSwitchedOff."""
    products = tuple(product.id for product in lending(current, business_date=today))
    if not products:
        raise LendingSwitchedOff("No product makes new loans for now; nothing was asked or decided.")
    experiments = current.pack.experiments(business_date=today)
    variant = variant_of(person_id=person_id, experiments=experiments)
    if variant.instead:
        try:
            current.pack.on(business_date=today, product_ids=products, instead=variant.instead)
        except (PolicyMissing, PolicyFault):
            # What is tried does not hold today: nobody is refused for a trial, and the record says who decided.
            variant = variant.by_champion()
    return _Way(products=products, variant=variant)


def _keep(
    tx: Transaction,
    house: House,
    *,
    asked: _Asked,
    inputs: Mapping[str, int | str | bool | None],
) -> Assessment:
    """Decide under the lock of the person's cell and write everything that follows, in the caller's transaction."""
    person_id, application_id, cell = asked.person_id, asked.application_id, tx.cell_of(asked.person_id)
    tx.lock_cell(cell)
    before = decision.of_application(tx, person_id=person_id, application_id=application_id)
    if before is not None:
        return _remembered(tx, house, person_id=person_id, decision_id=before)
    # What was published or switched while the bureau was asked decides: what holds is read where it is recorded.
    current = house.policies.current(tx)
    holder = _require_due(tx, current, person_id=person_id, today=asked.today)
    require_still_given(tx, house, person_id=person_id, consent_ids=set(asked.rests_on.values()))
    way = _way(current, person_id=person_id, today=asked.today)
    read_under = {of: str(consent_id) for of, consent_id in asked.rests_on.items()}
    strategy = _strategy(current, way=way, today=asked.today)
    made = _decide(current, inputs=inputs, strategy=strategy, way=way, today=asked.today, read_under=read_under)
    decision_id, now = house.id_for(person_id), house.clock.now()
    application = StoredApplication(
        application_id=application_id,
        person_id=person_id,
        requested_amount_fen=asked.requested_amount_fen,
        applied_at=now,
    )
    decision.insert_application(tx, application=application)
    record_decision(
        tx,
        house,
        person_id=person_id,
        application_id=application_id,
        decision_id=decision_id,
        made=made,
        at=now,
    )
    _set_limits(tx, house, person_id=person_id, decision_id=decision_id, made=made, strategy=strategy, holder=holder)
    told = Told(
        event=Event.DECISION_MADE,
        person_id=person_id,
        subject_id=decision_id,
        on=asked.today,
        facts={"decision_id": str(decision_id), "approved": made.approved, "limit_fen": made.limit_fen},
    )
    tell(tx, house, cell=cell, told=[told])
    return Assessment(decision_id=decision_id, decision=made, decided_at=now)


def _decide(
    current: Current,
    *,
    inputs: Mapping[str, int | str | bool | None],
    strategy: Strategy,
    way: _Way,
    today: date,
    read_under: Mapping[str, str],
) -> Decision:
    return decide_with(
        inputs=inputs,
        strategy=strategy,
        variant=way.variant.name,
        switches=current.switches(business_date=today).noted(strategy=strategy),
        read_under=read_under,
    )


def _strategy(current: Current, *, way: _Way, today: date) -> Strategy:
    return current.pack.on(business_date=today, product_ids=way.products, instead=way.variant.instead)


def _set_limits(
    tx: Transaction,
    house: House,
    *,
    person_id: UUID,
    decision_id: UUID,
    made: Decision,
    strategy: Strategy,
    holder: bool,
) -> None:
    """Grant the limits of a first approval, or put what was decided in the place of those that somebody holds."""
    cell = tx.cell_of(person_id)
    if holder:
        pause = timedelta(hours=strategy.raise_pause_hours)
        replace_limits(tx, house, person_id=person_id, decision_id=decision_id, made=made, cell=cell, pause=pause)
    elif made.approved:
        grant_limits(tx, house, person_id=person_id, decision_id=decision_id, made=made, cell=cell)
    else:
        return
    until = valid_until(decided_on=made.business_date, valid_months=strategy.valid_months) if made.approved else None
    standing = Standing(decision_id=decision_id, person_id=person_id, decided_at=house.clock.now(), valid_until=until)
    assessment.insert(tx, standing=standing)


def _require_due(tx: Transaction, current: Current, *, person_id: UUID, today: date) -> bool:
    """Return whether a person holds limits, if they may be assessed now.

    Errors: AssessedAlready, LendingSwitchedOff.
    """
    if not offer.facilities(tx, person_id=person_id):
        return False
    way = _way(current, person_id=person_id, today=today)
    days = _strategy(current, way=way, today=today).reassess_days
    if not due_again(tx, person_id=person_id, on=today, reassess_days=days):
        raise AssessedAlready("This person was assessed before and holds limits; it is too early for a new assessment.")
    return True


def may_be_assessed(house: House, *, person_id: UUID) -> bool:
    """Whether somebody holds no limits, or is due for a new assessment that replaces them."""
    with house.database.transaction() as tx:
        try:
            _require_due(tx, house.policies.current(tx), person_id=person_id, today=house.clock.business_date())
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
            # Only what the bureau is declared for: it has no say in what we know or what the person asks for.
            kinds = {field.name: field.type for field in fields.fields if field.source == BUREAU_SOURCE}
            return {
                name: bool(value) if kinds[name] is FieldType.FLAG else value
                for name, value in answer.features.items()
                if name in kinds
            }
        case NotCovered() | QueryRefused():
            raise BureauHasNothing("The credit bureau has nothing to go by; ask for a person to look at it.")


def _remembered(tx: Transaction, house: House, *, person_id: UUID, decision_id: UUID) -> Assessment:
    """Return a stored decision by deciding again from its record, which also proves that it still holds."""
    stored = decision.load_decision(tx, person_id=person_id, decision_id=decision_id)
    return Assessment(decision_id=decision_id, decision=replay(tx, house, stored=stored), decided_at=stored.decided_at)
