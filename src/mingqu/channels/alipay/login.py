"""Signing in with Alipay: the code that a page of its gives becomes a token, and the token says whose it is.

Source: opendocs.alipay.com, "用户授权", "alipay.system.oauth.token", "alipay.user.info.share" (2026). The code's
parameters stand beside the content, and the answer carries no code of its own when it went well.
"""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlencode

import msgspec

from mingqu.channels.alipay.speech import OK, Application, heard
from mingqu.domain.personal import Personal
from mingqu.ports.login import LoggedIn, LoginRefused
from mingqu.ports.silence import ChannelSilent

EXCHANGE: Final = "alipay.system.oauth.token"
PERSON: Final = "alipay.user.info.share"
SCOPE: Final = "auth_base"  # who it is, and no more: neither name nor picture is needed
_SUBJECT: Final = "^[0-9A-Za-z_-]{6,64}$"
_CODE_WRONG: Final = ("isv.code-invalid", "isv.invalid-auth-code", "isv.grant-type-invalid")


class _Person(msgspec.Struct, frozen=True, kw_only=True):
    """`open_id` is ours alone; `user_id` is what applications of before 2024 know a person by."""

    open_id: Annotated[str, msgspec.Meta(pattern=_SUBJECT)] | None = None
    user_id: Annotated[str, msgspec.Meta(pattern=_SUBJECT)] | None = None
    union_id: Annotated[str, msgspec.Meta(pattern=_SUBJECT)] | None = None


class _Token(_Person, frozen=True, kw_only=True):
    access_token: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class AlipayLogin:
    """Implements `LoginPage`; a mini-program's code is exchanged in the same words."""

    def __init__(self, *, application: Application, authorize_url: str) -> None:
        self._application, self._authorize_url = application, authorize_url

    def address(self, *, back: str, state: str) -> str:
        """Return where to send the browser; it comes back with `auth_code` and our `state`."""
        query = {"app_id": self._application.app_id, "scope": SCOPE, "redirect_uri": back, "state": state}
        return f"{self._authorize_url}?{urlencode(query)}"

    def exchange(self, *, code: Personal[str]) -> LoggedIn | LoginRefused:
        """Return who came with a code; it serves once and for a day at most. Errors: ChannelSilent."""
        said = self._application.speak(EXCHANGE, beside={"grant_type": "authorization_code", "code": code.reveal()})
        if said.sub_code in _CODE_WRONG:
            return LoginRefused(code="code_wrong")
        if said.code != OK:
            heard(said)
            raise ChannelSilent(reason="rejected")
        token = said.read(_Token)
        return _logged_in(token if token.open_id or token.user_id else self._person(token))

    def _person(self, token: _Token) -> _Person:
        """Return whose a token is, where the exchange did not say so."""
        said = heard(self._application.speak(PERSON, beside={"auth_token": token.access_token}))
        if said.code != OK:
            raise ChannelSilent(reason="rejected")
        return said.read(_Person)


def _logged_in(person: _Person) -> LoggedIn:
    subject = person.open_id or person.user_id
    if subject is None:
        raise ChannelSilent(reason="unreadable")
    return LoggedIn(subject=Personal(subject), union=None if person.union_id is None else Personal(person.union_id))
