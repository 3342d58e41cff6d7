"""The trade bill of a day: CSV in yuan, each field of a row behind a back-tick, a line of sums at the end."""

from __future__ import annotations

import gzip
from datetime import date, datetime, timedelta
from typing import Final

from mingqu.sandbox.book import Book, Row
from mingqu.sandbox.time import BEIJING, read, utc

KINDS: Final = ("ALL", "SUCCESS", "REFUND")
READY_HOUR: Final = 10  # of the next day
KEPT_FOR: Final = timedelta(days=92)
LINK_LIFE: Final = timedelta(minutes=5)
COLUMNS: Final = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
SUMS: Final = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"


def is_ready(on: date, *, now: datetime) -> bool:
    """Return whether the bill of a date can be had: from ten o'clock of the next day."""
    begins = datetime(on.year, on.month, on.day, tzinfo=BEIJING)
    return now >= begins + timedelta(days=1, hours=READY_HOUR)


def is_too_old(on: date, *, now: datetime) -> bool:
    """Return whether the bill of a date is not kept any more: after three months."""
    return now.astimezone(BEIJING).date() - on > KEPT_FOR


def write(book: Book, *, on: date, kind: str) -> bytes:
    """Return the bill of a date in UTF-8, from the book's own trades and refunds."""
    begins = datetime(on.year, on.month, on.day, tzinfo=BEIJING)
    day = (utc(begins), utc(begins + timedelta(days=1)))
    paid = book.rows("SELECT * FROM trade WHERE paid_at >= ? AND paid_at < ? ORDER BY paid_at, out_trade_no", day)
    refunds = book.rows(
        """SELECT refund.*, trade.total, trade.transaction_id, trade.appid, trade.mchid, trade.openid, trade.trade_type,
           trade.description, trade.attach FROM refund JOIN trade USING (out_trade_no)
           WHERE refund.made_at >= ? AND refund.made_at < ? ORDER BY refund.made_at, out_refund_no""",
        day,
    )
    lines = [_paid(row) for row in paid] if kind != "REFUND" else []
    lines += [_refunded(row) for row in refunds] if kind != "SUCCESS" else []
    total = sum(row["total"] for row in paid) if kind != "REFUND" else 0
    refunded = sum(row["refund"] for row in refunds) if kind != "SUCCESS" else 0
    sums = (len(lines), _yuan(total), _yuan(refunded), "0.00", "0.00", _yuan(total), _yuan(refunded))
    text = [COLUMNS, *lines, SUMS, ",".join(f"`{value}" for value in sums)]
    return ("\r\n".join(text) + "\r\n").encode()


def gzipped(content: bytes) -> bytes:
    """Return the file as it travels."""
    return gzip.compress(content, mtime=0)


def _paid(row: Row) -> str:
    return _line(
        row["paid_at"],
        row,
        state="SUCCESS",
        settled=row["total"],
        refund_id="0",
        refund_no="0",
        refund=0,
        total=row["total"],
    )


def _refunded(row: Row) -> str:
    return _line(
        row["made_at"], row, state="REFUND", settled=0, refund_id=row["refund_id"], refund_no=row["out_refund_no"],
        refund=row["refund"], total=0,
    )  # fmt: skip


def _line(
    at: str, row: Row, *, state: str, settled: int, refund_id: str, refund_no: str, refund: int, total: int
) -> str:
    when = read(at).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
    back = state == "REFUND"
    fields = (
        when, row["appid"], row["mchid"], "0", "", row["transaction_id"], row["out_trade_no"], row["openid"],
        row["trade_type"], state, "OTHERS", "CNY", _yuan(settled), "0.00", refund_id, refund_no, _yuan(refund), "0.00",
        "ORIGINAL" if back else "", "SUCCESS" if back else "", row["description"], row["attach"], "0.00000", "0.00%",
        _yuan(total), _yuan(refund), "",
    )  # fmt: skip
    return ",".join("`" + str(field).replace(",", " ") for field in fields)


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"
