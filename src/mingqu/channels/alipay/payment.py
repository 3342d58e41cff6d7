"""Payments by hand through Alipay: a page in a browser (手机网站支付), or a trade that its own app opens (小程序).

Source: opendocs.alipay.com, "alipay.trade.wap.pay", "alipay.trade.create", "alipay.trade.query", "alipay.trade.close"
(2026).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from mingqu.channels.alipay.amount import fen_of, written, yuan_of
from mingqu.channels.alipay.bill import TRADES, bill_of
from mingqu.channels.alipay.speech import OK, Application, Said
from mingqu.channels.alipay.trade import NOT_THERE, Text, Trade, word_of
from mingqu.domain.word import Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.collection import HostedPage, HostedPaymentRequest
from mingqu.ports.payout import StatementLine
from mingqu.ports.silence import ChannelSilent

SUBJECT: Final = "还款"
PAGE: Final = "alipay.trade.wap.pay"
PAGE_PRODUCT: Final = "QUICK_WAP_WAY"
INSIDE: Final = "alipay.trade.create"
INSIDE_PRODUCT: Final = "JSAPI_PAY"
QUERY: Final = "alipay.trade.query"
CLOSE: Final = "alipay.trade.close"
_OTHERWISE: Final = ("ACQ.CONTEXT_INCONSISTENT", "ACQ.TRADE_HAS_SUCCESS", "ACQ.TRADE_HAS_CLOSE")
_CLOSED_ENOUGH: Final = (NOT_THERE, "ACQ.TRADE_STATUS_ERROR", "ACQ.REASON_TRADE_STATUS_INVALID")


class _Created(msgspec.Struct, frozen=True, kw_only=True):
    trade_no: Text
    out_trade_no: str


class AlipayPayments:
    """Implements `HostedPaymentChannel`, and shows the day's bill as a statement."""

    def __init__(self, *, application: Application) -> None:
        self._application = application

    @property
    def resend_is_safe(self) -> bool:
        """A number said again with the same parameters is the same trade."""
        return True

    @property
    def unopened_page_ends(self) -> bool:
        """Alipay makes the trade of a page when somebody opens it, and no more once its `time_expire` is past."""
        return True

    def create(self, request: HostedPaymentRequest) -> HostedPage | Refused | NumberTaken:
        """Make a page, or a trade inside Alipay's app when the request names the payer's open_id.

        A page is an address that we sign: Alipay hears of it when somebody opens it. So that a number is never used for
        a second payment, Alipay is asked first whether it knows it. Errors: ChannelSilent.
        """
        if request.currency != "CNY":
            raise ChannelSilent(reason="rejected")  # the platform knows no other currency
        content: dict[str, object] = {
            "out_trade_no": request.order_number,
            "total_amount": yuan_of(request.amount_fen),
            "subject": SUBJECT,
            "time_expire": written(request.expires_at),
        }
        if request.payer_login is not None:
            content |= {"product_code": INSIDE_PRODUCT, "buyer_open_id": request.payer_login.reveal()}
            return self._inside(request, content)
        known = self._find(request.order_number)
        if known is not None and not _is_open(known, request):
            return _refusal(known, request)
        content["product_code"] = PAGE_PRODUCT
        return HostedPage(address=self._application.address(PAGE, content))

    def ask(self, order_number: str) -> Paid | Failed | InProgress | NotFound:
        """Tell what became of a trade. A page that nobody opened yet is `NotFound`. Errors: ChannelSilent."""
        return ask_trade(self._application, order_number)

    def close_page(self, order_number: str) -> None:
        """Close a trade: nobody can pay it any more. Errors: ChannelSilent.

        A trade that is paid, closed or unknown is left as it is; the question tells which it was.
        """
        close_trade(self._application, order_number)

    def statement(self, business_date: date) -> Sequence[StatementLine]:
        """Return the bill of a day that is over, from ten in the morning after. Errors: ChannelSilent."""
        return bill_of(application=self._application, business_date=business_date, kind=TRADES)

    def _inside(self, request: HostedPaymentRequest, content: dict[str, object]) -> HostedPage | Refused | NumberTaken:
        said = self._application.ask(INSIDE, content, tells=True)
        if said.code == OK:
            created = said.read(_Created)
            if created.out_trade_no != request.order_number:
                raise ChannelSilent(reason="unreadable")
            return HostedPage(address="", handover={"tradeNO": created.trade_no})
        known = self._find(request.order_number) if said.sub_code in _OTHERWISE else None
        if known is None:
            raise ChannelSilent(reason="rejected")
        return _refusal(known, request)

    def _find(self, order_number: str) -> Trade | None:
        return find_trade(self._application, order_number)


def find_trade(application: Application, order_number: str) -> Trade | None:
    """Return a trade by our number, or None when Alipay says that there is none (yet). Errors: ChannelSilent."""
    said = application.ask(QUERY, {"out_trade_no": order_number})
    if said.sub_code == NOT_THERE:
        return None
    return _trade(said, order_number)


def ask_trade(application: Application, order_number: str) -> Paid | Failed | InProgress | NotFound:
    """Tell what became of a trade, of a page or of a deduction. Errors: ChannelSilent."""
    trade = find_trade(application, order_number)
    if trade is None:
        return NotFound()
    word = word_of(trade)
    if word is None:
        raise ChannelSilent(reason="unreadable")
    return word


def close_trade(application: Application, order_number: str) -> bool:
    """Close a trade and return whether it was open until now. Errors: ChannelSilent."""
    said = application.ask(CLOSE, {"out_trade_no": order_number})
    if said.code != OK and said.sub_code not in _CLOSED_ENOUGH:
        raise ChannelSilent(reason="rejected")
    return said.code == OK


def _trade(said: Said, order_number: str) -> Trade:
    if said.code != OK:
        raise ChannelSilent(reason="rejected")
    trade = said.read(Trade)
    if trade.out_trade_no != order_number:
        raise ChannelSilent(reason="unreadable")
    return trade


def _is_open(known: Trade, request: HostedPaymentRequest) -> bool:
    return isinstance(word_of(known), InProgress) and _is_same(known, request)


def _is_same(known: Trade, request: HostedPaymentRequest) -> bool:
    return known.total_amount is not None and fen_of(known.total_amount) == request.amount_fen


def _refusal(known: Trade, request: HostedPaymentRequest) -> Refused | NumberTaken:
    """Tell what a number that is known already means: it is taken by another body, closed, or paid.

    One that is paid is asked for by its own question, so that nothing is said of it here.
    """
    match word_of(known):
        case Failed():
            return Refused(code="order_closed")
        case InProgress() if not _is_same(known, request):
            return NumberTaken()
        case Paid() if not _is_same(known, request):
            return NumberTaken()
        case _:
            raise ChannelSilent(reason="rejected")
