"""What WeChat Pay tells unasked of payments, deductions, agreements. Signature, then age, seal, and content.

Source: pay.weixin.qq.com, APIv3, "支付成功回调通知" (2026). Answered within five seconds or it comes again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, TypeVar

import msgspec

from mingqu.channels.wechatpay.combined import Combined
from mingqu.channels.wechatpay.repayment import Contract, Deduction, agreement_word, deduction_word
from mingqu.channels.wechatpay.signature import Fault, open_resource
from mingqu.channels.wechatpay.speech import Merchant
from mingqu.channels.wechatpay.trade import Trade, word_of
from mingqu.domain.word import Failed, Paid
from mingqu.ports.collection import Agreed
from mingqu.ports.notice import (
    AgreementNotice,
    CombinedNotice,
    Notice,
    NoticeCertificateOver,
    NoticeForeign,
    NoticeMalformed,
    NoticeStale,
    NoticeUnsigned,
    NoticeUnsupported,
)
from mingqu.ports.silence import ChannelSilent

SUCCESS: Final = "TRANSACTION.SUCCESS"
CONTRACT: Final = ("CREDIT_REPAYMENT.SIGN_CONTRACT", "CREDIT_REPAYMENT.TERMINATE_CONTRACT")
DEDUCTION: Final = "CREDIT_REPAYMENT.DEDUCTION_PAY"
ALGORITHM: Final = "AEAD_AES_256_GCM"
Said = TypeVar("Said")


class _Resource(msgspec.Struct, frozen=True, kw_only=True):
    algorithm: str
    ciphertext: str
    nonce: str
    associated_data: str = ""


class _Envelope(msgspec.Struct, frozen=True, kw_only=True):
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    event_type: str
    resource: _Resource


class _Which(msgspec.Struct, frozen=True, kw_only=True):
    combine_out_trade_no: str | None = None


class WechatNotices:
    """Implements `NoticeReader`."""

    def __init__(self, *, merchant: Merchant) -> None:
        self._merchant = merchant

    def read(
        self,
        *,
        target: str,  # noqa: ARG002 - of the port; not signed here
        headers: Mapping[str, str],
        body: bytes,
    ) -> Notice | AgreementNotice | CombinedNotice:
        """Return what WeChat Pay says; the address it came to is not among what it signs.

        Errors: NoticeUnsigned, NoticeCertificateOver, NoticeStale, NoticeMalformed, NoticeUnsupported, NoticeForeign.
        """
        lower = {name.lower(): value for name, value in headers.items()}
        try:
            fault = self._merchant.check(headers=lower, body=body)
        except ChannelSilent:
            fault = Fault.SIGNATURE  # its certificate is not to be had now; a genuine notice comes again
        if fault is Fault.SIGNATURE:
            raise NoticeUnsigned("This notice is not signed by WeChat Pay.")
        if fault is Fault.CERTIFICATE:
            raise NoticeCertificateOver("This notice is signed under a certificate of WeChat Pay's whose time is over.")
        if fault is Fault.AGE:
            raise NoticeStale("This notice is not from now.")
        envelope = _read(body, of=_Envelope)
        if envelope.event_type not in (SUCCESS, *CONTRACT, DEDUCTION) or envelope.resource.algorithm != ALGORITHM:
            raise NoticeUnsupported("Only payments, deductions and agreements are listened to here.")
        if envelope.event_type in CONTRACT:
            return self._agreement(self._opened(envelope.resource))
        if envelope.event_type == DEDUCTION:
            return self._deduction(envelope.id, self._opened(envelope.resource))
        content = self._opened(envelope.resource)
        if _read(content, of=_Which).combine_out_trade_no is not None:
            return self._combined(content)
        trade = _read(content, of=Trade)
        self._require_own(trade.appid, trade.mchid)
        word = word_of(trade)
        if not isinstance(word, Paid):
            raise NoticeMalformed("This notice tells of no success.")
        return Notice(notice_id=envelope.id, order_number=trade.out_trade_no, word=word)

    def _combined(self, content: bytes) -> CombinedNotice:
        """Return which orders to ask for: how much each lender got is compared where they are asked."""
        told = _read(content, of=Combined)
        self._require_own(told.combine_appid, told.combine_mchid)
        return CombinedNotice(order_numbers=tuple(sub.out_trade_no for sub in told.sub_orders))

    def _deduction(self, notice_id: str, content: bytes) -> Notice:
        told = _read(content, of=Deduction)
        self._require_own(told.appid, told.mchid)
        word = deduction_word(told, merchant=self._merchant)
        if not isinstance(word, Paid | Failed):
            raise NoticeMalformed("This notice tells of no end.")
        return Notice(notice_id=notice_id, order_number=told.out_trade_no, word=word)

    def _agreement(self, content: bytes) -> AgreementNotice:
        told = _read(content, of=Contract)
        self._require_own(told.appid, told.mchid)
        word = agreement_word(told, merchant=self._merchant)
        if not isinstance(word, Agreed | Failed):
            raise NoticeMalformed("This notice tells of no agreement.")
        return AgreementNotice(agreement_number=told.out_contract_code, word=word)

    def _require_own(self, appid: str, mchid: str) -> None:
        if (appid, mchid) != (self._merchant.appid, self._merchant.mchid):
            foreign = "This notice is for another merchant or application."
            raise NoticeForeign(foreign, merchant=mchid, application=appid)

    def _opened(self, resource: _Resource) -> bytes:
        opened = open_resource(
            api_v3_key=self._merchant.api_v3_key,
            ciphertext=resource.ciphertext,
            nonce=resource.nonce,
            associated_data=resource.associated_data,
        )
        if opened is None:
            raise NoticeMalformed("The content of this notice is not sealed with our key.")
        return opened


def _read(body: bytes, *, of: type[Said]) -> Said:
    try:
        return msgspec.json.decode(body, type=of)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise NoticeMalformed("The content of this notice is not as the document says.") from None
