"""A trade as Alipay tells it, in answer to a question or in a notice, and the word it stands for."""

from __future__ import annotations

from typing import Annotated

import msgspec

from mingqu.channels.alipay.amount import fen_of, moment_of
from mingqu.channels.wire import PRINTED
from mingqu.domain.word import Failed, InProgress, Paid

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=PRINTED)]
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
NOT_THERE = "ACQ.TRADE_NOT_EXIST"


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a trade that a word rests on; the personal ones (buyer) are not read.

    Its moment of payment is `send_pay_date` in an answer and `gmt_payment` in a notice.
    """

    out_trade_no: Text
    trade_status: str
    trade_no: Text | None = None
    total_amount: str | None = None
    trans_currency: Currency = "CNY"
    send_pay_date: str | None = None
    gmt_payment: str | None = None

    @property
    def paid_at(self) -> str | None:
        """The moment of payment as it was told, if any was."""
        return self.send_pay_date or self.gmt_payment


def word_of(trade: Trade) -> Paid | Failed | InProgress | None:
    """Return the word of a trade, or None when it is not told in full or in a state the document does not name.

    Final are TRADE_SUCCESS, TRADE_FINISHED (paid, and nothing can be given back any more) and TRADE_CLOSED. The last
    has two meanings: nobody paid in time, or everything paid went back. One with a moment of payment was paid.
    Errors: ChannelSilent, for an amount or a moment that cannot be read.
    """
    match trade.trade_status:
        case "TRADE_SUCCESS" | "TRADE_FINISHED":
            return _paid(trade)
        case "TRADE_CLOSED":
            return _paid(trade) if trade.paid_at else Failed(code="closed")
        case "WAIT_BUYER_PAY":
            return InProgress()
        case _:
            return None


def _paid(trade: Trade) -> Paid | None:
    if trade.trade_no is None or trade.total_amount is None or trade.paid_at is None:
        return None
    amount_fen = fen_of(trade.total_amount)
    if amount_fen == 0:
        return None
    return Paid(
        at=moment_of(trade.paid_at), amount_fen=amount_fen, currency=trade.trans_currency, reference=trade.trade_no
    )
