"""Setting aside reads what stands then: what lends, who is listed, which limits there are; and it replays as it was."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest

from mingqu.demo.journey import Known
from mingqu.demo.people import CHUAN
from mingqu.domain.decision import switch as switches
from mingqu.domain.decision.override import OverrideForbidden, OverrideNotPossible
from mingqu.domain.decision.switch import SwitchKind
from mingqu.domain.proposal import Deed
from mingqu.services.decisions.override_decision import PersonBlackListed
from mingqu.services.decisions.read_limit import decision_view, limit_view
from mingqu.services.policies.keep_list import enter_on_list
from mingqu.services.proposals.propose import approve, propose
from mingqu.store.decisions import shadow
from mingqu.store.loans import offer
from tests.journeys.policies import WHY, limits, publish
from tests.journeys.reading import assert_coherent, borrow
from tests.journeys.test_overrides import put, refused
from tests.journeys.test_reassessment import PAUSE, again, granted_on
from tests.journeys.test_reviews import ask
from tests.journeys.test_switches import BAND, experiment, off, record_of
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld


def say_yes(world: OpenWorld, proposal_id: UUID) -> None:
    approve(world.house, seat=seat_of(world.house, "risk", name="checker"), proposal_id=proposal_id)


def waits_for_people(world: OpenWorld) -> tuple[Known, UUID]:
    known, decision_id = refused(world)
    ask(world, known, decision_id)
    return known, decision_id


def lines_of(world: OpenWorld, known: Known) -> set[str]:
    with world.house.database.transaction() as tx:
        return {one.product_id for one in offer.facilities(tx, person_id=known.person_id)}


def black_list(world: OpenWorld, known: Known) -> UUID:
    return enter_on_list(
        world.house,
        seat=seat_of(world.house, "risk"),
        list_name="black",
        kind="id_number",
        value=known.newcomer.id_number,
        cause=WHY,
        expires_on=world.clock.business_date() + timedelta(days=30),
        key="black",
    )


def test_what_is_switched_off_since_is_not_given_by_hand_and_the_record_says_so(world: OpenWorld) -> None:
    house, (known, decision_id) = world.house, waits_for_people(world)
    waits = put(world, decision_id)
    products = [one.id for one in house.pack.offered(business_date=house.clock.business_date())]
    switch_id = off(house, SwitchKind.PRODUCT, products[0])
    say_yes(world, waits)
    made = decision_view(house, person_id=known.person_id)
    assert made.approved, "it replays with what was off when it was made by hand"
    assert lines_of(world, known) == set(products[1:])
    assert record_of(house, made.decision_id)["switches"] == {f"product/{products[0]}": switch_id.hex}
    assert_coherent(house)


def test_with_every_lender_off_nobody_gives_anything(world: OpenWorld) -> None:
    house, (known, decision_id) = world.house, waits_for_people(world)
    waits = put(world, decision_id)
    for lender in house.pack.lenders:
        off(house, SwitchKind.LENDER, lender.code)
    for go in (lambda: put(world, decision_id, key="again"), lambda: say_yes(world, waits)):
        with pytest.raises(OverrideNotPossible):
            go()
    assert limit_view(house, person_id=known.person_id) is None
    assert_coherent(house)


def test_nobody_on_the_black_list_is_given_anything_by_hand(world: OpenWorld) -> None:
    house, (known, decision_id) = world.house, waits_for_people(world)
    waits = put(world, decision_id)
    entry_id = black_list(world, known)
    for go in (lambda: put(world, decision_id, key="again"), lambda: say_yes(world, waits)):
        with pytest.raises(PersonBlackListed):
            go()
    assert limit_view(house, person_id=known.person_id) is None
    off_it = propose(
        house, seat=seat_of(house, "risk"), deed=Deed.UNLIST, subject_id=entry_id, asked={}, reason=WHY, key="off"
    )
    say_yes(world, off_it)
    say_yes(world, waits)
    assert limit_view(house, person_id=known.person_id) is not None
    assert_coherent(house)


def test_what_became_law_since_stops_no_replay_but_the_next_override(
    world: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, (known, decision_id) = world.house, waits_for_people(world)
    reason = decision_view(house, person_id=known.person_id).reasons[0].code
    say_yes(world, put(world, decision_id))
    made = decision_view(house, person_id=known.person_id)
    monkeypatch.setattr(switches, "LEGAL_REASONS", switches.LEGAL_REASONS | {reason})
    assert decision_view(house, person_id=known.person_id) == made
    assert_coherent(house)


def test_a_new_law_stops_the_next_override(world: OpenWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    house, (known, decision_id) = world.house, waits_for_people(world)
    reason = decision_view(house, person_id=known.person_id).reasons[0].code
    monkeypatch.setattr(switches, "LEGAL_REASONS", switches.LEGAL_REASONS | {reason})
    with pytest.raises(OverrideForbidden):
        put(world, decision_id)


def test_who_holds_limits_gets_others_in_their_place_after_the_pause(world: OpenWorld) -> None:
    world.go_to_date(date(2026, 9, 2))
    house, taken = world.house, None
    known = granted_on(world)
    taken = borrow(world, known, amount_fen=200_000)
    world.go_to_date(date(2026, 12, 5))
    cut = again(world, known, CHUAN.features)
    assert not cut.decision.approved
    before = limit_view(house, person_id=known.person_id)
    assert before is not None
    assert (before.granted_fen, before.available_fen) == (0, 0)
    ask(world, known, cut.decision_id)
    say_yes(world, put(world, cut.decision_id, limit_fen=1_000_000))
    after = limit_view(house, person_id=known.person_id)
    assert after is not None
    assert 0 < after.granted_fen <= 1_000_000
    assert after.available_fen == 0, "what is more than before waits"
    assert after.usable_at == house.clock.now() + PAUSE
    assert_coherent(house)
    world.clock.advance(PAUSE)
    later = limit_view(house, person_id=known.person_id)
    assert later is not None
    assert 0 < later.available_fen < after.granted_fen, "and what is drawn is drawn"
    assert taken.signed.loan_id is not None
    assert_coherent(house)


def test_a_shadow_leaves_out_what_was_off_for_the_real_decision(world: OpenWorld) -> None:
    from mingqu.demo.journey import be_assessed, introduce

    house, today = world.house, world.house.clock.business_date()
    publish(house, limits(house), from_date=None)
    publish(house, experiment(house, mode="shadow", share_ppm=1_000_000, hold_out_ppm=0), from_date=today)
    known = introduce(world, CHUAN, balance_fen=0)
    rows = [reason.row for reason in be_assessed(world, known, amount_fen=100_000).decision.reasons]
    assert "band-e" in rows
    world.clock.advance(timedelta(days=400))
    for row in rows:
        off(house, SwitchKind.RULE, f"{BAND.partition('/')[0]}/{row}")
    made = be_assessed(world, known, amount_fen=100_000)
    with house.database.transaction() as tx:
        (said,) = shadow.of_decision(tx, decision_id=made.decision_id)
        assert [row[-1] for row in shadow.counts(tx, since=world.clock.now() - timedelta(days=30))] == [1]
    assert (said.outcome, said.trouble) == (made.decision.outcome, None)
    assert_coherent(house)
