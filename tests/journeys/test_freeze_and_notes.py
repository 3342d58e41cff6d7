"""Drawing is frozen by one person and thawed by two; what is owed is paid meanwhile. Notes are only ever added."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from mingqu.demo.journey import pay_by_hand, take_loan, work_until_idle
from mingqu.domain.freeze import DrawingStopped, FreezeCauseUnknown, FrozenAlready, NotFrozen
from mingqu.domain.loan import Intent
from mingqu.domain.operator import OperatorForbidden, ReasonMissing
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import Deed, MakerIsChecker
from mingqu.services.changes.draw_more import draw_more
from mingqu.services.contracts.send_signing_code import send_signing_code
from mingqu.services.contracts.sign_contract import sign_contract
from mingqu.services.customers.read_customer import read_customer
from mingqu.services.evidence.verify_book import verify_book
from mingqu.services.house import House
from mingqu.services.limits.freeze_drawing import freeze_drawing
from mingqu.services.offers.disclose_cost import confirm_cost_table, show_cost_table
from mingqu.services.offers.make_offers import make_offers
from mingqu.services.offers.preview_offers import preview_offers
from mingqu.services.people.verify_identity import PersonMergeNeedsReview
from mingqu.services.people.write_note import NoteMalformed, write_note
from mingqu.services.proposals.propose import approve, propose
from tests.console import employ, signed_in, visitor
from tests.database.test_races import at_once, codes_of
from tests.journeys.reading import arrive, assert_coherent, borrow, facts_of, rows_of
from tests.journeys.test_second_phone import OTHER_PHONE, enter, prove
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld

WHY = "同一设备登录过多个账户"
TERMS = {"amount_fen": 200_000, "instalments": 6, "method": "equal_instalment"}


def freeze(house: House, person_id: UUID, *, cause: str = "fraud", key: str = "freeze", by: str = "risk") -> UUID:
    seat = seat_of(house, "risk", name=by)
    return freeze_drawing(house, seat=seat, person_id=person_id, cause=cause, reason=WHY, key=key)


def thaw(house: House, freeze_id: UUID, *, key: str = "thaw") -> UUID:
    seat = seat_of(house, "risk")
    return propose(
        house, seat=seat, deed=Deed.THAW_DRAWING, subject_id=freeze_id, asked={}, reason="已电话核实本人", key=key
    )


def test_who_is_frozen_can_draw_nothing_and_repays_as_always_until_two_people_thaw(world: OpenWorld) -> None:
    house, taken = world.house, borrow(world, arrive(world), amount_fen=600_000)
    known, person_id = taken.known, taken.known.person_id
    offered = make_offers(house, person_id=person_id, **TERMS)[0].offer
    table = show_cost_table(house, person_id=person_id, offer_id=offered.offer_id)
    world.go_to(house.clock.now() + timedelta(seconds=11))
    confirm_cost_table(house, person_id=person_id, disclosure_id=table.disclosure_id)
    freeze_id = freeze(house, person_id)
    assert freeze(house, person_id) == freeze_id, "the same form again is the same freeze"
    drawing: list[Callable[[], object]] = [
        lambda: make_offers(house, person_id=person_id, **TERMS),
        lambda: preview_offers(house, person_id=person_id, **TERMS),
        lambda: show_cost_table(house, person_id=person_id, offer_id=offered.offer_id),
        lambda: send_signing_code(house, person_id=person_id, offer_id=offered.offer_id),
        lambda: sign_contract(
            house,
            person_id=person_id,
            offer_id=offered.offer_id,
            instrument_id=known.instrument_id,
            payout_at=None,
            code=Personal("000000"),
            key="sign",
        ),
        lambda: draw_more(
            house,
            person_id=person_id,
            loan_id=taken.signed.loan_id,
            instrument_id=known.instrument_id,
            amount_fen=1,
            key="draw",
        ),
    ]
    for draw in drawing:
        with pytest.raises(DrawingStopped) as stopped:
            draw()
        assert WHY not in str(stopped.value), "whoever is suspected is not told of what"
    assert pay_by_hand(world, known, loan_id=taken.signed.loan_id, intent=Intent.PREPAY, amount_fen=10_000) == 10_000
    with pytest.raises(FrozenAlready):
        freeze(house, person_id, cause="law", key="once more", by="another")
    proposal_id = thaw(house, freeze_id)
    with pytest.raises(MakerIsChecker):
        approve(house, seat=seat_of(house, "risk"), proposal_id=proposal_id)
    with pytest.raises(OperatorForbidden):
        approve(house, seat=seat_of(house, "operations"), proposal_id=proposal_id)
    with pytest.raises(DrawingStopped):
        make_offers(house, person_id=person_id, **TERMS)
    approve(house, seat=seat_of(house, "risk", name="second"), proposal_id=proposal_id)
    take_loan(world, known, **TERMS)
    work_until_idle(world)
    assert [fact["cause"] for fact in facts_of(house, person_id, "freeze")] == ["fraud"]
    with pytest.raises(NotFrozen):
        thaw(house, freeze_id, key="again")
    freeze(house, person_id, cause="wish", key="another time")
    assert_coherent(house)


def test_a_freeze_takes_a_right_a_cause_and_a_reason(world: OpenWorld) -> None:
    house, person_id = world.house, arrive(world).person_id
    seats = {role: seat_of(house, role) for role in ("risk", "operations", "auditor", "admin", "lender:tinglan")}
    before = rows_of(house)
    asked = {"person_id": person_id, "cause": "fraud", "reason": WHY, "key": "k"}
    for role in ("operations", "auditor", "admin", "lender:tinglan"):
        with pytest.raises(OperatorForbidden):
            freeze_drawing(house, seat=seats[role], **asked)  # type: ignore[arg-type]
    for wrong, refusal in (
        ({"cause": "dislike"}, FreezeCauseUnknown),
        ({"reason": "."}, ReasonMissing),
        ({"person_id": house.id_for(person_id)}, NotFound),
    ):
        with pytest.raises(refusal):
            freeze_drawing(house, seat=seats["risk"], **{**asked, **wrong})  # type: ignore[arg-type]
    assert rows_of(house) == before


def test_who_is_frozen_does_not_leave_that_behind_by_being_somebody_else_too(world: OpenWorld) -> None:
    arrive(world)
    world.meet(OTHER_PHONE, balance_fen=1_000)
    stranger = enter(world, OTHER_PHONE.phone)
    freeze(world.house, stranger)
    with pytest.raises(PersonMergeNeedsReview):
        prove(world)
    assert_coherent(world.house)


def test_several_freeze_at_once_and_one_freeze_stands(world: OpenWorld) -> None:
    house, person_id = world.house, arrive(world).person_id
    names = ("one", "two", "three", "four")
    for name in names:
        seat_of(house, "risk", name=name)
    answers = at_once([lambda name=name: freeze(house, person_id, key=name, by=name) for name in names])
    assert codes_of(answers) == ["frozen_already"] * 3
    assert_coherent(house)


def test_verify_sees_a_thaw_of_nobody_and_a_cause_that_was_changed(world: OpenWorld) -> None:
    house, person_id = world.house, arrive(world).person_id
    freeze_id = freeze(house, person_id)
    approve(house, seat=seat_of(house, "risk", name="second"), proposal_id=thaw(house, freeze_id))
    second = freeze(house, person_id, key="second")
    assert_coherent(house)

    def broken(sql: str) -> list[int]:
        with house.database.transaction() as tx:
            tx.script("ALTER TABLE drawing_freeze DISABLE TRIGGER USER")
            tx.script(sql)
            tx.commit()
        report = verify_book(database=house.database, keyring=house.keyring)
        return [number for number, holds in report.holds.items() if not holds]

    first_proposal = "(SELECT proposal_id FROM proposal)"
    thawed = f"UPDATE drawing_freeze SET thawed_at = now(), thawed_by = {first_proposal} WHERE freeze_id = '{second}'"
    assert broken(thawed) == [5]
    mended = f"UPDATE drawing_freeze SET thawed_at = NULL, thawed_by = NULL WHERE freeze_id = '{second}'"
    assert broken(mended) == []
    assert broken("UPDATE drawing_freeze SET cause = 'wish'") == [8]


def test_notes_are_added_sealed_and_never_changed(world: OpenWorld) -> None:
    house, person_id = world.house, arrive(world).person_id
    text = Personal("客户说下周三发工资，请那天再联系。")
    desk, risk = seat_of(house, "operations"), seat_of(house, "risk")
    first = write_note(house, seat=desk, person_id=person_id, text=text, key="note")
    assert write_note(house, seat=desk, person_id=person_id, text=text, key="note") == first
    world.clock.advance(timedelta(minutes=1))
    write_note(house, seat=risk, person_id=person_id, text=Personal("两行\r\n备注"), key="second")
    notes = read_customer(house, seat=risk, person_id=person_id).notes
    assert [(one.author, one.text) for one in notes] == [("risk", "两行\n备注"), ("operations", text.reveal())]
    assert not [row for table in rows_of(house).values() for row in table if text.reveal() in row], "it is sealed"
    for wrong in ("", " x ", "x" * 1_001):
        with pytest.raises(NoteMalformed):
            write_note(house, seat=desk, person_id=person_id, text=Personal(wrong), key=f"wrong {len(wrong)}")
    for role in ("auditor", "admin", "lender:tinglan"):
        with pytest.raises(OperatorForbidden):
            write_note(house, seat=seat_of(house, role), person_id=person_id, text=text, key=role)
    for statement in ("UPDATE customer_note SET written_at = now()", "DELETE FROM customer_note"):
        with house.database.transaction() as tx, pytest.raises(psycopg.errors.RaiseException):
            tx.script(statement)
    assert_coherent(house)


def test_the_console_freezes_thaws_and_notes(world: OpenWorld) -> None:
    house = world.house
    taken = borrow(world, arrive(world))
    page = f"/console/customers/{taken.known.person_id.hex}"
    key = house.id_for(taken.known.person_id).hex
    desk, second = signed_in(house, "risk"), visitor(house)
    second.sign_in(employ(house, "risk", name="second"))
    assert "冻结提款…" in desk.get(page).text
    assert "冻结提款…" not in signed_in(house, "operations").get(page).text
    wrong = desk.post(f"{page}/freeze", seen_on=page, cause="fraud", reason="", key=key)
    assert (wrong.status_code, "reason_missing" in wrong.text) == (422, True)
    assert desk.post(f"{page}/freeze", seen_on=page, cause="fraud", reason=WHY, key=key).status_code == 303
    assert "疑似欺诈" in desk.get(page).text
    (stopped,) = [part.split('"')[0] for part in desk.get(page).text.split('name="freeze" value="')[1:]]
    key = house.id_for(taken.known.person_id).hex
    proposal = desk.post(f"{page}/thaw", seen_on=page, freeze=stopped, reason=WHY, key=key).headers["location"]
    assert "等待复核" in desk.get(page).text
    assert "解冻提款" in second.get(proposal).text
    assert second.post(f"{proposal}/approve", seen_on=proposal).status_code == 303
    assert "提款已冻结" not in desk.get(page).text
    key = house.id_for(taken.known.person_id).hex
    short = desk.post(f"{page}/notes", seen_on=page, text="x", key=key)
    assert (short.status_code, "note_malformed" in short.text) == (422, True)
    assert desk.post(f"{page}/notes", seen_on=page, text="<b>客户</b>来电", key=key).status_code == 303
    assert "&lt;b&gt;客户&lt;/b&gt;来电" in second.get(page).text
    owner = next(one for one in house.pack.lenders if one.id == taken.offered.product.lender_id)
    insider = signed_in(house, f"lender:{owner.code}").get(page).text
    assert "来电" not in insider, "notes are the house's"
    theirs = seat_of(house, f"lender:{owner.code}")
    assert read_customer(house, seat=theirs, person_id=taken.known.person_id).notes == ()
    log = signed_in(house, "auditor").get("/console/access", person=taken.known.person_id.hex).text
    assert "冻结提款" in log
    assert "来电" not in log
