"""Payments by hand through WeChat Pay: H5 in a browser, JSAPI inside WeChat (公众号 and mini-program alike).

Source: pay.weixin.qq.com, APIv3, "H5支付" and "JSAPI支付" (2026).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Final

import msgspec

from mingqu.channels.wechatpay.bill import bill_of
from mingqu.channels.wechatpay.signature import sign
from mingqu.channels.wechatpay.speech import Merchant, problem, read
from mingqu.channels.wechatpay.trade import Trade, word_of
from mingqu.channels.wire import Answer
from mingqu.domain.moment import MARKET_TIME
from mingqu.domain.word import Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.collection import HostedPage, HostedPaymentRequest
from mingqu.ports.payout import StatementLine
from mingqu.ports.silence import ChannelSilent

TRANSACTIONS: Final = "/v3/pay/transactions"
DESCRIPTION: Final = "还款"
UNKNOWN_ADDRESS: Final = "127.0.0.1"  # H5 asks for the payer's address; a worker that makes the page has none


class _H5(msgspec.Struct, frozen=True, kw_only=True):
    h5_url: Annotated[str, msgspec.Meta(pattern="^https?://", max_length=2048)]


class _Prepaid(msgspec.Struct, frozen=True, kw_only=True):
    prepay_id: Annotated[str, msgspec.Meta(pattern="^[0-9A-Za-z_-]{1,64}$")]


class WechatPay:
    """Implements `HostedPaymentChannel`, and shows the day's bill as a statement."""

    def __init__(self, *, merchant: Merchant) -> None:
        self._merchant = merchant

    @property
    def resend_is_safe(self) -> bool:
        """A number said again with the same parameters is the same trade (同一笔订单)."""
        return True

    @property
    def unopened_page_ends(self) -> bool:
        """Return False: the payment is made when its page is."""
        return False

    def create(self, request: HostedPaymentRequest) -> HostedPage | Refused | NumberTaken:
        """Make an H5 page, or a payment inside WeChat when the request names the payer's openid.

        Errors: ChannelSilent. The address of an H5 page is good for five minutes, the parameters for two hours;
        asked again, there are fresh ones.
        """
        merchant, inside = self._merchant, request.payer_login is not None
        body: dict[str, object] = {
            "appid": merchant.appid,
            "mchid": merchant.mchid,
            "description": DESCRIPTION,
            "out_trade_no": request.order_number,
            "time_expire": _market(request.expires_at),
            "notify_url": merchant.notify_url,
            "amount": {"total": request.amount_fen, "currency": request.currency},
        }
        if request.payer_login is not None:
            body["payer"] = {"openid": request.payer_login.reveal()}
        else:
            address = UNKNOWN_ADDRESS if request.payer_address is None else request.payer_address.reveal()
            body["scene_info"] = {"payer_client_ip": address, "h5_info": {"type": "Wap"}}
        answer = merchant.exchange("POST", f"{TRANSACTIONS}/{'jsapi' if inside else 'h5'}", body=body)
        if answer.status != HTTPStatus.OK:
            return self._refusal(answer, request.order_number)
        if inside:
            return HostedPage(address="", handover=self._handover(read(answer, of=_Prepaid).prepay_id))
        return HostedPage(address=read(answer, of=_H5).h5_url)

    def ask(self, order_number: str) -> Paid | Failed | InProgress | NotFound:
        """Tell what became of a trade. Errors: ChannelSilent."""
        merchant = self._merchant
        answer = merchant.exchange(
            "GET", f"{TRANSACTIONS}/out-trade-no/{order_number}", query=f"mchid={merchant.mchid}"
        )
        if answer.status == HTTPStatus.NOT_FOUND:
            return NotFound()
        if answer.status != HTTPStatus.OK:
            raise ChannelSilent(reason="rejected")
        trade = read(answer, of=Trade)
        word = word_of(trade)
        same = (trade.appid, trade.mchid, trade.out_trade_no) == (merchant.appid, merchant.mchid, order_number)
        if word is None or not same:
            raise ChannelSilent(reason="unreadable")
        return word

    def close_page(self, order_number: str) -> None:
        """Close a trade: nobody can pay it any more. Errors: ChannelSilent.

        It is closed by itself only after seven days. A trade that is paid, closed or unknown is left as it is.
        """
        body = {"mchid": self._merchant.mchid}
        answer = self._merchant.exchange("POST", f"{TRANSACTIONS}/out-trade-no/{order_number}/close", body=body)
        done = (HTTPStatus.NO_CONTENT, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)  # the question tells which it was
        if answer.status not in done:
            raise ChannelSilent(reason="rejected")

    def statement(self, business_date: date) -> Sequence[StatementLine]:
        """Return the bill of a day that is over, from ten in the morning after. Errors: ChannelSilent."""
        return bill_of(merchant=self._merchant, business_date=business_date)

    def _refusal(self, answer: Answer, order_number: str) -> Refused | NumberTaken:
        match problem(answer):
            case "ORDER_CLOSED":
                return Refused(code="order_closed")
            case "INVALID_REQUEST" | "OUT_TRADE_NO_USED":
                return self._known(order_number)
            case _:
                raise ChannelSilent(reason="rejected")

    def _known(self, order_number: str) -> Refused | NumberTaken:
        """Tell what such a no means: it says "other parameters" or "paid already", and INVALID_REQUEST much else.

        Only a number that is known and open is taken. One that is paid is asked for by its own question.
        """
        match self.ask(order_number):
            case InProgress():
                return NumberTaken()
            case Failed(code=code):
                return Refused(code=code)
            case _:
                raise ChannelSilent(reason="rejected")

    def _handover(self, prepay_id: str) -> dict[str, str]:
        """Return what the page's script hands to WeChat, signed by us: wx.requestPayment, WeixinJSBridge."""
        merchant = self._merchant
        timestamp, nonce = str(int(merchant.clock.now().timestamp())), merchant.nonces()
        package = f"prepay_id={prepay_id}"
        return {
            "appId": merchant.appid,
            "timeStamp": timestamp,
            "nonceStr": nonce,
            "package": package,
            "signType": "RSA",
            "paySign": sign(key=merchant.key, lines=(merchant.appid, timestamp, nonce, package)),
        }


def _market(moment: datetime) -> str:
    """Return a moment as WeChat Pay writes it. Example: 2026-08-15T11:00:00+08:00."""
    return moment.astimezone(MARKET_TIME).replace(microsecond=0).isoformat()
