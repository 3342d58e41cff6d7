"""Checking and reporting a message, and the consents nobody must give: on a phone in Chinese, wide in English."""

from __future__ import annotations

import pytest

from mingqu.demo.people import XIA
from tests.browser.visitor import open_window
from tests.world import OpenWorld

pytestmark = pytest.mark.xdist_group("browser")


@pytest.mark.parametrize(("language", "width", "height"), [("zh", 375, 812), ("en", 1440, 900)])
def test_a_message_is_checked_and_reported_and_a_device_is_allowed_and_forgotten(
    world: OpenWorld, language: str, width: int, height: int
) -> None:
    world.meet(XIA, balance_fen=0)
    name = f"messages-{language}-{width}"
    with open_window(world, language=language, width=width, height=height, name=name) as visitor:
        page = visitor.page
        visitor.go("/check-message")
        visitor.look("check")
        visitor.fill(code="7kq4 m2xa")
        visitor.press()
        assert page.locator("#answer").get_attribute("data-answer") == "not_ours"
        visitor.look("not-ours")
        visitor.sign_in(XIA)
        ours = world.sms.inbox(phone=XIA.phone)[-1].values["check"].reveal()
        visitor.go("/check-message")
        visitor.fill(code=ours.lower(), phone=XIA.phone.reveal())
        visitor.press()
        assert page.locator("#answer").get_attribute("data-answer") == "ours_here"
        visitor.look("ours")
        visitor.fill(code=ours, phone="13900009999")
        visitor.press()
        assert page.locator("#answer").get_attribute("data-answer") == "not_here"
        visitor.look("copied")
        visitor.go("/report-message")
        visitor.look("report")
        visitor.fill(text="【明渠】点击 http://mingqu-help.example 解冻额度")
        visitor.press()
        assert "/received/" in page.url
        visitor.look("received")

        visitor.go("/grievances")
        visitor.look("grievances")
        visitor.fill(words="客服三天没有回电话，请核实。")
        visitor.press()
        assert page.locator('[data-clock="running"]').count() == 1
        visitor.look("grievance-raised")

        visitor.go("/consents")
        visitor.look("consents")
        page.locator('a[href^="/consents/ask/fraud_prevention"]').click()
        visitor.look("consent-device")
        visitor.agree()
        assert "mingqu_device" in {cookie["name"] for cookie in page.context.cookies()}
        visitor.look("consents-given")
        page.locator('a[href$="/withdraw"]').first.click()
        visitor.press()
        assert "mingqu_device" not in {cookie["name"] for cookie in page.context.cookies()}
        assert visitor.faults == []
