"""What lets more people pass for longer takes two: a rule that is off, and somebody on the white list."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from mingqu.demo.journey import be_assessed, introduce
from mingqu.demo.people import CHUAN
from mingqu.domain.decision.switch import SwitchForbidden, SwitchKind, SwitchUnknown
from mingqu.domain.operator import OperatorForbidden
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import Deed, MakerIsChecker, ProposalStale
from mingqu.domain.watch_list import ListedKind, ListEntryMalformed, ListName, WhiteListTakesTwo
from mingqu.services.evidence.verify_book import verify_as_it_stands
from mingqu.services.house import House
from mingqu.services.policies.keep_list import asked_white, enter_on_list
from mingqu.services.policies.switch_off import SwitchEndMalformed, restore_rule
from mingqu.services.policies.switch_rule_off import RULE_OFF_DAYS_BY_TWO_MAX, subject_of_rule
from mingqu.services.proposals.propose import approve, propose
from mingqu.store.decisions import switch, watch_list
from tests.console import Visitor, employ, signed_in, visitor
from tests.journeys.policies import WHY, body_of, publish
from tests.journeys.reading import assert_coherent, rows_of
from tests.journeys.test_policies_on_the_console import ROOT, key_of
from tests.journeys.test_switches import BAND, off, record_of
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld


def put(
    house: House, *, name: str = BAND, days: int = 30, role: str = "risk", by: str = "maker", key: str = ""
) -> UUID:
    """Propose that a rule is off for so many days."""
    ends_on = house.clock.business_date() + timedelta(days=days)
    return propose(
        house,
        seat=seat_of(house, role, name=by),
        deed=Deed.SWITCH_OFF_RULE,
        subject_id=subject_of_rule(name=name),
        asked={"name": name, "ends_on": ends_on.isoformat()},
        reason=WHY,
        key=key or house.identifiers.fresh(0).hex,
    )


def say_yes(house: House, proposal_id: UUID) -> None:
    approve(house, seat=seat_of(house, "risk", name="checker"), proposal_id=proposal_id)


def findings(house: House) -> list[str]:
    """Return what `verify` says of rules and lists, but for their leaves."""
    with house.database.transaction() as tx:
        found = verify_as_it_stands(tx, keyring=house.keyring).findings[5]
    return [one for one in found if "rule" in one or "list" in one]


def test_a_rule_is_off_for_a_month_by_two_people_and_its_decisions_say_so(world: OpenWorld) -> None:
    house, known = world.house, introduce(world, CHUAN, balance_fen=0)
    emergency = off(house, SwitchKind.RULE, BAND)
    waits = put(house)
    with pytest.raises(MakerIsChecker):
        approve(house, seat=seat_of(house, "risk", name="maker"), proposal_id=waits)
    for _ in range(2):
        say_yes(house, waits)
    with house.database.transaction() as tx:
        (standing,) = switch.standing(tx)
        ended = switch.load(tx, switch_id=emergency)
    assert ended.on_at is not None, "what one person did is over"
    assert (standing.proposal_id, standing.ends_on) == (waits, house.clock.business_date() + timedelta(days=30))
    assert_coherent(house)
    world.clock.advance(timedelta(days=29))
    made = be_assessed(world, known, amount_fen=100_000)
    assert record_of(house, made.decision_id)["switches"] == {"row/band-e": standing.switch_id.hex}
    assert "band-e" not in {reason.row for reason in made.decision.reasons}
    world.clock.advance(timedelta(days=401))
    made = be_assessed(world, known, amount_fen=100_000)
    assert "band-e" in {reason.row for reason in made.decision.reasons}, "its day has come"
    assert_coherent(house)


def test_two_people_switch_off_no_law_nothing_unknown_and_nothing_for_ever(world: OpenWorld) -> None:
    house = world.house
    before = rows_of(house).get("proposal")
    for asked, refusal in (
        ({"name": "instalment-policy/age-below-eighteen"}, SwitchForbidden),
        ({"name": "instalment-policy/nothing"}, SwitchUnknown),
        ({"days": 0}, SwitchEndMalformed),
        ({"days": RULE_OFF_DAYS_BY_TWO_MAX + 1}, SwitchEndMalformed),
        ({"role": "operations", "by": "desk"}, OperatorForbidden),
        ({"role": "auditor", "by": "auditor"}, OperatorForbidden),
    ):
        with pytest.raises(refusal):
            put(house, **asked)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        propose(house, seat=seat_of(house, "risk"), deed=Deed.SWITCH_OFF_RULE, subject_id=subject_of_rule(name="x/y"),
                asked={"name": BAND, "ends_on": "2030-01-01"}, reason=WHY, key="k")  # fmt: skip
    assert rows_of(house).get("proposal") == before


def test_what_changed_between_two_people_is_not_switched_off(world: OpenWorld) -> None:
    house = world.house
    waits = put(house)
    emergency = off(house, SwitchKind.RULE, BAND)
    with pytest.raises(ProposalStale):
        say_yes(house, waits)
    restore_rule(house, seat=seat_of(house, "risk"), switch_id=emergency)
    body = body_of(house, "policy", "instalment-policy")
    body["row"] = [{**row, "law": "测试用法条"} if row["id"] == "band-e" else row for row in body["row"]]
    publish(house, body, from_date=house.clock.business_date())
    with pytest.raises(SwitchForbidden):
        say_yes(house, waits)
    with house.database.transaction() as tx:
        assert switch.standing(tx) == ()
    assert_coherent(house)


def test_verify_sees_a_rule_that_one_person_switched_off_for_long(world: OpenWorld) -> None:
    house, seat = world.house, seat_of(world.house, "risk")
    assert findings(house) == []
    with house.database.transaction() as tx:
        tx.execute(
            """INSERT INTO policy_switch (switch_id, kind, name, cause, owner_id, off_at, ends_on)
               VALUES (%s, 'rule', %s, 'x', %s, %s, %s)""",
            (house.id_for(UUID(int=0)), BAND, seat.operator.operator_id, house.clock.now(),
             house.clock.business_date() + timedelta(days=3)),
        )  # fmt: skip
        tx.execute(
            """INSERT INTO list_entry (entry_id, list, kind, hash, cause, owner_id, entered_at, expires_on)
               VALUES (%s, 'white', 'phone', %s, 'x', %s, %s, %s)""",
            (house.id_for(UUID(int=0)), bytes(32), seat.operator.operator_id, house.clock.now(),
             house.clock.business_date() + timedelta(days=3)),
        )  # fmt: skip
        tx.commit()
    rule, entry = sorted(findings(house), reverse=True)
    assert f"rule {BAND} is off for longer than one person may" in rule
    assert "of the white list was not made by two people" in entry


def test_the_white_list_is_entered_by_two_who_never_store_the_value(world: OpenWorld) -> None:
    house, today = world.house, world.house.clock.business_date()
    phone, until = Personal("+86 138 0000 4321"), (today + timedelta(days=30)).isoformat()
    with pytest.raises(WhiteListTakesTwo):
        enter_on_list(house, seat=seat_of(house, "risk"), list_name="white", kind="phone", value=phone, cause=WHY,
                      expires_on=today + timedelta(days=30), key="white")  # fmt: skip
    with pytest.raises(ListEntryMalformed):
        asked_white(house, kind="phone", value=Personal("12"), expires_on=until)
    subject_id, asked = asked_white(house, kind="phone", value=phone, expires_on=until)

    def put_white(key: str, **changed: str) -> UUID:
        return propose(house, seat=seat_of(house, "risk", name="maker"), deed=Deed.LIST_WHITE, subject_id=subject_id,
                       asked={**asked, **changed}, reason=WHY, key=key)  # fmt: skip

    for wrong in ("tomorrow", today.isoformat(), "2099-01-01"):
        with pytest.raises(ListEntryMalformed):
            put_white(wrong, expires_on=wrong)
    waits = put_white("white")
    hashed = watch_list.hash_of(keyring=house.keyring, kind=ListedKind.PHONE, value=Personal("13800004321"))

    def found() -> object:
        with house.database.transaction() as tx:
            return watch_list.lists_of(tx, hashes=[hashed], on=today)

    with pytest.raises(MakerIsChecker):
        approve(house, seat=seat_of(house, "risk", name="maker"), proposal_id=waits)
    assert found() == {}
    say_yes(house, waits)
    assert found() == {hashed: {ListName.WHITE}}
    assert not [row for table in rows_of(house).values() for row in table if "13800004321" in row], "only its hash"
    assert_coherent(house)


def test_what_one_person_does_to_rules_and_lists_leaves_a_leaf(world: OpenWorld) -> None:
    house, seat = world.house, seat_of(world.house, "risk")
    switch_id = off(house, SwitchKind.RULE, BAND)
    for _ in range(2):
        restore_rule(house, seat=seat, switch_id=switch_id)
    until = house.clock.business_date() + timedelta(days=9)
    entry_id = enter_on_list(house, seat=seat, list_name="black", kind="phone", value=Personal("13800001234"),
                             cause=WHY, expires_on=until, key="k")  # fmt: skip
    with house.database.transaction() as tx:
        rows = tx.execute(
            "SELECT kind, subject_id, convert_from(body, 'UTF8') FROM evidence_leaf WHERE subject_id = ANY (%s)"
            " ORDER BY cell, sequence",
            ([switch_id, entry_id],),
        ).fetchall()
    assert [(kind, subject) for kind, subject, _ in rows] == [
        ("switch", switch_id),
        ("switched_on", switch_id),
        ("listed", entry_id),
    ]
    assert not [body for _, _, body in rows if "13800001234" in body]
    assert all(seat.operator.operator_id.hex in body for _, _, body in rows)
    assert_coherent(house)


def send(came: Visitor, path: str, **fields: str) -> str:
    """Send a form of the page of policies and return where it leads."""
    sent = came.post(f"{ROOT}/{path}", seen_on=ROOT, reason=WHY, key=key_of(came.get(ROOT).text), **fields)
    assert sent.status_code == 303
    return sent.headers["location"]


def test_the_console_makes_a_proposal_of_what_takes_two(world: OpenWorld) -> None:
    house, came = world.house, signed_in(world.house, "risk")
    other = visitor(house)
    other.sign_in(employ(house, "risk", name="other"))
    day = {days: (house.clock.business_date() + timedelta(days=days)).isoformat() for days in (1, 30)}
    where = send(came, "switches", what=f"rule:{BAND}", ends_on=day[30])
    assert f"rule/{BAND} → {day[30]}" in other.get(where).text
    assert came.post(f"{where}/approve", seen_on=where).status_code == 403
    assert other.post(f"{where}/approve", seen_on=where).status_code == 303
    assert send(came, "switches", what="rule:instalment-policy/income-too-low", ends_on=day[1]) == ROOT
    where = send(came, "lists", list="white", kind="phone", value="13800004321", expires_on=day[30])
    assert "white phone" in other.get(where).text
    assert "13800004321" not in other.get(where).text
    assert other.post(f"{where}/approve", seen_on=where).status_code == 303
    assert_coherent(house)
