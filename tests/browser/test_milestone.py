"""A loan by stages on a phone: its payee is filled in and signed for, its stages are seen, a paper is handed in."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA
from tests.browser.visitor import open_window
from tests.journeys.pages import Phone
from tests.journeys.test_pages_milestone import BUILDER, at_the_contract, phone

__all__ = ["phone"]
pytestmark = pytest.mark.xdist_group("browser")


def test_a_payee_is_signed_for_and_a_paper_is_handed_in(phone: Phone) -> None:
    world = phone.world
    contract = at_the_contract(phone).path
    world.go_to(world.house.clock.now() + timedelta(minutes=2))  # until the next code may be sent
    with open_window(world, language="zh", width=375, height=812, name="milestone-zh") as visitor:
        page = visitor.page
        visitor.sign_in(XIA)
        visitor.go("/draw?amount=20000&instalments=18&method=equal_instalment")
        visitor.press()
        visitor.look("offers")
        visitor.go(contract)
        visitor.fill(**{name: value for name, value in BUILDER.items() if name != "payee_purpose"})
        page.locator("#payee_purpose").select_option(BUILDER["payee_purpose"])
        world.go_to(world.house.clock.now() + timedelta(minutes=2))
        page.locator(".inline-btn").click()
        page.wait_for_selector("#code-hint[role=status]")
        assert page.locator("#payee_account").input_value() == BUILDER["payee_account"]
        visitor.look("contract")
        visitor.fill(code=visitor.code(XIA))
        visitor.agree()
        work_until_idle(world)
        page.reload()
        visitor.look("payout")
        loan = page.url.rpartition("/")[0]
        page.locator(f'a[href="{urlsplit(loan).path}/stages"]').click()
        page.locator("label.pick").first.click()
        visitor.fill(number="FP-20270601")
        visitor.look("stages")
        visitor.press()
        visitor.look("paper-given")
        assert visitor.faults == []
