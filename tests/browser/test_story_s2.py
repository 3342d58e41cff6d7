"""S2 on a phone: cash from one's own card, from the directory to the bank's own page, and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mingqu.demo.people import XIA
from mingqu.store.server.database import Database
from tests.browser.visitor import Visitor, open_window
from tests.conftest import OPENED_ON
from tests.journeys.pages import Phone
from tests.journeys.sandbox_world import SandboxWorld, open_sandbox_world

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[SandboxWorld]:
    with open_sandbox_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as opened:
        yield opened


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_pages_suit_a_phone_and_lead_to_the_bank(world: SandboxWorld, language: str) -> None:
    world.meet(XIA, balance_fen=0)
    phone = Phone(world)  # type: ignore[arg-type]  # it needs a house and codes
    phone.sign_in(XIA)
    phone.prove_identity(XIA)
    world.clock.advance_to(world.clock.now().replace(minute=30))  # until the next code may be sent
    with open_window(world, language=language, width=375, height=812, name=f"s2-{language}") as visitor:
        page = visitor.page
        visitor.sign_in(XIA)
        page.locator('a[href="/cash-advance"]').click()
        page.wait_for_selector("[data-bank]")
        visitor.look("banks")
        closed = page.locator("[data-closed]").evaluate_all("all => all.map(one => one.dataset.closed).sort()")
        assert closed[0] == "institution_not_connected"
        page.locator('a[data-bank="qinghe"]').click()
        visitor.look("consent")
        visitor.agree()
        visitor.look("wish")
        visitor.fill(amount="30000")
        for name in ("months", "card", "read"):
            page.locator(f"label.pick:has(input[name={name}])").first.click()
        visitor.press()
        assert page.locator("#problem").get_attribute("data-code") == "cash_advance_above_day"
        visitor.look("too-much")
        visitor.fill(amount="3000")
        page.locator("label.pick:has(input[name=read])").click()
        visitor.press()
        visitor.look("referral")
        way = page.locator("#way").get_attribute("href", timeout=5_000)
        assert way is not None
        assert way.startswith(world.sandbox.addresses["issuer"])
        assert visitor.faults == []
        come_back(visitor, way)
        assert visitor.faults == []


def come_back(visitor: Visitor, way: str) -> None:
    """Take the cash on the bank's page, whose looks are the bank's, and come back with its signed word."""
    page = visitor.page
    page.goto(way)
    page.screenshot(path=str(visitor.pictures / "bank.png"))
    assert "¥30.00" in page.inner_text("body")  # one in a hundred: the bank's fee, on the bank's page
    page.route("**/cash-advance/back?**", lambda route: route.fulfill(body="back"))
    page.locator("button[value=apply]").click()
    page.wait_for_url("**/cash-advance/back?**")
    place = urlsplit(page.url)
    page.unroute_all()
    visitor.go(f"{place.path}?{place.query}")
    assert "/cash-advance/referrals/" in page.url
    assert page.locator("#way").count() == 0
    visitor.look("back-from-the-bank")
