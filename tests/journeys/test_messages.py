"""Every message carries a code by which anybody can ask whether it is ours, and what is not ours can be reported."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from mingqu.channels.fake.faults import Fault
from mingqu.demo.journey import introduce
from mingqu.demo.people import XIA, ZHOU
from mingqu.domain.message_code import KEPT_FOR, MessageAbout
from mingqu.domain.one_time_code import CodePurpose
from mingqu.domain.personal import Personal
from mingqu.domain.review import AnswerMalformed
from mingqu.ports.sms import Message, MessageKind, MessageTaken
from mingqu.services.appeals.answer_review import answer_review, take_review
from mingqu.services.appeals.read_review import list_reviews, read_review, review_of
from mingqu.services.appeals.report_message import OPEN_MAX, ReportMalformed, ReportsTooMany, report_message
from mingqu.services.decisions.sweep_signals import sweep_all
from mingqu.services.messages.check_message import check_message
from mingqu.services.messages.send_message import CHECK, send_message
from mingqu.services.notices.send_notice import AGAIN_AFTER
from mingqu.services.people.sign_in import send_code
from mingqu.services.run_due_work import run_due_work
from mingqu.store.parties import party
from tests.console import signed_in
from tests.journeys.api import Borrower, open_site
from tests.journeys.api import introduce as introduce_by_api
from tests.journeys.reading import arrive, assert_coherent, borrow, facts_of, live_until, rows_of
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld

LURE = Personal("【明渠】您的额度已冻结\n点击 http://mingqu-help.example 解冻")


MONEY = (MessageAbout.PAYOUT, MessageAbout.REPAYMENT)


def messages(world: OpenWorld, phone: Personal[str] = XIA.phone) -> list[Message]:
    """Return what we sent to a phone; the bank has codes of its own."""
    return [message for message in world.sms.inbox(phone=phone) if not message.template.startswith("bank_")]


def code_in(message: Message) -> str:
    return message.values[CHECK].reveal()


def test_every_message_of_a_loan_carries_a_code_of_its_own_also_when_it_is_sent_again(world: OpenWorld) -> None:
    house = world.house
    borrow(world, arrive(world))
    world.sms.faults.plan("sms.send", Fault.LOSE_REPLY)  # the first notice arrives, and is sent again for all we know
    live_until(world, date(2026, 9, 17))
    world.clock.advance(AGAIN_AFTER)
    run_due_work(house)
    sent = messages(world)
    assert {message.kind for message in sent} == {MessageKind.CODE, MessageKind.NOTICE}
    assert len({message.message_number for message in sent}) == len({code_in(message) for message in sent}) == len(sent)
    abouts = set()
    for message in sent:
        found = check_message(house, code=code_in(message), phone=XIA.phone)
        assert found is not None
        assert found.to_this_phone is True
        assert not any("http" in value.reveal() for value in message.values.values())
        abouts.add(found.about)
    assert abouts == {MessageAbout.SIGN_IN, MessageAbout.IDENTITY, MessageAbout.SIGNING, *MONEY}


def test_a_message_that_is_sent_again_is_the_same_to_the_letter(world: OpenWorld) -> None:
    message = Message(
        message_number="0" * 31 + "7", kind=MessageKind.NOTICE, phone=XIA.phone, template="loan.due", values={}
    )
    said: list[Message] = []

    class Hears:
        def send(self, message: Message) -> MessageTaken:
            said.append(message)
            return MessageTaken()

    house = replace(world.house, sms=Hears())
    for _ in range(2):
        send_message(house, message=message)
    assert said[0] == said[1], "a provider refuses a number that comes with another body"
    with house.database.transaction() as tx:
        assert len(tx.execute("SELECT FROM message_code").fetchall()) == 1


def test_a_code_that_was_copied_does_not_hold_for_another_phone(world: OpenWorld) -> None:
    send_code(world.house, phone=ZHOU.phone, purpose=CodePurpose.SIGN_IN)
    (own,) = messages(world, ZHOU.phone)
    copied = check_message(world.house, code=code_in(own), phone=XIA.phone)
    assert copied is not None
    assert copied.to_this_phone is False
    without = check_message(world.house, code=code_in(own))
    assert without is not None
    assert without.to_this_phone is None


def test_a_code_nobody_sent_and_one_that_is_too_old_are_not_ours(world: OpenWorld) -> None:
    assert check_message(world.house, code="7KQ4-M2XA") is None
    send_code(world.house, phone=XIA.phone, purpose=CodePurpose.SIGN_IN)
    code = code_in(messages(world)[-1])
    world.clock.advance(KEPT_FOR)
    assert check_message(world.house, code=code) is None
    sweep_all(world.house)
    with world.house.database.transaction() as tx:
        assert tx.execute("SELECT FROM message_code").fetchall() == []


def test_neither_code_nor_phone_stands_in_the_book(world: OpenWorld) -> None:
    send_code(world.house, phone=XIA.phone, purpose=CodePurpose.SIGN_IN)
    code = code_in(messages(world)[-1])
    with world.house.database.transaction() as tx:
        (row,) = tx.execute("SELECT * FROM message_code").fetchall()
    assert code not in str(row)
    assert XIA.phone.reveal() not in str(row)


def test_the_page_answers_anybody_and_stops_who_tries_too_many(world: OpenWorld) -> None:
    send_code(world.house, phone=XIA.phone, purpose=CodePurpose.SIGN_IN)
    code = code_in(messages(world)[-1])
    with open_site(world) as site:
        assert ask(site.http, code).json()["about"] == "sign_in"
        assert XIA.phone.reveal() not in ask(site.http, code).text
        assert ask(site.http, "7KQ4-M2XA").status_code == 404
        assert ask(site.http, "nonsense").json()["code"] == "message_code_malformed"
        for _ in range(16):
            ask(site.http, "7KQ4-M2XB")
        stopped = ask(site.http, code)
        assert (stopped.status_code, stopped.json()["code"]) == (429, "too_many_requests")
        world.clock.advance(timedelta(minutes=10))
        assert ask(site.http, code).status_code == 200


def ask(http: httpx.Client, code: str) -> httpx.Response:
    return http.get(f"/v1/messages/{code}")


def test_a_report_is_sealed_witnessed_looked_at_and_answered(world: OpenWorld) -> None:
    house, known = world.house, introduce(world, XIA, balance_fen=0)
    asked = report_message(house, person_id=known.person_id, text=LURE, key="a")
    before = rows_of(house)
    assert report_message(house, person_id=known.person_id, text=LURE, key="a") == asked
    assert rows_of(house) == before, "sent again it is one report"
    (leaf,) = facts_of(house, known.person_id, "report")
    assert leaf == {"wish": "suspicious"}
    assert "mingqu-help" not in dump_of(world)

    seat = seat_of(house, "risk")
    (waiting,), _ = list_reviews(house, seat=seat)
    assert (waiting.request.request_id, waiting.about_message) == (asked.request_id, True)
    assert read_review(house, seat=seat, request_id=asked.request_id).reported == LURE.reveal()
    take_review(house, seat=seat, request_id=asked.request_id)
    words = Personal("这不是我们发的，请不要点开，网址已经上报。")
    with pytest.raises(AnswerMalformed):
        answer_review(house, seat=seat, request_id=asked.request_id, outcome="reassess", answer=words)
    answer_review(house, seat=seat, request_id=asked.request_id, outcome="phishing", answer=words)
    seen = review_of(house, person_id=known.person_id, request_id=asked.request_id)
    assert (seen.outcome, seen.answer) == ("phishing", words.reveal())
    assert_coherent(house)


def test_a_report_that_says_nothing_or_comes_too_often_is_refused_and_changes_nothing(world: OpenWorld) -> None:
    house, known = world.house, introduce(world, XIA, balance_fen=0)
    before = rows_of(house)
    for text in ("", "  x ", "x" * 1_001):
        with pytest.raises(ReportMalformed):
            report_message(house, person_id=known.person_id, text=Personal(text), key="b")
    assert rows_of(house) == before
    for number in range(OPEN_MAX):
        report_message(house, person_id=known.person_id, text=LURE, key=f"c{number}")
    before = rows_of(house)
    with pytest.raises(ReportsTooMany):
        report_message(house, person_id=known.person_id, text=LURE, key="one more")
    assert rows_of(house) == before


def test_of_an_erased_person_a_report_has_no_words_left(world: OpenWorld) -> None:
    house, known = world.house, introduce(world, XIA, balance_fen=0)
    asked = report_message(house, person_id=known.person_id, text=LURE, key="a")
    with house.database.transaction() as tx:
        tx.lock_cell(tx.cell_of(known.person_id))
        party.erase(tx, person_id=known.person_id, at=house.clock.now())
        tx.commit()
    assert read_review(house, seat=seat_of(house, "risk"), request_id=asked.request_id).reported is None


def test_the_console_shows_a_report_and_offers_its_outcomes(world: OpenWorld) -> None:
    known = introduce(world, XIA, balance_fen=0)
    asked = report_message(world.house, person_id=known.person_id, text=LURE, key="a")
    desk = signed_in(world.house, "risk")
    listed = desk.get("/console/reviews")
    assert listed.status_code == 200
    assert asked.request_id.hex in listed.text
    place = f"/console/reviews/{asked.request_id.hex}"
    assert "mingqu-help.example" in desk.get(place).text
    assert '<a href="http://mingqu-help' not in desk.get(place).text, "a lure is text, not a link"
    assert desk.post(f"{place}/take", seen_on=place).status_code == 303
    page = desk.get(place).text
    assert all(f'value="{outcome}"' in page for outcome in ("phishing", "genuine", "answered"))
    answered = desk.post(f"{place}/answer", seen_on=place, outcome="genuine", answer="这是我们发的还款提醒，请放心。")
    assert answered.status_code == 303


def test_over_the_api_a_report_is_read_by_who_made_it_and_nobody_else(world: OpenWorld) -> None:
    with open_site(world) as site:
        xia, zhou = introduce_by_api(site, XIA), introduce_by_api(site, ZHOU)
        sent = site.http.post("/v1/message-reports", json={"text": LURE.reveal()}, headers=bearer(xia, "r1"))
        assert sent.status_code == 201
        place = f"/v1/message-reports/{sent.json()['request_id']}"
        assert site.http.get(place, headers=bearer(xia)).json()["outcome"] is None
        assert site.http.get(place, headers=bearer(zhou)).status_code == 404
        again = site.http.post("/v1/message-reports", json={"text": LURE.reveal()}, headers=bearer(xia, "r1"))
        assert again.json() == sent.json()


def bearer(borrower: Borrower, key: str = "") -> dict[str, str]:
    token: Any = borrower.client._at.token
    return {"authorization": f"Bearer {token}", **({"idempotency-key": key} if key else {})}


def dump_of(world: OpenWorld) -> str:
    with world.house.database.transaction() as tx:
        work = tx.execute("SELECT payload::text FROM work").fetchall()
        leaves = tx.execute("SELECT convert_from(body, 'UTF8') FROM evidence_leaf").fetchall()
    return str(work) + str(leaves)
