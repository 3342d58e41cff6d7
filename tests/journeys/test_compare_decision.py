"""A stored decision made again to the byte, beside the answer of another day."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from mingqu.demo.journey import be_assessed, introduce
from mingqu.demo.people import CHUAN, XIA
from mingqu.services.decisions.compare_decision import Replayed, compare_decision
from mingqu.store.decisions.decision import DecisionNotFound
from mingqu.store.people import vault
from mingqu.store.people.vault import PersonErased
from tests.journeys.reading import rows_of
from tests.world import OpenWorld


def compared(world: OpenWorld, decision_id: UUID, day: date) -> Replayed:
    house = world.house
    return compare_decision(database=house.database, keyring=house.keyring, decision_id=decision_id, business_date=day)


def test_a_stored_decision_comes_out_to_the_byte_and_again_as_of_another_day(world: OpenWorld) -> None:
    for newcomer in (XIA, CHUAN):
        made = be_assessed(world, introduce(world, newcomer, balance_fen=0), amount_fen=800_000)
        before = rows_of(world.house)
        found = compared(world, made.decision_id, date(2026, 8, 31))
        assert found.equal
        assert found.compared.then.record_bytes() == made.decision.record_bytes()
        assert found.compared.now is not None
        assert found.compared.now.outcome == made.decision.outcome
        assert rows_of(world.house) == before
        consents = {one.consent_id for one in found.compared.then.signals_read if one.source == "bureau"}
        assert len(consents) == 1
        assert UUID(consents.pop())
        # Policies of September read what nobody read in August: that is said, and nothing made up.
        later = compared(world, made.decision_id, date(2026, 10, 1)).compared
        assert later.now is None
        assert "applications_person_7d" in later.problem


def test_neither_an_unknown_decision_nor_that_of_an_erased_person_is_replayed(world: OpenWorld) -> None:
    known = introduce(world, XIA, balance_fen=0)
    made = be_assessed(world, known, amount_fen=800_000)
    with pytest.raises(DecisionNotFound):
        compared(world, world.house.id_for(known.person_id), date(2026, 10, 1))
    with world.house.database.transaction() as tx:
        vault.erase(tx, person_id=known.person_id, on=date(2090, 1, 1))
        tx.commit()
    with pytest.raises(PersonErased):
        compared(world, made.decision_id, date(2026, 10, 1))
