"""Where bills are asked for and fetched: a link that is good once, and a hash of the plain file."""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import date
from typing import Any

from mingqu.sandbox import wechatpay_bill
from mingqu.sandbox.book import Book
from mingqu.sandbox.time import Time, read, utc
from mingqu.sandbox.wechatpay_wire import Wrong
from mingqu.sandbox.wire import Call, Reply, json_reply

PATH = "/v3/billdownload/file"


class Bills:
    """The bills of one merchant. `flaw` lets every bill from now on be wrong in one way."""

    def __init__(self, *, book: Book, time: Time, address: str) -> None:
        self._book, self._time, self._address = book, time, address
        self._flaw: str | None = None

    def spoil(self, flaw: str | None) -> None:
        """Let every bill from now on have a flaw, or with None have none. Errors: ValueError."""
        if flaw is not None and flaw not in wechatpay_bill.FLAWS:
            raise ValueError(f"a flaw is one of {', '.join(wechatpay_bill.FLAWS)}")
        self._flaw = flaw

    def set_fee(self, ppm: int) -> None:
        """Let WeChat Pay keep so many parts of a million of each payment. Errors: ValueError."""
        if not 0 <= ppm <= 100_000:
            raise ValueError("a fee is up to a tenth of a payment")
        with self._book.writing():
            self._book.keep(wechatpay_bill.FEE_PPM, ppm)

    def of_trades(self, call: Call) -> Reply:
        """Return where the bill of a day's trades is fetched. Errors: Wrong."""
        kind = call.parameters.get("bill_type", "ALL")
        if kind not in wechatpay_bill.KINDS:
            raise Wrong(400, "PARAM_ERROR", "账单类型不正确")
        return self._link(call, {"kind": kind})

    def of_account(self, call: Call) -> Reply:
        """Return where the bill of a day's movements on an account is fetched. Errors: Wrong."""
        account = call.parameters.get("account_type", "BASIC")
        if account not in wechatpay_bill.ACCOUNTS:
            raise Wrong(400, "PARAM_ERROR", "资金账户类型不正确")
        return self._link(call, {"account": account})

    def file(self, token: str) -> bytes:
        """Return the file behind a link, as it travels; the link is good once. Errors: Wrong."""
        row = self._book.row("SELECT value FROM kept WHERE name = ?", (f"bill.{token}",))
        if row is None:
            raise Wrong(404, "NOT_FOUND", "链接无效")
        kept = json.loads(row["value"])
        self._book.write("DELETE FROM kept WHERE name = ?", (f"bill.{token}",))
        if self._time.now() > read(kept["until"]):
            raise Wrong(403, "NO_AUTH", "链接已过期")
        content = self._written(kept)
        return wechatpay_bill.gzipped(content) if kept["gzip"] else content

    def _link(self, call: Call, what: dict[str, str]) -> Reply:
        now, packed = self._time.now(), call.parameters.get("tar_type")
        try:
            on = date.fromisoformat(call.parameters.get("bill_date", ""))
        except ValueError:
            raise Wrong(400, "PARAM_ERROR", "账单日期不正确") from None
        if wechatpay_bill.is_too_old(on, now=now) or packed not in (None, "GZIP"):
            raise Wrong(400, "PARAM_ERROR", "账单日期或压缩类型不正确")
        if not wechatpay_bill.is_ready(on, now=now):
            raise Wrong(400, "NO_STATEMENT_EXIST", "账单尚未生成")
        until = utc(now + wechatpay_bill.LINK_LIFE)
        kept: dict[str, Any] = {**what, "on": on.isoformat(), "gzip": packed == "GZIP", "until": until}
        content, token = self._written(kept), secrets.token_urlsafe(24)
        if self._flaw == "wrong_hash":
            content += b"!"
        self._book.write("INSERT INTO kept (name, value) VALUES (?, ?)", (f"bill.{token}", json.dumps(kept)))
        return json_reply(
            {
                "hash_type": "SHA1",
                "hash_value": hashlib.sha1(content).hexdigest(),  # noqa: S324 (WeChat's choice, of the plain file)
                "download_url": f"{self._address}{PATH}?token={token}",
            }
        )

    def _written(self, kept: dict[str, Any]) -> bytes:
        on = date.fromisoformat(kept["on"])
        if "account" in kept:
            return wechatpay_bill.write_fund_flow(self._book, on=on, account=kept["account"], flaw=self._flaw)
        return wechatpay_bill.write(self._book, on=on, kind=kept["kind"], flaw=self._flaw)
