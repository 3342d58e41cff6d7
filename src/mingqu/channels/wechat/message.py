"""Messages inside WeChat (小程序订阅消息): one for each time that somebody accepted one of a template.

Sources: developers.weixin.qq.com, "subscribeMessage.send" and "getStableAccessToken" (2026). WeChat signs nothing here:
TLS alone says who answers. Secret and token stand in addresses or bodies that are never logged.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final, TypeVar
from urllib.parse import urlencode

import msgspec

from mingqu.channels.wechat.login import WechatApplication
from mingqu.domain.personal import Personal
from mingqu.ports.clock import Clock
from mingqu.ports.silence import ChannelSilent
from mingqu.ports.sms import MessageRefused, MessageTaken

Said = TypeVar("Said")
TOKEN_PATH: Final = "/cgi-bin/stable_token"  # noqa: S105 - an address, no secret
SEND_PATH: Final = "/cgi-bin/message/subscribe/send"
EARLY: Final = timedelta(minutes=5)  # a token is not used to its last second
TOKEN_OVER: Final = (40001, 42001)  # it was replaced, or ran out before its time
VALUE_LENGTH_MAX: Final = 20  # of a `thing`; longer ones are refused by WeChat
_REFUSALS: Final = {43101: "no_quota", 40037: "template_unknown", 40003: "login_unknown", 47003: "values_wrong"}


class _Token(msgspec.Struct, frozen=True, kw_only=True):
    access_token: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)] = ""
    expires_in: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 1
    errcode: int = 0


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    errcode: int


class WechatMessages:
    """Implements `SubscribedMessageChannel`. `templates` gives WeChat's template id by our name."""

    def __init__(self, *, application: WechatApplication, clock: Clock, templates: Mapping[str, str]) -> None:
        self._application, self._clock, self._templates = application, clock, dict(templates)
        self._lock = threading.Lock()
        self._token: Personal[str] | None = None
        self._until: datetime | None = None

    @property
    def templates(self) -> frozenset[str]:
        """The names of the templates that the application has."""
        return frozenset(self._templates)

    def send(
        self, *, login: Personal[str], template: str, values: Mapping[str, Personal[str]]
    ) -> MessageTaken | MessageRefused:
        """Send one message; a token that is over is fetched anew, once. Errors: ChannelSilent."""
        body = {
            "touser": login.reveal(),
            "template_id": self._templates[template],
            "data": {name: {"value": value.reveal()[:VALUE_LENGTH_MAX]} for name, value in values.items()},
        }
        code = self._said(body)
        if code in TOKEN_OVER:
            self._forget()
            code = self._said(body)
        if code == 0:
            return MessageTaken()
        if code in _REFUSALS:
            return MessageRefused(code=_REFUSALS[code])
        raise ChannelSilent(reason="rejected")

    def _said(self, body: Mapping[str, object]) -> int:
        query = urlencode({"access_token": self._fresh_token().reveal()})
        return _posted(self._application, SEND_PATH, body, query=query, of=_Said).errcode

    def _fresh_token(self) -> Personal[str]:
        with self._lock:  # one fetches, the others wait and use what it got
            now = self._clock.now()
            if self._token is None or self._until is None or now >= self._until:
                body = {
                    "grant_type": "client_credential",
                    "appid": self._application.appid,
                    "secret": self._application.secret.reveal(),
                }
                told = _posted(self._application, TOKEN_PATH, body, of=_Token)
                if told.errcode or not told.access_token:
                    raise ChannelSilent(reason="rejected")
                self._token = Personal(told.access_token)
                self._until = now + timedelta(seconds=told.expires_in) - EARLY
            return self._token

    def _forget(self) -> None:
        with self._lock:
            self._token = None


def _posted(
    application: WechatApplication, path: str, body: Mapping[str, object], *, query: str = "", of: type[Said]
) -> Said:
    answer = application.wire.exchange(
        method="POST",
        path=path,
        query=query,
        headers={"Content-Type": "application/json"},
        body=json.dumps(body, ensure_ascii=False).encode(),
    )
    if answer.status != HTTPStatus.OK:
        raise ChannelSilent(reason="unreadable")
    try:
        return msgspec.json.decode(answer.body, type=of)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ChannelSilent(reason="unreadable") from None
