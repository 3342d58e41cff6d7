"""Decide under the lock of the person's cell and keep everything that follows: read at once, written at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import ClassVar
from uuid import UUID

from mingqu.domain.decision import Decision
from mingqu.domain.decision.decide import decide_with
from mingqu.domain.decision.experiment import Variant, variant_of
from mingqu.domain.decision.field import Value
from mingqu.domain.decision.strategy import PolicyMissing, Strategy
from mingqu.domain.decision.switch import LendingSwitchedOff
from mingqu.domain.limit import Standing, valid_until
from mingqu.domain.policy_file import PolicyFault
from mingqu.domain.refusal import Refusal
from mingqu.services.decisions.read_signals import require_still_given
from mingqu.services.decisions.record_decision import recorded
from mingqu.services.house import House
from mingqu.services.limits.check_assessment import due_again
from mingqu.services.limits.grant_limits import granted
from mingqu.services.limits.replace_limits import replace_limits
from mingqu.services.messages.tell_webhooks import Event, Told, tell
from mingqu.services.once import Claim, IdempotencyKeyReused
from mingqu.services.policies.read_lists import on_lists
from mingqu.services.policies.replay_decision import replay
from mingqu.services.policies.switch_off import lending
from mingqu.services.revolving.follow_limit import follow_limit
from mingqu.store.decisions import assessment, decision, publication, watch_list
from mingqu.store.decisions.current_policies import Current
from mingqu.store.decisions.decision import Decided, StoredApplication
from mingqu.store.loans import offer
from mingqu.store.messages import webhook
from mingqu.store.parties import consent
from mingqu.store.people.person_at_hand import PersonAtHand, locked
from mingqu.store.server import idempotency
from mingqu.store.server.connection import Answer
from mingqu.store.server.database import Transaction
from mingqu.store.server.together import Part, write


class AssessedAlready(Refusal):
    """The person holds limits from an earlier assessment, and it is too early for a new one that replaces them."""

    code: ClassVar[str] = "assessed_already"
    status: ClassVar[int] = 409


class ApplicationDiffers(Refusal):
    """An application with this id was made before and asked for something else."""

    code: ClassVar[str] = "application_differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The decision as made, with the ids under which it and its limits are kept."""

    decision_id: UUID
    decision: Decision
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is decided: whose application it is, how much it asks for, on which day, and the consent of each read.

    `listed` are the hashes that are looked for on the lists under the lock; `claim` is the caller's idempotency key,
    answered in the same transaction.
    """

    person_id: UUID
    application_id: UUID
    requested_amount_fen: int
    today: date
    rests_on: Mapping[str, UUID]
    listed: Sequence[bytes]
    claim: Claim | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How somebody is decided: for which products, and whether by what is tried on some."""

    products: tuple[str, ...]
    variant: Variant


def way_of(current: Current, *, person_id: UUID, today: date) -> Way:
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
    return Way(products=products, variant=variant)


def require_due(tx: Transaction, current: Current, *, person_id: UUID, today: date) -> None:
    """Return when somebody who holds limits may be assessed now. Errors: AssessedAlready, LendingSwitchedOff."""
    way = way_of(current, person_id=person_id, today=today)
    days = _strategy(current, way=way, today=today).reassess_days
    if not due_again(tx, person_id=person_id, on=today, reassess_days=days):
        raise AssessedAlready("This person was assessed before and holds limits; it is too early for a new assessment.")


def require_same(decided: Decided, *, requested_amount_fen: int) -> UUID:
    """Return the decision on an application that is made again. Errors: ApplicationDiffers, with another amount."""
    if decided.requested_amount_fen != requested_amount_fen:
        raise ApplicationDiffers("This application was made before, for another amount; make a new one.")
    return decided.decision_id


def keep_assessment(
    tx: Transaction, house: House, *, asked: Asked, inputs: Mapping[str, Value]
) -> tuple[Assessment, Mapping[str, Value]]:
    """Decide and write everything that follows, in the caller's transaction; return it with all inputs.

    Lists, consents, policies and switches are those that stand under the lock: what was entered, withdrawn, published
    or switched while the bureau was asked decides.
    Errors: ApplicationDiffers, ConsentMissing, AssessedAlready, LendingSwitchedOff, NotFound, PersonErased,
    IdempotencyKeyReused, IdempotencyKeyBusy, and those of `decide`; the caller keeps nothing then.
    """
    person_id, claim = asked.person_id, asked.claim
    at_hand, answers = _locked(tx, house, asked=asked)
    before, generation, lines, given, found, listening = answers
    decided = decision.of_application_in(before, person_id=person_id)
    if decided is not None:
        decision_id = require_same(decided, requested_amount_fen=asked.requested_amount_fen)
        if claim is not None:
            write(tx, parts=[_finished(claim, at_hand, decision_id=decision_id)])
        return remembered(tx, house, person_id=person_id, decision_id=decision_id), inputs
    current = house.policies.current(tx, generation=publication.generation_in(generation))
    if holds := bool(offer.facilities_in(lines)):
        require_due(tx, current, person_id=person_id, today=asked.today)
    require_still_given(house, given=consent.given_in(given, person_id=person_id), read_under=asked.rests_on)
    way = way_of(current, person_id=person_id, today=asked.today)
    strategy = _strategy(current, way=way, today=asked.today)
    inputs = dict(inputs) | on_lists(found=watch_list.lists_in(found), fields=strategy.fields)
    made = decide_with(
        inputs=inputs,
        strategy=strategy,
        variant=way.variant.name,
        switches=current.switches(business_date=asked.today).noted(strategy=strategy),
        read_under={of: str(consent_id) for of, consent_id in asked.rests_on.items()},
    )
    kept = Assessment(decision_id=house.id_for(person_id), decision=made, decided_at=house.clock.now())
    write(tx, parts=_parts(tx, house, asked=asked, kept=kept, strategy=strategy, at_hand=at_hand, holds=holds))
    if holds:
        pause = timedelta(hours=strategy.raise_pause_hours)
        replace_limits(
            tx, house, person_id=person_id, decision_id=kept.decision_id, made=made, cell=at_hand.cell, pause=pause
        )
        granted_fen = made.limit_fen if made.approved else 0
        follow_limit(tx, house, person_id=person_id, decision_id=kept.decision_id, person_fen=granted_fen)
    told = Told(
        event=Event.DECISION_MADE,
        person_id=person_id,
        subject_id=kept.decision_id,
        on=asked.today,
        facts={"decision_id": str(kept.decision_id), "approved": made.approved, "limit_fen": made.limit_fen},
    )
    tell(tx, house, cell=at_hand.cell, told=[told], listening=webhook.active_in(listening))
    return kept, inputs


def remembered(tx: Transaction, house: House, *, person_id: UUID, decision_id: UUID) -> Assessment:
    """Return a stored decision by deciding again from its record, which also proves that it still holds."""
    stored = decision.load_decision(tx, person_id=person_id, decision_id=decision_id)
    return Assessment(decision_id=decision_id, decision=replay(tx, house, stored=stored), decided_at=stored.decided_at)


def _locked(tx: Transaction, house: House, *, asked: Asked) -> tuple[PersonAtHand, list[Answer]]:
    """Claim the caller's key, lock the person's cell, and read what decides under the lock, in one round trip."""
    person_id, cell, claim = asked.person_id, tx.cell_of(asked.person_id), asked.claim
    try:
        at_hand, claimed, answers = locked(
            tx,
            keyring=house.keyring,
            person_id=person_id,
            first=[] if claim is None else [idempotency.claimed(cell=cell, claims=[claim])],
            beside=[
                decision.of_application_asked(cell=cell, person_id=person_id, application_id=asked.application_id),
                publication.generation_asked(),
                offer.facilities_asked(cell=cell, person_id=person_id),
                consent.asked(cell=cell, person_id=person_id),
                watch_list.asked(hashes=asked.listed, on=asked.today),
                webhook.asked(),
            ],
        )
    except idempotency.BUSY as error:
        raise idempotency.still_running() from error
    if claimed and idempotency.news_in(claimed[0]) == [None]:
        raise IdempotencyKeyReused("This idempotency key came with another request before.")
    return at_hand, answers


def _parts(
    tx: Transaction,
    house: House,
    *,
    asked: Asked,
    kept: Assessment,
    strategy: Strategy,
    at_hand: PersonAtHand,
    holds: bool,
) -> list[Part]:
    """Return what is written: the decision with its evidence, the limits of a first approval, the answer to the key."""
    made = kept.decision
    application = StoredApplication(
        application_id=asked.application_id,
        person_id=asked.person_id,
        requested_amount_fen=asked.requested_amount_fen,
        applied_at=kept.decided_at,
    )
    parts = [recorded(tx, at_hand=at_hand, application=application, decision_id=kept.decision_id, made=made)]
    if made.approved and not holds:
        parts.append(granted(house, at_hand=at_hand, decision_id=kept.decision_id, made=made))
    if made.approved or holds:
        on = made.business_date
        parts.append(stands(kept, at_hand=at_hand, valid_months=strategy.valid_months, decided_on=on))
    if asked.claim is not None:
        parts.append(_finished(asked.claim, at_hand, decision_id=kept.decision_id))
    return parts


def stands(kept: Assessment, *, at_hand: PersonAtHand, valid_months: int | None, decided_on: date) -> Part:
    """Return what stores for how long an assessment lets its person draw; a refusal ends nothing by a day."""
    until = valid_until(decided_on=decided_on, valid_months=valid_months) if kept.decision.approved else None
    standing = Standing(
        decision_id=kept.decision_id, person_id=at_hand.person_id, decided_at=kept.decided_at, valid_until=until
    )
    return Part([assessment.inserted(cell=at_hand.cell, standing=standing)])


def _finished(claim: Claim, at_hand: PersonAtHand, *, decision_id: UUID) -> Part:
    response: dict[str, object] = {"decision_id": decision_id.hex}
    return Part([idempotency.finished(cell=at_hand.cell, claims=[claim], responses=[response])])


def _strategy(current: Current, *, way: Way, today: date) -> Strategy:
    return current.pack.on(business_date=today, product_ids=way.products, instead=way.variant.instead)
