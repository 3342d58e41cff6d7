"""Sign in with WeChat: the openid that WeChat vouches for leads to a person, as a phone does."""

from __future__ import annotations

from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.ownership import NotFound
from mingqu.domain.party import LoginProvider
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.ports.login import LoginChannel, LoginRefused
from mingqu.ports.silence import ChannelSilent
from mingqu.services.house import House
from mingqu.services.sign_in import person_of_login
from mingqu.store import vault
from mingqu.store.database import Transaction

_PAGE_OPENID: Final = "wechat_page_openid"


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


def sign_in_at_wechat_page(house: House, *, code: Personal[str]) -> UUID:
    """Return the person who came back from the house's WeChat page, and keep their openid, sealed.

    With it they can pay inside WeChat, which takes the openid of its payer ("JSAPI支付"). No transaction may be open.
    Errors: WechatCodeWrong, WechatLoginBlocked, WechatLoginSilent.
    """
    assert house.wechat_page is not None
    openid = openid_of(channel=house.wechat_page, code=code)
    person_id = person_of_login(house, provider=LoginProvider.WECHAT, subject=openid)

    def keep(tx: Transaction) -> None:
        values = {_PAGE_OPENID: openid}
        vault.seal_all(tx, keyring=house.keyring, person_id=person_id, values=values, at=house.clock.now())

    house.database.run(keep)
    return person_id


def page_openid(house: House, *, person_id: UUID) -> Personal[str] | None:
    """Return who a person is at the house's WeChat page, or None if they never came in by it."""
    with house.database.transaction() as tx:
        try:
            return vault.open_field(tx, keyring=house.keyring, person_id=person_id, field=_PAGE_OPENID)
        except NotFound:
            return None


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
