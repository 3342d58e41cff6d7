"""Switched off at once by one; tried on some by two; listed until a day. Each decision says under what it was made."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

import pytest

from mingqu.demo.journey import be_assessed, introduce
from mingqu.demo.people import CHUAN
from mingqu.domain.decision.experiment import ExperimentsOverlap, parse_experiment, place_of, variant_of
from mingqu.domain.decision.switch import (
    LendingSwitchedOff,
    NotSwitchedOff,
    SwitchedOffAlready,
    SwitchForbidden,
    SwitchKind,
    SwitchUnknown,
)
from mingqu.domain.operator import OperatorForbidden, ReasonMissing
from mingqu.domain.personal import Personal
from mingqu.domain.policy_file import Document, PolicyFault
from mingqu.domain.proposal import Deed, MakerIsChecker
from mingqu.domain.watch_list import ListedKind, ListEntryMalformed, ListName
from mingqu.services.decisions.read_limit import decision_view
from mingqu.services.house import House
from mingqu.services.offers.disclose_cost import show_cost_table
from mingqu.services.offers.make_offers import make_offers
from mingqu.services.policies.keep_list import enter_on_list
from mingqu.services.policies.switch_off import SwitchEndMalformed, restore_rule, switch_off
from mingqu.services.proposals.propose import approve, propose
from mingqu.store.decisions import policy, shadow, watch_list
from mingqu.store.decisions.current_policies import CurrentPolicies
from tests.journeys.policies import WHY, body_of, limits, publish
from tests.journeys.reading import arrive, assert_coherent, borrow, rows_of
from tests.journeys.test_publishing import newcomers
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld

TERMS = {"amount_fen": 200_000, "instalments": 6, "method": "equal_instalment"}
BAND = "instalment-policy/band-e"


def off(house: House, kind: SwitchKind, name: str, *, role: str = "risk", cause: str = WHY, days: int = 0) -> UUID:
    days = days or (1 if kind is SwitchKind.RULE else 0)  # a rule that is off refuses less, and has to end
    ends_on = house.clock.business_date() + timedelta(days=days) if days else None
    key = house.identifiers.fresh(0).hex
    return switch_off(house, seat=seat_of(house, role), kind=kind, name=name, cause=cause, ends_on=ends_on, key=key)


def record_of(house: House, decision_id: UUID) -> dict[str, object]:
    with house.database.transaction() as tx:
        row = tx.execute("SELECT record FROM decision WHERE decision_id = %s", (decision_id,)).fetchone()
    assert row is not None
    found = json.loads(bytes(row[0]))
    assert isinstance(found, dict)
    return found


def test_a_lender_that_is_off_makes_nothing_new_and_its_loans_go_on(world: OpenWorld) -> None:
    house, taken = world.house, borrow(world, arrive(world), amount_fen=300_000)
    person_id, lender = taken.known.person_id, taken.offered.product.lender_id
    offered = make_offers(house, person_id=person_id, **TERMS)  # type: ignore[arg-type]
    standing = next(one for one in offered if one.product.lender_id == lender)
    switch_id = off(house, SwitchKind.LENDER, house.pack.lender(lender_id=lender).code)
    after = make_offers(house, person_id=person_id, **TERMS)  # type: ignore[arg-type]
    assert {one.product.lender_id for one in after} == {one.product.lender_id for one in offered} - {lender}
    with pytest.raises(LendingSwitchedOff):
        show_cost_table(house, person_id=person_id, offer_id=standing.offer.offer_id)
    with pytest.raises(SwitchedOffAlready):
        off(house, SwitchKind.LENDER, house.pack.lender(lender_id=lender).code)
    (late,) = newcomers(world, 1)
    made = be_assessed(world, late, amount_fen=100_000)
    code = house.pack.lender(lender_id=lender).code
    assert record_of(house, made.decision_id)["switches"] == {f"lender/{code}": switch_id.hex}
    assert decision_view(house, person_id=late.person_id).approved, "it replays with what was off then"
    with pytest.raises(SwitchForbidden):
        restore_rule(house, seat=seat_of(house, "risk"), switch_id=switch_id)
    waits = propose(
        house, seat=seat_of(house, "risk"), deed=Deed.SWITCH_ON, subject_id=switch_id, asked={}, reason=WHY, key="on"
    )
    with pytest.raises(MakerIsChecker):
        approve(house, seat=seat_of(house, "risk"), proposal_id=waits)
    approve(house, seat=seat_of(house, "risk", name="second"), proposal_id=waits)
    show_cost_table(house, person_id=person_id, offer_id=standing.offer.offer_id)
    assert_coherent(house)


def test_with_every_product_off_nobody_is_asked_about_and_nothing_is_decided(world: OpenWorld) -> None:
    house = world.house
    (known,) = newcomers(world, 1)
    for product in house.pack.offered(business_date=house.clock.business_date()):
        off(house, SwitchKind.PRODUCT, product.id, days=2)
    before = rows_of(house).get("decision")
    with pytest.raises(LendingSwitchedOff):
        be_assessed(world, known, amount_fen=100_000)
    assert rows_of(house).get("decision") == before
    assert world.bureau.queries_of(id_number=known.newcomer.id_number) == []
    world.clock.advance(timedelta(days=2))
    assert be_assessed(world, known, amount_fen=100_000).decision.approved, "the switches ended by themselves"
    off(house, SwitchKind.PRODUCT, house.pack.offered(business_date=house.clock.business_date())[0].id)
    assert_coherent(house)


def test_a_rule_that_is_off_is_skipped_and_said_so_and_one_that_is_law_never_is(world: OpenWorld) -> None:
    house, known = world.house, introduce(world, CHUAN, balance_fen=0)
    first = be_assessed(world, known, amount_fen=100_000)
    rows = [reason.row for reason in first.decision.reasons]
    assert rows
    world.clock.advance(timedelta(days=400))
    switched = [off(house, SwitchKind.RULE, f"instalment-policy/{row}") for row in rows]
    second = be_assessed(world, known, amount_fen=100_000)
    assert not {reason.row for reason in second.decision.reasons} & set(rows)
    assert record_of(house, second.decision_id)["switches"] == {
        f"row/{row}": act.hex for row, act in zip(rows, switched, strict=True)
    }
    for law in ("age-below-eighteen", "identity-below-four", "consents-missing"):
        with pytest.raises(SwitchForbidden):
            off(house, SwitchKind.RULE, f"instalment-policy/{law}")
    for _ in range(2):
        restore_rule(house, seat=seat_of(house, "risk"), switch_id=switched[0])
    assert decision_view(house, person_id=known.person_id).decision_id == second.decision_id, "it replays all the same"
    with pytest.raises(NotSwitchedOff):
        propose(house, seat=seat_of(house, "risk"), deed=Deed.SWITCH_ON, subject_id=switched[0], asked={}, reason=WHY,
                key="on")  # fmt: skip
    assert_coherent(house)


def test_a_rule_that_becomes_law_while_it_is_off_holds_again(world: OpenWorld) -> None:
    house, known = world.house, introduce(world, CHUAN, balance_fen=0)
    off(house, SwitchKind.RULE, BAND)
    body = body_of(house, "policy", "instalment-policy")
    body["row"] = [{**row, "law": "测试用法条"} if row["id"] == "band-e" else row for row in body["row"]]
    publish(house, body, from_date=house.clock.business_date())
    made = be_assessed(world, known, amount_fen=100_000)
    assert "band-e" in {reason.row for reason in made.decision.reasons}
    assert record_of(house, made.decision_id)["switches"] == {}
    assert_coherent(house)


def test_a_switch_takes_a_right_a_cause_and_something_that_is_there(world: OpenWorld) -> None:
    house = world.house
    for role in ("operations", "auditor", "admin", "lender:tinglan"):
        with pytest.raises(OperatorForbidden):
            off(house, SwitchKind.RULE, BAND, role=role)
    for kind, name in (
        (SwitchKind.RULE, "instalment-policy/nothing"),
        (SwitchKind.RULE, "band-e"),
        (SwitchKind.PRODUCT, "../etc"),
        (SwitchKind.PRODUCT, "tinglan"),
        (SwitchKind.LENDER, "nobody"),
    ):
        with pytest.raises(SwitchUnknown):
            off(house, kind, name)
    with pytest.raises(ReasonMissing):
        off(house, SwitchKind.RULE, BAND, cause=".")
    with pytest.raises(SwitchEndMalformed):
        off(house, SwitchKind.RULE, BAND, days=-1)
    for ends_on in (None, house.clock.business_date() + timedelta(days=3)):
        with pytest.raises(SwitchEndMalformed):
            switch_off(
                house,
                seat=seat_of(house, "risk"),
                kind=SwitchKind.RULE,
                name=BAND,
                cause=WHY,
                ends_on=ends_on,
                key="far",
            )
    with house.database.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM policy_switch").fetchone() == (0,)


def experiment(house: House, **changed: object) -> dict[str, object]:
    body: dict[str, object] = {
        "kind": "experiment",
        "id": "higher-limits",
        "version": 1,
        "valid_from": house.clock.business_date().isoformat(),
        "mode": "challenge",
        "share_ppm": 400_000,
        "hold_out_ppm": 200_000,
        "instead": [{"policy": "grid/limit-total", "version": 2}],
    }
    return {**body, **changed}


def test_a_challenger_decides_its_share_of_people_and_the_record_says_who_was_which(world: OpenWorld) -> None:
    house, today = world.house, world.house.clock.business_date()
    publish(house, limits(house), from_date=None)
    publish(house, experiment(house), from_date=today)
    with house.database.transaction() as tx:
        (one,) = house.policies.refresh(tx).experiments(business_date=today)
    seen = set()
    base = 0
    for known in newcomers(world, 12):
        made = be_assessed(world, known, amount_fen=100_000)
        variant = variant_of(person_id=known.person_id, experiments=[one]).name
        assert record_of(house, made.decision_id)["variant"] == made.decision.variant == variant
        arm = variant.partition(":")[0]
        base = base or made.decision.limit_fen // (2 if arm == "challenger" else 1)
        assert made.decision.limit_fen == base * (2 if arm == "challenger" else 1)
        assert decision_view(house, person_id=known.person_id).limit_fen == made.decision.limit_fen
        seen.add(arm)
    assert seen == {"challenger", "hold_out", "champion"}, "twelve people of this seed meet all three"
    assert_coherent(house)


def test_shares_are_as_large_as_they_say_and_stay(world: OpenWorld) -> None:
    one = parse_experiment(document=Document(file="x", body=experiment(world.house)))  # type: ignore[arg-type]
    people = [world.house.identifiers.fresh(number % 1024) for number in range(4_000)]
    arms = [variant_of(person_id=person, experiments=[one]).name.partition(":")[0] for person in people]
    assert abs(arms.count("challenger") / len(arms) - 0.4) < 0.03  # four standard deviations
    assert abs(arms.count("hold_out") / len(arms) - 0.2) < 0.03
    person = UUID("01989f3a-0000-7000-8000-000000000001")
    assert place_of(person_id=person, experiment_id="higher-limits") == 588_887, "for ever: decisions rest on it"


def test_a_shadow_is_decided_beside_sealed_and_its_trouble_is_its_own(world: OpenWorld) -> None:
    house, today = world.house, world.house.clock.business_date()
    publish(house, limits(house), from_date=None)
    publish(house, experiment(house, mode="shadow", share_ppm=1_000_000, hold_out_ppm=0), from_date=today)
    first, second = newcomers(world, 2)
    plain = CurrentPolicies(policy.load_pack())
    made = be_assessed(world, first, amount_fen=100_000)
    assert made.decision.variant == ""
    assert plain.pack.on(business_date=today, product_ids=made.decision.product_ids).limits.cells
    with house.database.transaction() as tx:
        (said,) = shadow.of_decision(tx, decision_id=made.decision_id)
    assert (said.variant, said.outcome, said.trouble) == ("shadow:higher-limits", "approved", None)

    def broken(**_: object) -> object:
        raise ZeroDivisionError

    import mingqu.services.decisions.decide_beside as beside

    right = beside.decide_with
    beside.decide_with = broken  # type: ignore[assignment]
    try:
        again = be_assessed(world, second, amount_fen=100_000)
    finally:
        beside.decide_with = right
    assert again.decision.limit_fen == made.decision.limit_fen
    with house.database.transaction() as tx:
        (failed,) = shadow.of_decision(tx, decision_id=again.decision_id)
        assert shadow.counts(tx, since=world.clock.now() - timedelta(days=1)) == [
            ("shadow:higher-limits", "approved", "approved", 1),
            ("shadow:higher-limits", "broken", "approved", 1),
        ]
    assert (failed.outcome, failed.trouble) == (None, "broken")
    assert_coherent(house)


def test_an_experiment_is_checked_like_any_policy(world: OpenWorld) -> None:
    house, today = world.house, world.house.clock.business_date()
    with pytest.raises(PolicyFault):
        publish(house, experiment(house), from_date=today)  # nobody published what it tries
    publish(house, limits(house), from_date=None)
    for wrong in (
        {"share_ppm": 900_000},
        {"mode": "maybe"},
        {"instead": []},
        {"instead": [{"policy": "rules/cn-price", "version": 1}]},
        {"mode": "shadow"},
    ):
        with pytest.raises(PolicyFault):
            publish(house, experiment(house, **wrong), from_date=today)
    publish(house, experiment(house), from_date=today)
    with pytest.raises(ExperimentsOverlap):
        publish(house, experiment(house, id="another"), from_date=today)
    standing = body_of(house, "experiment", "higher-limits")
    assert standing["version"] == 2


def test_a_value_is_listed_by_one_found_by_its_hash_and_taken_off_by_two(world: OpenWorld) -> None:
    house, seat, today = world.house, seat_of(world.house, "risk"), world.house.clock.business_date()
    phone = Personal("138 0000 1234")
    asked = {"list_name": "black", "kind": "phone", "value": phone, "cause": WHY, "key": "k"}
    entry_id = enter_on_list(house, seat=seat, expires_on=today + timedelta(days=30), **asked)  # type: ignore[arg-type]
    assert enter_on_list(house, seat=seat, expires_on=today + timedelta(days=30), **asked) == entry_id  # type: ignore[arg-type]
    hashed = watch_list.hash_of(keyring=house.keyring, kind=ListedKind.PHONE, value=Personal("13800001234"))

    def found(days: int = 0) -> object:
        with house.database.transaction() as tx:
            return watch_list.lists_of(tx, hashes=[hashed, bytes(32)], on=today + timedelta(days=days))

    assert found() == {hashed: {ListName.BLACK}}
    assert found(29) == {hashed: {ListName.BLACK}}
    assert found(30) == {}, "its day has come"
    assert not [row for table in rows_of(house).values() for row in table if "13800001234" in row], "only its hash"
    for wrong in ({"list_name": "grey"}, {"kind": "name"}, {"value": Personal("1 2")}):
        with pytest.raises(ListEntryMalformed):
            enter_on_list(house, seat=seat, expires_on=today + timedelta(days=30), **{**asked, **wrong})  # type: ignore[arg-type]
    for days in (0, 2_000):
        with pytest.raises(ListEntryMalformed):
            enter_on_list(house, seat=seat, expires_on=today + timedelta(days=days), **{**asked, "key": f"{days}"})  # type: ignore[arg-type]
    waits = propose(house, seat=seat, deed=Deed.UNLIST, subject_id=entry_id, asked={}, reason=WHY, key="off")
    with pytest.raises(MakerIsChecker):
        approve(house, seat=seat, proposal_id=waits)
    assert found() == {hashed: {ListName.BLACK}}
    approve(house, seat=seat_of(house, "risk", name="second"), proposal_id=waits)
    assert found() == {}
    assert_coherent(house)
