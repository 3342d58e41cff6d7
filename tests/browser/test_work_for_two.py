"""What people do at the console, in a real browser: place money, check each other; wide and narrow, light and dark."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from mingqu.demo.journey import be_assessed, introduce
from mingqu.demo.people import CHUAN
from mingqu.domain.order import OrderKind
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import Deed
from mingqu.domain.word import Failed
from mingqu.services.appeals.answer_review import answer_review, take_review
from mingqu.services.appeals.ask_for_person import ask_for_person
from mingqu.services.decisions.read_limit import decision_view
from mingqu.services.limits.freeze_drawing import freeze_drawing
from mingqu.services.orders.settle_order import hear_word
from mingqu.services.people.write_note import write_note
from mingqu.services.proposals.propose import propose
from tests.browser.test_operator_morning import LOOKS, browser, closely, desk, look, pytestmark, served
from tests.journeys.reading import orders_of
from tests.journeys.two_people import parked, seat_of
from tests.world import OpenWorld

__all__ = ["browser", "pytestmark"]  # the fixture and the marks are the other file's
WHY: Final = "人工核对渠道账单 0920 第 4118 行"


def a_desk(world: OpenWorld) -> Mapping[str, str]:
    """Let money be parked, and one person propose what another is to check; the pages to look at, by who looks."""
    house, (order_id, lost, other) = world.house, parked(world)
    maker, _ = seat_of(house, "operations", name="maker"), seat_of(house, "operations", name="checker")
    disputed = orders_of(house, lost.signed.loan_id, OrderKind.PAYOUT)[0]
    house.database.run(
        lambda tx: hear_word(
            tx, house, order_id=disputed.order_id, word=Failed(code="E1"), at=house.clock.now() + timedelta(seconds=1)
        )
    )
    refused = introduce(world, CHUAN, balance_fen=0)
    be_assessed(world, refused, amount_fen=800_000)
    decision_id = decision_view(house, person_id=refused.person_id).decision_id
    wishes = [
        ask_for_person(house, person_id=refused.person_id, wish=wish, decision_id=decision_id, key=wish)
        for wish in ("review", "explain")
    ]
    ask_for_person(house, person_id=lost.known.person_id, wish="talk", loan_id=other.signed.loan_id, key="talk")
    checker = seat_of(house, "operations", name="checker")
    for one in wishes:
        take_review(house, seat=checker, request_id=one.request_id)
    words = Personal("最近两个月的逾期记录仍在；六个月后可以再来。")
    answer_review(house, seat=checker, request_id=wishes[1].request_id, outcome="answered", answer=words)
    risk = seat_of(house, "risk")
    person_id = lost.known.person_id
    stopped = freeze_drawing(house, seat=risk, person_id=person_id, cause="fraud", reason=WHY, key="freeze")
    thaw = propose(
        house, seat=risk, deed=Deed.THAW_DRAWING, subject_id=stopped, asked={}, reason="已电话核实本人", key="thaw"
    )
    for number, text in enumerate(
        ("客户来电：下周三发工资，请那天再联系。", "A longer note that wraps.\nOn two lines.")
    ):
        write_note(house, seat=checker, person_id=person_id, text=Personal(text), key=f"note {number}")
    loan_id, today = other.signed.loan_id, house.clock.business_date()
    asked = {
        "amount_fen": 50_000,
        "value_date": today.isoformat(),
        "intent": "prepay",
        "source": "CMB 2026-08-15 line 4118",
    }
    booking = propose(
        house, seat=maker, deed=Deed.BOOK_RECEIPT, subject_id=loan_id, asked=asked, reason=WHY, key="book"
    )
    return {
        "today": "/console",
        "queues": "/console/queues",
        "receipt": f"/console/receipts/{order_id.hex}",
        "loan-tried": f"/console/loans/{loan_id.hex}?amount=500&intent=prepay&paid_on={today.isoformat()}",
        "reviews": "/console/reviews",
        "review": f"/console/reviews/{wishes[0].request_id.hex}",
        "review-answered": f"/console/reviews/{wishes[1].request_id.hex}",
        "dispute": f"/console/disputes/{disputed.order_id.hex}",
        "proposals": "/console/proposals",
        "proposal": f"/console/proposals/{booking.hex}",
        "thaw": f"/console/proposals/{thaw.hex}",
        "customer": f"/console/customers/{lost.known.person_id.hex}",
    }


def test_every_screen_of_work_is_clean_wide_and_narrow_in_both_languages(world: OpenWorld, browser: Any) -> None:
    pages = a_desk(world)
    wrong: list[str] = []
    with served(world) as address:
        for size, language, scheme in LOOKS:
            with desk(browser, address, size=size, language=language, scheme=scheme, name="checker") as page:
                for number, (name, path) in enumerate(pages.items()):
                    page.goto(address + path)
                    wrong += look(page, f"work-{name}.{size}.{language}.{scheme}", closely=closely(number, size))
            with desk(browser, address, size=size, language=language, scheme=scheme, name="risk") as page:
                page.goto(address + "/console/customers")
                page.click("td a >> nth=0")
                page.click("details.pop >> nth=0")
                wrong += look(page, f"work-freeze.{size}.{language}.{scheme}")
    assert not wrong, "\n".join(wrong)


def test_one_places_a_receipt_and_another_carries_it_out(world: OpenWorld, browser: Any) -> None:
    pages = a_desk(world)
    with served(world) as address:
        with desk(browser, address, size="wide", language="zh", scheme="light", name="maker") as page:
            page.goto(address + pages["queues"])
            page.click(f"a[href='{pages['receipt']}'] >> nth=0")
            page.fill("[name=reason]", WHY)
            page.click("form[action$='/assign'] button")
            page.wait_for_url("**/console/proposals/*")
            proposal = page.url
            assert page.locator("form[action$='/approve']").count() == 0, "not one's own"
        with desk(browser, address, size="narrow", language="zh", scheme="light", name="checker") as page:
            page.goto(address + "/console/proposals")
            page.click(f"a[href='{proposal.removeprefix(address)}']")
            page.click("form[action$='/approve'] button")
            page.wait_for_selector("text=已通过")
            assert look(page, "work-approved.narrow.zh.light") == []
