"""The bills of a day: of trades, and of what moved on the account. CSV in yuan, each field of a row behind a back-tick.

A flaw, when somebody asked for one, is put into the finished rows, so that the book itself stays true.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from mingqu.sandbox.book import Book, Row
from mingqu.sandbox.time import BEIJING, read, utc

KINDS: Final = ("ALL", "SUCCESS", "REFUND")
ACCOUNTS: Final = ("BASIC", "OPERATION", "FEES")  # only the first has movements here
FLAWS: Final = ("wrong_amount", "lost_row", "broken_row", "wrong_sum", "wrong_encoding", "wrong_hash")
READY_HOUR: Final = 10  # of the next day
KEPT_FOR: Final = timedelta(days=92)
LINK_LIFE: Final = timedelta(minutes=5)
FEE_PPM: Final = "wechatpay.fee_ppm"  # a knob: what WeChat Pay keeps of each payment
_PPM: Final = 1_000_000
_HEAD: Final = (
    "交易时间", "公众账号ID", "商户号", "特约商户号", "设备号", "微信订单号", "商户订单号", "用户标识", "交易类型",
    "交易状态", "付款银行", "货币种类", "应结订单金额", "代金券金额",
)  # fmt: skip
_TIMES: Final = ("退款申请时间", "退款成功时间")
_REFUND: Final = ("微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态")
_TAIL: Final = ("商品名称", "商户数据包", "手续费", "费率", "订单金额")
COLUMNS: Final = {
    "ALL": (*_HEAD, *_REFUND, *_TAIL, "申请退款金额", "费率备注"),
    "SUCCESS": (*_HEAD, *_TAIL, "费率备注"),
    "REFUND": (*_HEAD, *_TIMES, *_REFUND, *_TAIL, "申请退款金额", "费率备注"),
}
SUMS: Final = (
    "总交易单数", "应结订单总金额", "退款总金额", "充值券退款总金额", "手续费总金额", "订单总金额", "申请退款总金额",
)  # fmt: skip
FLOW_COLUMNS: Final = (
    "记账时间", "微信支付业务单号", "资金流水单号", "业务名称", "业务类型", "收支类型", "收支金额(元)", "账户结余(元)",
    "资金变更提交申请人", "备注", "业务凭证号",
)  # fmt: skip
FLOW_SUMS: Final = ("资金流水总笔数", "收入笔数", "收入金额", "支出笔数", "支出金额")
Cells = dict[str, str]


def is_ready(on: date, *, now: datetime) -> bool:
    """Return whether the bill of a date can be had: from ten o'clock of the next day."""
    return now >= _begins(on) + timedelta(days=1, hours=READY_HOUR)


def is_too_old(on: date, *, now: datetime) -> bool:
    """Return whether the bill of a date is not kept any more: after three months."""
    return now.astimezone(BEIJING).date() - on > KEPT_FOR


def write(book: Book, *, on: date, kind: str, flaw: str | None = None) -> bytes:
    """Return the bill of the trades of a date in UTF-8, from the book's own trades and refunds."""
    day = (utc(_begins(on)), utc(_begins(on + timedelta(days=1))))
    paid = book.rows("SELECT * FROM trade WHERE paid_at >= ? AND paid_at < ? ORDER BY paid_at, out_trade_no", day)
    refunds = book.rows(
        """SELECT refund.*, trade.total, trade.transaction_id, trade.appid, trade.mchid, trade.openid, trade.trade_type,
           trade.description, trade.attach FROM refund JOIN trade USING (out_trade_no)
           WHERE refund.made_at >= ? AND refund.made_at < ? ORDER BY refund.made_at, out_refund_no""",
        day,
    )
    fee_ppm = int(book.kept(FEE_PPM, 0))
    rows = [_paid(row, fee_ppm=fee_ppm) for row in paid] if kind != "REFUND" else []
    rows += [_refunded(row) for row in refunds] if kind != "SUCCESS" else []
    rows = _spoiled(rows, "订单金额", flaw)
    total = sum(_fen(row["订单金额"]) for row in rows)
    refunded = sum(_fen(row["申请退款金额"]) for row in rows)
    fees = sum(_fen(row["手续费"]) for row in rows)
    sums = (str(len(rows)), _yuan(total), _yuan(refunded), "0.00", _yuan(fees), _yuan(total), _yuan(refunded))
    return _file(COLUMNS[kind], rows, SUMS, sums, flaw=flaw)


def write_fund_flow(book: Book, *, on: date, account: str, flaw: str | None = None) -> bytes:
    """Return the bill of what moved on an account on a date: payments, their fees, refunds; balances run on."""
    rows: list[Cells] = []
    balance = 0
    for flow in _flows(book) if account == "BASIC" else ():
        balance += flow["fen"]
        if read(flow["at"]).astimezone(BEIJING).date() == on:
            rows.append(_flow(flow, balance=balance, number=f"{on:%Y%m%d}{len(rows) + 1:010d}"))
    rows = _spoiled(rows, "收支金额(元)", flaw)
    by = {word: [_fen(row["收支金额(元)"]) for row in rows if row["收支类型"] == word] for word in ("收入", "支出")}
    sums = (
        str(len(rows)), str(len(by["收入"])), _yuan(sum(by["收入"])), str(len(by["支出"])), _yuan(sum(by["支出"])),
    )  # fmt: skip
    return _file(FLOW_COLUMNS, rows, FLOW_SUMS, sums, flaw=flaw)


def gzipped(content: bytes) -> bytes:
    """Return the file as it travels."""
    return gzip.compress(content, mtime=0)


def _begins(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, tzinfo=BEIJING)


def _flows(book: Book) -> list[Row]:
    """Return every movement there ever was, by time; out is below zero."""
    fee_ppm = int(book.kept(FEE_PPM, 0))
    flows = []
    for row in book.rows("SELECT * FROM trade WHERE paid_at IS NOT NULL"):
        of = {"at": row["paid_at"], "id": row["transaction_id"], "voucher": row["out_trade_no"]}
        flows.append({**of, "fen": row["total"], "name": "交易", "kind": "交易"})
        if fee := _fee(row["total"], fee_ppm):
            flows.append({**of, "fen": -fee, "name": "交易", "kind": "扣除交易手续费"})
    for row in book.rows("SELECT * FROM refund"):
        of = {"at": row["made_at"], "id": row["refund_id"], "voucher": row["out_refund_no"]}
        flows.append({**of, "fen": -row["refund"], "name": "退款", "kind": "退款"})
    return sorted(flows, key=lambda flow: flow["at"])


def _flow(flow: Row, *, balance: int, number: str) -> Cells:
    fields = (
        _when(flow["at"]), flow["id"], number, flow["name"], flow["kind"], "收入" if flow["fen"] > 0 else "支出",
        _yuan(abs(flow["fen"])), _yuan(balance), "1900000000API", "", flow["voucher"],
    )  # fmt: skip
    return dict(zip(FLOW_COLUMNS, fields, strict=True))


def _fee(total: int, fee_ppm: int) -> int:
    return (total * fee_ppm + _PPM // 2) // _PPM  # half up, to the fen


def _paid(row: Row, *, fee_ppm: int) -> Cells:
    fee = _yuan(_fee(row["total"], fee_ppm))
    return {**_common(row, row["paid_at"], state="SUCCESS"), "应结订单金额": _yuan(row["total"]), "手续费": fee,
            "费率": f"{fee_ppm / 10_000:.2f}%", "订单金额": _yuan(row["total"]), "申请退款金额": "0.00"}  # fmt: skip


def _refunded(row: Row) -> Cells:
    when, refund = _when(row["made_at"]), _yuan(row["refund"])
    return {**_common(row, row["made_at"], state="REFUND"), "退款申请时间": when, "退款成功时间": when,
            "微信退款单号": row["refund_id"], "商户退款单号": row["out_refund_no"], "退款金额": refund,
            "退款类型": "ORIGINAL", "退款状态": "SUCCESS", "申请退款金额": refund}  # fmt: skip


def _common(row: Row, at: str, *, state: str) -> Cells:
    fields = (
        _when(at), row["appid"], row["mchid"], "0", "", row["transaction_id"], row["out_trade_no"], row["openid"],
        row["trade_type"], state, "OTHERS", "CNY", "0.00", "0.00",
    )  # fmt: skip
    return {
        **dict(zip(_HEAD, fields, strict=True)),
        "微信退款单号": "0", "商户退款单号": "0", "退款金额": "0.00", "充值券退款金额": "0.00", "退款类型": "",
        "退款状态": "", "商品名称": row["description"], "商户数据包": row["attach"], "手续费": "0.00", "费率": "0.00%",
        "订单金额": "0.00", "费率备注": "",
    }  # fmt: skip


def _spoiled(rows: list[Cells], amount: str, flaw: str | None) -> list[Cells]:
    """Return rows with the flaws that a file's sums follow: only a comparison with orders finds them."""
    if rows and flaw == "wrong_amount":
        return [{**rows[0], amount: _yuan(_fen(rows[0][amount]) + 1)}, *rows[1:]]
    return rows[1:] if flaw == "lost_row" else rows


def _file(
    columns: Sequence[str], rows: Sequence[Cells], names: Sequence[str], sums: Sequence[str], *, flaw: str | None
) -> bytes:
    lines = [",".join("`" + row[column].replace(",", " ") for column in columns) for row in rows]
    if lines and flaw == "broken_row":
        lines[0] = lines[0][: len(lines[0]) // 2]
    if flaw == "wrong_sum":
        sums = ("1" + sums[0], *sums[1:])
    text = [",".join(columns), *lines, ",".join(names), ",".join(f"`{value}" for value in sums)]
    return ("\r\n".join(text) + "\r\n").encode("gbk" if flaw == "wrong_encoding" else "utf-8")


def _when(at: str) -> str:
    return read(at).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def _yuan(fen: int) -> str:
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def _fen(yuan: str) -> int:
    return int(yuan.replace(".", ""))
