"""Bills of the sandbox's Alipay: CSV in GBK inside a zip, of trades (业务明细) or of the account (账务明细)."""

from __future__ import annotations

import io
import secrets
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from mingqu.sandbox.alipay_wire import OK, Asked, Wrong, clock, yuan
from mingqu.sandbox.book import Book, Row
from mingqu.sandbox.time import BEIJING, Time, read, utc
from mingqu.sandbox.wire import Call, Reply

PATH: Final = "/downloadBill"
KINDS: Final = ("trade", "signcustomer")
READY_HOUR: Final = 10  # of the next day
LINK_LIFE: Final = timedelta(seconds=30)
FLAWS: Final = ("wrong_amount", "broken_row", "wrong_sum", "lost_row", "wrong_encoding", "not_a_zip")
TRADE_COLUMNS: Final = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,"
    "商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,"
    "卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)
ACCOUNT_COLUMNS: Final = (
    "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,"
    "业务类型,备注"
)


class Bills:
    """The bills of one seller. `flaw` lets the next one be wrong in one way."""

    def __init__(self, *, book: Book, time: Time, seller_id: str, address: str) -> None:
        self._book, self._time, self._seller_id, self._address = book, time, seller_id, address
        self._flaw: str | None = None

    def spoil(self, flaw: str | None) -> None:
        """Let every bill from now on have a flaw, or with None have none. Errors: ValueError."""
        if flaw is not None and flaw not in FLAWS:
            raise ValueError(f"a flaw is one of {', '.join(FLAWS)}")
        self._flaw = flaw

    def link(self, asked: Asked) -> dict[str, Any]:
        """Return where a bill is fetched, once and within half a minute. Errors: Wrong."""
        kind = asked.text("bill_type")
        try:
            on = date.fromisoformat(asked.text("bill_date"))
        except ValueError:
            raise Wrong("40004", "isv.invalid-parameter", "账单日期不正确") from None
        if kind not in KINDS:
            raise Wrong("40004", "isv.invalid-parameter", "账单类型不正确")
        ready_at = _begins(on) + timedelta(days=1, hours=READY_HOUR)
        if self._time.now() < ready_at or not self._lines(on, kind):
            raise Wrong("40004", "isp.bill_not_exist", "账单不存在")
        token = secrets.token_urlsafe(24)
        until = utc(self._time.now() + LINK_LIFE)
        self._book.keep(f"alipay.bill.{token}", {"on": on.isoformat(), "kind": kind, "until": until})
        return {**OK, "bill_download_url": f"{self._address}{PATH}?bizType={kind}&token={token}"}

    def download(self, call: Call) -> Reply:
        """Return the file of a link; the request is not signed, and neither is the file."""
        name = f"alipay.bill.{call.parameters.get('token', '')}"
        with self._book.writing():
            kept = self._book.kept(name, None)
            self._book.write("DELETE FROM kept WHERE name = ?", (name,))  # good once
        if kept is None or self._time.now() > read(kept["until"]):
            return Reply(status=403, body="链接已失效".encode())
        return Reply(
            headers={"content-type": "application/zip"}, body=self._file(date.fromisoformat(kept["on"]), kept["kind"])
        )

    def _file(self, on: date, kind: str) -> bytes:
        rows = self._lines(on, kind)
        sums = _sums(kind, rows)
        match self._flaw:
            case "not_a_zip":
                return b"<html>busy</html>"
            case "wrong_amount":
                rows[0] = {**rows[0], "fen": rows[0]["fen"] + 1}
            case "lost_row":
                rows = rows[1:]
            case "wrong_sum":
                sums = _sums(kind, [*rows, rows[0]])
            case _:
                pass
        fields = [_trade_fields(row) if kind == "trade" else _account_fields(row) for row in rows]
        lines = [",".join(f"{field}\t" for field in one) for one in fields]
        if self._flaw == "broken_row":
            lines[0] = lines[0][: len(lines[0]) // 2]
        name = "业务明细" if kind == "trade" else "账务明细"
        day = f"{on:%Y年%m月%d日} 00:00:00"
        text = [
            f"#支付宝{name}查询", f"#账号：[{self._seller_id}0156]", f"#起始日期：[{day}]   终止日期：[{day}]",
            f"#-----------------------------------------{name}列表----------------------------------------",
            TRADE_COLUMNS if kind == "trade" else ACCOUNT_COLUMNS, *lines,
            f"#-----------------------------------------{name}列表结束------------------------------------",
            *sums, f"#导出时间：[{clock(self._time.now())}]",
        ]  # fmt: skip
        encoding = "utf-8" if self._flaw == "wrong_encoding" else "gbk"
        return _zipped(f"{self._seller_id}0156_{on:%Y%m%d}_{name}", "\r\n".join(text).encode(encoding))

    def _lines(self, on: date, kind: str) -> list[Row]:
        """Return the movements of a date, by time: number, fen (out is below zero), moment, and what else is shown."""
        day = (utc(_begins(on)), utc(_begins(on) + timedelta(days=1)))
        paid = self._book.rows(
            """SELECT out_trade_no AS number, total AS fen, paid_at AS at, trade_no, made_at, subject, buyer_id,
               '' AS request_no FROM alipay_trade WHERE paid_at >= ? AND paid_at < ?""",
            day,
        )
        refunds = self._book.rows(
            """SELECT out_trade_no AS number, -refund AS fen, alipay_refund.made_at AS at, trade_no,
               alipay_trade.made_at, subject, buyer_id, out_request_no AS request_no
               FROM alipay_refund JOIN alipay_trade USING (out_trade_no)
               WHERE alipay_refund.made_at >= ? AND alipay_refund.made_at < ?""",
            day,
        )
        transfers = self._book.rows(
            """SELECT out_biz_no AS number, -amount AS fen, ends_at AS at, order_id AS trade_no, made_at,
               '转账' AS subject, user_id AS buyer_id, '' AS request_no FROM alipay_transfer
               WHERE error_code IS NULL AND ends_at >= ? AND ends_at < ?""",
            day,
        )
        rows = paid + refunds + (transfers if kind == "signcustomer" else [])
        return sorted(rows, key=lambda row: (row["at"], row["number"], row["request_no"]))


def _sums(kind: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    came = [row["fen"] for row in rows if row["fen"] > 0]
    went = [row["fen"] for row in rows if row["fen"] < 0]
    if kind == "trade":
        return [
            f"#交易合计：{len(came)}笔，商家实收共{yuan(sum(came))}元，商家优惠共0.00元",
            f"#退款合计：{len(went)}笔，商家实收退款共{yuan(sum(went))}元，商家优惠退款共0.00元",
        ]
    return [f"#支出合计：{len(went)}笔，共{yuan(sum(went))}元", f"#收入合计：{len(came)}笔，共{yuan(sum(came))}元"]


def _trade_fields(row: Mapping[str, Any]) -> tuple[str, ...]:
    amount = yuan(row["fen"])
    return (
        row["trade_no"], row["number"], "交易" if row["fen"] > 0 else "退款", row["subject"].replace(",", " "),
        clock(read(row["made_at"])), clock(read(row["at"])), "", "", "", "", row["buyer_id"], amount, amount,
        *["0.00"] * 5, "", "0.00", "0.00", row["request_no"], "0.00", "0.00", "",
    )  # fmt: skip


def _account_fields(row: Mapping[str, Any]) -> tuple[str, ...]:
    is_transfer = row["subject"] == "转账"
    kind = "转账" if is_transfer else "在线支付" if row["fen"] > 0 else "交易退款"
    return (
        f"{row['trade_no'][-18:]}{'1' if row['fen'] > 0 else '2'}", row["trade_no"], row["request_no"] or row["number"],
        row["subject"].replace(",", " "), clock(read(row["at"])), row["buyer_id"],
        yuan(row["fen"]) if row["fen"] > 0 else "0.00", yuan(row["fen"]) if row["fen"] < 0 else "0.00", "0.00",
        "支付宝", kind, "",
    )  # fmt: skip


def _zipped(name: str, content: bytes) -> bytes:
    """Return a zip whose names are in GBK, as Alipay's are, though the format knows no such thing."""
    packed, titles = io.BytesIO(), (f"{name}.csv", f"{name}(汇总).csv")
    places = [f"<{index}>".ljust(len(title.encode("gbk")), "_") for index, title in enumerate(titles)]
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for place, what in zip(places, (content, "#汇总\r\n".encode("gbk")), strict=True):
            file.writestr(zipfile.ZipInfo(place), what, compress_type=zipfile.ZIP_DEFLATED)
    written = packed.getvalue()
    for place, title in zip(places, titles, strict=True):  # of the same length, at both places where a name stands
        written = written.replace(place.encode(), title.encode("gbk"))
    return written


def _begins(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, tzinfo=BEIJING)
