"""Refunds through WeChat Pay, on the trade they give back.

Source: pay.weixin.qq.com, APIv3, "申请退款" and "查询单笔退款" (2026): within a year of the payment.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import msgspec

from mingqu.channels.wechatpay.speech import Merchant, problem, read
from mingqu.channels.wechatpay.trade import Currency, Fen, Moment, Text
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.refund import RefundRequest
from mingqu.ports.silence import ChannelSilent

REFUNDS: Final = "/v3/refund/domestic/refunds"
_OTHERWISE: Final = ("INVALID_REQUEST", "PARAM_ERROR")  # "known with another body" is said in these words, among others


class _Amount(msgspec.Struct, frozen=True, kw_only=True):
    refund: Fen
    currency: Currency = "CNY"


class _Refund(msgspec.Struct, frozen=True, kw_only=True):
    refund_id: Text
    out_refund_no: str
    status: str
    amount: _Amount
    success_time: Moment | None = None


class WechatRefunds:
    """Implements `RefundChannel`."""

    def __init__(self, *, merchant: Merchant) -> None:
        self._merchant = merchant

    def refund(self, request: RefundRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Ask for a refund; the same number with the same body is the same refund. Errors: ChannelSilent."""
        body: dict[str, object] = {
            "out_trade_no": request.order_number,
            "out_refund_no": request.refund_number,
            "amount": {"refund": request.amount_fen, "total": request.total_fen, "currency": request.currency},
        }
        answer = self._merchant.exchange("POST", REFUNDS, body=body)
        if answer.status == HTTPStatus.OK:
            told = read(answer, of=_Refund)
            match _word_of(told, request.refund_number):
                case InProgress():
                    return Accepted(reference=told.refund_id)
                case Failed(code=code):
                    return Refused(code=code)
                case Paid() as paid if paid.amount_fen == request.amount_fen:
                    return paid
                case Paid():
                    return NumberTaken()
        if answer.status == HTTPStatus.BAD_REQUEST and problem(answer) in _OTHERWISE:
            known = self.ask_refund(request.refund_number, order_number=request.order_number)
            if not isinstance(known, NotFound):
                return NumberTaken()
        # Too little money with us (NOT_ENOUGH), a trade not paid, a limit: none of them is said to be for good.
        raise ChannelSilent(reason="rejected")

    def ask_refund(self, refund_number: str, *, order_number: str) -> Paid | Failed | InProgress | NotFound:  # noqa: ARG002
        """Tell what became of a refund; WeChat Pay knows it by its own number alone. Errors: ChannelSilent."""
        answer = self._merchant.exchange("GET", f"{REFUNDS}/{refund_number}")
        if answer.status == HTTPStatus.NOT_FOUND:
            return NotFound()
        if answer.status != HTTPStatus.OK:
            raise ChannelSilent(reason="rejected")
        return _word_of(read(answer, of=_Refund), refund_number)


def _word_of(told: _Refund, refund_number: str) -> Paid | Failed | InProgress:
    """Return the word of a refund. ABNORMAL (the payer's card is gone) waits for people, so it ends nothing."""
    if told.out_refund_no != refund_number:
        raise ChannelSilent(reason="unreadable")
    match told.status:
        case "SUCCESS" if told.success_time is not None:
            return Paid(
                at=told.success_time,
                amount_fen=told.amount.refund,
                currency=told.amount.currency,
                reference=told.refund_id,
            )
        case "CLOSED":
            return Failed(code="closed")
        case "PROCESSING" | "ABNORMAL":
            return InProgress()
        case _:
            raise ChannelSilent(reason="unreadable")
