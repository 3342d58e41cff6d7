"""One payment by hand for loans of several lenders (还款合单支付): one page, and a word for each lender's order.

Source: pay.weixin.qq.com, APIv3, "信贷还款" → "合单下单" and "查询合单订单" for service providers (2025), as far as
known: the fields of a sub-order are those of "合单支付". WeChat takes the money once and settles each sub-order for
itself, so that one may fail while the others are paid; each of them is an order of ours with its own word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from http import HTTPStatus
from typing import Annotated, Final

import msgspec

from mingqu.channels.wechatpay.speech import Merchant, problem, read
from mingqu.channels.wechatpay.trade import Currency, Fen, Moment, Text
from mingqu.domain.moment import MARKET_TIME
from mingqu.domain.word import Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.collection import HostedPage
from mingqu.ports.combined import PARTS_MAX, CombinedRequest, LenderPart
from mingqu.ports.silence import ChannelSilent

COMBINED: Final = "/v3/repayment/combine-transactions/partner"
DESCRIPTION: Final = "还款"
UNKNOWN_ADDRESS: Final = "127.0.0.1"
Word = Paid | Failed | InProgress


class _H5(msgspec.Struct, frozen=True, kw_only=True):
    h5_url: Annotated[str, msgspec.Meta(pattern="^https?://", max_length=2048)]


class _Amount(msgspec.Struct, frozen=True, kw_only=True):
    total_amount: Fen
    currency: Currency


class _Sub(msgspec.Struct, frozen=True, kw_only=True):
    mchid: str
    sub_mchid: str
    out_trade_no: str
    trade_state: str
    amount: _Amount
    transaction_id: Text | None = None
    success_time: Moment | None = None


class Combined(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a combined order, asked for or told."""

    combine_appid: str
    combine_mchid: str
    combine_out_trade_no: str
    sub_orders: Annotated[list[_Sub], msgspec.Meta(min_length=1, max_length=PARTS_MAX)]


class WechatCombinedPay:
    """Implements `CombinedPaymentChannel`."""

    def __init__(self, *, merchant: Merchant) -> None:
        self._merchant = merchant

    def create(self, request: CombinedRequest) -> HostedPage | Refused | NumberTaken:
        """Make the page; said again with the same body it is the same page. Errors: ChannelSilent."""
        merchant = self._merchant
        address = UNKNOWN_ADDRESS if request.payer_address is None else request.payer_address.reveal()
        body: dict[str, object] = {
            "combine_appid": merchant.appid,
            "combine_mchid": merchant.mchid,
            "combine_out_trade_no": request.number,
            "sub_orders": [
                {
                    "mchid": merchant.mchid,
                    "sub_mchid": part.receiver,
                    "out_trade_no": part.order_number,
                    "amount": {"total_amount": part.amount_fen, "currency": "CNY"},
                    "attach": part.order_number,
                    "description": DESCRIPTION,
                }
                for part in request.parts
            ],
            "scene_info": {"payer_client_ip": address, "h5_info": {"type": "Wap"}},
            "time_expire": request.expires_at.astimezone(MARKET_TIME).replace(microsecond=0).isoformat(),
            "notify_url": merchant.notify_url,
        }
        answer = merchant.exchange("POST", f"{COMBINED}/prepay", body=body)
        if answer.status == HTTPStatus.OK:
            return HostedPage(address=read(answer, of=_H5).h5_url)
        match problem(answer):
            case "ORDER_CLOSED":
                return Refused(code="order_closed")
            case "INVALID_REQUEST":
                if isinstance(self.ask(request.number, parts=request.parts), NotFound):
                    raise ChannelSilent(reason="rejected")
                return NumberTaken()
            case _:  # one that is paid is asked for by its own question
                raise ChannelSilent(reason="rejected")

    def ask(self, number: str, *, parts: Sequence[LenderPart]) -> Mapping[str, Word] | NotFound:
        """Tell what became of each part, by our order's number. Errors: ChannelSilent.

        An answer that leaves out a part, adds one, or names another lender or amount for it says nothing at all.
        """
        answer = self._merchant.exchange("GET", f"{COMBINED}/out-trade-no/{number}")
        if answer.status == HTTPStatus.NOT_FOUND:
            return NotFound()
        if answer.status != HTTPStatus.OK:
            raise ChannelSilent(reason="rejected")
        told, merchant = read(answer, of=Combined), self._merchant
        own = (told.combine_appid, told.combine_mchid, told.combine_out_trade_no)
        if own != (merchant.appid, merchant.mchid, number):
            raise ChannelSilent(reason="unreadable")
        asked = {part.order_number: part for part in parts}
        if sorted(sub.out_trade_no for sub in told.sub_orders) != sorted(asked):
            raise ChannelSilent(reason="unreadable")
        return {sub.out_trade_no: self._word(sub, asked[sub.out_trade_no]) for sub in told.sub_orders}

    def close(self, number: str) -> None:
        """Let nobody pay it any more. One that is paid, closed or unknown is left as it is. Errors: ChannelSilent."""
        body = {"combine_appid": self._merchant.appid, "combine_mchid": self._merchant.mchid}
        answer = self._merchant.exchange("POST", f"{COMBINED}/out-trade-no/{number}/close", body=body)
        if answer.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND):
            raise ChannelSilent(reason="rejected")

    def _word(self, sub: _Sub, part: LenderPart) -> Word:
        said = (sub.mchid, sub.sub_mchid, sub.amount.total_amount, sub.amount.currency)
        if said != (self._merchant.mchid, part.receiver, part.amount_fen, "CNY"):
            raise ChannelSilent(reason="unreadable")
        match sub.trade_state:
            case "SUCCESS" if sub.transaction_id is not None and sub.success_time is not None:
                at = sub.success_time.astimezone(UTC)
                return Paid(at=at, amount_fen=part.amount_fen, currency="CNY", reference=sub.transaction_id)
            case "NOTPAY" | "USERPAYING":
                return InProgress()
            case "CLOSED" | "FAIL":
                return Failed(code="closed" if sub.trade_state == "CLOSED" else "payment_failed")
            case _:
                raise ChannelSilent(reason="unreadable")
