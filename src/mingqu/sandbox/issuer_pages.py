"""The pages of the sandbox's card-issuing bank: its limit, fee, rate and contract, and the button that applies."""

from __future__ import annotations

from html import escape
from typing import Final
from urllib.parse import parse_qsl, quote

from mingqu.sandbox import page
from mingqu.sandbox.book import Row
from mingqu.sandbox.issuer import INTEREST_DAY_PPM, Issuer
from mingqu.sandbox.wire import Call, Reply, page_reply, redirect

_PATH: Final = "/apply/"
_TITLE: Final = "银行：信用卡取现 Bank: cash from your card"


class IssuerPages:
    """Answers browsers that come with a token of the house's."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer

    def answer(self, call: Call) -> Reply | None:
        """Return the answer to a request at the bank's pages, or None when it is none of those."""
        if not call.path.startswith(_PATH):
            return None
        number = call.path.removeprefix(_PATH)
        row = self._issuer.referral(number)
        token = call.parameters.get("token", "")
        if row is None or not self._issuer.came(token=token, number=number):
            return page_reply(page.page("链接无效 The link is not right", ""), status=403)
        if call.method != "POST":
            self._issuer.visit(number)
            return page_reply(self._shown(row, action=call.target))
        said = dict(parse_qsl(call.body.decode("utf-8", "replace")))
        if said.get("choice") == "leave":
            self._issuer.decline(number=number)
        else:
            self._issuer.decide(number=number, amount_fen=_fen(said.get("amount", "")))
        back = row["back"]
        return redirect(f"{back}{'&' if '?' in back else '?'}result={quote(self._issuer.result(number))}")

    def _shown(self, row: Row, *, action: str) -> str:
        wish = f"¥{page.yuan(row['amount_fen'])} · {'一次还清 at once' if row['months'] == 1 else row['months']}"
        limit_fen = self._issuer.limit_fen(id_number=row["id_number"])
        facts = (
            ("可取现额度 Cash limit", f"¥{page.yuan(limit_fen)}"),
            ("手续费 Fee, one in a hundred", f"¥{page.yuan(self._issuer.fee_fen(row['amount_fen']))}"),
            ("日利率 Interest a day", f"{INTEREST_DAY_PPM / 10_000:.2f}%"),
            ("期数 Months", str(row["months"])),
            ("到账储蓄卡 Debit card", f"…{row['debit_card'][-4:]}"),
        )
        rows = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in facts)
        form = (
            f'<form method="post" action="{escape(action)}"><label for="amount">取现金额（元） Amount, yuan</label>'
            f'<input id="amount" name="amount" inputmode="numeric" value="{row["amount_fen"] // 100}" required>'
            '<button name="choice" value="apply">同意合同并取现 Agree and take cash</button>'
            '<button class="quiet" name="choice" value="leave">不取了 Leave</button></form>'
        )
        return page.page(
            _TITLE, f"<section><p>{escape(wish)}</p><table>{rows}</table></section><section>{form}</section>"
        )


def _fen(yuan: str) -> int:
    """Return whole yuan in fen; anything else is nothing, which the bank refuses."""
    return int(yuan) * 100 if yuan.isascii() and yuan.isdigit() and len(yuan) <= 9 else 0
