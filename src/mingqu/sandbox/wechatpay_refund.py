"""Refunds of WeChat Pay: part or whole of a paid trade goes back, once for each out_refund_no."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from mingqu.sandbox.book import Book, Row
from mingqu.sandbox.time import Time, beijing, read, utc
from mingqu.sandbox.wechatpay_wire import Wrong, required
from mingqu.sandbox.wire import Reply, json_reply

REFUND_WITHIN: Final = timedelta(days=365)
_SECONDS: Final = "wechatpay.refund_seconds"
_RECEIVED: Final = "支付用户零钱"

Tell = Callable[[str, str, dict[str, Any], str, datetime], None]
"""(event, original type, words, address, moment from which it is told)"""


class Refunds:
    """The refunds of a merchant. A refund is PROCESSING for as long as a knob says, by default for no time at all."""

    def __init__(self, *, book: Book, time: Time, mchid: str, tell: Tell) -> None:
        self._book, self._time, self._mchid, self._tell = book, time, mchid, tell

    def set_seconds(self, seconds: int) -> None:
        """Let each refund from now on take that long."""
        with self._book.writing():
            self._book.keep(_SECONDS, seconds)

    def of_trade(self, out_trade_no: str) -> int:
        """Return how many fen of a trade went back or are on their way."""
        row = self._book.row(
            "SELECT coalesce(sum(refund), 0) AS sum FROM refund WHERE out_trade_no = ?", (out_trade_no,)
        )
        assert row is not None
        return int(row["sum"])

    def take(self, asked: dict[str, Any]) -> Reply:
        """Take a refund, or recognize it."""
        number = required(asked, "out_refund_no", str)
        trade = self._trade(asked)
        amount = required(asked, "amount", dict)
        refund, total = required(amount, "refund", int), required(amount, "total", int)
        body = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        known = self._book.row("SELECT * FROM refund WHERE out_refund_no = ?", (number,))
        if known is not None and known["body"] != body:
            raise Wrong(400, "PARAM_ERROR", "退款单号已存在但信息不一致")
        if known is None:
            left = trade["total"] - self.of_trade(trade["out_trade_no"])
            if isinstance(refund, bool) or amount.get("currency") != "CNY" or not 1 <= refund <= left:
                raise Wrong(400, "PARAM_ERROR", "退款金额不正确")
            if total != trade["total"]:
                raise Wrong(400, "PARAM_ERROR", "订单金额不正确")
            self._write(asked, number=number, body=body, trade=trade, refund=refund)
        return self.ask(number)

    def ask(self, number: str) -> Reply:
        """Tell what became of a refund."""
        row = self._book.row("SELECT * FROM refund WHERE out_refund_no = ?", (number,))
        if row is None:
            raise Wrong(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
        trade = self._book.row("SELECT * FROM trade WHERE out_trade_no = ?", (row["out_trade_no"],))
        assert trade is not None
        ends_at = self._ends_at(row)
        is_done = self._time.now() >= ends_at
        said = {
            "refund_id": row["refund_id"], "out_refund_no": number, "transaction_id": trade["transaction_id"],
            "out_trade_no": trade["out_trade_no"], "channel": "ORIGINAL", "user_received_account": _RECEIVED,
            "create_time": beijing(read(row["made_at"])), "status": "SUCCESS" if is_done else "PROCESSING",
            "funds_account": "AVAILABLE",
            "amount": {
                "total": trade["total"], "refund": row["refund"], "payer_total": trade["total"],
                "payer_refund": row["refund"], "settlement_refund": row["refund"],
                "settlement_total": trade["total"], "discount_refund": 0, "currency": "CNY",
            },
        }  # fmt: skip
        return json_reply({**said, "success_time": beijing(ends_at)} if is_done else said)

    def _trade(self, asked: dict[str, Any]) -> Row:
        by = "transaction_id" if "transaction_id" in asked else "out_trade_no"
        number = required(asked, by, str)
        trade = self._book.row(f"SELECT * FROM trade WHERE {by} = ?", (number,))  # noqa: S608 (one of two names)
        if trade is None:
            raise Wrong(404, "RESOURCE_NOT_EXISTS", "订单不存在")
        if trade["paid_at"] is None or self._time.now() > read(trade["paid_at"]) + REFUND_WITHIN:
            raise Wrong(400, "INVALID_REQUEST", "订单状态不可退款")
        return trade

    def _write(self, asked: dict[str, Any], *, number: str, body: str, trade: Row, refund: int) -> None:
        now = self._time.now()
        ends_at = now + timedelta(seconds=self._book.kept(_SECONDS, 0))
        refund_id, to = f"50{secrets.randbelow(10**26):026d}", str(asked.get("notify_url", ""))
        self._book.write(
            """INSERT INTO refund (out_refund_no, body, refund_id, out_trade_no, refund, reason, notify_url,
               made_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
            (number, body, refund_id, trade["out_trade_no"], refund, str(asked.get("reason", "")), to, utc(now)),
        )
        self._book.keep(f"refund.{number}", utc(ends_at))
        if to:
            words = {
                "mchid": self._mchid, "out_trade_no": trade["out_trade_no"], "transaction_id": trade["transaction_id"],
                "out_refund_no": number, "refund_id": refund_id, "refund_status": "SUCCESS",
                "success_time": beijing(ends_at), "user_received_account": _RECEIVED,
                "amount": {
                    "total": trade["total"], "refund": refund, "payer_total": trade["total"], "payer_refund": refund,
                },
            }  # fmt: skip
            self._tell("REFUND.SUCCESS", "refund", words, to, ends_at)

    def _ends_at(self, row: Row) -> datetime:
        return read(self._book.kept(f"refund.{row['out_refund_no']}", row["made_at"]))
