"""Paying inside WeChat: its browser is handed a signed payment, and what it came to is asked of WeChat Pay itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import httpx
import pytest

from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA
from mingqu.demo.story import fund_lenders
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.one_time_code import CodePurpose
from mingqu.domain.personal import Personal
from mingqu.domain.session import Door
from mingqu.services.access.keep_session import open_session
from mingqu.services.people.sign_in import send_code
from mingqu.services.people.sign_in_with_wechat import CameIn, sign_in_at_wechat_page
from mingqu.services.people.verify_identity import verify_identity
from mingqu.services.privacy.give_consent import give_consent
from mingqu.store.server.database import Database
from mingqu.web.signed_in import COOKIE
from tests.browser.visitor import open_window
from tests.conftest import OPENED_ON
from tests.journeys.pages import Phone
from tests.journeys.reading import Books, arrive, assert_coherent, books_of, borrow
from tests.journeys.sandbox_world import SandboxWorld, open_sandbox_world

pytestmark = pytest.mark.xdist_group("browser")
OPENID: Final = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
AGENT: Final = (
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36 "
    "MicroMessenger/8.0.50 Language/zh_CN"
)
# What WeChat puts into every page; the person's finger is `payInWechat`.
BRIDGE: Final = """
window.WeixinJSBridge = {
  invoke: (name, given, heard) =>
    window.payInWechat(name, given).then((word) => heard({ err_msg: `get_brand_wcpay_request:${word}` })),
};
"""


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[SandboxWorld]:
    with open_sandbox_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as opened:
        fund_lenders(opened)
        opened.sandbox.control.wechat.know(openid=OPENID, nickname="夏")
        yield opened


def come_in_by_wechat(world: SandboxWorld) -> CameIn:
    code = world.sandbox.control.wechat.new_code(openid=OPENID)
    return sign_in_at_wechat_page(world.house, code=Personal(code))


def test_whoever_came_in_by_wechat_pays_inside_it(world: SandboxWorld) -> None:
    house = world.house
    known = arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    login = come_in_by_wechat(world).person_id
    give_consent(house, person_id=login, purpose=ConsentPurpose.REAL_NAME_VERIFICATION, recipient=None, key="k")
    world.go_to(house.clock.now() + timedelta(minutes=2))
    send_code(house, phone=XIA.phone, purpose=CodePurpose.VERIFY_IDENTITY)
    verify_identity(
        house,
        person_id=login,
        request_id=house.id_for(login),
        name=XIA.name,
        id_number=XIA.id_number,
        phone=XIA.phone,
        card_number=XIA.card_number,
        digits=world.read_code(XIA.phone),
    )
    came = come_in_by_wechat(world)
    assert (came.person_id, came.openid) == (known.person_id, Personal(OPENID))

    fingers = iter(["cancel", "ok"])
    asked: list[str] = []

    def pay_in_wechat(name: str, given: dict[str, str]) -> str:
        asked.append(name)
        word = next(fingers)
        if word == "ok":
            cashier = f"{world.sandbox.addresses['wechatpay']}/jsapi?{urlencode(given)}"
            assert httpx.get(cashier).status_code == 200, "what the page hands over is signed by the merchant"
            httpx.post(cashier, data={"choice": "pay"})
        return word

    with open_window(world, language="zh", width=375, height=812, name="wechat", agent=AGENT) as visitor:
        page = visitor.page
        page.expose_function("payInWechat", pay_in_wechat)
        page.add_init_script(BRIDGE)
        token = open_session(house, person_id=known.person_id, door=Door.PAGE, login=came.openid).reveal()
        page.context.add_cookies([{"name": COOKIE, "value": token, "url": visitor.address}])
        visitor.go(f"/loans/{loan_id.hex}/repay")
        page.locator("label.pick:has(input[value=all])").click()
        visitor.press()
        visitor.look("payment-in-wechat")
        page.locator("#wechat-pay").click()
        page.wait_for_function("() => true")
        assert "back=1" not in page.url, "whoever thinks again is still where they were"
        page.locator("#wechat-pay").click()
        page.wait_for_url("**/payments/*?back=1")
        world.go_to(house.clock.now() + timedelta(minutes=1))
        work_until_idle(world)
        page.wait_for_selector("#payment[data-state=paid]")
        assert visitor.faults == []
    assert asked == ["getBrandWCPayRequest"] * 2
    assert books_of(house, loan_id) == Books()
    assert_coherent(house)


@pytest.mark.parametrize(("agent", "login", "inside"), [(AGENT, None, False), ("Safari", Personal(OPENID), False)])
def test_a_session_that_wechat_did_not_open_or_another_browser_pays_on_a_page(
    world: SandboxWorld, agent: str, login: Personal[str] | None, inside: bool
) -> None:
    house = world.house
    known = arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    token = open_session(house, person_id=known.person_id, door=Door.PAGE, login=login).reveal()
    phone = Phone(world)
    phone.client.headers["user-agent"] = agent
    phone.client.cookies.set(COOKIE, token)
    page = phone.send(phone.get(f"/loans/{loan_id.hex}/repay").main_form, how="all")
    assert ("wechat-pay" in page.ids) is inside
    assert page.ids["bank"] == "a"


def test_a_payment_begun_inside_wechat_shows_elsewhere_how_to_go_on(world: SandboxWorld) -> None:
    house = world.house
    known = arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    token = open_session(house, person_id=known.person_id, door=Door.PAGE, login=Personal(OPENID)).reveal()
    phone = Phone(world)
    phone.client.headers["user-agent"] = AGENT
    phone.client.cookies.set(COOKIE, token)
    inside = phone.send(phone.get(f"/loans/{loan_id.hex}/repay").main_form, how="all")
    assert inside.ids["wechat-pay"] == "button"
    phone.client.headers["user-agent"] = "Safari"
    outside = phone.get(inside.path)
    assert "wechat-pay" not in outside.ids
    assert f"/loans/{loan_id.hex}/repay" in outside.links
    assert "在微信里发起" in outside.text
