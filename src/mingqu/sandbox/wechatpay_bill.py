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
FLAWS: Final = ("wrong_amount", "broken_row", "wrong_hash", "wrong_encoding", "lost_row", "other_merchant", "other_day")
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


def write(book: Book, *, on: date, kind: str, fee_ppm: int = 0) -> bytes:
    """Return the bill of a date in UTF-8, from the book's own trades and refunds; a share of payments is the fee."""
    begins = datetime(on.year, on.month, on.day, tzinfo=BEIJING)
    day = (utc(begins), utc(begins + timedelta(days=1)))
    paid = book.rows("SELECT * FROM trade WHERE paid_at >= ? AND paid_at < ? ORDER BY paid_at, out_trade_no", day)
    refunds = book.rows(
        """SELECT refund.*, trade.total, trade.transaction_id, trade.appid, trade.mchid, trade.openid, trade.trade_type,
           trade.description, trade.attach FROM refund JOIN trade USING (out_trade_no)
           WHERE refund.made_at >= ? AND refund.made_at < ? ORDER BY refund.made_at, out_refund_no""",
        day,
    )
    lines = [_paid(row, fee_ppm=fee_ppm) for row in paid] if kind != "REFUND" else []
    lines += [_refunded(row) for row in refunds] if kind != "SUCCESS" else []
    total = sum(row["total"] for row in paid) if kind != "REFUND" else 0
    refunded = sum(row["refund"] for row in refunds) if kind != "SUCCESS" else 0
    sums = (len(lines), _yuan(total), _yuan(refunded), "0.00", "0.00", _yuan(total), _yuan(refunded))
    text = [COLUMNS, *lines, SUMS, ",".join(f"`{value}" for value in sums)]
    return ("\r\n".join(text) + "\r\n").encode()


def gzipped(content: bytes) -> bytes:
    """Return the file as it travels."""
    return gzip.compress(content, mtime=0)


def spoiled(content: bytes, *, flaw: str | None) -> bytes:
    """Return a bill with a flaw in its first detail, or as it is. One with a wrong hash has another byte at its end."""
    match flaw:
        case None:
            return content
        case "wrong_hash":
            return content + b"\n"
        case "wrong_encoding":
            return content.decode().encode("gbk")
        case _:
            pass
    header, *rows = content.decode().split("\r\n")
    names, fields = header.split(","), rows[0].split(",")
    at = {name: place for place, name in enumerate(names)}
    match flaw:
        case "wrong_amount":
            fen = int(fields[at["订单金额"]].strip("`").replace(".", ""))
            fields[at["订单金额"]] = f"`{_yuan(fen + 1)}"
        case "broken_row":
            fields[at["订单金额"]] = "`1,000.00"
        case "other_merchant":
            fields[at["商户号"]] = "`1900000000"
        case "other_day":
            fields[at["交易时间"]] = "`2001-01-01 00:00:00"
        case _:
            return "\r\n".join([header, *rows[1:]]).encode()  # a row is lost, and the sums still count it
    return "\r\n".join([header, ",".join(fields), *rows[1:]]).encode()


def _paid(row: Row, *, fee_ppm: int) -> str:
    return _line(
        row["paid_at"],
        row,
        state="SUCCESS",
        settled=row["total"],
        refund_id="0",
        refund_no="0",
        refund=0,
        total=row["total"],
        fee=(row["total"] * fee_ppm + 500_000) // 1_000_000,
    )


def _refunded(row: Row) -> str:
    return _line(
        row["made_at"], row, state="REFUND", settled=0, refund_id=row["refund_id"], refund_no=row["out_refund_no"],
        refund=row["refund"], total=0,
    )  # fmt: skip


def _line(
    at: str,
    row: Row,
    *,
    state: str,
    settled: int,
    refund_id: str,
    refund_no: str,
    refund: int,
    total: int,
    fee: int = 0,
) -> str:
    when = read(at).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
    back = state == "REFUND"
    fields = (
        when, row["appid"], row["mchid"], "0", "", row["transaction_id"], row["out_trade_no"], row["openid"],
        row["trade_type"], state, "OTHERS", "CNY", _yuan(settled), "0.00", refund_id, refund_no, _yuan(refund), "0.00",
        "ORIGINAL" if back else "", "SUCCESS" if back else "", row["description"], row["attach"], f"{_yuan(fee)}000",
        "0.00%", _yuan(total), _yuan(refund), "",
    )  # fmt: skip
    return ",".join("`" + str(field).replace(",", " ") for field in fields)


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"
