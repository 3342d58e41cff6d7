"""Refunds through Alipay, on the trade they give back.

Source: opendocs.alipay.com, "alipay.trade.refund" and "alipay.trade.fastpay.refund.query" (2026). `out_request_no`
makes a refund one refund: said again with the same amount it moves nothing.
"""

from __future__ import annotations

from typing import Final

import msgspec

from mingqu.channels.alipay.amount import fen_of, moment_of, yuan_of
from mingqu.channels.alipay.speech import OK, Application
from mingqu.channels.alipay.trade import NOT_THERE
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.refund import RefundRequest
from mingqu.ports.silence import ChannelSilent

REFUND: Final = "alipay.trade.refund"
QUERY: Final = "alipay.trade.fastpay.refund.query"
_OTHERWISE: Final = "ACQ.DISCORDANT_REPEAT_REQUEST"


class _Refund(msgspec.Struct, frozen=True, kw_only=True):
    """What a question tells; of a refund that is not known it tells nothing at all, and says 10000."""

    out_request_no: str = ""
    trade_no: str = ""
    refund_amount: str = ""
    refund_status: str = ""
    gmt_refund_pay: str = ""


class AlipayRefunds:
    """Implements `RefundChannel`."""

    def __init__(self, *, application: Application) -> None:
        self._application = application

    def refund(self, request: RefundRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Ask for a refund; the same number with the same amount is the same refund. Errors: ChannelSilent.

        No "no" of Alipay's is for good here: too little money with us, a trade that is not paid, an amount too large.
        """
        said = self._application.ask(
            REFUND,
            {
                "out_trade_no": request.order_number,
                "out_request_no": request.refund_number,
                "refund_amount": yuan_of(request.amount_fen),
            },
        )
        if said.sub_code == _OTHERWISE:
            return NumberTaken()
        if said.code != OK:
            raise ChannelSilent(reason="rejected")
        match self.ask_refund(request.refund_number, order_number=request.order_number):
            case Paid() as paid:
                return paid if paid.amount_fen == request.amount_fen else NumberTaken()
            case _:
                return Accepted()  # "10000" means taken; whether it was done is said by the question alone

    def ask_refund(self, refund_number: str, *, order_number: str) -> Paid | Failed | InProgress | NotFound:
        """Tell what became of a refund. Errors: ChannelSilent."""
        said = self._application.ask(
            QUERY,
            {"out_trade_no": order_number, "out_request_no": refund_number, "query_options": ["gmt_refund_pay"]},
        )
        if said.sub_code == NOT_THERE:
            return NotFound()
        if said.code != OK:
            raise ChannelSilent(reason="rejected")
        told = said.read(_Refund)
        if not told.out_request_no:
            return NotFound()
        if told.out_request_no != refund_number:
            raise ChannelSilent(reason="unreadable")
        if told.refund_status != "REFUND_SUCCESS":
            return InProgress()
        amount_fen = fen_of(told.refund_amount)
        if amount_fen == 0 or not told.trade_no:
            raise ChannelSilent(reason="unreadable")
        return Paid(at=moment_of(told.gmt_refund_pay), amount_fen=amount_fen, currency="CNY", reference=told.trade_no)
