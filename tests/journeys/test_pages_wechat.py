"""Sign in through WeChat's page: only a browser that we sent there comes in, and always with a new session."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from litestar.testing import TestClient

from mingqu.borrower import make_router
from mingqu.demo.people import XIA
from mingqu.domain.one_time_code import CodePurpose
from mingqu.domain.personal import Personal
from mingqu.services.people.sign_in import send_code, sign_in
from mingqu.services.people.sign_in_with_wechat import CameIn, WechatCodeWrong
from mingqu.web.signed_in import COOKIE
from mingqu.web.site import make_site
from tests.world import OpenWorld


class WechatStandIn:
    """Sends people to a page and knows one code."""

    def __init__(self, *, person_id: UUID) -> None:
        self._person_id = person_id

    def address(self, *, state: str) -> str:
        return f"https://wechat.test/authorize?state={state}"

    def sign_in(self, *, code: Personal[str]) -> CameIn:
        if code.reveal() != "good":
            raise WechatCodeWrong("This way in has expired.")
        return CameIn(person_id=self._person_id, openid=Personal("oStandIn"))


@pytest.fixture
def client(world: OpenWorld) -> TestClient:
    send_code(world.house, phone=XIA.phone, purpose=CodePurpose.SIGN_IN)
    person_id = sign_in(world.house, phone=XIA.phone, digits=world.read_code(XIA.phone))
    router = make_router(world.house, secure_cookies=False, wechat=WechatStandIn(person_id=person_id))
    return TestClient(make_site(world.house, routers=[router]), base_url="http://mingqu.test")


def begin(client: TestClient) -> str:
    page = client.get("/sign-in?next=/loans")
    assert "/sign-in/wechat?next=/loans" in page.text
    sent = client.get("/sign-in/wechat?next=/loans", follow_redirects=False)
    assert sent.status_code == 303
    return parse_qs(urlsplit(sent.headers["location"]).query)["state"][0]


def test_who_comes_back_from_wechat_is_in_and_where_they_wanted_to_be(client: TestClient) -> None:
    state = begin(client)
    back = client.get("/sign-in/wechat/back", params={"code": "good", "state": state}, follow_redirects=False)
    assert back.headers["location"] == "/loans"
    assert client.get("/loans").status_code == 200
    token = client.cookies[COOKIE]
    again = client.get("/sign-in/wechat/back", params={"code": "good", "state": state}, follow_redirects=False)
    assert again.status_code == 403  # a state serves once
    assert client.cookies[COOKIE] == token


@pytest.mark.parametrize("state", ["", "0" * 64])
def test_who_was_not_sent_by_this_site_does_not_come_in(client: TestClient, state: str) -> None:
    begin(client)
    back = client.get("/sign-in/wechat/back", params={"code": "good", "state": state}, follow_redirects=False)
    assert back.status_code == 403
    assert COOKIE not in client.cookies


def test_a_code_that_wechat_does_not_know_is_told_in_words(client: TestClient) -> None:
    state = begin(client)
    back = client.get("/sign-in/wechat/back", params={"code": "old", "state": state}, follow_redirects=False)
    assert back.status_code == 401
    assert "微信登录已过期" in back.text
    assert COOKIE not in client.cookies
