"""What changes while a bureau thinks: it decides what stands under the lock, and what does not open decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from mingqu.domain.consent import ConsentMissing, ConsentPurpose
from mingqu.ports.bureau import BureauQuery, BureauReport, NotCovered, QueryRefused
from mingqu.services.decisions.assess import ApplicationDiffers, assess
from mingqu.services.house import House
from mingqu.services.policies.keep_list import enter_on_list
from mingqu.services.privacy.give_consent import withdraw_consent
from mingqu.store.parties import consent
from mingqu.store.server.keyring import SealBroken
from tests.journeys.reading import assert_coherent, facts_of, rows_of
from tests.journeys.test_signals_in_decisions import PHONE_BOX, agree, apply, arrive, in_september
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld


class Slow:
    """A bureau that takes its time, while something happens."""

    def __init__(self, world: OpenWorld, meanwhile: Callable[[], object]) -> None:
        self._world, self._meanwhile = world, meanwhile

    def features(self, query: BureauQuery) -> BureauReport | NotCovered | QueryRefused:
        answer = self._world.bureau.features(query)
        self._meanwhile()
        self._world.clock.advance(timedelta(seconds=1))
        return answer


def slow(world: OpenWorld, meanwhile: Callable[[], object]) -> House:
    return replace(world.house, bureau=Slow(world, meanwhile))


@pytest.mark.parametrize("purpose", [ConsentPurpose.AUTOMATED_DECISION, ConsentPurpose.BUREAU_QUERY])
def test_without_what_a_whole_decision_rests_on_nothing_is_decided(world: OpenWorld, purpose: ConsentPurpose) -> None:
    # In August no field is read under either: what the decision itself rests on is all there is.
    known = arrive(world, 1)
    with world.house.database.transaction() as tx:
        given = consent.of_person(tx, person_id=known.person_id)
    (consent_id,) = [one.consent_id for one in given if one.purpose is purpose]
    before = rows_of(world.house)["decision"]

    def withdraw() -> None:
        withdraw_consent(world.house, person_id=known.person_id, consent_id=consent_id)

    with pytest.raises(ConsentMissing) as refused:
        apply(world, known, house=slow(world, withdraw))
    operator = world.house.settings.operator_name
    recipient = operator if purpose is ConsentPurpose.BUREAU_QUERY else None
    assert refused.value.details == {"purpose": purpose.value, "recipient": recipient}
    assert rows_of(world.house)["decision"] == before
    assert_coherent(world.house)


def test_a_record_names_every_consent_it_rests_on(world: OpenWorld) -> None:
    world = in_september(world)
    known = arrive(world, 1)
    device = agree(world, known, ConsentPurpose.FRAUD_PREVENTION)
    under = apply(world, known).decision.read_under
    assert {"credit_bureau", "automated_decision", "fraud_prevention"} <= set(under)
    assert under["fraud_prevention"] == str(device)
    assert len(set(under.values())) == 3


def test_whoever_is_listed_while_the_bureau_thinks_is_on_the_list(world: OpenWorld) -> None:
    world = in_september(world)
    known = arrive(world, 1)

    def enter() -> None:
        enter_on_list(
            world.house,
            seat=seat_of(world.house, "risk"),
            list_name="black",
            kind="phone",
            value=known.newcomer.phone,
            cause="被报为冒名者的号码",
            expires_on=world.clock.business_date() + timedelta(days=30),
            key="black",
        )

    made = apply(world, known, house=slow(world, enter)).decision
    assert "black_listed" in [reason.code for reason in made.reasons]
    assert_coherent(world.house)


@pytest.mark.parametrize("field", ["phone", "id_number", "name"])
def test_what_does_not_open_is_no_entry_that_is_not_found(
    world: OpenWorld, field: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = in_september(world)
    known = arrive(world, 1)

    with world.house.database.transaction() as tx:
        tx.execute("UPDATE vault_field SET sealed = %s WHERE field = %s", (bytes(40), field))
        tx.commit()
    before = rows_of(world.house)
    with pytest.raises(SealBroken):
        apply(world, known)
    assert rows_of(world.house) == before
    assert world.bureau.queries_of(id_number=known.newcomer.id_number) == []
    (alert,) = [one for one in caplog.records if one.message == "vault.seal_broken"]
    assert alert.__dict__["fields"] == {"person_id": known.person_id.hex, "field": field}


def test_of_two_amounts_under_one_id_at_the_same_moment_one_is_refused(world: OpenWorld) -> None:
    world = in_september(world)
    known = arrive(world, 1)
    application_id = world.house.id_for(known.person_id)

    def other() -> None:
        assess(
            world.house,
            person_id=known.person_id,
            application_id=application_id,
            requested_amount_fen=400_000,
            monthly_income_fen=900_000,
            origin=PHONE_BOX,
        )

    with pytest.raises(ApplicationDiffers):
        apply(world, known, application_id=application_id, house=slow(world, other))
    assert len(facts_of(world.house, known.person_id, "decision")) == 1
    assert_coherent(world.house)
