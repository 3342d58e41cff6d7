"""Pages of the sandbox's Alipay: where somebody pays, signs an agreement, or lets an app know who they are."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from html import escape
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

from mingqu.sandbox import page
from mingqu.sandbox.alipay_agreement import Agreements
from mingqu.sandbox.alipay_trade import Trades
from mingqu.sandbox.book import Book, Row
from mingqu.sandbox.time import Time, read, utc
from mingqu.sandbox.wire import Call, Reply, page_reply, redirect

PAY_PATH: Final = "/cashier"
SIGN_PATH: Final = "/agreement"
LOGIN_PATH: Final = "/oauth2/publicAppAuthorize.htm"
CODE_LIFE: Final = timedelta(days=1)
_STATES: Final = {
    "TRADE_SUCCESS": "已支付 Paid",
    "TRADE_FINISHED": "已支付 Paid",
    "TRADE_CLOSED": "已关闭 Closed",
}
_ANYBODY: Final = '<option value="">其他人 Somebody else, who has enough</option>'
_SAID: Final = {
    "ACQ.BUYER_BALANCE_NOT_ENOUGH": "余额不足 Not enough money",
    "ACQ.BUYER_NOT_EXIST": "没有这个账户 No such account",
}


class Pages:
    """Three pages, with one choice and one button each."""

    def __init__(self, *, book: Book, time: Time, trades: Trades, agreements: Agreements, app_id: str) -> None:
        self._book, self._time, self._app_id = book, time, app_id
        self._trades, self._agreements = trades, agreements

    def pay_address(self, trade: Row, *, back: str) -> str:
        """Return the path at which somebody pays a trade."""
        return f"{PAY_PATH}?{urlencode({'trade_no': trade['trade_no'], 'return_url': back})}"

    def sign_address(self, agreement: Row, *, back: str) -> str:
        """Return the path at which somebody signs an agreement."""
        number = agreement["external_agreement_no"]
        return f"{SIGN_PATH}?{urlencode({'number': number, 'return_url': back})}"

    def answer(self, call: Call) -> Reply | None:
        """Return a page, what became of its button, or None for other paths."""
        match call.path:
            case "/cashier":
                return self._cashier(call)
            case "/agreement":
                return self._agreement(call)
            case "/oauth2/publicAppAuthorize.htm":
                return self._login(call)
            case _:
                return None

    def new_code(self, *, user_id: str) -> str:
        """Return a code that stands for somebody for a day, once."""
        code = secrets.token_hex(16)
        with self._book.writing():
            self._book.write(
                "INSERT INTO alipay_code (code, user_id, made_at) VALUES (?, ?, ?)",
                (code, user_id, utc(self._time.now())),
            )
        return code

    def use_code(self, code: str) -> str | None:
        """Return whom a code stands for, and let it stand for nobody from now on."""
        row = self._book.row("SELECT * FROM alipay_code WHERE code = ?", (code,))
        if row is None or row["used"] or self._time.now() > read(row["made_at"]) + CODE_LIFE:
            return None
        self._book.write("UPDATE alipay_code SET used = 1 WHERE code = ?", (code,))
        return str(row["user_id"])

    def _cashier(self, call: Call) -> Reply:
        trade = self._trades.by_trade_no(call.parameters.get("trade_no", ""))
        if trade is None:
            return page_reply(page.page("没有这笔订单 No such order", ""), status=404)
        said = ""
        if call.method == "POST" and trade["trade_status"] == "WAIT_BUYER_PAY":
            form = dict(parse_qsl(call.body.decode()))
            if form.get("choice") == "pay":
                said = self._trades.pay(out_trade_no=trade["out_trade_no"], identity=form.get("account") or None)
            if said not in _SAID:
                return redirect(_back(call))
        status = 400 if said else 200
        return page_reply(_pay_page(trade, self._trades.accounts(), action=call.target, said=said), status=status)

    def _agreement(self, call: Call) -> Reply:
        agreement = self._agreements.find(call.parameters.get("number", ""))
        if agreement is None:
            return page_reply(page.page("没有这份协议 No such agreement", ""), status=404)
        if call.method == "POST" and agreement["state"] == "TEMP":
            form = dict(parse_qsl(call.body.decode()))
            if form.get("choice") == "sign":
                self._agreements.sign(number=agreement["external_agreement_no"], identity=form.get("account", ""))
            return redirect(_back(call))
        return page_reply(_sign_page(agreement, self._trades.accounts(), action=call.target))

    def _login(self, call: Call) -> Reply:
        asked = call.parameters
        back = asked.get("redirect_uri", "")
        if asked.get("app_id") != self._app_id or not back.startswith(("http://", "https://")):
            return page_reply(page.page("授权链接不正确 The link is not right", ""), status=400)
        if "as" in asked:
            query = urlencode(
                {
                    "auth_code": self.new_code(user_id=asked["as"]), "state": asked.get("state", ""),
                    "app_id": self._app_id, "source": "alipay_wallet", "scope": asked.get("scope", ""),
                }
            )  # fmt: skip
            return redirect(f"{back}{'&' if '?' in back else '?'}{query}")
        return page_reply(_login_page(self._trades.accounts(), query=call.query))


def refused(code: str, message: str) -> Reply:
    """Return the page of a link that is refused."""
    return page_reply(page.page(message, f"<p><code>{escape(code)}</code></p>"), status=400)


def _back(call: Call) -> str:
    back = call.parameters.get("return_url", "")
    return back if back.startswith(("http://", "https://")) else call.target


def _choice(people: Sequence[Row], *, besides: str = "") -> str:
    options = "".join(
        f'<option value="{escape(one["user_id"])}">{escape(one["name"])} ¥{page.yuan(one["balance_fen"])}</option>'
        for one in people
    )
    return f'<label for="account">账户 Account</label><select id="account" name="account">{options}{besides}</select>'


def _pay_page(trade: Row, people: Sequence[Row], *, action: str, said: str) -> str:
    number = f'<p class="soft"><code>{escape(trade["out_trade_no"])}</code></p>'
    head = (
        f'<section><p>{escape(trade["subject"])}</p><p class="sum">¥{page.yuan(trade["total"])}</p>{number}</section>'
    )
    if trade["trade_status"] in _STATES:
        return page.page("支付宝收银台 Alipay cashier", f"{head}<p>{_STATES[trade['trade_status']]}</p>")
    warning = f'<p role="alert">{_SAID[said]}</p>' if said else ""
    form = (
        f'<form method="post" action="{escape(action)}">{warning}{_choice(people, besides=_ANYBODY)}'
        '<button name="choice" value="pay">确认付款 Pay</button>'
        '<button class="quiet" name="choice" value="cancel">取消 Cancel</button></form>'
    )
    return page.page("支付宝收银台 Alipay cashier", head + form)


def _sign_page(agreement: Row, people: Sequence[Row], *, action: str) -> str:
    head = (
        f"<section><p>按期自动还款 Automatic repayment</p>"
        f'<p>单笔最高 At most each time</p><p class="sum">¥{page.yuan(agreement["single_amount"])}</p></section>'
    )
    if agreement["state"] != "TEMP":
        said = {"NORMAL": "已签约 Signed", "STOP": "已解约 Ended"}[agreement["state"]]
        return page.page("支付宝签约 Alipay agreement", f"{head}<p>{said}</p>")
    form = (
        f'<form method="post" action="{escape(action)}">{_choice(people)}'
        '<button name="choice" value="sign">同意协议并签约 Agree and sign</button>'
        '<button class="quiet" name="choice" value="cancel">取消 Cancel</button></form>'
    )
    return page.page("支付宝签约 Alipay agreement", head + form)


def _login_page(people: Sequence[Row], *, query: str) -> str:
    rows = "".join(
        f'<a class="button" href="{LOGIN_PATH}?{escape(query)}&amp;as={quote(one["user_id"])}">'
        f"{escape(one['name'])}</a>"
        for one in people
    )
    return page.page(
        "支付宝登录 Sign in with Alipay", f"<section><p>谁在用这台手机？ Who holds this phone?</p>{rows}</section>"
    )
