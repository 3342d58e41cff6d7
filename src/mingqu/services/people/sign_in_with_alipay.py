"""Sign in with Alipay: the subject that Alipay vouches for leads to a person, as a phone does."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from mingqu.domain.party import LoginProvider
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.ports.login import LoginRefused
from mingqu.ports.silence import ChannelSilent
from mingqu.services.house import House
from mingqu.services.people.sign_in import person_of_login


class AlipayCodeWrong(Refusal):
    """Alipay does not know this code: it was made up, has been used, or is too old."""

    code: ClassVar[str] = "alipay_code_wrong"
    status: ClassVar[int] = 401


class AlipayLoginBlocked(Refusal):
    """Alipay holds this user for a high risk and does not vouch for them; another way may work."""

    code: ClassVar[str] = "alipay_login_blocked"
    status: ClassVar[int] = 403


class AlipayLoginSilent(Refusal):
    """Alipay did not answer. Nobody is signed in and nothing is bound; begin again, for the code may be used up."""

    code: ClassVar[str] = "alipay_login_silent"
    status: ClassVar[int] = 503


class AlipayNotConnected(Refusal):
    """This house has no application at Alipay."""

    code: ClassVar[str] = "alipay_not_connected"
    status: ClassVar[int] = 404


def sign_in_with_alipay(house: House, *, code: Personal[str]) -> UUID:
    """Return the person that an Alipay account leads to; one never seen before makes a new person.

    The login is not the person: when real-name verification finds that somebody is a person known already, the login
    is led there. No transaction may be open. Errors: those of `alipay_subject`.
    """
    return person_of_login(house, provider=LoginProvider.ALIPAY, subject=alipay_subject(house, code=code))


def alipay_subject(house: House, *, code: Personal[str]) -> Personal[str]:
    """Return whose account a code stands for: its open_id at our application, or its user id.

    Errors: AlipayNotConnected, AlipayCodeWrong, AlipayLoginBlocked, AlipayLoginSilent.
    """
    if house.alipay_page is None:
        raise AlipayNotConnected("Alipay is not connected here.")
    try:
        said = house.alipay_page.exchange(code=code)
    except ChannelSilent:
        raise AlipayLoginSilent("Alipay did not answer. Please begin again.") from None
    if not isinstance(said, LoginRefused):
        return said.subject
    if said.code == "high_risk":
        raise AlipayLoginBlocked("Alipay does not vouch for this account. Please sign in by phone.")
    raise AlipayCodeWrong("This way in has expired. Please begin again.")
