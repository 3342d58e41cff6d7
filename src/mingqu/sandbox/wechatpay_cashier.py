"""Where the payer pays: the page behind an h5_url, and a stand-in for what opens inside WeChat for JSAPI."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from mingqu.sandbox import page
from mingqu.sandbox.book import Book, Row
from mingqu.sandbox.time import Time, read, utc
from mingqu.sandbox.wechatpay_keys import Merchant
from mingqu.sandbox.wire import Call, Reply, page_reply, redirect

H5_PATH: Final = "/pay"
JSAPI_PATH: Final = "/jsapi"
H5_LIFE: Final = timedelta(minutes=5)
PREPAY_LIFE: Final = timedelta(hours=2)


class Cashier:
    """Two pages with one button each; `trade` finds a trade by its prepay id, `pay` pays it by its number."""

    def __init__(
        self,
        *,
        book: Book,
        time: Time,
        merchant: Merchant,
        trade: Callable[[str], Row | None],
        pay: Callable[[str], object],
    ) -> None:
        self._book, self._time, self._merchant = book, time, merchant
        self._trade, self._pay = trade, pay

    def h5_address(self, *, prepay_id: str, base_url: str) -> str:
        """Return the address of a page that opens for five minutes; the merchant may add &redirect_url= to it."""
        token = secrets.token_hex(16)
        until = utc(self._time.now() + H5_LIFE)
        self._book.keep(f"h5.{token}", {"prepay_id": prepay_id, "until": until})
        return f"{base_url}{H5_PATH}?prepay_id={prepay_id}&package={token}"

    def answer(self, call: Call) -> Reply | None:
        """Return a page, what became of its button, or None for other paths."""
        if call.path not in (H5_PATH, JSAPI_PATH):
            return None
        asked = call.parameters
        if call.path == JSAPI_PATH and not self._is_signed(asked):
            return page_reply(page.page("支付验证签名失败 The payment's signature is wrong", ""), status=400)
        prepay_id = asked.get("package", "").removeprefix("prepay_id=")
        if call.path == H5_PATH:
            prepay_id = asked.get("prepay_id", "")
        trade = self._trade(prepay_id)
        if trade is None or (trade["trade_type"] == "JSAPI") != (call.path == JSAPI_PATH):
            return page_reply(page.page("没有这笔订单 No such order", ""), status=404)
        if call.method == "GET" and not self._is_open(call.path, asked, trade):
            return page_reply(page.page("链接已过期 This link has expired", ""), status=410)
        if call.method == "POST" and trade["trade_state"] == "NOTPAY":
            if dict(parse_qsl(call.body.decode())).get("choice") == "pay":
                self._pay(trade["out_trade_no"])
            back = asked.get("redirect_url", "")
            return redirect(back if back.startswith(("http://", "https://")) else call.target)
        return page_reply(page.pay_with_wechat(trade, action=call.target))

    def _is_open(self, path: str, asked: dict[str, str], trade: Row) -> bool:
        """Whether a page that nobody has paid on yet may still be opened."""
        now = self._time.now()
        if trade["trade_state"] != "NOTPAY":
            return True
        if path == JSAPI_PATH:
            return now <= read(trade["made_at"]) + PREPAY_LIFE
        link = self._book.kept(f"h5.{asked.get('package', '')}", None)
        return link is not None and link["prepay_id"] == trade["prepay_id"] and now <= read(link["until"])

    def _is_signed(self, asked: dict[str, str]) -> bool:
        """Whether the merchant signed what its page hands to wx.requestPayment (signType RSA)."""
        words = [asked.get(name, "") for name in ("appId", "timeStamp", "nonceStr", "package")]
        if asked.get("signType") != "RSA" or words[0] != self._merchant.appid:
            return False
        text = "".join(f"{word}\n" for word in words).encode()
        try:
            signature = base64.b64decode(asked.get("paySign", ""), validate=True)
            self._merchant.public_key.verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True
