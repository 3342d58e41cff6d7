"""An operator's morning: what waits is seen first, asked again, and heals; then customer, loan, decision, evidence."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from mingqu.channels.fake.faults import Fault
from mingqu.demo.journey import Borrowed, be_assessed, introduce, take_loan, work_until_idle
from mingqu.demo.people import XIA
from mingqu.domain.loan import Intent, Receipt, Repaid
from mingqu.services.changes.change_loan import change_loan
from mingqu.services.close.close_day import bring_up_today, close_through
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.services.loans.read_loan import order_states, paid_orders
from mingqu.store.days import set_aside
from tests.console import employ, signed_in, visitor
from tests.docs.test_verify_a_proof import verify
from tests.world import OpenWorld

AMOUNT_FEN = 1_000_000


def borrow(world: OpenWorld, *, silent: bool) -> Borrowed:
    known = introduce(world, XIA, balance_fen=6_000_000)
    be_assessed(world, known, amount_fen=AMOUNT_FEN)
    taken = take_loan(world, known, amount_fen=AMOUNT_FEN, instalments=12, method="equal_instalment")
    if silent:
        world.silence_next_payout()
    work_until_idle(world)
    return taken


def test_a_payout_that_fell_silent_is_seen_first_asked_again_and_healed(world: OpenWorld) -> None:
    taken = borrow(world, silent=True)
    desk = signed_in(world.house, "operations")
    order_id = taken.signed.payout_order_id
    today = desk.get("/console").text
    assert f"/console/orders/{order_id.hex}/ask-again" in today
    assert "10,000.00" in today
    world.go_to(world.house.clock.now() + timedelta(seconds=11))
    answer = desk.post(f"/console/orders/{order_id.hex}/ask-again", seen_on="/console")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"/console/queues?asked={order_id.hex}&answer=PAID",
    )
    assert order_states(world.house, order_id=order_id) == ["RESERVED", "SENT", "UNKNOWN", "PAID"]
    assert paid_orders(world.house) == dict(world.paid_out_by_bank())
    assert "渠道说已付" in desk.get(answer.headers["location"]).text
    assert order_id.hex not in desk.get("/console").text


def test_asking_twice_in_a_breath_asks_once(world: OpenWorld) -> None:
    taken = borrow(world, silent=True)
    desk = signed_in(world.house, "operations")
    path = f"/console/orders/{taken.signed.payout_order_id.hex}/ask-again"
    world.bank.faults.plan("bank.ask", Fault.LOSE_REQUEST, times=2)
    world.go_to(world.house.clock.now() + timedelta(seconds=11))
    assert desk.post(path, seen_on="/console").headers["location"].endswith("answer=UNKNOWN")
    assert desk.post(path, seen_on="/console").status_code == 429


def test_an_order_that_ended_is_not_asked_again(world: OpenWorld) -> None:
    taken = borrow(world, silent=False)
    desk = signed_in(world.house, "operations")
    answer = desk.post(f"/console/orders/{taken.signed.payout_order_id.hex}/ask-again", seen_on="/console")
    assert answer.status_code == 409


@pytest.mark.parametrize("typed", ["phone", "id_number", "loan", "order", "person", "contract", "hyphens"])
def test_a_customer_is_found_by_what_somebody_has_in_hand(world: OpenWorld, typed: str) -> None:
    taken = borrow(world, silent=False)
    person_id, loan_id = taken.known.person_id, taken.signed.loan_id
    loan_page = f"/console/loans/{loan_id.hex}"
    person_page = f"/console/customers/{person_id.hex}"
    text, page = {
        "phone": ("+86 " + XIA.phone.reveal(), person_page),
        "id_number": (XIA.id_number.reveal().lower(), person_page),
        "loan": (loan_id.hex, loan_page),
        "order": (taken.signed.payout_order_id.hex.upper(), loan_page),
        "person": (person_id.hex, person_page),
        "contract": (taken.signed.contract_id.hex, loan_page),
        "hyphens": (str(loan_id), loan_page),
    }[typed]
    desk = signed_in(world.house, "operations")
    assert desk.post("/console/search", seen_on="/console", q=text).headers["location"] == page
    assert desk.get(page).status_code == 200


def test_what_is_nowhere_is_not_found(world: OpenWorld) -> None:
    desk = signed_in(world.house, "operations")
    for text in ("13900000000", "0" * 32, "", "' OR 1=1", "x" * 101):
        assert desk.post("/console/search", seen_on="/console", q=text).status_code == 404
    assert desk.get("/console/loans/nonsense").status_code == 404


def test_personal_data_is_masked_until_somebody_says_why_and_hides_again(world: OpenWorld) -> None:
    taken = borrow(world, silent=False)
    page = f"/console/customers/{taken.known.person_id.hex}"
    desk = signed_in(world.house, "operations")
    secrets = [value.reveal() for value in (XIA.name, XIA.id_number, XIA.phone)]
    assert not [secret for secret in secrets if secret in desk.get(page).text]
    for reason in ("", "  . "):
        assert desk.post(f"{page}/unmask", seen_on=page, reason=reason).status_code == 422
    assert desk.post(f"{page}/unmask", seen_on=page, reason="客户来电核对身份").status_code == 303
    assert all(secret in desk.get(page).text for secret in secrets)
    assert XIA.card_number.reveal() not in desk.get(page).text
    other = signed_in(world.house, "risk")
    assert not [secret for secret in secrets if secret in other.get(page).text], (
        "only the session that said why sees it"
    )
    world.clock.advance(timedelta(minutes=10))
    assert not [secret for secret in secrets if secret in desk.get(page).text]
    log = signed_in(world.house, "auditor").get("/console/access", what="unmask").text
    assert "客户来电核对身份" in log
    assert "operations" in log


def test_a_loan_is_told_as_it_was_known_then_and_now(world: OpenWorld) -> None:
    taken = borrow(world, silent=False)
    house, loan_id = world.house, taken.signed.loan_id
    for _ in range(40):  # past the first instalment, a day at a time
        bring_up_today(house)
        world.go_to(house.clock.now() + timedelta(hours=9, minutes=5))
        work_until_idle(world)
        day = house.clock.business_date()
        world.go_to_date(day + timedelta(days=1))
        close_through(house, to=day)
    event_id, today = house.id_for(taken.known.person_id), house.clock.business_date()
    change_loan(
        house,
        loan_id=loan_id,
        event=Repaid(
            event_id=event_id,
            value_date=today - timedelta(days=6),
            amount_fen=12_300,
            intent=Intent.PREPAY,
            receipt=Receipt.GOODWILL,
        ),
        key="late news",
    )
    desk = signed_in(house, "operations")
    page = f"/console/loans/{loan_id.hex}"
    before = desk.get(page, on=(today - timedelta(days=7)).isoformat()).text
    after = desk.get(page, on=(today - timedelta(days=3)).isoformat()).text
    assert "三者一致" in before
    assert "三者一致" in after
    assert "<del>" not in before.split("还款计划")[1], "news of later changes nothing before its day"
    assert "<del>" in after.split("还款计划")[1]
    assert "倒签 6 天" in after
    assert "–" in desk.get(page, on="2026-08-15").text
    for strange in ("2026-13-40", "yesterday", "9999-12-31", "0001-01-01"):
        assert desk.get(page, on=strange).status_code == 200


def test_what_a_close_set_aside_is_named_first_thing_with_its_reason(world: OpenWorld) -> None:
    taken = borrow(world, silent=False)
    house, loan_id = world.house, taken.signed.loan_id
    today = house.clock.business_date()
    with house.database.transaction() as tx:
        cell = tx.cell_of(loan_id)
        set_aside.put(tx, cell=cell, on=today, loan_id=loan_id, code="transfer_refused", at=house.clock.now())
        tx.commit()
    world.clock.advance(timedelta(days=3))
    said = signed_in(house, "operations").get("/console/today/close").text
    assert "transfer_refused" in said
    assert "3 天" in said, "for how long it waits"
    assert f"/console/loans/{loan_id.hex}" in said


def test_a_payment_is_tried_without_being_booked(world: OpenWorld) -> None:
    taken = borrow(world, silent=False)
    desk = signed_in(world.house, "operations")
    page = f"/console/loans/{taken.signed.loan_id.hex}"
    tried = desk.get(page, amount="1,000", paid_on="2026-08-15").text
    assert "预演结果" in tried
    assert "预演结果" not in desk.get(page, amount="-5", paid_on="2026-08-15").text
    assert "预演结果" not in desk.get(page, amount="5", paid_on="2027-08-15").text
    assert desk.get(page).text.count("还款</td>") == 0, "nothing was booked"


def test_a_decision_comes_out_again_to_the_byte_and_its_inputs_are_sealed(world: OpenWorld) -> None:
    taken = borrow(world, silent=False)
    person = f"/console/customers/{taken.known.person_id.hex}"
    desk = signed_in(world.house, "risk")
    page = next(part.split('"')[0] for part in desk.get(person).text.split('href="') if "/console/decisions/" in part)
    sealed = desk.get(page).text
    assert "9,000.00" not in sealed, "the income is sealed"
    assert "••••" in sealed
    assert "逐字节一致" in desk.post(f"{page}/replay", seen_on=page).text
    back = f"decision:{page.rsplit('/', 1)[1]}"
    said = desk.post(f"{person}/unmask", seen_on=page, reason="复核一笔申诉", back=back)
    assert said.headers["location"] == page
    assert "9,000.00" in desk.get(page).text
    assert "9,000.00" not in signed_in(world.house, "operations").get(page).text


def test_a_proof_is_taken_away_and_holds_without_us(world: OpenWorld, tmp_path: Path) -> None:
    taken = borrow(world, silent=False)
    publish_evidence(world.house)
    desk = signed_in(world.house, "auditor")
    to = desk.get("/console/evidence", leaf=taken.signed.contract_id.hex).headers["location"]
    page = desk.get(to).text
    assert "重算根 = 公布根" in page
    place = to.rsplit("=", 1)[1]
    proof = desk.get(f"/console/evidence/{place}/proof.json")
    assert proof.headers["content-disposition"].startswith("attachment")
    assert XIA.name.reveal() not in proof.text
    document = json.loads(proof.text)
    said = verify(tmp_path, document, key=document["public_key"])
    assert said.returncode == 0, said.stderr
    assert "contract" in said.stdout
    assert desk.get("/console/evidence/0/999999/proof.json").status_code == 404
    assert desk.post("/console/evidence/verify", seen_on="/console").text.count("一致</span>") >= 8


def test_both_languages_say_the_same_page(world: OpenWorld) -> None:
    desk = visitor(world.house)
    desk.sign_in(employ(world.house, "auditor"))
    assert "<h1>今日" in desk.get("/console").text
    desk.get("/console/language/en")
    english = desk.get("/console").text
    assert '<html lang="en"' in english
    assert "<h1>Today" in english
