"""The borrower's story in a real browser: on a phone in Chinese; in a soak also in a wide window in English."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final
from uuid import UUID

import pytest
from playwright.sync_api import expect

from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import CHUAN, XIA
from mingqu.domain.personal import Personal
from mingqu.services.appeals.answer_review import answer_review, take_review
from mingqu.services.appeals.read_review import list_reviews
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.services.run_due_work import run_due_work
from tests.browser.visitor import Visitor, open_window
from tests.journeys.pages import live_until
from tests.journeys.two_people import seat_of
from tests.soak import SOAK
from tests.world import OpenWorld

pytestmark = pytest.mark.xdist_group("browser")


def come_in(visitor: Visitor) -> None:
    visitor.go("/")
    visitor.look("welcome")
    visitor.go("/sign-in")
    visitor.look("sign-in")
    visitor.sign_in(XIA)
    visitor.look("home-new")


def be_known(visitor: Visitor) -> None:
    visitor.go("/identity")
    visitor.look("consent")
    visitor.agree()
    visitor.fill(phone=XIA.phone.reveal())
    visitor.press()
    visitor.fill(
        name=XIA.name.reveal(),
        id_number=XIA.id_number.reveal(),
        card_number=XIA.card_number.reveal(),
        code=visitor.code(XIA),
    )
    visitor.look("identity")
    visitor.press()
    visitor.look("consent-bureau")
    visitor.agree()
    visitor.agree()
    visitor.fill(amount="10000", income="9000")
    visitor.look("apply")
    visitor.press()
    visitor.look("decision")


def choose(visitor: Visitor) -> None:
    page = visitor.page
    visitor.press()
    assert "/draw" in page.url
    plan = page.locator("#plan")
    assert "1,001.61" in plan.inner_text()
    page.locator(".seg label").nth(1).click()  # six instalments: the plan follows without a reload
    expect(plan).to_contain_text("531.51")
    page.locator("#amount").fill("5000")
    expect(plan).not_to_contain_text("531.51")
    visitor.look("draw")
    page.locator("#amount").fill("10,000.00")
    page.locator(".seg label").nth(2).click()
    expect(plan).to_contain_text("1,001.61")
    visitor.press()
    visitor.look("offers")
    assert page.locator("input[name=offer]:checked").count() == 0
    page.locator("label.pick").first.click()
    assert page.locator("#chosen").inner_text() == page.locator("label.pick .t span").first.inner_text()
    visitor.press()


def read_and_sign(visitor: Visitor) -> None:
    page = visitor.page
    assert page.evaluate("document.querySelector('#sheet').matches(':modal')")
    assert page.locator("#confirm").is_disabled()
    visitor.look("cost-table")
    visitor.world.go_to(visitor.world.house.clock.now() + timedelta(seconds=11))
    page.reload()
    page.wait_for_selector("#confirm:not([disabled])")
    visitor.look("cost-table-read")
    visitor.press()
    visitor.look("consent-lender")
    visitor.agree()
    visitor.look("contract")
    page.locator("#payout").select_option(index=0)
    page.locator(".inline-btn").click()
    expect(page.locator("#code-hint")).to_have_attribute("role", "status")
    visitor.look("contract-code")
    visitor.fill(code=visitor.code(XIA))
    visitor.agree()
    assert page.url.endswith("/payout")


def receive(visitor: Visitor) -> None:
    world, page = visitor.world, visitor.page
    world.silence_next_payout()
    run_due_work(world.house)
    page.wait_for_selector("#progress[data-state=unknown]")  # the page asks by itself
    visitor.look("payout-unknown")
    world.go_to(world.house.clock.now() + timedelta(seconds=30))
    work_until_idle(world)
    page.wait_for_selector("#progress[data-state=arrived]")
    visitor.look("payout-arrived")
    visitor.go("/")
    visitor.look("home")


def pay(visitor: Visitor, loan: str, *, how: str) -> None:
    world, page = visitor.world, visitor.page
    visitor.go(f"{loan}/repay")
    page.locator(f"label.pick:has(input[value={how}])").click()
    visitor.look(f"repay-{how}")
    visitor.press()
    order = page.url.split("/payments/")[1]
    page.goto(f"{page.url}?back=1")
    visitor.look(f"payment-{how}-confirming")
    world.pay_page(XIA, UUID(order))
    world.go_to(world.house.clock.now() + timedelta(minutes=1))
    work_until_idle(world)
    page.wait_for_selector("#payment[data-state=paid]")
    visitor.look(f"payment-{how}-paid")


def be_late_and_settle(visitor: Visitor) -> None:
    world, page = visitor.world, visitor.page
    visitor.go("/loans")
    visitor.look("loans")
    loan = page.locator("a.card.row").first.get_attribute("href")
    assert loan is not None
    live_until(world, date(2026, 10, 2))
    visitor.sign_in(XIA)
    visitor.go(loan)
    visitor.look("schedule-late")
    visitor.go(f"{loan}/help")
    visitor.look("help")
    pay(visitor, loan, how="due")
    pay(visitor, loan, how="all")
    visitor.press()
    visitor.press()
    publish_evidence(world.house)
    page.reload()
    page.wait_for_selector("#proof-result[data-checked=ok]")
    visitor.look("certificate")
    text = page.locator("#proof-text")
    text.evaluate("one => { one.textContent = one.textContent.replace('1000000', '1000001') }")
    page.add_script_tag(url=page.locator("script[src*=proof]").get_attribute("src"))
    page.wait_for_selector("#proof-result[data-checked=bad]")
    visitor.go("/me")
    visitor.look("me")
    visitor.go("/consents")
    visitor.look("consents")
    visitor.go("/about")
    visitor.look("about")


# The same story is told in English without a browser by tests/journeys/test_pages_story.py.
_PHONE: Final = ("zh", 375, 812, "light")
_DESKTOP: Final = ("en", 1440, 900, "dark")


@pytest.mark.parametrize(("language", "width", "height", "scheme"), [_PHONE, _DESKTOP] if SOAK else [_PHONE])
def test_the_story_in_a_browser(world: OpenWorld, language: str, width: int, height: int, scheme: str) -> None:
    world.meet(XIA, balance_fen=9_000_000)
    with open_window(world, language=language, width=width, height=height, scheme=scheme) as visitor:
        come_in(visitor)
        be_known(visitor)
        choose(visitor)
        read_and_sign(visitor)
        receive(visitor)
        be_late_and_settle(visitor)
        assert visitor.faults == []


def test_a_refusal_in_a_browser(world: OpenWorld) -> None:
    world.meet(CHUAN, balance_fen=0)
    with open_window(world, language="zh", width=375, height=812, scheme="dark") as visitor:
        visitor.sign_in(CHUAN)
        visitor.go("/identity")
        visitor.agree()
        visitor.fill(phone=CHUAN.phone.reveal())
        visitor.press()
        visitor.fill(
            name=CHUAN.name.reveal(),
            id_number=CHUAN.id_number.reveal(),
            card_number=CHUAN.card_number.reveal(),
            code=visitor.code(CHUAN),
        )
        visitor.press()
        visitor.agree()
        visitor.agree()
        visitor.fill(amount="8000", income="7000")
        visitor.press()
        visitor.look("refusal")
        visitor.press()
        visitor.look("received")
        seat = seat_of(world.house, "risk")
        (waiting,), _ = list_reviews(world.house, seat=seat)
        request_id = waiting.request.request_id
        take_review(world.house, seat=seat, request_id=request_id)
        words = Personal("我们看过您的信用报告：最近两个月的逾期记录仍在，六个月后可以再来。")
        answer_review(world.house, seat=seat, request_id=request_id, outcome="reassess", answer=words)
        visitor.page.reload()
        visitor.look("answered")
        visitor.go("/decision")
        visitor.look("refusal-answered")
        assert visitor.faults == []
