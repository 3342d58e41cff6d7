"""Replay a decision from what is stored, with the policies it names; it must come out to the byte."""

from __future__ import annotations

import hashlib
import json
from typing import ClassVar
from uuid import UUID

from mingqu.domain.decision import Decision, decide_again
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.store.decisions import decision
from mingqu.store.decisions.decision import StoredDecision
from mingqu.store.people import vault
from mingqu.store.server.database import Transaction


class ReplayDiffers(Refusal):
    """The decision does not come out as it was stored: somebody changed the record, or a policy."""

    code: ClassVar[str] = "replay_differs"
    status: ClassVar[int] = 500


def replay_decision(tx: Transaction, house: House, *, person_id: UUID, decision_id: UUID) -> Decision:
    """Return the decision made again from its record. Errors: DecisionNotFound, PersonErased, ReplayDiffers."""
    return replay(tx, house, stored=decision.load_decision(tx, person_id=person_id, decision_id=decision_id))


def replay(tx: Transaction, house: House, *, stored: StoredDecision) -> Decision:
    """Return a decision made again from its record. Errors: PersonErased, ReplayDiffers."""
    sealed = vault.open_field(tx, keyring=house.keyring, person_id=stored.person_id, field=stored.sealed.decode())
    record = {"public": json.loads(stored.record), "sealed": json.loads(sealed.reveal())}
    again = decide_again(record=record, pack=house.policies.refresh(tx))
    if hashlib.sha256(again.record_bytes()).digest() != stored.record_hash:
        raise ReplayDiffers("This decision does not come out as it was recorded.")
    return again
