"""S0 on a phone: a card with a purpose says who may be paid, takes papers, and answers about a wallet."""

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
    with open_window(world, language="zh", width=375, height=812, name="s0-zh") as visitor:
        page = visitor.page
        visitor.sign_in(ZHOU)
        page.locator('a[href="/cards"]').click()
        page.wait_for_load_state()
        visitor.look("cards")
        visitor.go(f"/cards/{card_id.hex}")
        visitor.look("card")
        visitor.go_by_keyboard("card")
        shown = page.inner_text("main")
        assert "明河汽车销售有限公司" in shown
        assert "20,000.00" in shown
        assert "不能套取现金" in shown
        page.locator("#kind").select_option("invoice")
        visitor.fill(number="FP-2026-000017")
        page.locator(f'form[action="/cards/{card_id.hex}/papers"] button').click()
        page.wait_for_load_state()
        assert page.locator("#kind option").evaluate_all("all => all.map(one => one.value)") == [
            "registration",
            "insurance",
        ]
        visitor.look("paper-given")
        visitor.go(f"/cards/{card_id.hex}/wallets")
        page.locator("select[name=wallet]").select_option("wechat")
        page.locator("select[name=use]").select_option("spend")
        page.locator("main form button.weui-btn_primary").click()
        page.wait_for_load_state()
        visitor.look("wallet-answer")
        visitor.go(f"/cards/{card_id.hex}")
        page.locator(".card a.link").click()
        page.wait_for_load_state()
        visitor.look("loan")
        visitor.go("/cars")
        page.locator('label.pick:has(input[value="chengchuan-auto-dealer"])').click()
        page.locator("#merchant").select_option("DLR-MINGHE-001")
        visitor.fill(price="75000", down="25000", invoice="FP-1")
        for chosen in ("24", "equal_instalment"):
            page.locator(f'.seg label:has(input[value="{chosen}"])').click()
        visitor.look("cars")
        visitor.press()
        assert "首付占 33.33%" in page.inner_text("#why")
        visitor.look("car-quote")
        assert visitor.faults == []
