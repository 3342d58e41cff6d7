"""Sign in with WeChat: the openid that WeChat vouches for leads to a person, as a phone does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from mingqu.domain.party import LoginProvider
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.ports.login import LoginChannel, LoginRefused
from mingqu.ports.silence import ChannelSilent
from mingqu.services.house import House
from mingqu.services.people.sign_in import person_of_login


@dataclass(frozen=True, slots=True, kw_only=True)
class CameIn:
    """Whoever came in by WeChat, and who they are there."""

    person_id: UUID
    openid: Personal[str]


class WechatCodeWrong(Refusal):
    """WeChat does not know this code: it was made up, has been used, or is older than five minutes."""

    code: ClassVar[str] = "wechat_code_wrong"
    status: ClassVar[int] = 401


class WechatLoginBlocked(Refusal):
    """WeChat holds this user for a high risk and does not sign them in; another way to sign in may work."""

    code: ClassVar[str] = "wechat_login_blocked"
    status: ClassVar[int] = 403


class WechatLoginSilent(Refusal):
    """WeChat did not answer. Nobody is signed in; begin again, for the code may be used up."""

    code: ClassVar[str] = "wechat_login_silent"
    status: ClassVar[int] = 503


def sign_in_with_wechat(house: House, *, channel: LoginChannel, code: Personal[str]) -> UUID:
    """Return the person that an openid leads to; one never seen before makes a new person.

    The login is not the person: when real-name verification finds that somebody is a person known already, the login
    is led there (`verify_identity`). Errors: WechatCodeWrong, WechatLoginBlocked, WechatLoginSilent.
    """
    return person_of_login(house, provider=LoginProvider.WECHAT, subject=openid_of(channel=channel, code=code))


def sign_in_at_wechat_page(house: House, *, code: Personal[str]) -> CameIn:
    """Return who came back from the house's WeChat page, and their openid, which WeChat asks for when they pay in it.

    No transaction may be open. Errors: WechatCodeWrong, WechatLoginBlocked, WechatLoginSilent.
    """
    assert house.wechat_page is not None
    openid = openid_of(channel=house.wechat_page, code=code)
    return CameIn(person_id=person_of_login(house, provider=LoginProvider.WECHAT, subject=openid), openid=openid)


def openid_of(*, channel: LoginChannel, code: Personal[str]) -> Personal[str]:
    """Return the openid that a code stands for, e.g. to pay inside WeChat. No transaction may be open.

    Errors: WechatCodeWrong, WechatLoginBlocked, WechatLoginSilent.
    """
    try:
        said = channel.exchange(code=code)
    except ChannelSilent:
        raise WechatLoginSilent("WeChat did not answer. Please open this page from WeChat again.") from None
    if not isinstance(said, LoginRefused):
        return said.subject
    if said.code == "high_risk":
        raise WechatLoginBlocked("WeChat does not sign this account in. Please sign in by phone.")
    raise WechatCodeWrong("This way in has expired. Please open this page from WeChat again.")
