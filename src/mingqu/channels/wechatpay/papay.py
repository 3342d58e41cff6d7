"""Classic withholding (委托代扣), which speaks V2 alone: a plug-in behind the same port as WeChat's loan repayment.

Source: pay.weixin.qq.com, "委托代扣" (2026): entrustweb, pappayapply, paporderquery, querycontract, deletecontract.
It is meant for subscriptions, with low limits; for loans prefer `repayment`. Nobody's name is compared at signing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final
from urllib.parse import urlencode

from mingqu.channels.wechatpay.bill import bill_of
from mingqu.channels.wechatpay.speech import Merchant
from mingqu.channels.wechatpay.v2 import SUCCESS, MalformedXmlError, Speaker, Words, read_xml, sign
from mingqu.domain.moment import MARKET_TIME
from mingqu.domain.money import AMOUNT_FEN_MAX
from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.collection import Agreed, DeductionRequest, HostedAgreementRequest, HostedPage
from mingqu.ports.notice import AgreementNotice, Notice, NoticeMalformed, NoticeUnsigned, NoticeUnsupported
from mingqu.ports.payout import StatementLine
from mingqu.ports.silence import ChannelSilent

PAGE: Final = "/papay/entrustweb"
QUERY_CONTRACT: Final = "/papay/querycontract"
END: Final = "/papay/deletecontract"
APPLY: Final = "/pay/pappayapply"
QUERY: Final = "/pay/paporderquery"
BODY: Final = "还款"
OUR_ADDRESS: Final = "127.0.0.1"  # spbill_create_ip: of the machine that asks, which has nobody's
THANKS: Final = "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>"
_OVER: Final = frozenset({"CONTRACT_NOT_EXIST", "CONTRACT_TERMINATED", "CONTRACTERROR"})
_TAKEN: Final = frozenset({"INVALID_REQUEST", "OUT_TRADE_NO_USED"})
_WORDS: Final = {"NOT_ENOUGH": "insufficient_funds", "AMOUNT_LIMIT": "over_limit"}


class WechatPapay:
    """Implements `HostedAgreementChannel` in V2; the day's bill is V3's, where its deductions stand as well."""

    def __init__(self, *, speaker: Speaker, merchant: Merchant, plan_id: str, notify_url: str) -> None:
        self._speaker, self._merchant = speaker, merchant
        self._plan_id, self._notify_url = plan_id, notify_url

    @property
    def resend_is_safe(self) -> bool:
        """A number said again with the same parameters is the same deduction."""
        return True

    def agreement_page(self, request: HostedAgreementRequest) -> HostedPage | Refused | NumberTaken:
        """Return the page on which a person signs: an address that bears our signature; nothing is said to anybody."""
        speaker = self._speaker
        words = {
            "appid": speaker.appid,
            "mch_id": speaker.mchid,
            "plan_id": self._plan_id,
            "contract_code": request.agreement_number,
            "request_serial": str(int(hashlib.sha256(request.agreement_number.encode()).hexdigest()[:12], 16)),
            "contract_display_account": f"***{request.holder_name.reveal()[-1:]}",
            "notify_url": self._notify_url,
            "version": "1.0",
            "timestamp": str(int(self._merchant.clock.now().timestamp())),
            "return_web": request.back,
        }
        query = urlencode({**words, "sign": sign(words, key=speaker.key)})
        return HostedPage(address=speaker.wire.address(PAGE, query=query))

    def ask_agreement(self, agreement_number: str) -> Agreed | InProgress | Failed | NotFound:
        """Tell what became of an agreement; one that has ended is `Failed`. Errors: ChannelSilent.

        Before it is signed WeChat does not know it.
        """
        said = self._speaker.ask(
            QUERY_CONTRACT, {"plan_id": self._plan_id, "contract_code": agreement_number, "version": "1.0"}
        )
        if said.get("result_code") != SUCCESS:
            if said.get("err_code") in _OVER:
                return NotFound()
            raise ChannelSilent(reason="rejected")
        if said.get("contract_code") != agreement_number or not said.get("contract_id"):
            raise ChannelSilent(reason="unreadable")
        match said.get("contract_state"):
            case "0":
                return Agreed(token=Personal(said["contract_id"]))
            case "1":
                return Failed(code="agreement_ended")
            case _:
                raise ChannelSilent(reason="unreadable")

    def cancel_agreement(self, *, agreement_token: Personal[str]) -> Accepted | Refused:
        """End an agreement. One that has ended already is ended again. Errors: ChannelSilent."""
        words = {"contract_id": agreement_token.reveal(), "contract_termination_remark": "用户解约", "version": "1.0"}
        said = self._speaker.ask(END, words)
        if said.get("result_code") == SUCCESS or said.get("err_code") in _OVER:
            return Accepted()
        raise ChannelSilent(reason="rejected")

    def deduct(self, request: DeductionRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Ask for a deduction; that it was taken is all that is answered. Errors: ChannelSilent."""
        words = {
            "body": BODY,
            "out_trade_no": request.order_number,
            "total_fee": str(request.amount_fen),
            "fee_type": request.currency,
            "spbill_create_ip": OUR_ADDRESS,
            "notify_url": self._notify_url,
            "trade_type": "PAP",
            "contract_id": request.agreement_token.reveal(),
        }
        said = self._speaker.ask(APPLY, words)
        if said.get("result_code") == SUCCESS:
            return Accepted()
        code = said.get("err_code")
        known = self.ask(request.order_number) if code in _OVER | _TAKEN else None
        match known:
            case NotFound() if code in _OVER:
                return Refused(code="agreement_ended")
            case Failed(code=ended):
                return Refused(code=ended)
            case Paid() as paid if paid.amount_fen == request.amount_fen:
                return paid
            case Paid() | InProgress():
                return NumberTaken()
            case _:
                raise ChannelSilent(reason="rejected")

    def ask(self, order_number: str) -> Paid | Failed | InProgress | NotFound:
        """Tell what became of a deduction. Errors: ChannelSilent."""
        said = self._speaker.ask(QUERY, {"out_trade_no": order_number})
        if said.get("result_code") != SUCCESS:
            if said.get("err_code") in ("ORDERNOTEXIST", "ORDER_NOT_EXIST"):
                return NotFound()
            raise ChannelSilent(reason="rejected")
        word = _word_of(said)
        if word is None or said.get("out_trade_no") != order_number:
            raise ChannelSilent(reason="unreadable")
        return word

    def statement(self, business_date: date) -> Sequence[StatementLine]:
        """Return the merchant's bill of a day that is over."""
        return bill_of(merchant=self._merchant, business_date=business_date)


class PapayNotices:
    """Implements `NoticeReader` for V2, which signs words and no moment: an old notice played again changes nothing."""

    def __init__(self, *, speaker: Speaker) -> None:
        self._speaker = speaker

    def read(self, *, target: str, headers: Mapping[str, str], body: bytes) -> Notice | AgreementNotice:  # noqa: ARG002
        """Return what WeChat says of a deduction or of an agreement.

        Errors: NoticeUnsigned, NoticeMalformed, NoticeUnsupported.
        """
        try:
            said = read_xml(body)
        except MalformedXmlError:
            raise NoticeUnsigned("This notice is not the XML of WeChat Pay.") from None
        if not self._speaker.is_signed(said):
            raise NoticeUnsigned("This notice is not signed by WeChat Pay for this merchant.")
        if "change_type" in said:
            return _agreement_notice(said)
        word = _word_of(said)
        if not isinstance(word, Paid | Failed) or not said.get("out_trade_no"):
            raise NoticeUnsupported("This notice ends nothing.")
        number = said["out_trade_no"]
        what = "paid" if isinstance(word, Paid) else "failed"
        return Notice(notice_id=f"papay-{what}-{number}", order_number=number, word=word)


def _agreement_notice(said: Words) -> AgreementNotice:
    number, contract_id = said.get("contract_code", ""), said.get("contract_id", "")
    if not number or not contract_id:
        raise NoticeMalformed("This notice names no agreement.")
    match said["change_type"]:
        case "ADD":
            return AgreementNotice(agreement_number=number, word=Agreed(token=Personal(contract_id)))
        case "DELETE":
            return AgreementNotice(agreement_number=number, word=Failed(code="agreement_ended"))
        case _:
            raise NoticeMalformed("This notice tells of an unknown change.")


def _word_of(said: Words) -> Paid | Failed | InProgress | None:
    """Return the word of a deduction, or None when it is not told in full. NOTPAY is one that is tried again."""
    match said.get("trade_state"):
        case "SUCCESS" | "REFUND":
            fee, at = said.get("total_fee", ""), _moment(said.get("time_end", ""))
            whole = fee.isascii() and fee.isdigit() and 0 < int(fee[:16]) <= AMOUNT_FEN_MAX and len(fee) <= 16
            if at is None or not whole or not said.get("transaction_id"):
                return None
            currency = said.get("fee_type", "CNY")
            return Paid(at=at, amount_fen=int(fee), currency=currency, reference=said["transaction_id"])
        case "ACCEPT" | "NOTPAY" | "USERPAYING":
            return InProgress()
        case "PAY_FAIL" | "CLOSED":
            return Failed(code=_WORDS.get(said.get("err_code", ""), "payment_failed"))
        case _:
            return None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=MARKET_TIME).astimezone(UTC)
    except ValueError:
        return None
