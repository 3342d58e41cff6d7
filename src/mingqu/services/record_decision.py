"""Record a decision: its public part in the row, what is about the person in the vault, and the leaf of both."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

from mingqu.domain.canonical import canonical
from mingqu.domain.decision import Decision
from mingqu.domain.evidence import LeafKind
from mingqu.domain.personal import Personal
from mingqu.services.house import House
from mingqu.store import decision, evidence
from mingqu.store.database import Transaction


def record_decision(
    tx: Transaction,
    house: House,
    *,
    person_id: UUID,
    application_id: UUID,
    decision_id: UUID,
    made: Decision,
    at: datetime,
) -> None:
    """Store a decision about an application that is stored, with its evidence. The caller commits."""
    record = made.record()
    whole, public = made.record_bytes(), canonical(record["public"])
    # What the decision says about the person lies in the vault, under their key; here only a reference to it.
    field = f"decision.{decision_id.hex}"
    sealed = {field: Personal(canonical(record["sealed"]).decode())}
    decision.insert_decision(
        tx,
        decision=decision.StoredDecision(
            decision_id=decision_id,
            application_id=application_id,
            person_id=person_id,
            decided_at=at,
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
        at=at,
        facts={
            "outcome": made.outcome,
            "business_date": made.business_date.isoformat(),
            "public_hash": hashlib.sha256(public).hexdigest(),
        },
        private={"record_hash": hashlib.sha256(whole).hexdigest()},
        sealed=sealed,
    )
