"""WeChat Pay APIv3 as a merchant meets it: prepay (JSAPI, H5), query, close, refund, bills, certificates, notices.

Paths, fields, states and error codes are those of the merchant documentation (2026); nothing is claimed beyond them.
Call names for the fault knobs: wechatpay.prepay, .query, .close, .refund, .refund_query, .bill, .certificates.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote

from mingqu.sandbox import wechatpay_bill
from mingqu.sandbox.book import Book, Row
from mingqu.sandbox.faults import Faults
from mingqu.sandbox.notices import Notices
from mingqu.sandbox.time import Time, beijing, read, utc
from mingqu.sandbox.wechatpay_cashier import Cashier
from mingqu.sandbox.wechatpay_keys import Merchant
from mingqu.sandbox.wechatpay_refund import Refunds
from mingqu.sandbox.wechatpay_sign import SignatureWrong, listed, probe, require_signed, seal, sign
from mingqu.sandbox.wechatpay_wire import Wrong, body_of, error, required, time_expire
from mingqu.sandbox.wire import Call, Reply, json_reply

CLOSES_AFTER: Final = timedelta(days=7)
DESCRIPTION_MAX: Final = 127  # characters
ATTACH_MAX: Final = 128
NONCES_KEPT: Final = timedelta(seconds=600)
_NUMBER: Final = re.compile(r"[0-9A-Za-z_\-|*]{6,32}")
Do = Callable[..., Reply]


class WechatPay:
    """One merchant's WeChat Pay."""

    def __init__(
        self, *, book: Book, time: Time, merchant: Merchant, faults: Faults, notices: Notices, address: str
    ) -> None:
        self.book, self.time, self.merchant, self.faults = book, time, merchant, faults
        self.notices, self.address = notices, address
        self.probe_every = 10  # one in so many notices comes as a probe first
        self.bill_fee_ppm = 0  # what bills say is kept of payments
        self._bill_flaw: str | None = None
        self._sent = 0
        self.refunds = Refunds(book=book, time=time, mchid=merchant.mchid, tell=self._tell)
        self.cashier = Cashier(
            book=book, time=time, merchant=merchant, trade=self.trade, pay=lambda number: self.pay(out_trade_no=number)
        )
        self._routes: tuple[tuple[str, re.Pattern[str], str, Do], ...] = (
            ("POST", re.compile(r"/v3/pay/transactions/(?P<kind>jsapi|h5)"), "wechatpay.prepay", self._prepay),
            ("GET", re.compile(r"/v3/pay/transactions/out-trade-no/(?P<number>[^/]+)"), "wechatpay.query", self._query),
            (
                "GET",
                re.compile(r"/v3/pay/transactions/id/(?P<transaction_id>[^/]+)"),
                "wechatpay.query",
                self._query_id,
            ),
            (
                "POST",
                re.compile(r"/v3/pay/transactions/out-trade-no/(?P<number>[^/]+)/close"),
                "wechatpay.close",
                self._close,
            ),
            ("POST", re.compile(r"/v3/refund/domestic/refunds"), "wechatpay.refund", self._refund),
            (
                "GET",
                re.compile(r"/v3/refund/domestic/refunds/(?P<number>[^/]+)"),
                "wechatpay.refund_query",
                self._ask_refund,
            ),
            ("GET", re.compile(r"/v3/bill/tradebill"), "wechatpay.bill", self._bill),
            ("GET", re.compile(r"/v3/certificates"), "wechatpay.certificates", self._certificates),
        )

    def handle(self, call: Call) -> Reply:
        """Return the answer to a request of the merchant's."""
        if call.path.startswith("/v3/billdownload/"):
            return self._download(call)
        try:
            self._verify(call)
        except SignatureWrong as wrong:
            return self._signed(call, error(401, "SIGN_ERROR", str(wrong)))
        for method, pattern, name, do in self._routes:
            found = pattern.fullmatch(call.path)
            if found and method == call.method:
                return self._met(name, do, call, found)
        return self._signed(call, error(404, "NOT_FOUND", "没有这个接口"))

    def _met(self, name: str, do: Do, call: Call, found: re.Match[str]) -> Reply:
        return self.faults.carry(
            name,
            do=lambda: self._done(do, call, found),
            refuse=(lambda: error(403, *_REFUSALS[name])) if name in _REFUSALS else None,
            sign=lambda reply: self._signed(call, reply),
            missign=lambda reply: self._missigned(call, reply),
        )

    # What the payer does.

    def trade(self, prepay_id: str) -> Row | None:
        """Return the trade of a prepay id, with its state, or None."""
        row = self.book.row("SELECT * FROM trade WHERE prepay_id = ?", (prepay_id,))
        return None if row is None else {**row, "trade_state": self._state(row)}

    def pay(self, *, out_trade_no: str, openid: str = "") -> str:
        """Let somebody pay a trade; return its state afterwards. Paying twice is paying once."""
        with self.book.writing():
            row = self.book.row("SELECT * FROM trade WHERE out_trade_no = ?", (out_trade_no,))
            if row is None:
                return "ORDER_NOT_EXIST"
            if self._state(row) == "NOTPAY":
                payer = row["openid"] or openid or "o" + secrets.token_hex(13)
                self.book.write(
                    "UPDATE trade SET paid_at = ?, openid = ? WHERE out_trade_no = ?",
                    (utc(self.time.now()), payer, out_trade_no),
                )
                row = self.book.row("SELECT * FROM trade WHERE out_trade_no = ?", (out_trade_no,))
                assert row is not None
                self._tell(
                    "TRANSACTION.SUCCESS", "transaction", self._transaction(row), row["notify_url"], self.time.now()
                )
            return self._state(row)

    def moved(self) -> dict[str, int]:
        """Return the amount in fen, by the merchant's number, of every paid trade: the truth to compare with."""
        rows = self.book.rows("SELECT out_trade_no, total FROM trade WHERE paid_at IS NOT NULL")
        return {row["out_trade_no"]: row["total"] for row in rows}

    def dress(self, _path: str, _query: str, body: bytes) -> dict[str, str]:
        """Return the headers of one try of a notice."""
        keys = self.merchant.keys  # while two are valid, they take turns
        headers = sign(body, key=keys[self._sent % len(keys)], now=self.time.now())
        return {"content-type": "application/json", **headers}

    def probe(self, path: str, query: str, body: bytes) -> dict[str, str] | None:
        """Return the headers of a probe of the receiver's, when it is time for one: whoever verifies refuses it."""
        self._sent += 1
        if not self.probe_every or self._sent % self.probe_every:
            return None
        return probe(self.dress(path, query, body))

    # What the merchant asks.

    def _prepay(self, call: Call, *, kind: str) -> Reply:
        asked = body_of(call)
        self._require_own(asked)
        number = required(asked, "out_trade_no", str)
        if not _NUMBER.fullmatch(number):
            raise Wrong(400, "PARAM_ERROR", "商户订单号格式不正确")
        amount = required(asked, "amount", dict)
        total = required(amount, "total", int)
        if isinstance(total, bool) or total < 1 or amount.get("currency", "CNY") != "CNY":
            raise Wrong(400, "PARAM_ERROR", "金额不正确")
        openid = ""
        if kind == "jsapi":
            openid = required(required(asked, "payer", dict), "openid", str)
        else:
            scene = required(asked, "scene_info", dict)
            required(scene, "payer_client_ip", str)
            required(required(scene, "h5_info", dict), "type", str)
        body = hashlib.sha256(json.dumps([kind, asked], sort_keys=True).encode()).hexdigest()
        known = self.book.row("SELECT * FROM trade WHERE out_trade_no = ?", (number,))
        if known is None:
            known = self._new_trade(asked, number=number, kind=kind, body=body, total=total, openid=openid)
        elif known["body"] != body:
            raise Wrong(400, "INVALID_REQUEST", "201 商户订单号重复")
        elif self._state(known) in ("SUCCESS", "REFUND"):
            raise Wrong(400, "OUT_TRADE_NO_USED", "商户订单号已支付")
        elif self._state(known) == "CLOSED":
            raise Wrong(400, "ORDER_CLOSED", "订单已关闭")
        if kind == "jsapi":
            return json_reply({"prepay_id": known["prepay_id"]})
        return json_reply({"h5_url": self.cashier.h5_address(prepay_id=known["prepay_id"], base_url=self.address)})

    def _new_trade(self, asked: dict[str, Any], *, number: str, kind: str, body: str, total: int, openid: str) -> Row:
        now = self.time.now()
        expires = min(time_expire(asked, now=now) or now + CLOSES_AFTER, now + CLOSES_AFTER)
        notify_url = required(asked, "notify_url", str)
        if "?" in notify_url or not notify_url.startswith(("http://", "https://")):
            raise Wrong(400, "PARAM_ERROR", "notify_url 不能携带参数")
        description, attach = required(asked, "description", str), asked.get("attach", "")
        if len(description) > DESCRIPTION_MAX or not isinstance(attach, str) or len(attach) > ATTACH_MAX:
            raise Wrong(400, "PARAM_ERROR", "参数 description 或 attach 不正确")
        self.book.write(
            """INSERT INTO trade (out_trade_no, body, trade_type, appid, mchid, description, attach, total, currency,
               openid, notify_url, prepay_id, transaction_id, made_at, expires_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'CNY', ?, ?, ?, ?, ?, ?)""",
            (number, body, "JSAPI" if kind == "jsapi" else "MWEB", asked["appid"], asked["mchid"],
             description, attach, total, openid, notify_url,
             "wx" + secrets.token_hex(17), f"42{secrets.randbelow(10**26):026d}", utc(now), utc(expires)),
        )  # fmt: skip
        row = self.book.row("SELECT * FROM trade WHERE out_trade_no = ?", (number,))
        assert row is not None
        return row

    def _query(self, call: Call, *, number: str) -> Reply:
        return self._asked(call, self.book.row("SELECT * FROM trade WHERE out_trade_no = ?", (unquote(number),)))

    def _query_id(self, call: Call, *, transaction_id: str) -> Reply:
        return self._asked(call, self.book.row("SELECT * FROM trade WHERE transaction_id = ?", (transaction_id,)))

    def _asked(self, call: Call, row: Row | None) -> Reply:
        if call.parameters.get("mchid") != self.merchant.mchid:
            raise Wrong(400, "PARAM_ERROR", "商户号不正确")
        if row is None:
            raise Wrong(404, "ORDER_NOT_EXIST", "订单不存在")
        return json_reply(self._transaction(row))

    def _close(self, call: Call, *, number: str) -> Reply:
        if body_of(call).get("mchid") != self.merchant.mchid:
            raise Wrong(400, "PARAM_ERROR", "商户号不正确")
        number = unquote(number)
        row = self.book.row("SELECT * FROM trade WHERE out_trade_no = ?", (number,))
        if row is None:
            raise Wrong(404, "ORDER_NOT_EXIST", "订单不存在")
        if row["paid_at"] is not None:
            raise Wrong(400, "ORDERPAID", "订单已支付")
        now = utc(self.time.now())
        self.book.write("UPDATE trade SET closed_at = coalesce(closed_at, ?) WHERE out_trade_no = ?", (now, number))
        return Reply(status=204)

    def _refund(self, call: Call) -> Reply:
        return self.refunds.take(body_of(call))

    def _ask_refund(self, _: Call, *, number: str) -> Reply:
        return self.refunds.ask(unquote(number))

    def _bill(self, call: Call) -> Reply:
        try:
            on = date.fromisoformat(call.parameters.get("bill_date", ""))
        except ValueError:
            raise Wrong(400, "PARAM_ERROR", "账单日期不正确") from None
        kind = call.parameters.get("bill_type", "ALL")
        if kind not in wechatpay_bill.KINDS:
            raise Wrong(400, "PARAM_ERROR", "账单类型不正确")
        if wechatpay_bill.is_too_old(on, now=self.time.now()) or call.parameters.get("tar_type", "GZIP") != "GZIP":
            raise Wrong(400, "PARAM_ERROR", "账单日期或压缩类型不正确")
        if not wechatpay_bill.is_ready(on, now=self.time.now()):
            raise Wrong(400, "NO_STATEMENT_EXIST", "账单尚未生成")
        content = self._written(on, kind)
        if self._bill_flaw != "wrong_hash":
            content = wechatpay_bill.spoiled(content, flaw=self._bill_flaw)
        token = secrets.token_urlsafe(24)
        gzipped = call.parameters.get("tar_type") == "GZIP"
        kept = {
            "on": on.isoformat(),
            "kind": kind,
            "gzip": gzipped,
            "until": utc(self.time.now() + wechatpay_bill.LINK_LIFE),
        }
        self.book.write("INSERT INTO kept (name, value) VALUES (?, ?)", (f"bill.{token}", json.dumps(kept)))
        return json_reply(
            {
                "hash_type": "SHA1",
                "hash_value": hashlib.sha1(content).hexdigest(),  # noqa: S324 (WeChat's choice, of the plain file)
                "download_url": f"{self.address}/v3/billdownload/file?token={token}",
            }
        )

    def spoil_bills(self, flaw: str | None) -> None:
        """Let every bill from now on have a flaw, or with None have none. Errors: ValueError."""
        if flaw is not None and flaw not in wechatpay_bill.FLAWS:
            raise ValueError(f"a flaw is one of {', '.join(wechatpay_bill.FLAWS)}")
        self._bill_flaw = flaw

    def _written(self, on: date, kind: str) -> bytes:
        return wechatpay_bill.write(self.book, on=on, kind=kind, fee_ppm=self.bill_fee_ppm)

    def _download(self, call: Call) -> Reply:
        """The file of a bill: the request is signed as always, the answer is not."""
        try:
            self._verify(call)
        except SignatureWrong as wrong:
            return self._signed(call, error(401, "SIGN_ERROR", str(wrong)))
        row = self.book.row("SELECT value FROM kept WHERE name = ?", (f"bill.{call.parameters.get('token', '')}",))
        if row is None:
            return self._signed(call, error(404, "NOT_FOUND", "链接无效"))
        kept = json.loads(row["value"])
        self.book.write("DELETE FROM kept WHERE name = ?", (f"bill.{call.parameters['token']}",))  # good once
        if self.time.now() > read(kept["until"]):
            return self._signed(call, error(403, "NO_AUTH", "链接已过期"))
        content = wechatpay_bill.spoiled(
            self._written(date.fromisoformat(kept["on"]), kept["kind"]), flaw=self._bill_flaw
        )
        return Reply(body=wechatpay_bill.gzipped(content) if kept["gzip"] else content)

    def _certificates(self, _: Call) -> Reply:
        """Certificates that are valid; a merchant in public-key mode gets an error, as it does from WeChat."""
        certificates = [key for key in self.merchant.keys if key.certificate is not None]
        if not certificates:
            raise Wrong(500, "SYSTEM_ERROR", "系统错误")
        return json_reply({"data": [listed(key, api_v3_key=self.merchant.api_v3_key) for key in certificates]})

    # Around it.

    def _verify(self, call: Call) -> None:
        """Return when a request is the merchant's, of now, and new. Errors: SignatureWrong."""
        now, merchant = self.time.now(), self.merchant
        nonce = require_signed(call, mchid=merchant.mchid, serial=merchant.serial, key=merchant.public_key, now=now)
        with self.book.writing():
            self.book.write("DELETE FROM nonce WHERE party = 'wechatpay' AND at < ?", (utc(now - NONCES_KEPT),))
            row = ("wechatpay", nonce, utc(now))
            if not self.book.write("INSERT OR IGNORE INTO nonce (party, nonce, at) VALUES (?, ?, ?)", row):
                raise SignatureWrong("nonce_str 重复")

    def _done(self, do: Do, call: Call, found: re.Match[str]) -> Reply:
        try:
            with self.book.writing():
                return do(call, **found.groupdict())
        except Wrong as wrong:
            return error(wrong.status, wrong.code, wrong.message)

    def _signed(self, call: Call, reply: Reply) -> Reply:
        key = self.merchant.key_for(call.headers.get("wechatpay-serial"))
        headers = sign(reply.body, key=key, now=self.time.now())
        return replace(reply, headers={**reply.headers, **headers})

    def _missigned(self, call: Call, reply: Reply) -> Reply:
        """Return an answer under a probe: what WeChat sends now and then to see whether anybody verifies."""
        signed = self._signed(call, reply)
        return replace(signed, headers=probe(signed.headers))

    def _require_own(self, asked: dict[str, Any]) -> None:
        if asked.get("mchid") != self.merchant.mchid or asked.get("appid") != self.merchant.appid:
            raise Wrong(400, "APPID_MCHID_NOT_MATCH", "AppID和MCHID不匹配")

    def _state(self, row: Row) -> str:
        if row["paid_at"] is not None:
            return "REFUND" if self.refunds.of_trade(row["out_trade_no"]) else "SUCCESS"
        closed = row["closed_at"] is not None or self.time.now() >= read(row["expires_at"])
        return "CLOSED" if closed else "NOTPAY"

    def _transaction(self, row: Row) -> dict[str, Any]:
        state = self._state(row)
        said: dict[str, Any] = {
            "appid": row["appid"], "mchid": row["mchid"], "out_trade_no": row["out_trade_no"], "attach": row["attach"],
            "trade_state": state, "trade_state_desc": _STATES[state],
            "amount": {"total": row["total"], "currency": "CNY"},
        }  # fmt: skip
        if row["paid_at"] is not None:
            said |= {
                "transaction_id": row["transaction_id"], "trade_type": row["trade_type"], "bank_type": "OTHERS",
                "success_time": beijing(read(row["paid_at"])), "payer": {"openid": row["openid"]},
                "amount": {
                    "total": row["total"], "payer_total": row["total"], "currency": "CNY", "payer_currency": "CNY",
                },
            }  # fmt: skip
        return said

    def _tell(self, event: str, original: str, words: dict[str, Any], to: str, at: datetime) -> None:
        """Have something told to an address from a moment on; sealed once, so that the same id has the same content."""
        resource = seal(
            json.dumps(words, ensure_ascii=False), api_v3_key=self.merchant.api_v3_key, associated_data=original
        )
        notice_id = f"EV-{secrets.token_hex(16)}"
        body = {
            "id": notice_id,
            "create_time": beijing(at),
            "resource_type": "encrypt-resource",
            "event_type": event,
            "summary": {"transaction": "支付成功", "refund": "退款成功"}[original],
            "resource": {"original_type": original, **resource},
        }
        self.notices.add(party="wechatpay", notice_id=notice_id, body=json.dumps(body), at=at, url=to)


# What money may be refused for; a question is not refused, or its answer would be taken for the order's end.
_REFUSALS: Final = {
    "wechatpay.prepay": ("RULE_LIMIT", "业务规则限制"),
    "wechatpay.refund": ("NOT_ENOUGH", "商户余额不足"),
}
_STATES: Final = {"NOTPAY": "未支付", "SUCCESS": "支付成功", "REFUND": "转入退款", "CLOSED": "已关闭"}
