"""A policy is drafted by one, published by two from a day, rolled back the same way; running servers take it up."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from mingqu.demo.journey import Known, be_assessed, introduce
from mingqu.demo.people import XIA, ZHOU, card_number, id_number
from mingqu.domain.decision.draft import DraftVersionTaken, PublicationChangesNothing, PublicationNotInForce
from mingqu.domain.decision.grid import GridCaseFailed
from mingqu.domain.decision.strategy import PriceAboveCap
from mingqu.domain.operator import OperatorForbidden
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.policy_file import Document, PolicyFault
from mingqu.domain.proposal import Deed, MakerIsChecker, ProposalStale
from mingqu.domain.refusal import Refusal
from mingqu.services.decisions.read_limit import decision_view
from mingqu.services.evidence.verify_book import verify_as_it_stands, verify_book
from mingqu.services.house import House
from mingqu.services.policies.publish_policy import (
    AuthorIsChecker,
    PublicationTooLate,
    check_draft,
    draft_policy,
    subject_of,
)
from mingqu.services.policies.read_policies import read_policy
from mingqu.services.proposals.propose import approve, propose
from mingqu.store.decisions import policy
from mingqu.store.decisions.current_policies import CurrentPolicies
from mingqu.store.operators.proposal import ProposalWaits
from tests.database.test_races import at_once, codes_of
from tests.journeys.policies import WHY, body_of, draft, limits, propose_it, publish
from tests.journeys.reading import assert_coherent, rows_of
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld


def limit_fen(world: OpenWorld, known: Known) -> int:
    return be_assessed(world, known, amount_fen=600_000).decision.limit_fen


def newcomers(world: OpenWorld, count: int) -> list[Known]:
    """Return as many people as are wanted, alike in everything a decision reads."""
    people = []
    for number in range(count):
        newcomer = replace(
            XIA,
            alias=f"one of many {number}",
            phone=Personal(f"1381111{number:04d}"),
            id_number=id_number(born_on=date(1993, 5, 12), sequence=200 + number),
            card_number=card_number(sequence=2000 + number),
        )
        people.append(introduce(world, newcomer, balance_fen=0))
    return people


def test_a_version_decides_from_its_day_on_and_a_rollback_ends_it_without_a_restart(world: OpenWorld) -> None:
    house, today = world.house, world.house.clock.business_date()
    other = replace(house, policies=CurrentPolicies(house.pack))  # a second server that is never told
    first, second, third, fourth = newcomers(world, 4)
    once = limit_fen(world, first)
    body = limits(house)
    publish(house, body, from_date=today + timedelta(days=1))
    assert limit_fen(world, second) == once, "it begins tomorrow"
    world.clock.advance(timedelta(days=1))
    with house.database.transaction() as tx:
        assert other.policies.refresh(tx) is house.policies.refresh(tx), "two servers read the same"
    elsewhere = OpenWorld(
        house=other, clock=world.clock, bank=world.bank, sms=world.sms, identity=world.identity, bureau=world.bureau
    )
    assert limit_fen(elsewhere, third) == 2 * once
    former = {**body, "version": 1}
    publish(house, former, from_date=today + timedelta(days=1))
    assert limit_fen(world, fourth) == once, "the former version is in force again"
    for known in (first, second, third, fourth):
        view = decision_view(house, person_id=known.person_id)
        assert view.limit_fen == (2 * once if known is third else once), "each replays as it was decided"
    assert_coherent(house)


def test_a_rollback_also_takes_back_what_was_planned(world: OpenWorld) -> None:
    house, today = world.house, world.house.clock.business_date()
    body = limits(house)
    publish(house, body, from_date=today + timedelta(days=20))
    publish(house, {**body, "version": 1}, from_date=today + timedelta(days=10))
    with house.database.transaction() as tx:
        pack = house.policies.refresh(tx)
    for days, version in ((0, 1), (15, 1), (25, 1)):
        standing = {
            str(one.body["id"]): one.body["version"] for one in pack.in_force(business_date=today + timedelta(days))
        }
        assert standing["limit-total"] == version
    with pytest.raises(PublicationChangesNothing):
        propose_it(house, {**body, "version": 1}, from_date=today + timedelta(days=10))


def test_it_takes_two_and_never_the_author(world: OpenWorld) -> None:
    house, today = world.house, world.house.clock.business_date()
    body = limits(house)
    drafted = draft(house, body)
    assert draft(house, body, by="second").draft_id == drafted.draft_id, "the same content is the same draft"
    proposal_id = propose_it(house, body, from_date=today, by="maker")
    with pytest.raises(ProposalWaits):
        propose_it(house, body, from_date=today + timedelta(days=3))
    before = rows_of(house)
    for name, role, refusal in (
        ("maker", "risk", MakerIsChecker),
        ("author", "risk", AuthorIsChecker),
        ("operations", "operations", OperatorForbidden),
        ("auditor", "auditor", OperatorForbidden),
    ):
        with pytest.raises(refusal):
            approve(house, seat=seat_of(house, role, name=name), proposal_id=proposal_id)
    assert rows_of(house).get("policy_publication") == before.get("policy_publication")
    assert rows_of(house)["proposal"] == before["proposal"]
    for role in ("operations", "auditor", "admin", "lender:tinglan"):
        with pytest.raises(OperatorForbidden):
            draft_policy(house, seat=seat_of(house, role), content=b"", file="x.toml")
    checkers = [seat_of(house, "risk", name=f"checker{number}") for number in range(3)]
    answers = at_once([lambda seat=seat: approve(house, seat=seat, proposal_id=proposal_id) for seat in checkers])
    assert codes_of(answers) == ["proposal_ended"] * 2
    assert_coherent(house)


def test_what_was_published_meanwhile_makes_a_proposal_stale_and_a_day_that_passed_too_late(world: OpenWorld) -> None:
    house, today, checker = world.house, world.house.clock.business_date(), seat_of(world.house, "risk", name="checker")
    body = limits(house)
    draft(house, body)
    waits = propose_it(house, body, from_date=today)
    world.clock.advance(timedelta(days=1))
    with pytest.raises(PublicationTooLate):
        approve(house, seat=checker, proposal_id=waits)
    with pytest.raises(PublicationTooLate):
        propose_it(house, body_of(house, "grid", "limit-total", version=1), from_date=today)
    for asked, refusal in (({"version": "7"}, NotFound), ({"name": "other"}, NotFound)):
        with pytest.raises(refusal):
            propose(
                house,
                seat=checker,
                deed=Deed.PUBLISH_POLICY,
                subject_id=subject_of(kind="grid", name="limit-total"),
                asked={"kind": "grid", "name": "limit-total", "version": "2", "from_date": "", **asked},
                reason=WHY,
                key=f"wrong {asked}",
            )
    assert ProposalStale.code == "proposal_stale"


def refused(house: House, body: dict[str, Any], **more: Any) -> Refusal:
    with pytest.raises(Refusal) as raised:
        check_draft(house, content=json.dumps(body).encode(), file="wrong.json", **more)
    return raised.value


def test_a_draft_meets_the_checks_of_a_load_and_a_fault_says_where(world: OpenWorld) -> None:
    house = world.house
    grid, policies = limits(house), body_of(house, "policy", "instalment-policy")
    rows = [dict(row) for row in policies["row"]]
    unknown = refused(house, {**policies, "row": [{**rows[0], "when": {"identity_levl": "< 4"}}, *rows[1:]]})
    assert isinstance(unknown, PolicyFault)
    assert (unknown.file, unknown.row) == ("wrong.json", "identity-below-four")
    assert isinstance(refused(house, {**grid, "version": 1}), DraftVersionTaken)
    assert isinstance(refused(house, {**grid, "case": [{**grid["case"][0], "value": 1}]}), GridCaseFailed)
    dear = body_of(house, "grid", "price-chengchuan-instalment", cells=[126_000, 180_000, 400_000, "none", "none"])
    assert isinstance(refused(house, dear), PriceAboveCap), "the cap is asked from the day it would begin"
    early = refused(house, {**grid, "valid_from": "2031-01-01"}, from_date=house.clock.business_date())
    assert isinstance(early, PublicationNotInForce)
    assert isinstance(refused(house, body_of(house, "strategy", "instalment", limits="nowhere")), PolicyFault)
    assert isinstance(refused(house, {**grid, "kind": "poem"}), PolicyFault)
    with pytest.raises(PolicyFault):
        check_draft(house, content=b"kind = [", file="../../etc/x.toml")
    check_draft(house, content=json.dumps(grid).encode(), file="right.json")


def test_what_was_published_or_drafted_never_changes(world: OpenWorld) -> None:
    house = world.house
    publish(house, limits(house), from_date=house.clock.business_date())
    for table in ("policy_draft", "policy_publication"):
        for statement in (f"UPDATE {table} SET version = 9", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            with house.database.transaction() as tx, pytest.raises(psycopg.errors.IntegrityConstraintViolation):
                tx.script(statement)


def test_a_new_file_of_the_program_does_not_overrule_what_two_people_published(world: OpenWorld) -> None:
    house, today = world.house, world.house.clock.business_date()
    publish(house, limits(house), from_date=today)
    upgrade = limits(house, times=5)
    assert upgrade["version"] == 3
    shipped = [*policy.load_pack().documents, Document(file="decision/limit-3.toml", body=upgrade)]
    with house.database.transaction() as tx:
        policy.publish(tx, pack=policy.parse_pack(documents=shipped), at=house.clock.now())
        tx.commit()
    with house.database.transaction() as tx:
        pack = house.policies.refresh(tx)
    standing = {str(one.body["id"]): one.body["version"] for one in pack.in_force(business_date=today)}
    assert standing["limit-total"] == 2
    assert pack.version(kind="grid", name="limit-total", version=3).hash, "it is there, for two people to publish"
    publish(house, upgrade, from_date=today)
    assert_coherent(house)


def test_verify_sees_what_nobody_may_publish(world: OpenWorld) -> None:
    house = world.house
    draft(house, limits(house))
    publish(house, limits(house), from_date=house.clock.business_date())

    def broken(sql: str) -> list[int]:
        with house.database.transaction() as tx:
            for table in ("policy_draft", "policy_publication", "policy_version"):
                tx.script(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            tx.script(sql)
            return verify_book_in(house, tx)

    assert broken("SELECT 1") == []
    last = "(SELECT max(sequence) FROM policy_publication)"
    assert broken(f"UPDATE policy_publication SET from_date = from_date - 1 WHERE sequence = {last}") == [5]
    assert broken(f"DELETE FROM policy_publication WHERE sequence = {last}") == [5]
    assert broken("DELETE FROM policy_publication WHERE sequence = 1") == [5]
    assert broken("UPDATE policy_draft SET drafted_by = (SELECT operator_id FROM operator WHERE name = 'checker')") == [
        5
    ]
    assert broken("UPDATE policy_version SET body = body || ' ' WHERE id = 'limit-total'") == [5]


def verify_book_in(house: House, tx: Any) -> list[int]:
    """Return which invariants are broken as a transaction sees it."""
    report = verify_as_it_stands(tx, keyring=house.keyring)
    return [number for number, holds in report.holds.items() if not holds]


def test_a_published_version_is_what_new_people_are_decided_by(world: OpenWorld) -> None:
    house = world.house
    publish(house, limits(house, times=3), from_date=house.clock.business_date())
    known = introduce(world, ZHOU, balance_fen=0)
    be_assessed(world, known, amount_fen=600_000)
    with house.database.transaction() as tx:
        (record,) = tx.execute(
            "SELECT convert_from(record, 'UTF8')::jsonb -> 'versions' ->> 'grid/limit-total' FROM decision"
        ).fetchone() or ("",)
    assert record == house.pack.version(kind="grid", name="limit-total", version=2).hash
    assert verify_book(database=house.database, keyring=house.keyring).all_hold


def test_the_draft_handed_in_last_is_shown_and_one_whose_number_was_published_is_not(world: OpenWorld) -> None:
    house, today = world.house, world.house.clock.business_date()
    body = limits(house)
    wrong = draft(house, {**body, "about": "with a mistake"})
    world.clock.advance(timedelta(minutes=1))
    right = draft(house, {**body, "about": "corrected"})
    assert read_policy(house, kind="grid", name="limit-total").after.hash == right.hash
    assert read_policy(house, kind="grid", name="limit-total", after=2).after.hash == right.hash
    chosen = read_policy(house, kind="grid", name="limit-total", after=2, draft_hash=wrong.hash)
    assert chosen.after.hash == wrong.hash
    later = {**body, "version": 3}
    publish(house, later, from_date=today)
    assert read_policy(house, kind="grid", name="limit-total").drafts == (), "2 is below what is published"
    with pytest.raises(ProposalStale):
        propose(
            house,
            seat=seat_of(house, "risk", name="author"),
            deed=Deed.PUBLISH_POLICY,
            subject_id=subject_of(kind="grid", name="limit-total"),
            asked={"kind": "grid", "name": "limit-total", "version": "3", "hash": wrong.hash, "from_date": ""},
            reason=WHY,
            key=house.identifiers.fresh(0).hex,
        )
