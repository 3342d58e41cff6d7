"""Set a refusal aside: one person proposes, for a cause and up to an amount, another approves; a decision of its own.

Source: PIPL art. 24 (the right to refuse a decision made by a program alone).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.decision import Decision
from mingqu.domain.decision.decide import decide_with, require_no_law, set_aside
from mingqu.domain.decision.override import (
    OVERRIDE_FEN_MAX,
    OVERRIDE_WITHIN,
    Override,
    OverrideCauseUnknown,
    OverrideNotPossible,
    read_override_cause,
)
from mingqu.domain.proposal import Proposal
from mingqu.domain.refusal import Refusal
from mingqu.domain.watch_list import ListName
from mingqu.services.decisions.keep_assessment import Assessment, stands
from mingqu.services.decisions.record_decision import recorded
from mingqu.services.house import House
from mingqu.services.limits.grant_limits import granted
from mingqu.services.limits.replace_limits import replace_limits
from mingqu.services.messages.tell_webhooks import Event, Told, tell, today
from mingqu.services.people.note_signals import NOWHERE, known_of_person
from mingqu.services.policies.read_lists import hashes_listed
from mingqu.services.policies.replay_decision import replay_decision
from mingqu.services.policies.switch_off import lending
from mingqu.services.revolving.follow_limit import follow_limit
from mingqu.store.decisions import decision, override, review, watch_list
from mingqu.store.decisions.current_policies import Current
from mingqu.store.decisions.decision import StoredApplication, StoredDecision
from mingqu.store.decisions.override import Overridden, Performance
from mingqu.store.loans import offer
from mingqu.store.people.person_at_hand import locked
from mingqu.store.server.database import Transaction
from mingqu.store.server.together import write


class PersonBlackListed(Refusal):
    """Whoever is on the black list is given nothing by hand; two people take them off it first."""

    code: ClassVar[str] = "person_black_listed"
    status: ClassVar[int] = 409


# In a record, of a product that is not offered any more when a refusal is set aside; one that is off has its switch.
NOT_OFFERED: Final = "not_offered"


class NothingToOverride(Refusal):
    """Only the newest decision about somebody, a refusal that they asked a person to look at, is set aside."""

    code: ClassVar[str] = "nothing_to_override"
    status: ClassVar[int] = 409


def say_override(
    tx: Transaction, house: House, decision_id: UUID, asked: Mapping[str, Canonical]
) -> tuple[UUID, dict[str, Canonical]]:
    """Return what would be granted instead. `asked` has cause, and the most to give, `limit_fen`.

    Errors: DecisionNotFound, NothingToOverride, OverrideCauseUnknown, OverrideForbidden, OverrideNotPossible,
    PersonBlackListed.
    """
    person_id = decision.owner_of(tx, decision_id=decision_id)
    cause = read_override_cause(str(asked.get("cause", "")))
    text = str(asked.get("limit_fen", ""))
    if not text.isascii() or not text.isdigit() or len(text) > 12 or int(text) == 0:
        raise OverrideCauseUnknown("Say how much may be given at most, in whole fen.")
    made = _instead(tx, house, person_id=person_id, decision_id=decision_id, limit_fen=int(text))
    return person_id, {
        "set_aside_for": cause.value,
        "limit_fen": int(text),
        "granted_fen": made.limit_fen,
        "products": [[price.product_id, price.rate_year_ppm, price.limit_fen] for price in made.prices],
    }


def basis_of_override(tx: Transaction, proposal: Proposal) -> str:
    """Return what it rests on: the refusal, while it is the last word. Errors: NothingToOverride."""
    return _refusal(tx, person_id=proposal.person_id, decision_id=proposal.subject_id).record_hash.hex()


def override_decision(tx: Transaction, house: House, proposal: Proposal) -> None:
    """Decide instead, record it as a decision of its own, and grant what it gives, or put that in the place of limits.

    Products that do not lend any more take no part. Errors: those of `say_override`.
    """
    person_id, cell, now = proposal.person_id, tx.cell_of(proposal.person_id), house.clock.now()
    refused = _refusal(tx, person_id=person_id, decision_id=proposal.subject_id)
    made = _instead(
        tx,
        house,
        person_id=person_id,
        decision_id=refused.decision_id,
        limit_fen=int(str(proposal.body["limit_fen"])),
    )
    first = decision.load_application(tx, person_id=person_id, application_id=refused.application_id)
    application = StoredApplication(
        application_id=house.id_for(person_id),
        person_id=person_id,
        requested_amount_fen=first.requested_amount_fen,
        applied_at=now,
    )
    kept = Assessment(decision_id=house.id_for(person_id), decision=made, decided_at=now)
    decision_id = kept.decision_id
    at_hand, *_ = locked(tx, keyring=house.keyring, person_id=person_id)
    strategy = house.pack.on(business_date=made.business_date, product_ids=())
    holds = bool(offer.facilities(tx, person_id=person_id))
    parts = [recorded(tx, at_hand=at_hand, application=application, decision_id=decision_id, made=made)]
    if not holds:
        parts.append(granted(house, at_hand=at_hand, decision_id=decision_id, made=made))
    parts.append(stands(kept, at_hand=at_hand, valid_months=strategy.valid_months, decided_on=today(house)))
    write(tx, parts=parts)
    if holds:  # as a re-assessment does: what is more than before waits for its pause
        pause = timedelta(hours=strategy.raise_pause_hours)
        replace_limits(tx, house, person_id=person_id, decision_id=decision_id, made=made, cell=cell, pause=pause)
        follow_limit(tx, house, person_id=person_id, decision_id=decision_id, person_fen=made.limit_fen)
    override.insert(
        tx,
        overridden=Overridden(
            decision_id=decision_id,
            overridden_id=refused.decision_id,
            person_id=person_id,
            proposal_id=proposal.proposal_id,
            cause=str(proposal.body["set_aside_for"]),
            decided_at=now,
        ),
    )
    told = Told(
        event=Event.DECISION_MADE,
        person_id=person_id,
        subject_id=decision_id,
        on=today(house),
        facts={"decision_id": str(decision_id), "approved": True, "limit_fen": made.limit_fen},
    )
    tell(tx, house, cell=cell, told=[told])


def overrides(house: House) -> list[Performance]:
    """Return every override with how its loans went, the oldest first: a table for whoever builds policies."""
    with house.database.transaction() as tx:
        return override.performances(tx)


def _refusal(tx: Transaction, *, person_id: UUID, decision_id: UUID) -> StoredDecision:
    """Return the refusal that may be set aside. Errors: NothingToOverride."""
    known = decision.latest_decision(tx, person_id=person_id)
    asked = review.about(tx, person_id=person_id, subject_id=decision_id)
    if known is None or known.decision_id != decision_id or known.outcome != "refused" or not asked:
        raise NothingToOverride("Only the last refusal, which its person asked somebody to look at, is set aside.")
    return known


def _instead(tx: Transaction, house: House, *, person_id: UUID, decision_id: UUID, limit_fen: int) -> Decision:
    refused = _refusal(tx, person_id=person_id, decision_id=decision_id)
    if house.clock.now() - refused.decided_at > OVERRIDE_WITHIN:
        raise NothingToOverride("This was decided too long ago; let them apply again.")
    if limit_fen > OVERRIDE_FEN_MAX:
        raise OverrideNotPossible("Nobody gives as much as this by hand.", most_fen=OVERRIDE_FEN_MAX)
    _require_not_listed(tx, house, person_id=person_id)
    made = replay_decision(tx, house, person_id=person_id, decision_id=decision_id)
    require_no_law(made=made)
    made = _lending_today(house.policies.current(tx), made, today=house.clock.business_date())
    return set_aside(made=made, override=Override(of=decision_id.hex, limit_fen=limit_fen))


def _require_not_listed(tx: Transaction, house: House, *, person_id: UUID) -> None:
    """Return when nothing that a person is known by stands on the black list now. Errors: PersonBlackListed."""
    hashes = hashes_listed(house, known=known_of_person(tx, house, person_id=person_id), origin=NOWHERE)
    found = watch_list.lists_of(tx, hashes=hashes, on=house.clock.business_date())
    if any(ListName.BLACK in lists for lists in found.values()):
        raise PersonBlackListed("This person is on the black list: two people take them off it first.")


def _lending_today(current: Current, made: Decision, *, today: date) -> Decision:
    """Return a refusal as it would have been without the products that do not lend today.

    What does not lend is noted in its record like any switch, so that it replays: by the switch's id, or as ended.
    """
    open_now = {product.id for product in lending(current, business_date=today)}
    acts = current.switches(business_date=today).acts
    gone = {
        f"product/{one.product.id}": acts.get(
            f"product/{one.product.id}", acts.get(f"lender/{one.lender.code}", NOT_OFFERED)
        )
        for one in made.strategy.offers
        if one.product.id not in open_now
    }
    return decide_with(
        inputs=made.inputs,
        strategy=made.strategy,
        switches={**made.switches, **gone},
        read_under=made.read_under,
    )
