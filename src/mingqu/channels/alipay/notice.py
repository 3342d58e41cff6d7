"""What Alipay tells unasked: a trade was paid or closed, an agreement signed or ended. Signature, age, whose, content.

Source: opendocs.alipay.com, "异步通知说明" and "商家扣款" (2026). A form, answered by exactly `success`, or it
comes again after 4 min, 10 min twice, 1 h, 2 h, 6 h and 15 h, with the same notify_id.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec

from mingqu.channels.alipay.amount import moment_of
from mingqu.channels.alipay.signature import RSA2, SIGN, SIGN_TYPE
from mingqu.channels.alipay.speech import Application
from mingqu.channels.alipay.trade import Trade, word_of
from mingqu.domain.personal import Personal
from mingqu.domain.word import Failed, Paid
from mingqu.ports.collection import Agreed
from mingqu.ports.notice import (
    AgreementNotice,
    Notice,
    NoticeCertificateOver,
    NoticeForeign,
    NoticeMalformed,
    NoticeStale,
    NoticeUnsigned,
    NoticeUnsupported,
)
from mingqu.ports.silence import ChannelSilent

TRADE: Final = "trade_status_sync"
SIGNED: Final = "dut_user_sign"
UNSIGNED: Final = "dut_user_unsign"
# Alipay tries for 25 hours and does not say that a later try bears a new moment; the hour is for clocks.
AGE_MAX: Final = timedelta(hours=26)
PARAMETERS_MAX: Final = 100  # the document names some forty

_Content = TypeVar("_Content")


class _Told(Trade, frozen=True, kw_only=True):
    notify_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    notify_type: str
    app_id: str
    seller_id: str


class _Agreed(msgspec.Struct, frozen=True, kw_only=True):
    app_id: str
    status: str
    external_agreement_no: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    agreement_no: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class AlipayNotices:
    """Implements `NoticeReader`."""

    def __init__(self, *, application: Application) -> None:
        self._application = application

    def read(
        self,
        *,
        target: str,  # noqa: ARG002 - of the port; not signed here
        headers: Mapping[str, str],  # noqa: ARG002 - as above
        body: bytes,
    ) -> Notice | AgreementNotice:
        """Return what Alipay says; neither the address it came to nor a header is among what it signs.

        Errors: NoticeUnsigned, NoticeCertificateOver, NoticeStale, NoticeForeign, NoticeUnsupported, NoticeMalformed.
        """
        said = _parameters(body)
        if not self._is_signed(said):
            if said.get(SIGN_TYPE) == RSA2 and self._application.is_over(parameters=said, without=(SIGN, SIGN_TYPE)):
                raise NoticeCertificateOver("This notice is signed under a certificate of Alipay's whose time is over.")
            raise NoticeUnsigned("This notice is not signed by Alipay.")
        self._require_recent(said.get("notify_time", ""))
        if said.get("notify_type") in (SIGNED, UNSIGNED):
            return self._agreement(said)
        if said.get("notify_type") != TRADE:
            raise NoticeUnsupported("Only what became of a trade or an agreement is listened to here.")
        told = _read(said, of=_Told)
        if (told.app_id, told.seller_id) != (self._application.app_id, self._application.seller_id):
            foreign = "This notice is for another application or another seller."
            raise NoticeForeign(foreign, merchant=told.seller_id, application=told.app_id)
        try:
            word = word_of(told)
        except ChannelSilent:
            word = None
        if not isinstance(word, Paid | Failed):
            raise NoticeMalformed("This notice tells of no end, or not as the document says.")
        return Notice(notice_id=told.notify_id, order_number=told.out_trade_no, word=word)

    def _agreement(self, said: Mapping[str, str]) -> AgreementNotice:
        told = _read(said, of=_Agreed)
        if told.app_id != self._application.app_id:
            raise NoticeForeign("This notice is for another application.", application=told.app_id)
        match said["notify_type"], told.status:
            case "dut_user_sign", "NORMAL":
                word: Agreed | Failed = Agreed(token=Personal(told.agreement_no))
            case "dut_user_unsign", _:
                word = Failed(code="agreement_ended")
            case _:
                raise NoticeMalformed("This notice tells of no agreement.")
        return AgreementNotice(agreement_number=told.external_agreement_no, word=word)

    def _is_signed(self, said: Mapping[str, str]) -> bool:
        try:
            return said.get(SIGN_TYPE) == RSA2 and self._application.check(parameters=said, without=(SIGN, SIGN_TYPE))
        except ChannelSilent:
            return False  # its certificate is not to be had now; a genuine notice comes again

    def _require_recent(self, text: str) -> None:
        try:
            age = self._application.clock.now() - moment_of(text)
        except ChannelSilent:
            raise NoticeMalformed("This notice does not say when it was sent.") from None
        if abs(age) > AGE_MAX:
            raise NoticeStale("This notice is not from the time in which Alipay sends one again.")


def _parameters(body: bytes) -> dict[str, str]:
    """Return the form, each name once. Errors: NoticeUnsigned, for what could be read in two ways."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict",
            max_num_fields=PARAMETERS_MAX,
        )  # fmt: skip
    except ValueError:
        raise NoticeUnsigned("This is no notice of Alipay's.") from None
    if len(dict(pairs)) != len(pairs):
        raise NoticeUnsigned("This notice says something twice.")
    return dict(pairs)


def _read(said: Mapping[str, str], *, of: type[_Content]) -> _Content:
    try:
        return msgspec.convert(dict(said), type=of)
    except msgspec.ValidationError:
        raise NoticeMalformed("The content of this notice is not as the document says.") from None
