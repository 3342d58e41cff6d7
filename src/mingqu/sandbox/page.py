"""The sandbox's own pages: where a person pays, signs in with WeChat, reads messages. Plain HTML without a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final
from urllib.parse import quote

from mingqu.sandbox.book import Row
from mingqu.sandbox.time import BEIJING, read

_STYLE: Final = """
:root{color-scheme:light dark;--page:#f3f5f4;--card:#fff;--ink:#15211f;--soft:#5a6966;--line:#e3e8e6;
--go:#0b5f63;--on:#fff}
@media (prefers-color-scheme:dark){:root{--page:#0d1312;--card:#171f1e;--ink:#e9efed;--soft:#96a4a1;
--line:#2a3533;--go:#17757a}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:40rem;margin:0 auto;padding:24px 16px}h1{font-size:20px;margin:0 0 4px}p{margin:0 0 12px}
small,.soft{color:var(--soft)}section{background:var(--card);border-radius:14px;padding:16px;margin:12px 0}
.sum{font-size:34px;font-weight:600;font-variant-numeric:tabular-nums}label{display:block;margin:12px 0 4px}
input,select{width:100%;min-height:44px;padding:8px 12px;font:inherit;color:inherit;background:transparent;
border:1px solid #7d8c89;border-radius:10px}
button,.button{display:block;width:100%;min-height:48px;margin-top:12px;border:0;border-radius:10px;background:var(--go);
color:var(--on);font:inherit;font-weight:600;text-align:center;line-height:48px;text-decoration:none}
.quiet{background:transparent;color:inherit;border:1px solid #7d8c89}
table{width:100%;border-collapse:collapse;font-size:14px}
td,th{text-align:left;padding:6px 8px 6px 0;border-top:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
code{font-size:13px}
"""
STYLE_PATH: Final = "/_sandbox/style.css"


def style() -> str:
    """Return the one stylesheet."""
    return _STYLE


def page(title: str, body: str) -> str:
    """Return a page."""
    return (
        '<!doctype html><html lang="zh"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        '<link rel="icon" href="data:,">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="{STYLE_PATH}">'
        f"<main><p><small>沙箱 · Sandbox: nothing here is real</small></p><h1>{escape(title)}</h1>{body}</main></html>"
    )


def yuan(fen: int) -> str:
    """Return an amount in yuan. Example: 105005 → 1,050.05."""
    return f"{fen // 100:,}.{fen % 100:02d}"


def pay_with_wechat(trade: Row, *, action: str) -> str:
    """Return the page on which somebody pays a trade, or sees what became of it."""
    head = f'<section><p>{escape(trade["description"])}</p><p class="sum">¥{yuan(trade["total"])}</p></section>'
    if trade["trade_state"] != "NOTPAY":
        said = {"SUCCESS": "已支付 Paid", "REFUND": "已退款 Refunded", "CLOSED": "已关闭 Closed"}[trade["trade_state"]]
        return page("微信支付 WeChat Pay", f"{head}<p>{said}</p>")
    form = (
        f'<form method="post" action="{escape(action)}"><button name="choice" value="pay">确认支付 Pay</button>'
        '<button class="quiet" name="choice" value="cancel">取消 Cancel</button></form>'
    )
    return page("微信支付 WeChat Pay", head + form)


def pay_at_bank(order: Row, *, action: str, cards: Sequence[Row] = (), said: str = "") -> str:
    """Return the bank's page of an order; it offers the cards of everybody, for nothing here is real."""
    number = f'<p class="soft"><code>{order["order_number"]}</code></p>'
    head = f'<section><p class="sum">¥{yuan(order["amount_fen"])}</p>{number}</section>'
    if order["state"] != "in_progress":
        return page("银行收银台 Bank cashier", f"{head}<p>{escape(order['state'])}</p>")
    known = "".join(
        f'<option value="{escape(card["number"])}">{escape(card["holder_name"])} ¥{yuan(card["balance_fen"])}</option>'
        for card in cards
    )
    warning = f'<p role="alert">{escape(said)}</p>' if said else ""
    form = (
        f'<form method="post" action="{escape(action)}">{warning}<label for="card">银行卡号 Card number</label>'
        '<input id="card" name="card_number" inputmode="numeric" autocomplete="off" list="cards" required>'
        f'<datalist id="cards">{known}</datalist><button>确认支付 Pay</button></form>'
    )
    return page("银行收银台 Bank cashier", head + form)


def sign_in_with_wechat(people: Sequence[Row], *, query: str) -> str:
    """Return the page that asks who is holding the phone."""
    rows = "".join(
        f'<a class="button" href="/connect/oauth2/authorize?{escape(query)}&amp;as={quote(row["openid"])}">'
        f"{escape(row['nickname'])}</a>"
        for row in people
    )
    return page(
        "微信登录 Sign in with WeChat", f"<section><p>谁在用这台手机？ Who holds this phone?</p>{rows}</section>"
    )


def inbox(messages: Sequence[Row]) -> str:
    """Return the newest messages of all phones."""
    rows = "".join(
        f"<tr><td>{read(row['at']).astimezone(BEIJING):%m-%d %H:%M:%S}</td><td>{escape(row['phone'])}</td>"
        f"<td>{escape(row['template'])}</td>"
        f"<td><strong>{escape(' · '.join(row['content'].values()))}</strong></td></tr>"
        for row in messages
    )
    head = "<tr><th>时间 Time</th><th>手机 Phone</th><th>模板 Template</th><th>内容 Content</th></tr>"
    return page("短信收件箱 Inbox", f"<section><table>{head}{rows}</table></section>")


def knobs(
    *,
    name: str,
    calls: Sequence[str],
    acts: Sequence[str],
    faults: Sequence[str],
    planned: str,
    rates: str,
    facts: Sequence[tuple[str, str]],
    book: Mapping[str, Sequence[Row]],
) -> str:
    """Return the page of a counterparty's knobs and of what its book says."""
    options, call_options, act_options = (
        "".join(f'<option value="{escape(one)}">{escape(one)}</option>' for one in words)
        for words in (faults, calls, acts)
    )
    rows = "".join(f"<tr><td>{escape(key)}</td><td><code>{escape(value)}</code></td></tr>" for key, value in facts)
    return page(
        f"{name}: 故障旋钮 Fault knobs",
        f'<section><form method="post" action="/_sandbox/faults"><label for="call">调用 Call, * 为任意 for any</label>'
        f'<select id="call" name="call">{call_options}</select><label for="fault">故障 Fault</label>'
        f'<select id="fault" name="fault">{options}</select><label for="times">次数 Times</label>'
        '<input id="times" name="times" value="1" inputmode="numeric">'
        '<label for="seconds">秒数（慢、迟到） Seconds, of slow and late</label>'
        '<input id="seconds" name="seconds" inputmode="decimal"><button>安排 Plan it</button></form>'
        '<form method="post" action="/_sandbox/heal"><button class="quiet">恢复正常 Heal</button></form>'
        '<form method="post" action="/_sandbox/deliver-late">'
        '<button class="quiet">送达迟到请求 Deliver late requests</button></form>'
        f'</section><section><form method="post" action="/_sandbox/do"><label for="knob">旋钮 Knob</label>'
        f'<select id="knob" name="knob">{act_options}</select><label for="json">内容 Content, JSON</label>'
        '<input id="json" name="json" value="{}" autocomplete="off"><button>执行 Do it</button></form>'
        f"</section><section><p>已安排 Planned: <code>{escape(planned)}</code></p>"
        f"<p>概率 Rates (ppm): <code>{escape(rates)}</code></p></section><section><table>{rows}</table></section>"
        + "".join(_table(title, shown) for title, shown in book.items()),
    )


def _table(title: str, rows: Sequence[Row]) -> str:
    """Return rows of a book, the newest first."""
    head = "".join(f"<th>{escape(column)}</th>" for column in (rows[0] if rows else ()))
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape('' if one is None else str(one))}</td>" for one in row.values()) + "</tr>"
        for row in rows
    )
    inner = f'<div style="overflow-x:auto"><table><tr>{head}</tr>{lines}</table></div>' if rows else "<p>空 Empty</p>"
    return f"<section><h2>{escape(title)}</h2>{inner}</section>"
