"""The pages on which somebody signs a contract to deductions, or pays several lenders at once."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final
from urllib.parse import parse_qsl

from mingqu.sandbox import page, wechatpay_combined, wechatpay_papay, wechatpay_repayment
from mingqu.sandbox.book import Book, Row
from mingqu.sandbox.wechatpay_combined import Combined
from mingqu.sandbox.wechatpay_contract import Contracts
from mingqu.sandbox.wechatpay_papay import Papay
from mingqu.sandbox.wechatpay_wire import Wrong
from mingqu.sandbox.wire import Call, Reply, page_reply, redirect

PATHS: Final = (wechatpay_repayment.SIGN_PATH, wechatpay_papay.SIGN_PATH, wechatpay_combined.PAY_PATH)


class Signing:
    """Three pages with a choice of who holds the phone; nothing here is real, so anybody may be chosen."""

    def __init__(self, *, book: Book, contracts: Contracts, papay: Papay, combined: Combined) -> None:
        self._book, self._contracts, self._papay, self._combined = book, contracts, papay, combined

    def answer(self, call: Call) -> Reply | None:
        """Return a page, what became of its button, or None for other paths."""
        if call.path not in PATHS:
            return None
        if call.path == wechatpay_combined.PAY_PATH:
            return self._pay(call)
        try:
            with self._book.writing():
                contract = self._contract(call)
        except Wrong as wrong:
            return page_reply(page.page(str(wrong), ""), status=400)
        if contract is None:
            return page_reply(page.page("链接已过期 This link has expired", ""), status=410)
        chosen = _form(call)
        said = ""
        if call.method == "POST":
            if chosen.get("choice") == "sign":
                said = self._contracts.sign(code=contract["code"], openid=chosen.get("openid", ""))
            if said in ("", "SIGNED") and contract["back"].startswith(("http://", "https://")):
                return redirect(contract["back"])
            contract = self._contracts.known(contract["code"])
        words = {"PRESIGNED": "待签约 To be signed", "SIGNED": "已签约 Signed", "TERMINATED": "已解约 Ended"}
        limit = contract["amount_limit"]
        facts = "" if limit is None else f'<p>单笔限额 Limit <span class="sum">¥{page.yuan(limit)}</span></p>'
        head = f"<section>{facts}<p>{words[contract['state']]}</p></section>"
        return self._page(
            "自动还款签约 Automatic repayment", head, call, said, contract["state"] == "PRESIGNED", "sign"
        )

    def _contract(self, call: Call) -> Row | None:
        if call.path == wechatpay_papay.SIGN_PATH:
            return self._papay.begin(self._papay.asked_of(call))
        return self._contracts.waiting(call.parameters.get("presign_token", ""))

    def _pay(self, call: Call) -> Reply:
        order = self._combined.waiting(call.parameters.get("token", ""))
        if order is None:
            return page_reply(page.page("没有这笔订单 No such order", ""), status=404)
        said, chosen = "", _form(call)
        if call.method == "POST" and chosen.get("choice") == "pay":
            said = self._combined.pay(number=order["combine_out_trade_no"], openid=chosen.get("openid", ""))
            back = call.parameters.get("redirect_url", "")
            if said == "SUCCESS" and back.startswith(("http://", "https://")):
                return redirect(back)
            order = self._combined.waiting(order["token"]) or order
        rows = "".join(
            f"<tr><td>{escape(sub['description'])}</td><td>¥{page.yuan(sub['total'])}</td>"
            f"<td>{escape(sub['state'])}</td></tr>"
            for sub in order["subs"]
        )
        head = f'<section><p class="sum">¥{page.yuan(order["total"])}</p><table>{rows}</table></section>'
        return self._page("合并还款 Repay several lenders", head, call, said, order["trade_state"] == "NOTPAY", "pay")

    def _page(self, title: str, head: str, call: Call, said: str, is_open: bool, choice: str) -> Reply:
        if not is_open:
            return page_reply(page.page(title, head))
        warning = f'<p role="alert">{escape(said)}</p>' if said else ""
        form = (
            f'<form method="post" action="{escape(call.target)}">{warning}<label for="openid">谁在用这台手机？ '
            f'Who holds this phone?</label><select id="openid" name="openid">{self._people()}</select>'
            f'<button name="choice" value="{choice}">确认 Confirm</button>'
            '<button class="quiet" name="choice" value="cancel">取消 Cancel</button></form>'
        )
        return page_reply(page.page(title, head + form), status=400 if said else 200)

    def _people(self) -> str:
        people: Sequence[Row] = self._book.rows("SELECT openid, nickname FROM wechat_person ORDER BY nickname, openid")
        return "".join(f'<option value="{escape(one["openid"])}">{escape(one["nickname"])}</option>' for one in people)


def _form(call: Call) -> dict[str, str]:
    return dict(parse_qsl(call.body.decode())) if call.method == "POST" else {}
