"""Cash from one's own card on a phone: the directory, what to think of, the way to the bank's own page, and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mingqu.demo.people import XIA
from mingqu.store.database import Database
from tests.browser.visitor import open_window
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
    with open_window(world, language=language, width=375, height=812, name=f"cash-advance-{language}") as visitor:
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
        assert page.locator("#way").get_attribute("href", timeout=5_000).startswith(world.sandbox.addresses["issuer"])
        assert visitor.faults == []
