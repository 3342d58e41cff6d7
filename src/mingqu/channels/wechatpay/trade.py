"""A trade as WeChat Pay tells it, in answer to a question or in a notice, and the word it stands for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from mingqu.channels.wire import PRINTED
from mingqu.domain.money import AMOUNT_FEN_MAX
from mingqu.domain.word import Failed, InProgress, Paid

Fen = Annotated[int, msgspec.Meta(ge=1, le=AMOUNT_FEN_MAX)]
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=PRINTED)]


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """`total` is the order's amount; what the payer gave may be less by a coupon, which is between others."""

    total: Fen | None = None
    currency: Currency = "CNY"


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a trade that a word rests on; the personal ones (payer) are not read."""

    appid: str
    mchid: str
    out_trade_no: str
    trade_state: str
    transaction_id: Text | None = None
    success_time: Moment | None = None
    amount: Amount | None = None


def word_of(trade: Trade) -> Paid | Failed | InProgress | None:
    """Return the word of a trade, or None when it is not told in full or in a state the document does not name.

    Final are SUCCESS, REFUND (it was paid; what went back has numbers of its own), CLOSED and REVOKED. A PAYERROR
    may be tried again by the payer, so it ends nothing.
    """
    match trade.trade_state:
        case "SUCCESS" | "REFUND":
            amount = trade.amount
            if trade.transaction_id is None or trade.success_time is None or amount is None or amount.total is None:
                return None
            return Paid(
                at=trade.success_time.astimezone(UTC),
                amount_fen=amount.total,
                currency=amount.currency,
                reference=trade.transaction_id,
            )
        case "NOTPAY" | "USERPAYING" | "PAYERROR" | "ACCEPT":
            return InProgress()
        case "CLOSED" | "REVOKED":
            return Failed(code=trade.trade_state.lower())
        case _:
            return None
