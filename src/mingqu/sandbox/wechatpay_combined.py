"""One payment by hand for loans of several lenders (repayment/combine-transactions, service provider's side).

A combined order has up to ten sub-orders, each of its own lender; WeChat takes the money once and settles every
sub-order for itself. Paths and fields as far as the documents of 2025 are known here; a knob lets one sub-order fail.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote

from mingqu.sandbox.book import Row
from mingqu.sandbox.time import beijing, read, utc
from mingqu.sandbox.wechatpay_contract import Contracts
from mingqu.sandbox.wechatpay_repayment import Tell
from mingqu.sandbox.wechatpay_wire import Wrong, body_of, required, time_expire
from mingqu.sandbox.wire import Call, Reply, json_reply

PAY_PATH: Final = "/repayment/pay"
SUB_ORDERS_MAX: Final = 10
LIFE: Final = timedelta(days=7)
_FAILING: Final = "wechatpay.combine_fails"


class Combined:
    """Combined orders of one service provider."""

    def __init__(self, *, contracts: Contracts, tell: Tell, address: str) -> None:
        self._book, self._time, self._wallets = contracts.book, contracts.time, contracts.wallets
        self._appid, self._mchid, self._tell, self._address = contracts.appid, contracts.mchid, tell, address

    def fail(self, out_trade_no: str) -> None:
        """Let a sub-order fail when its combined order is paid: the others are settled, this one is not."""
        with self._book.writing():
            self._book.keep(_FAILING, [*self._book.kept(_FAILING, []), out_trade_no])

    def prepay(self, call: Call) -> Reply:
        """Return the page of a combined order, made now if there is none. Errors: Wrong."""
        asked = body_of(call)
        if asked.get("combine_appid") != self._appid or asked.get("combine_mchid") != self._mchid:
            raise Wrong(400, "APPID_MCHID_NOT_MATCH", "AppID和MCHID不匹配")
        number, subs = required(asked, "combine_out_trade_no", str), required(asked, "sub_orders", list)
        if not 1 <= len(subs) <= SUB_ORDERS_MAX or len({str(sub.get("out_trade_no")) for sub in subs}) != len(subs):
            raise Wrong(400, "PARAM_ERROR", "子单不正确")
        body = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        known = self._find(number)
        if known is None:
            self._write(number, asked, [self._sub_order(sub) for sub in subs], body=body)
            known = self._find(number)
        assert known is not None
        if known["body"] != body:
            raise Wrong(400, "INVALID_REQUEST", "商户订单号重复")
        if self._state(known) != "NOTPAY":
            raise Wrong(400, "ORDER_CLOSED" if self._state(known) == "CLOSED" else "OUT_TRADE_NO_USED", "订单已结束")
        return json_reply({"h5_url": f"{self._address}{PAY_PATH}?token={known['token']}"})

    def ask(self, _: Call, *, number: str) -> Reply:
        """Tell how each sub-order stands. Errors: Wrong."""
        row = self._find(unquote(number))
        if row is None:
            raise Wrong(404, "ORDER_NOT_EXIST", "订单不存在")
        return json_reply(self._told(row))

    def close(self, _: Call, *, number: str) -> Reply:
        """Let nobody pay a combined order any more. Errors: Wrong."""
        row = self._find(unquote(number))
        if row is None:
            raise Wrong(404, "ORDER_NOT_EXIST", "订单不存在")
        if row["paid_at"] is not None:
            raise Wrong(400, "ORDERPAID", "订单已支付")
        now = utc(self._time.now())
        self._book.write(
            "UPDATE wechat_combined SET expires_at = min(expires_at, ?) WHERE combine_out_trade_no = ?",
            (now, row["combine_out_trade_no"]),
        )
        return Reply(status=204)

    def waiting(self, token: str) -> Row | None:
        """Return the combined order of a page, with its state and sum, or None."""
        row = self._book.row("SELECT * FROM wechat_combined WHERE token = ?", (token,))
        if row is None:
            return None
        subs = json.loads(row["sub_orders"])
        total = sum(sub["total"] for sub in subs)
        return row | {"trade_state": self._state(row), "total": total, "subs": subs}

    def pay(self, *, number: str, openid: str) -> str:
        """Let somebody pay; each sub-order is settled or fails for itself. Return the state afterwards, or a code."""
        with self._book.writing():
            row = self._find(number)
            if row is None:
                return "ORDER_NOT_EXIST"
            if self._state(row) != "NOTPAY":
                return self._state(row)
            subs, failing = json.loads(row["sub_orders"]), set(self._book.kept(_FAILING, []))
            due = [sub for sub in subs if sub["out_trade_no"] not in failing]
            total = sum(sub["total"] for sub in due)
            if total and not self._wallets.take(openid, amount_fen=total, minimum_fen=total):
                return "NOT_ENOUGH"
            now = utc(self._time.now())
            for sub in subs:
                sub["state"] = "FAIL" if sub["out_trade_no"] in failing else "SUCCESS"
            for sub in due:
                self._settle(sub, openid=openid, to=row["notify_url"], at=now)
            self._book.write(
                "UPDATE wechat_combined SET paid_at = ?, openid = ?, sub_orders = ? WHERE combine_out_trade_no = ?",
                (now, openid, json.dumps(subs), number),
            )
            paid = self._find(number)
            assert paid is not None
            self._tell("TRANSACTION.SUCCESS", "transaction", self._told(paid), row["notify_url"], self._time.now())
            return "SUCCESS"

    def _sub_order(self, sub: Any) -> dict[str, Any]:
        if not isinstance(sub, dict) or sub.get("mchid") != self._mchid:
            raise Wrong(400, "PARAM_ERROR", "子单商户号不正确")
        amount = required(sub, "amount", dict)
        total = required(amount, "total_amount", int)
        if isinstance(total, bool) or total < 1 or amount.get("currency") != "CNY":
            raise Wrong(400, "PARAM_ERROR", "子单金额不正确")
        number = required(sub, "out_trade_no", str)
        if self._book.row("SELECT 1 FROM trade WHERE out_trade_no = ?", (number,)):
            raise Wrong(400, "INVALID_REQUEST", "商户订单号重复")
        return {
            "out_trade_no": number, "sub_mchid": required(sub, "sub_mchid", str), "total": total, "state": "NOTPAY",
            "description": required(sub, "description", str), "attach": str(sub.get("attach", "")),
            "transaction_id": f"42{secrets.randbelow(10**26):026d}",
        }  # fmt: skip

    def _write(self, number: str, asked: dict[str, Any], subs: list[dict[str, Any]], *, body: str) -> None:
        now = self._time.now()
        expires: datetime = min(time_expire(asked, now=now) or now + LIFE, now + LIFE)
        to = required(asked, "notify_url", str)
        self._book.write(
            """INSERT INTO wechat_combined (combine_out_trade_no, body, token, notify_url, sub_orders, made_at,
               expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)""",
            (number, body, secrets.token_hex(16), to, json.dumps(subs), utc(now), utc(expires)),
        )

    def _settle(self, sub: dict[str, Any], *, openid: str, to: str, at: str) -> None:
        self._book.write(
            """INSERT INTO trade (out_trade_no, body, trade_type, appid, mchid, description, attach, total, currency,
               openid, notify_url, prepay_id, transaction_id, made_at, expires_at, paid_at)
               VALUES (?, '', 'MWEB', ?, ?, ?, ?, ?, 'CNY', ?, ?, ?, ?, ?, ?, ?)""",
            (sub["out_trade_no"], self._appid, self._mchid, sub["description"], sub["attach"], sub["total"], openid,
             to, f"none-{sub['out_trade_no']}", sub["transaction_id"], at, at, at),
        )  # fmt: skip

    def _find(self, number: str) -> Row | None:
        return self._book.row("SELECT * FROM wechat_combined WHERE combine_out_trade_no = ?", (number,))

    def _state(self, row: Row) -> str:
        if row["paid_at"] is not None:
            return "SUCCESS"
        return "CLOSED" if self._time.now() >= read(row["expires_at"]) else "NOTPAY"

    def _told(self, row: Row) -> dict[str, Any]:
        over = "CLOSED" if self._state(row) == "CLOSED" else None
        return {
            "combine_appid": self._appid,
            "combine_mchid": self._mchid,
            "combine_out_trade_no": row["combine_out_trade_no"],
            "sub_orders": [
                {
                    "mchid": self._mchid, "sub_mchid": sub["sub_mchid"], "out_trade_no": sub["out_trade_no"],
                    "trade_state": over or sub["state"], "amount": {"total_amount": sub["total"], "currency": "CNY"},
                    **(
                        {"transaction_id": sub["transaction_id"], "success_time": beijing(read(row["paid_at"]))}
                        if sub["state"] == "SUCCESS" else {}
                    ),
                }
                for sub in json.loads(row["sub_orders"])
            ],
        }  # fmt: skip
