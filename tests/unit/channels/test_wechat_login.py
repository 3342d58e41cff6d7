"""What WeChat says of a code, and that neither the code nor the secret is told to anybody else."""

from __future__ import annotations

import json
import logging
import traceback

import httpx
import pytest

from mingqu.channels.wechat.login import WechatApplication, WechatPageLogin, WechatProgramLogin
from mingqu.channels.wire import Wire
from mingqu.domain.personal import Personal
from mingqu.ports.login import LoggedIn, LoginRefused
from mingqu.ports.silence import ChannelSilent

OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
SECRET = "f1c0ffee00000000000000000000f1c0"
CODE = Personal("081Kq4Ga1MSuCL0AXLIa1QqGGa1Kq4GJ")
SAID = {
    "access_token": "A",
    "expires_in": 7200,
    "refresh_token": "R",
    "openid": OPENID,
    "scope": "snsapi_base",
}


class There:
    """WeChat's side: answers 200 with what it is given, or as told."""

    def __init__(self, said: object, *, status: int = 200) -> None:
        self._body = said if isinstance(said, bytes) else json.dumps(said).encode()
        self._status = status
        self.heard: list[httpx.Request] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.heard.append(request)
        return httpx.Response(self._status, content=self._body)

    def application(self) -> WechatApplication:
        wire = Wire(base_url="https://wx.example", transport=httpx.MockTransport(self.handle))
        return WechatApplication(wire=wire, appid="wx1", secret=Personal(SECRET))

    def page(self) -> WechatPageLogin:
        return WechatPageLogin(application=self.application(), authorize_url="https://open.example/connect")


def test_a_browser_is_sent_with_its_parameters_in_the_order_that_wechat_wants() -> None:
    address = There({}).page().address(back="https://house.example/back?x=1", state="s1")
    assert address == (
        "https://open.example/connect?appid=wx1&redirect_uri=https%3A%2F%2Fhouse.example%2Fback%3Fx%3D1"
        "&response_type=code&scope=snsapi_base&state=s1#wechat_redirect"
    )


def test_a_code_of_a_page_becomes_an_openid() -> None:
    there = There(SAID)
    assert there.page().exchange(code=CODE) == LoggedIn(subject=Personal(OPENID))
    assert there.heard[0].url.raw_path.decode() == (
        f"/sns/oauth2/access_token?appid=wx1&secret={SECRET}&code={CODE.reveal()}&grant_type=authorization_code"
    )


def test_a_code_of_a_mini_program_becomes_an_openid_and_the_session_key_stays_unread() -> None:
    there = There({"openid": OPENID, "session_key": "tiihtNczf5v6AKRyjwEUhQ==", "unionid": "o6_bmasdasdsad6_2sgVt7"})
    said = WechatProgramLogin(application=there.application()).exchange(code=CODE)
    assert said == LoggedIn(subject=Personal(OPENID), union=Personal("o6_bmasdasdsad6_2sgVt7"))
    assert there.heard[0].url.raw_path.decode() == (
        f"/sns/jscode2session?appid=wx1&secret={SECRET}&js_code={CODE.reveal()}&grant_type=authorization_code"
    )


@pytest.mark.parametrize(("errcode", "code"), [(40029, "code_wrong"), (40163, "code_used"), (40226, "high_risk")])
def test_an_explicit_no_is_one(errcode: int, code: str) -> None:
    assert There({"errcode": errcode, "errmsg": "x"}).page().exchange(code=CODE) == LoginRefused(code=code)


@pytest.mark.parametrize(
    ("said", "status", "reason"),
    [
        ({"errcode": -1, "errmsg": "system error"}, 200, "rejected"),
        ({"errcode": 40125, "errmsg": "invalid appsecret"}, 200, "rejected"),
        ({"errcode": 45011}, 200, "busy"),
        ({}, 200, "unreadable"),
        ({"openid": "'; --"}, 200, "unreadable"),
        ({"openid": 7}, 200, "unreadable"),
        (b"", 200, "unreadable"),
        (SAID, 302, "unreadable"),
        (SAID, 404, "unreadable"),
        (SAID, 500, "server_error"),
    ],
)
def test_everything_else_leaves_open_who_came(
    said: object, status: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ChannelSilent) as silence:
        There(said, status=status).page().exchange(code=CODE)
    assert silence.value.reason == reason
    told = "".join(traceback.format_exception(silence.value)) + caplog.text
    for secret in (SECRET, CODE.reveal(), OPENID):
        assert secret not in told


def test_a_login_prints_neither_openid_nor_secret() -> None:
    there = There(SAID)
    assert OPENID not in repr(there.page().exchange(code=CODE))
    assert SECRET not in repr(there.application())
