"""Loan repayment by WeChat itself (信贷还款, 自动还款): signed on WeChat's page, announced, deducted, ended.

Source: pay.weixin.qq.com, APIv3, "信贷还款" for service providers (2025-09 to 2025-12). Of the deduction's own body, of
the query by our number and of the page's address no document was seen: they are written as their neighbors are, which
is as far as this is known. Whatever is not in a document ends no order: every other code is silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date
from http import HTTPStatus
from typing import Annotated, Final, NamedTuple

import msgspec

from mingqu.channels.wechatpay.bill import bill_of
from mingqu.channels.wechatpay.speech import Merchant, problem, read
from mingqu.channels.wechatpay.trade import Currency, Fen, Moment, Text
from mingqu.channels.wire import Answer
from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.collection import (
    Agreed,
    DeductionAnnouncement,
    DeductionRequest,
    HostedAgreementRequest,
    HostedPage,
)
from mingqu.ports.payout import StatementLine
from mingqu.ports.silence import ChannelSilent

CONTRACTS: Final = "/v3/credit-repayment/partner/contracts"
SCHEDULE: Final = "/v3/credit-repayment/partner/schedule-records/batch-create"
DEDUCTIONS: Final = "/v3/credit-repayment/partner/deduct-orders"
IDENTITY_CARD: Final = "IDENTIFICATION_TYPE_IDCARD"
REMARK: Final = "用户解约"
DESCRIPTION: Final = "还款"
# A contract that is over does not come back, so a number under it can never be paid, however late it arrives.
_OVER: Final = frozenset({"CONTRACT_NOT_EXIST", "CONTRACT_TERMINATED"})
_WORDS: Final = {"NOT_ENOUGH": "insufficient_funds", "AMOUNT_LIMIT": "over_limit"}


class _Token(NamedTuple):
    """What the house keeps sealed of an agreement: each call names it by another of these."""

    contract_id: str
    openid: str
    code: str

    @classmethod
    def read(cls, sealed: Personal[str]) -> _Token:
        """Return the three parts of a token. One that has others was never ours."""
        parts = sealed.reveal().split("/")
        if len(parts) != len(cls._fields):
            raise ChannelSilent(reason="rejected")
        return cls(*parts)


class _Presigned(msgspec.Struct, frozen=True, kw_only=True):
    presign_token: Annotated[str, msgspec.Meta(pattern="^[0-9A-Za-z_-]{1,128}$")]
    h5_url: Annotated[str, msgspec.Meta(pattern="^https?://", max_length=2048)] | None = None


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """How a contract stands, in answer to a question or in a notice."""

    appid: str
    mchid: str
    out_contract_code: str
    contract_state: str
    contract_id: Annotated[str, msgspec.Meta(pattern="^[0-9A-Za-z_-]{1,64}$")] | None = None
    openid: Annotated[str, msgspec.Meta(pattern="^[0-9A-Za-z_-]{1,64}$")] | None = None


class _Amount(msgspec.Struct, frozen=True, kw_only=True):
    total: Fen
    payer_total: Fen | None = None
    currency: Currency = "CNY"


class Deduction(msgspec.Struct, frozen=True, kw_only=True):
    """How a deduction stands, in answer to a request or a question or in a notice."""

    appid: str
    mchid: str
    out_trade_no: str
    trade_state: str
    amount: _Amount
    transaction_id: Text | None = None
    success_time: Moment | None = None
    fail_reason: str = ""


class WechatRepayments:
    """Implements `HostedAgreementChannel` and `AnnouncingChannel` with WeChat's loan repayment."""

    def __init__(self, *, merchant: Merchant, plan_id: str) -> None:
        self._merchant, self._plan_id = merchant, plan_id

    @property
    def resend_is_safe(self) -> bool:
        """A number said again with the same parameters is the same deduction."""
        return True

    def agreement_page(self, request: HostedAgreementRequest) -> HostedPage | Refused | NumberTaken:
        """Return the page on which a person signs; it is good for ten minutes. Errors: ChannelSilent.

        WeChat compares the ID number with that of whoever signs. Inside WeChat the page is opened by
        wx.requestAutomaticRepayment with the token of `handover`; elsewhere by its address.
        """
        merchant = self._merchant
        body: dict[str, object] = {
            "appid": merchant.appid,
            "plan_id": self._plan_id,
            "out_contract_code": request.agreement_number,
            "display_name": f"***{request.holder_name.reveal()[-1:]}",
            "contract_notify_url": merchant.notify_url,
            "repayment_amount_limit": str(request.amount_fen_max),
            "real_identity": {"identity_type": IDENTITY_CARD, "identity_id": merchant.seal(request.id_number)},
            "return_url": request.back,
        }
        answer = merchant.exchange("POST", f"{CONTRACTS}/h5-presign", body=body)
        if answer.status == HTTPStatus.OK:
            made = read(answer, of=_Presigned)
            return HostedPage(address=made.h5_url or "", handover={"presignToken": made.presign_token})
        known = problem(answer) == "INVALID_REQUEST" and self.ask_agreement(request.agreement_number)
        if isinstance(known, Agreed | Failed):
            return NumberTaken()
        raise ChannelSilent(reason="rejected")

    def ask_agreement(self, agreement_number: str) -> Agreed | InProgress | Failed | NotFound:
        """Tell what became of an agreement; one that has ended is `Failed`. Errors: ChannelSilent."""
        answer = self._merchant.exchange("GET", f"{CONTRACTS}/out-contract-code/{agreement_number}")
        if answer.status == HTTPStatus.NOT_FOUND:
            return NotFound()
        if answer.status != HTTPStatus.OK:
            raise ChannelSilent(reason="rejected")
        word = self._agreement_word(read(answer, of=Contract), agreement_number)
        if word is None:
            raise ChannelSilent(reason="unreadable")
        return word

    def cancel_agreement(self, *, agreement_token: Personal[str]) -> Accepted | Refused:
        """End an agreement. One that has ended already is ended again. Errors: ChannelSilent."""
        code = _Token.read(agreement_token).code
        body = {"out_contract_code": code, "contract_termination_remark": REMARK}
        answer = self._merchant.exchange("POST", f"{CONTRACTS}/terminate", body=body)
        if answer.status in (HTTPStatus.OK, HTTPStatus.NO_CONTENT) or problem(answer) in _OVER:
            return Accepted()
        raise ChannelSilent(reason="rejected")

    def announce(self, announcement: DeductionAnnouncement) -> Accepted | Refused:
        """Tell WeChat, and by it the person, of a deduction to come; said again it is the same. Errors: ChannelSilent.

        `Refused` when the agreement is over.
        """
        token = _Token.read(announcement.agreement_token)
        item = {
            "out_record_id": announcement.number,
            "repayment_amount": announcement.amount_fen,
            "min_repayment_amount": announcement.amount_fen_min,
            "repayment_date": announcement.on.isoformat(),
        }
        body = {
            "appid": self._merchant.appid,
            "openid": token.openid,
            "contract_id": token.contract_id,
            "schedule_items": [item],
        }
        answer = self._merchant.exchange("POST", SCHEDULE, body=body)
        if answer.status == HTTPStatus.OK:
            return Accepted()
        if problem(answer) in _OVER:
            return Refused(code="agreement_ended")
        raise ChannelSilent(reason="rejected")

    def deduct(self, request: DeductionRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Ask for a deduction. Errors: ChannelSilent, after which it may or may not have been done."""
        merchant = self._merchant
        body: dict[str, object] = {
            "appid": merchant.appid,
            "contract_id": _Token.read(request.agreement_token).contract_id,
            "out_trade_no": request.order_number,
            "description": DESCRIPTION,
            "notify_url": merchant.notify_url,
            "amount": {"total": request.amount_fen, "currency": request.currency},
        }
        if request.amount_fen_min is not None:
            body["min_repayment_amount"] = request.amount_fen_min
        if request.announced_as is not None:
            body["out_record_id"] = request.announced_as
        answer = merchant.exchange("POST", DEDUCTIONS, body=body)
        if answer.status in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
            return self._taken(read(answer, of=Deduction), request)
        return self._otherwise(answer, request)

    def ask(self, order_number: str) -> Paid | Failed | InProgress | NotFound:
        """Tell what became of a deduction. Errors: ChannelSilent."""
        answer = self._merchant.exchange("GET", f"{DEDUCTIONS}/{order_number}")
        if answer.status == HTTPStatus.NOT_FOUND:
            return NotFound()
        if answer.status != HTTPStatus.OK:
            raise ChannelSilent(reason="rejected")
        told = read(answer, of=Deduction)
        word = deduction_word(told, merchant=self._merchant)
        if word is None or told.out_trade_no != order_number:
            raise ChannelSilent(reason="unreadable")
        return word

    def statement(self, business_date: date) -> Sequence[StatementLine]:
        """Return the merchant's bill of a day that is over: deductions stand in it among all that was paid."""
        return bill_of(merchant=self._merchant, business_date=business_date)

    def _agreement_word(self, told: Contract, agreement_number: str) -> Agreed | InProgress | Failed | None:
        return agreement_word(told, merchant=self._merchant) if told.out_contract_code == agreement_number else None

    def _taken(self, told: Deduction, request: DeductionRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Tell what the answer to a request says of it; one of another number or amount says nothing."""
        word = deduction_word(told, merchant=self._merchant)
        if word is None or told.out_trade_no != request.order_number:
            raise ChannelSilent(reason="unreadable")
        match word:
            case Paid() as paid:
                return paid if _fits(paid, request) else NumberTaken()
            case Failed(code=code):
                return Refused(code=code)
            case _:
                return Accepted()

    def _otherwise(self, answer: Answer, request: DeductionRequest) -> Paid | Refused | NumberTaken:
        """Tell what a no means: it says that the number has another body, that the contract is over, or much else."""
        code = problem(answer)
        if code in _OVER:
            # WeChat knows a number that was said while the contract stood, so that of this one nothing was done.
            return Refused(code="agreement_ended") if isinstance(self.ask(request.order_number), NotFound) else _no()
        if code != "INVALID_REQUEST":
            raise ChannelSilent(reason="rejected")
        match self.ask(request.order_number):
            case Paid() as paid if _fits(paid, request):
                return paid
            case Failed(code=code):
                return Refused(code=code)
            case NotFound():
                return _no()
            case _:
                return NumberTaken()


def agreement_word(told: Contract, *, merchant: Merchant) -> Agreed | InProgress | Failed | None:
    """Return the word of a contract, or None when it is another merchant's or not told in full."""
    if (told.appid, told.mchid) != (merchant.appid, merchant.mchid):
        return None
    match told.contract_state:
        case "SIGNED" if told.contract_id and told.openid:
            return Agreed(token=Personal("/".join((told.contract_id, told.openid, told.out_contract_code))))
        case "PRESIGNED":
            return InProgress()
        case "TERMINATED":
            return Failed(code="agreement_ended")
        case _:
            return None


def deduction_word(told: Deduction, *, merchant: Merchant) -> Paid | Failed | InProgress | None:
    """Return the word of a deduction, or None when it is another merchant's or not told in full."""
    if (told.appid, told.mchid) != (merchant.appid, merchant.mchid):
        return None
    match told.trade_state:
        case "SUCCESS":
            if told.transaction_id is None or told.success_time is None:
                return None
            return Paid(
                at=told.success_time.astimezone(UTC),
                amount_fen=told.amount.total if told.amount.payer_total is None else told.amount.payer_total,
                currency=told.amount.currency,
                reference=told.transaction_id,
            )
        case "PROCESSING" | "ACCEPTED":
            return InProgress()
        case "FAIL":
            return Failed(code=_word_of_failure(told.fail_reason, _WORDS))
        case _:
            return None


def _word_of_failure(reason: str, words: Mapping[str, str]) -> str:
    return words.get(reason, "payment_failed")


def _fits(paid: Paid, request: DeductionRequest) -> bool:
    least = request.amount_fen if request.amount_fen_min is None else request.amount_fen_min
    return least <= paid.amount_fen <= request.amount_fen and paid.currency == request.currency


def _no() -> Refused:
    """The number's own question does not bear out what was said of it: that is silence."""
    raise ChannelSilent(reason="rejected")
