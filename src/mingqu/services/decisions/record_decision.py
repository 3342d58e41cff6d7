"""Record a decision: its public part in the row, what is about the person in the vault, and the leaf of both."""

from __future__ import annotations

import hashlib
from uuid import UUID

from mingqu.domain.canonical import canonical
from mingqu.domain.decision import Decision
from mingqu.domain.evidence import LeafKind
from mingqu.domain.personal import Personal
from mingqu.store import evidence
from mingqu.store.decisions import decision
from mingqu.store.decisions.decision import StoredApplication
from mingqu.store.evidence import Draft
from mingqu.store.people.person_at_hand import PersonAtHand
from mingqu.store.server.database import Transaction
from mingqu.store.server.together import Part


def recorded(
    tx: Transaction, *, at_hand: PersonAtHand, application: StoredApplication, decision_id: UUID, made: Decision
) -> Part:
    """Return what stores an application and the decision about it, with its evidence.

    It is written before the cell gets another leaf; the caller commits.
    """
    whole, public = made.record_bytes(), canonical(made.public())
    # The record is its two parts, one behind the other: neither is written a second time.
    opening = b'{"public":' + public + b',"sealed":'
    assert whole.startswith(opening)
    sealed = whole[len(opening) : -1].decode()
    # What the decision says about the person lies in the vault, under their key; here only a reference to it.
    field, at = f"decision.{decision_id.hex}", application.applied_at
    stored = decision.StoredDecision(
        decision_id=decision_id,
        application_id=application.application_id,
        person_id=at_hand.person_id,
        decided_at=at,
        business_date=made.business_date,
        outcome=made.outcome,
        record=public,
        record_hash=hashlib.sha256(whole).digest(),
        sealed=field.encode(),
        versions_hash=hashlib.sha256(canonical(dict(made.versions))).hexdigest(),
    )
    draft = Draft(
        person_id=at_hand.person_id,
        kind=LeafKind.DECISION,
        subject_id=decision_id,
        facts={
            "outcome": made.outcome,
            "business_date": made.business_date.isoformat(),
            "public_hash": hashlib.sha256(public).hexdigest(),
        },
        private={"record_hash": hashlib.sha256(whole).hexdigest()},
        sealed={field: Personal(sealed)},
    )
    appended = evidence.appended_sealed(
        tx, key=at_hand.key, cell=at_hand.cell, first=at_hand.leaf_count, at=at, draft=draft
    )
    return Part(
        [
            *appended,
            decision.application_inserted(cell=at_hand.cell, application=application),
            decision.decision_inserted(cell=at_hand.cell, decision=stored),
        ],
        lambda answers: evidence.require_appended(answers, drafts=[draft]),
    )
