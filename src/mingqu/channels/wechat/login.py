"""Signing in with WeChat: a code of an official account's page, or of a mini-program, becomes an openid.

Sources: developers.weixin.qq.com, "网页授权" (OAuth2, sns/oauth2/access_token) and "小程序登录"
(sns/jscode2session), 2026. WeChat signs nothing here: TLS alone says who answers. The secret stands in the address,
so that no address is ever logged or told.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import urlencode

import msgspec

from mingqu.channels.wire import Wire
from mingqu.domain.personal import Personal
from mingqu.ports.login import LoggedIn, LoginRefused
from mingqu.ports.silence import ChannelSilent

PAGE_PATH: Final = "/sns/oauth2/access_token"
PROGRAM_PATH: Final = "/sns/jscode2session"
SCOPE: Final = "snsapi_base"  # the openid and no more: neither name nor picture is needed
OPENID: Final = "^[0-9A-Za-z_-]{6,64}$"
# What WeChat says of a code, in our words; every other number leaves open who the person is.
_REFUSALS: Final = {40029: "code_wrong", 40163: "code_used", 40226: "high_risk"}
_BUSY: Final = 45011


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens and the session key are not read: nothing here needs them."""

    openid: Annotated[str, msgspec.Meta(pattern=OPENID)] | None = None
    unionid: Annotated[str, msgspec.Meta(pattern=OPENID)] | None = None
    errcode: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WechatApplication:
    """One application of ours at WeChat. Each has openids of its own."""

    wire: Wire
    appid: str
    secret: Personal[str]


class WechatPageLogin:
    """Implements `LoginPage` for a page opened inside WeChat (公众号)."""

    def __init__(self, *, application: WechatApplication, authorize_url: str) -> None:
        self._application, self._authorize_url = application, authorize_url

    def address(self, *, back: str, state: str) -> str:
        """Return where to send the browser; WeChat insists on this order of the parameters."""
        query = {
            "appid": self._application.appid,
            "redirect_uri": back,
            "response_type": "code",
            "scope": SCOPE,
            "state": state,
        }
        return f"{self._authorize_url}?{urlencode(query)}#wechat_redirect"

    def exchange(self, *, code: Personal[str]) -> LoggedIn | LoginRefused:
        """Return who came with a code; it serves once and for five minutes. Errors: ChannelSilent."""
        application = self._application
        query = {
            "appid": application.appid,
            "secret": application.secret.reveal(),
            "code": code.reveal(),
            "grant_type": "authorization_code",
        }
        return _exchange(application, PAGE_PATH, query)


class WechatProgramLogin:
    """Implements `LoginChannel` for a mini-program (小程序), whose `wx.login` gives the code."""

    def __init__(self, *, application: WechatApplication) -> None:
        self._application = application

    def exchange(self, *, code: Personal[str]) -> LoggedIn | LoginRefused:
        """Return who came with a code; it serves once and for five minutes. Errors: ChannelSilent."""
        application = self._application
        query = {
            "appid": application.appid,
            "secret": application.secret.reveal(),
            "js_code": code.reveal(),
            "grant_type": "authorization_code",
        }
        return _exchange(application, PROGRAM_PATH, query)


def _exchange(application: WechatApplication, path: str, query: dict[str, str]) -> LoggedIn | LoginRefused:
    answer = application.wire.exchange(
        method="GET", path=path, query=urlencode(query), headers={"Accept": "application/json"}
    )
    if answer.status != HTTPStatus.OK:
        raise ChannelSilent(reason="unreadable")
    try:
        said = msgspec.json.decode(answer.body, type=_Said)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ChannelSilent(reason="unreadable") from None
    if said.errcode in _REFUSALS:
        return LoginRefused(code=_REFUSALS[said.errcode])
    if said.errcode == _BUSY:
        raise ChannelSilent(reason="busy")
    if said.errcode != 0:
        raise ChannelSilent(reason="rejected")  # -1 is "try again"; a wrong secret is for us to mend
    if said.openid is None:
        raise ChannelSilent(reason="unreadable")
    return LoggedIn(subject=Personal(said.openid), union=None if said.unionid is None else Personal(said.unionid))
