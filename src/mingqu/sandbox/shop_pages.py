"""The pages of the sandbox's shop: goods, an order and what became of it, money back."""

from __future__ import annotations

import json
from html import escape
from typing import Any, Final
from urllib.parse import parse_qsl

from mingqu.sandbox import page
from mingqu.sandbox.book import Row
from mingqu.sandbox.shop import COUNT_MAX, GOODS, HouseRefused, Shop, moment
from mingqu.sandbox.wire import Call, Reply, page_reply, redirect

_NAME: Final = "河畔家具 Riverside Furniture"
_STATES: Final = {
    "open": "待付款 Waits to be paid", "taken": "买家正在选择分期 The buyer looks at offers",
    "signed": "已签约，款项在途 Signed, the money is on its way", "paid": "已收款 Paid",
    "failed": "未能收款 The money did not arrive", "cancelled": "已取消 Cancelled", "expired": "已过期 Time is over",
}  # fmt: skip
_TOLD: Final = {
    "checkout.paid": "已收款 Paid", "checkout.failed": "未能收款 Not paid",
    "checkout.refunded": "退款已到 Money came back", "checkout.expired": "已过期 Time is over",
}  # fmt: skip


class ShopPages:
    """Answers browsers, and the house's messages."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def answer(self, call: Call) -> Reply:
        """Return the answer to a request at the shop."""
        place = [one for one in call.path.split("/") if one]
        match (call.method, place):
            case ("GET", []):
                return page_reply(self._front())
            case ("POST", ["messages"]):
                return self._shop.hear(call)
            case ("POST", ["orders"]):
                return self._open(call)
            case ("GET", ["orders", number]):
                return self._order(number)
            case ("POST", ["orders", number, "cancel"]):
                return self._do(number, lambda: self._shop.cancel(number))
            case ("POST", ["orders", number, "refunds"]):
                return self._do(number, lambda: self._shop.give_back(number, _fen(_form(call).get("amount", "")))[1])
            case _:
                return page_reply(page.page("没有这一页 No such page", ""), status=404)

    def _open(self, call: Call) -> Reply:
        said = _form(call)
        try:
            number = self._shop.open({code: _count(said.get(code, "0")) for code in GOODS})
        except ValueError:
            return page_reply(self._front("请选择要买的 Choose what you want"), status=422)
        except HouseRefused as refused:
            return page_reply(self._front(_why(refused)), status=502)
        return redirect(f"/orders/{number}")

    def _do(self, number: str, act: Any) -> Reply:
        try:
            pay_at = act()
        except HouseRefused as refused:
            return self._order(number, said=_why(refused), status=409)
        return redirect(pay_at or f"/orders/{number}")

    def _front(self, said: str = "") -> str:
        rows = "".join(
            f"<tr><td>{zh}<br><small>{en}</small></td><td>¥{page.yuan(fen)}</td>"
            f'<td><label for="{code}"><small>数量 How many</small></label>'
            f'<select id="{code}" name="{code}">{_options(1 if code == "table" else 0)}</select></td></tr>'
            for code, (zh, en, fen) in GOODS.items()
        )
        mine = "".join(
            f'<tr><td><a href="/orders/{row["number"]}">{row["number"]}</a></td>'
            f"<td>¥{page.yuan(json.loads(row['body'])['amount_fen'])}</td></tr>"
            for row in self._shop.orders()
        )
        listed = f"<section><p><strong>订单 Orders</strong></p><table>{mine}</table></section>" if mine else ""
        form = f'<form method="post" action="/orders"><table>{rows}</table><button>下单 Order</button></form>'
        return page.page(_NAME, f"{_alert(said)}<section>{form}</section>{listed}")

    def _order(self, number: str, *, said: str = "", status: int = 200) -> Reply:
        row = self._shop.order(number)
        if row is None:
            return page_reply(page.page("没有这笔订单 No such order", ""), status=404)
        body, seen = json.loads(row["body"]), None
        try:
            seen = self._shop.look(number)
        except HouseRefused as refused:
            said, status = said or _why(refused), 502
        goods = "".join(
            f"<tr><td>{escape(one['name'])} × {one['quantity']}</td>"
            f"<td>¥{page.yuan(one['quantity'] * one['price_fen'])}</td></tr>"
            for one in body["items"]
        )
        head = f'<section><p class="sum">¥{page.yuan(body["amount_fen"])}</p><table>{goods}</table></section>'
        stands = "" if seen is None else self._stands(number, seen)
        told = _messages(self._shop.messages(number))
        back = '<p><a href="/">继续购物 Back to the shop</a></p>'
        return page_reply(page.page(f"订单 Order {number}", head + _alert(said) + stands + told + back), status=status)

    def _stands(self, number: str, seen: dict[str, Any]) -> str:
        state = f'<p role="status"><strong>{_STATES[seen["state"]]}</strong></p>'
        if seen["state"] in ("open", "taken"):
            there = f"{self._shop.house}/checkout/{seen['checkout_id']}"
            pay = f'<a class="button" href="{there}">分期付款 Pay by instalments</a>'
            until = f"<p><small>{moment(seen['expires_at'])} 前有效 Good until then</small></p>"
            cancel = _button(f"/orders/{number}/cancel", "取消订单 Cancel") if seen["state"] == "open" else ""
            return f"<section>{state}{pay}{until}{cancel}</section>"
        left_fen = seen["amount_fen"] - sum(one["amount_fen"] for one in seen["refunds"] if one["state"] != "FAILED")
        if seen["state"] != "paid" or left_fen <= 0:
            return f"<section>{state}{_refunds(seen)}</section>"
        form = (
            f'<form method="post" action="/orders/{number}/refunds"><label for="amount">退款金额（元） Give back, yuan'
            f'</label><input id="amount" name="amount" inputmode="decimal" value="{left_fen / 100:.2f}" required>'
            '<button class="quiet">退货退款 Take goods back</button></form>'
        )
        return f"<section>{state}{_refunds(seen)}{form}</section>"


def _refunds(seen: dict[str, Any]) -> str:
    words = {"PAID": "已退 Given back", "FAILED": "没有退成 Not given back"}
    rows = "".join(
        f"<tr><td>{escape(one['number'])}</td><td nowrap>¥{page.yuan(one['amount_fen'])}</td>"
        f"<td>{words.get(one['state'], '待支付 To be paid')}</td></tr>"
        for one in seen["refunds"]
    )
    return f"<table>{rows}</table>" if rows else ""


def _messages(rows: list[Row]) -> str:
    """Return what the house told, each verified before it was kept."""
    told = "".join(
        f"<tr><td>{moment(row['at'])}</td><td>{_TOLD.get(row['type'], escape(row['type']))}</td>"
        f"<td><code>{escape(row['message_id'][:16])}…</code></td></tr>"
        for row in rows
    )
    return (
        f"<section><p><strong>收到的通知 What the house told</strong></p><table>{told}</table></section>"
        if told
        else ""
    )


def _alert(said: str) -> str:
    return f'<p role="alert">{escape(said)}</p>' if said else ""


def _button(action: str, text: str) -> str:
    return f'<form method="post" action="{action}"><button class="quiet">{text}</button></form>'


def _options(chosen: int) -> str:
    return "".join(
        f'<option value="{n}"{" selected" if n == chosen else ""}>{n}</option>' for n in range(COUNT_MAX + 1)
    )


def _why(refused: HouseRefused) -> str:
    if refused.code == "house_unknown":
        return "还不知道平台在哪 Nobody said where the house is: the knob `house` does"
    return f"平台没有办成 The house did not do it: {refused.code}"


def _form(call: Call) -> dict[str, str]:
    return dict(parse_qsl(call.body.decode("utf-8", "replace")))


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) == 1 else 0


def _fen(text: str) -> int:
    """Return an amount in yuan in fen; anything else is nothing, which the house refuses."""
    yuan, _, cents = text.strip().partition(".")
    if not (yuan + cents).isascii() or not yuan.isdigit() or not (cents or "0").isdigit() or len(cents) > 2:
        return 0
    return int(yuan[:9]) * 100 + int(f"{cents:0<2}")
