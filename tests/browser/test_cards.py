"""A card with a purpose on a phone: who may be paid, by name, papers that are owed, an answer about a wallet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from mingqu.demo.people import ZHOU
from tests.browser.visitor import open_window
from tests.journeys.test_story_s0 import DEALER, Buyer, buyer

__all__ = ["buyer"]
pytestmark = pytest.mark.xdist_group("browser")


def test_a_card_says_who_may_be_paid_and_why_not(buyer: Buyer) -> None:
    world, card_id = buyer.world, buyer.bought("chengchuan-auto-card")
    buyer.ask(card_id, "paid", 3_000_000)
    buyer.ask(card_id, "cash", 100_000, replace(DEALER, merchant="X", category="6011"))
    world.clock.advance_to(world.clock.now() + timedelta(hours=2))  # until the next code may be sent
    with open_window(world, language="zh", width=375, height=812, name="card-zh") as visitor:
        visitor.sign_in(ZHOU)
        visitor.go(f"/cards/{card_id.hex}")
        visitor.look("card")
        shown = visitor.page.inner_text("main")
        assert "明河汽车销售有限公司" in shown
        assert "20,000.00" in shown
        assert "不能套取现金" in shown
        visitor.go(f"/cards/{card_id.hex}/wallets")
        visitor.page.locator("select[name=wallet]").select_option(index=1)
        visitor.page.locator("select[name=use]").select_option("spend")
        visitor.page.locator("main form button.weui-btn_primary").click()
        visitor.page.wait_for_load_state()
        visitor.look("wallet-answer")
        assert visitor.faults == []
