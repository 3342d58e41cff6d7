"""Set a refusal aside: one person proposes, for a cause and up to an amount, another approves; a decision of its own.

Source: PIPL art. 24 (the right to refuse a decision made by a program alone).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.decision import Decision
from mingqu.domain.decision.decide import set_aside
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
from mingqu.services.grant_limits import granted
from mingqu.services.house import House
from mingqu.services.keep_assessment import Assessment, stands
from mingqu.services.record_decision import recorded
from mingqu.services.replay_decision import replay_decision
from mingqu.services.tell_webhooks import Event, Told, tell, today
from mingqu.store import decision, offer, override, review
from mingqu.store.database import Transaction
from mingqu.store.decision import StoredApplication, StoredDecision
from mingqu.store.override import Overridden, Performance
from mingqu.store.person_at_hand import locked
from mingqu.store.together import write


class NothingToOverride(Refusal):
    """Only the newest decision about somebody, a refusal that they asked a person to look at, is set aside."""

    code: ClassVar[str] = "nothing_to_override"
    status: ClassVar[int] = 409


def say_override(
    tx: Transaction, house: House, decision_id: UUID, asked: Mapping[str, Canonical]
) -> tuple[UUID, dict[str, Canonical]]:
    """Return what would be granted instead. `asked` has cause, and the most to give, `limit_fen`.

    Errors: DecisionNotFound, NothingToOverride, OverrideCauseUnknown, OverrideForbidden, OverrideNotPossible.
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
    """Decide instead, record it as a decision of its own, and grant what it gives. Errors: those of `say_override`."""
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
    months = house.pack.on(business_date=made.business_date, product_ids=()).valid_months
    parts = [
        recorded(tx, at_hand=at_hand, application=application, decision_id=decision_id, made=made),
        granted(house, at_hand=at_hand, decision_id=decision_id, made=made),
        stands(kept, at_hand=at_hand, valid_months=months, decided_on=today(house)),
    ]
    write(tx, parts=parts)
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
    if offer.facilities(tx, person_id=person_id):
        raise NothingToOverride("This person holds limits.")
    return known


def _instead(tx: Transaction, house: House, *, person_id: UUID, decision_id: UUID, limit_fen: int) -> Decision:
    refused = _refusal(tx, person_id=person_id, decision_id=decision_id)
    if house.clock.now() - refused.decided_at > OVERRIDE_WITHIN:
        raise NothingToOverride("This was decided too long ago; let them apply again.")
    if limit_fen > OVERRIDE_FEN_MAX:
        raise OverrideNotPossible("Nobody gives as much as this by hand.", most_fen=OVERRIDE_FEN_MAX)
    made = replay_decision(tx, house, person_id=person_id, decision_id=decision_id)
    return set_aside(made=made, override=Override(of=decision_id.hex, limit_fen=limit_fen))
