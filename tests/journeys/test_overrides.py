"""A refusal is set aside by two people, for a cause, within what the tables allow; every refusal can be asked about."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from mingqu.demo.journey import Known, be_assessed, introduce, take_loan, work_until_idle
from mingqu.demo.people import CHUAN
from mingqu.domain.decision.override import (
    OVERRIDE_FEN_MAX,
    OverrideCauseUnknown,
    OverrideForbidden,
    OverrideNotPossible,
)
from mingqu.domain.operator import OperatorForbidden
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import Deed, MakerIsChecker
from mingqu.domain.review import OverrideMissing
from mingqu.services.appeals.answer_review import answer_review, take_review
from mingqu.services.appeals.ask_for_person import ask_for_person
from mingqu.services.decisions.override_decision import NothingToOverride, overrides
from mingqu.services.decisions.read_limit import decision_view, limit_view
from mingqu.services.evidence.verify_book import verify_as_it_stands
from mingqu.services.proposals.propose import approve, propose
from tests.console import employ, signed_in, visitor
from tests.journeys.policies import WHY, body_of, publish
from tests.journeys.reading import assert_coherent, rows_of
from tests.journeys.test_reviews import ask
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld

WORDS = Personal("我们核对了您补充的材料，已为您人工批准额度。")


def refused(world: OpenWorld) -> tuple[Known, UUID]:
    """Return somebody of the worst band, refused for rules that are no law, who asked a person to look at it."""
    known = introduce(world, CHUAN, balance_fen=0)
    be_assessed(world, known, amount_fen=800_000)
    return known, decision_view(world.house, person_id=known.person_id).decision_id


def put(world: OpenWorld, decision_id: UUID, *, by: str = "maker", role: str = "risk", limit_fen: object = 300_000,
        cause: str = "data_wrong", key: str = "set aside") -> UUID:  # fmt: skip
    world.clock.advance(timedelta(minutes=1))  # people take longer than a machine
    return propose(
        world.house,
        seat=seat_of(world.house, role, name=by),
        deed=Deed.OVERRIDE_DECISION,
        subject_id=decision_id,
        asked={"cause": cause, "limit_fen": str(limit_fen)},
        reason=WHY,
        key=key,
    )


def test_two_people_set_a_refusal_aside_and_it_is_a_decision_of_its_own(world: OpenWorld) -> None:
    house, (known, decision_id) = world.house, refused(world)
    checker = seat_of(house, "risk", name="checker")
    with pytest.raises(NothingToOverride):
        put(world, decision_id)  # nobody asked for a person
    asked = ask(world, known, decision_id)
    take_review(house, seat=checker, request_id=asked.request_id)
    with pytest.raises(OverrideMissing):
        answer_review(house, seat=checker, request_id=asked.request_id, outcome="overridden", answer=WORDS)
    before = limit_view(house, person_id=known.person_id)
    proposal_id = put(world, decision_id)
    assert limit_view(house, person_id=known.person_id) == before is None
    with pytest.raises(MakerIsChecker):
        approve(house, seat=seat_of(house, "risk", name="maker"), proposal_id=proposal_id)
    for _ in range(2):
        approve(house, seat=checker, proposal_id=proposal_id)
    answer_review(house, seat=checker, request_id=asked.request_id, outcome="overridden", answer=WORDS)
    now, then = (
        decision_view(house, person_id=known.person_id),
        decision_view(house, person_id=known.person_id, decision_id=decision_id),
    )
    assert (now.approved, then.approved) == (True, False), "both replay, each as it was decided"
    assert then.review is not None
    assert then.review.outcome == "overridden"
    limits = limit_view(house, person_id=known.person_id)
    assert limits is not None
    assert limits.granted_fen == now.limit_fen == 300_000
    take_loan(world, known, amount_fen=200_000, instalments=6, method="equal_instalment")
    work_until_idle(world)
    (fed_back,) = overrides(house)
    assert (fed_back.overridden_id, fed_back.cause, fed_back.loans, fed_back.lost) == (decision_id, "data_wrong", 1, 0)
    with pytest.raises(NothingToOverride):
        put(world, now.decision_id, key="once more")
    assert_coherent(house)


def test_what_people_may_give_is_limited_like_everything_else(world: OpenWorld) -> None:
    house, (known, decision_id) = world.house, refused(world)
    ask(world, known, decision_id)
    before = rows_of(house)
    for asked, refusal in (
        ({"limit_fen": OVERRIDE_FEN_MAX + 1}, OverrideNotPossible),
        ({"limit_fen": 40_000}, OverrideNotPossible),  # below what any product lends
        ({"limit_fen": "many"}, OverrideCauseUnknown),
        ({"limit_fen": "0"}, OverrideCauseUnknown),
        ({"limit_fen": "٣٠٠٠٠٠"}, OverrideCauseUnknown),
        ({"cause": "a friend"}, OverrideCauseUnknown),
        ({"role": "operations", "by": "desk"}, OperatorForbidden),
        ({"role": "auditor", "by": "auditor"}, OperatorForbidden),
    ):
        with pytest.raises(refusal):
            put(world, decision_id, **asked)  # type: ignore[arg-type]
    assert rows_of(house).get("proposal") == before.get("proposal")
    proposal_id = put(world, decision_id, limit_fen=OVERRIDE_FEN_MAX)
    approve(house, seat=seat_of(house, "risk", name="checker"), proposal_id=proposal_id)
    limits = limit_view(house, person_id=known.person_id)
    assert limits is not None
    assert 0 < limits.granted_fen < OVERRIDE_FEN_MAX, "the grid of one band better gives no more than its cell"
    assert_coherent(house)


def test_what_is_law_or_old_or_superseded_is_not_set_aside(world: OpenWorld) -> None:
    house = world.house
    body = body_of(house, "policy", "instalment-policy")
    body["row"] = [{**row, "law": "测试用法条"} if row["id"] == "band-e" else row for row in body["row"]]
    publish(house, body, from_date=house.clock.business_date())
    known, decision_id = refused(world)
    ask(world, known, decision_id)
    with pytest.raises(OverrideForbidden):
        put(world, decision_id)
    publish(house, {**body, "version": 1}, from_date=house.clock.business_date())
    world.clock.advance(timedelta(days=400))
    be_assessed(world, known, amount_fen=800_000)
    with pytest.raises(NothingToOverride):
        put(world, decision_id, key="the former")
    newest = decision_view(house, person_id=known.person_id).decision_id
    ask_for_person(house, person_id=known.person_id, wish="explain", decision_id=newest, key="explain")
    waits = put(world, newest, key="the newest")
    approve(house, seat=seat_of(house, "risk", name="checker"), proposal_id=waits)
    assert_coherent(house)


def test_verify_sees_an_override_of_nobody(world: OpenWorld) -> None:
    house, (known, decision_id) = world.house, refused(world)
    ask(world, known, decision_id)
    approve(house, seat=seat_of(house, "risk", name="checker"), proposal_id=put(world, decision_id))

    def broken(sql: str) -> list[int]:
        with house.database.transaction() as tx:
            tx.script("ALTER TABLE override DISABLE TRIGGER USER")
            tx.script(sql)
            report = verify_as_it_stands(tx, keyring=house.keyring)
        return [number for number, holds in report.holds.items() if not holds]

    assert broken("SELECT 1") == []
    assert broken("DELETE FROM override") == [5]
    assert broken("UPDATE override SET cause = 'income_shown'") == [5]


def test_the_console_proposes_and_shows_it(world: OpenWorld) -> None:
    house, (known, decision_id) = world.house, refused(world)
    asked = ask(world, known, decision_id)
    came, page = signed_in(house, "risk"), f"/console/reviews/{asked.request_id.hex}"
    assert "推翻自动拒绝" in came.get(page).text
    wrong = came.post(
        f"{page}/override", seen_on=page, cause="data_wrong", limit_yuan="90000000", reason=WHY, key="k" * 8
    )
    assert (wrong.status_code, "override_not_possible" in wrong.text) == (409, True)
    world.clock.advance(timedelta(minutes=1))
    sent = came.post(f"{page}/override", seen_on=page, cause="data_wrong", limit_yuan="3000", reason=WHY, key="k" * 9)
    where = sent.headers["location"]
    other = visitor(house)
    other.sign_in(employ(house, "risk", name="other"))
    assert "3,000.00" in other.get(where).text
    assert came.post(f"{where}/approve", seen_on=where).status_code == 403
    assert other.post(f"{where}/approve", seen_on=where).status_code == 303
    assert "推翻自动拒绝" not in signed_in(house, "operations").get(page).text
    limits = limit_view(house, person_id=known.person_id)
    assert limits is not None
    assert limits.granted_fen == 300_000
