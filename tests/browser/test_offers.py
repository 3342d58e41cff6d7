"""Offers of several institutions on a phone: who takes what, none chosen, the recommendation in words, side by side."""

from __future__ import annotations

import pytest

from mingqu.demo.journey import be_assessed, introduce
from mingqu.demo.people import XIA
from mingqu.demo.stories.s3 import BEGINS_ON
from tests.browser.visitor import open_window
from tests.world import OpenWorld

pytestmark = pytest.mark.xdist_group("browser")


def test_offers_are_compared_and_the_cost_table_says_who_collects(world: OpenWorld) -> None:
    world.go_to_date(BEGINS_ON)
    xia = introduce(world, XIA, balance_fen=0)
    be_assessed(world, xia, amount_fen=1_000_000)
    world.clock.advance_to(world.clock.now().replace(hour=20))  # until the next code may be sent
    with open_window(world, language="zh", width=375, height=812, name="offers-zh") as visitor:
        page = visitor.page
        visitor.sign_in(XIA)
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
        visitor.look("cost-table")
        shown = page.inner_text("main")
        assert "担保费" in shown
        assert "131.91" in shown
        assert visitor.faults == []
