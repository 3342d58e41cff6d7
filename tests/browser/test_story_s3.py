"""S3 on a phone: offers of several institutions, who takes what, none chosen; signed, and paid at a chosen time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from mingqu.demo.journey import be_assessed, introduce, work_until_idle
from mingqu.demo.people import XIA
from mingqu.demo.stories.s3 import BEGINS_ON
from tests.browser.visitor import Visitor, open_window
from tests.world import OpenWorld

pytestmark = pytest.mark.xdist_group("browser")
_BARS = "all => all.map(one => getComputedStyle(one, '::before').height)"


def compare(visitor: Visitor) -> None:
    """See what each offer costs more than the cheapest, and choose that one."""
    page = visitor.page
    visitor.go("/draw?amount=10000&instalments=12&method=equal_instalment")
    visitor.press()
    page.wait_for_selector(".offer")
    visitor.look("offers")
    assert page.locator(".offer").count() == 4
    assert page.locator("input[name=offer]:checked").count() == 0, "nothing is chosen beforehand"
    differences = page.locator("[data-more]").evaluate_all("all => all.map(one => Number(one.dataset.more))")
    assert differences == [34_211, 34_211, 43_742, 47_964]
    page.locator('a[href^="/offers/compare"]').click()
    page.wait_for_load_state()
    visitor.look("compare")
    assert "恒稳融资担保有限公司" in page.inner_text("main")
    visitor.press()
    page.locator("label.pick").first.click()
    visitor.press()


def sign_for_later(visitor: Visitor) -> None:
    """Read the cost table, and sign for money that comes in three days."""
    page, world = visitor.page, visitor.world
    visitor.look("cost-table")
    shown = page.inner_text("main")
    assert "担保费" in shown
    assert "131.91" in shown
    world.go_to(world.house.clock.now() + timedelta(seconds=61))
    page.reload()
    page.wait_for_selector("#confirm:not([disabled])")
    visitor.press()
    visitor.agree()
    page.locator("#payout").select_option(index=3)
    page.locator("label.pick:has(input[name=card])").first.click()
    page.locator(".inline-btn").click()
    expect(page.locator("#code-hint")).to_have_attribute("role", "status")
    visitor.look("contract")
    bars = page.locator(".steps li").evaluate_all(_BARS)
    assert bars == ["3px"] * 5, "each step is a line below its bar"
    visitor.fill(code=visitor.code(XIA))
    visitor.agree()
    assert page.url.endswith("/payout")


def test_offers_are_compared_signed_and_paid_at_the_chosen_time(world: OpenWorld) -> None:
    world.go_to_date(BEGINS_ON)
    xia = introduce(world, XIA, balance_fen=0)
    be_assessed(world, xia, amount_fen=1_000_000)
    world.clock.advance_to(world.clock.now().replace(hour=20))  # until the next code may be sent
    with open_window(world, language="zh", width=375, height=812, name="s3-zh") as visitor:
        visitor.sign_in(XIA)
        compare(visitor)
        sign_for_later(visitor)
        work_until_idle(world)
        assert world.balance_fen(XIA) == 0
        visitor.page.reload()
        visitor.look("payout-later")
        visitor.go("/loans")
        visitor.look("loans")
        assert visitor.faults == []
