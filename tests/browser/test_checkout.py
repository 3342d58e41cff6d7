"""A merchant's checkout on a phone: from the shop to the house, signed, and back; the shop sees that it was paid."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mingqu import api
from mingqu.demo.companies import companies
from mingqu.demo.journey import be_assessed, introduce, work_until_idle
from mingqu.demo.people import XIA
from mingqu.demo.story import fund_lenders
from mingqu.store.server.database import Database
from tests.browser.visitor import Visitor, open_window
from tests.conftest import OPENED_ON
from tests.journeys.sandbox_world import SandboxWorld, open_sandbox_world

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[SandboxWorld]:
    with open_sandbox_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as opened:
        fund_lenders(opened)
        for company in companies(opened.house):
            opened.meet(company, balance_fen=0)
        yield opened


def order(visitor: Visitor) -> str:
    """Choose a table and two chairs at the shop, and go to pay; return the address of the shop's order."""
    page = visitor.page
    page.goto(visitor.world.sandbox.addresses["shop"])
    page.select_option("#chair", "2")
    page.click("button")
    page.wait_for_url("**/orders/*")
    there = page.url
    page.click("a.button")
    page.wait_for_url("**/checkout/*")
    visitor.look("order")
    return there


def sign(visitor: Visitor, world: SandboxWorld) -> None:
    """Ask for offers, read the costs of the first, agree to its lender, and sign for the order."""
    page = visitor.page
    page.locator("label.pick").nth(1).click()
    visitor.press()
    page.locator("label.pick").first.click()
    visitor.press()
    world.go_to(world.house.clock.now() + timedelta(seconds=61))
    page.reload()
    page.wait_for_selector("#confirm:not([disabled])")
    visitor.press()
    visitor.agree()
    page.locator(".inline-btn").click()
    page.wait_for_selector("#code-hint[role=status]")
    visitor.look("contract")
    visitor.fill(code=visitor.code(XIA))
    visitor.agree()
    page.wait_for_url("**/checkout/*")


def test_goods_are_ordered_at_the_shop_and_signed_for_on_the_phone(world: SandboxWorld) -> None:
    be_assessed(world, introduce(world, XIA, balance_fen=0), amount_fen=1_000_000)
    world.go_to(world.house.clock.now() + timedelta(hours=2))  # until the next code may be sent
    door = [api.make_router(world.house)]
    with open_window(world, language="zh", width=375, height=812, name="checkout", also=door) as visitor:
        world.sandbox.control.shop.sell_at(visitor.address)
        visitor.sign_in(XIA)
        there = order(visitor)
        sign(visitor, world)
        work_until_idle(world)
        visitor.page.reload()
        visitor.look("paid")
        assert "已付给商家" in visitor.page.inner_text("main")
        visitor.page.locator("a[rel=noreferrer]").click()
        visitor.page.wait_for_url(there)
        shown = visitor.page.inner_text("main")
        assert ("已收款" in shown, "收到的通知" in shown) == (True, True), (
            "told by a message whose signature it checked"
        )
        assert visitor.faults == []
