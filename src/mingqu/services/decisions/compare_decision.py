"""A stored decision, made again to the byte, beside what the policies of another day say on the same inputs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from mingqu.domain.decision.compare import Compared, compare
from mingqu.store.decisions import decision, policy
from mingqu.store.people import vault
from mingqu.store.server.database import Database
from mingqu.store.server.keyring import Keyring


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """Whether the record comes out to the byte (both hashes in hexadecimal), and the comparison."""

    recorded_hash: str
    replayed_hash: str
    compared: Compared

    @property
    def equal(self) -> bool:
        """Whether the replay gave the recorded bytes."""
        return self.recorded_hash == self.replayed_hash


def compare_decision(*, database: Database, keyring: Keyring, decision_id: UUID, business_date: date) -> Replayed:
    """Return a decision as it was made and as of a day, by every policy ever published in this book.

    Nothing is written. Errors: DecisionNotFound, PersonErased, PolicyMissing.
    """
    with database.transaction() as tx:
        person_id = decision.owner_of(tx, decision_id=decision_id)
        stored = decision.load_decision(tx, person_id=person_id, decision_id=decision_id)
        sealed = vault.open_field(tx, keyring=keyring, person_id=person_id, field=stored.sealed.decode())
        pack = policy.load_published(tx)
    record = {"public": json.loads(stored.record), "sealed": json.loads(sealed.reveal())}
    found = compare(record=record, pack=pack, business_date=business_date)
    return Replayed(
        recorded_hash=stored.record_hash.hex(),
        replayed_hash=hashlib.sha256(found.then.record_bytes()).hexdigest(),
        compared=found,
    )
