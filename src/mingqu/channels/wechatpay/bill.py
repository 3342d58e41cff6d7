"""The day's bills: of trades (交易账单) and of the account (资金账单). Asked for, fetched, hashed, and read.

Source: pay.weixin.qq.com, APIv3, "申请交易账单", "申请资金账单" and "下载账单" (2026). Amounts are in yuan,
each field of a detail begins with a back-tick, two lines of totals end the file. The file itself is not signed; the
SHA-1 of it is.
What cannot be read is refused whole, with the file, the row and the column, so that a person finds the place.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final, Literal, TypeVar

import msgspec

from mingqu.channels.wechatpay.speech import Merchant, problem, read
from mingqu.channels.wire import FILE_BYTES_MAX
from mingqu.domain.moment import MARKET_TIME, business_date_of, start_of
from mingqu.ports.bill import BillFault, BillUnreadable
from mingqu.ports.payout import Direction, StatementLine
from mingqu.ports.silence import ChannelSilent

TRADES: Final = "/v3/bill/tradebill"
FUND_FLOW: Final = "/v3/bill/fundflowbill"
READY_AT: Final = timedelta(hours=10)  # of the next day; before, "there is none" may mean "not yet"
TOTALS_LINES: Final = 2  # their names and their values
_YUAN: Final = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,2}))?", re.ASCII)
_FIVE_PLACES: Final = re.compile(r"(\d{1,12})\.(\d{5})", re.ASCII)
_PAID: Final = ("交易时间", "商户号", "微信订单号", "商户订单号", "交易状态", "货币种类", "订单金额", "手续费")
_RETURNED: Final = ("微信退款单号", "商户退款单号", "退款状态", "申请退款金额")
_FLOW: Final = (
    "记账时间",
    "微信支付业务单号",
    "资金流水单号",
    "业务名称",
    "业务类型",
    "收支类型",
    "收支金额(元)",
    "账户结余(元)",
    "备注",
    "业务凭证号",
)
Kind = Literal["ALL", "SUCCESS", "REFUND"]
FundAccount = Literal["BASIC", "OPERATION", "FEES"]
Line = TypeVar("Line")


@dataclass(frozen=True, slots=True, kw_only=True)
class FundFlow:
    """One movement on the merchant's account. `voucher` is our number of a trade or refund, where there is one.

    A fee is a movement of its own (business type 扣除交易手续费); `balance_fen` is what the account holds after it.
    """

    booked_at: datetime
    business_number: str
    flow_number: str
    business_name: str
    business_type: str
    direction: Direction
    amount_fen: int
    balance_fen: int
    remark: str
    voucher: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """A bill taken apart: columns, rows by name with their number in the file, and the values of the totals."""

    file: str
    rows: tuple[tuple[int, Mapping[str, str]], ...]
    totals: Mapping[str, str]

    def fail(self, fault: BillFault, *, row: int | None = None, column: str | None = None) -> BillUnreadable:
        return BillUnreadable(fault=fault, file=self.file, row=row, column=column)

    def cell(self, at: int, row: Mapping[str, str], column: str, *, of: Callable[[str], Line]) -> Line:
        """Return a cell read by `of`. Errors: BillUnreadable, when it raises ValueError."""
        try:
            return of(row[column])
        except ValueError:
            raise self.fail(BillFault.BROKEN_ROW, row=at, column=column) from None

    def require_total(self, name: str, expected_fen: int, *, of: Callable[[str], int]) -> None:
        """Return when a total is there and as expected. Errors: BillUnreadable."""
        try:
            held = name in self.totals and of(self.totals[name]) == expected_fen
        except ValueError:
            held = False
        if not held:
            raise self.fail(BillFault.WRONG_SUM, column=name)


class _Ready(msgspec.Struct, frozen=True, kw_only=True):
    hash_type: Literal["SHA1"]
    hash_value: Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{40}$")]
    download_url: str


def bill_of(*, merchant: Merchant, business_date: date, kind: Kind = "ALL") -> Sequence[StatementLine]:
    """Return what was paid and given back on a date in Asia/Shanghai, by time. Errors: ChannelSilent, BillUnreadable.

    A refund stands under its own number, going out. A day without any has no bill, and that is an answer.
    """
    query = f"bill_date={business_date.isoformat()}&bill_type={kind}"
    file = _fetched(merchant, TRADES, query, business_date=business_date)
    if file is None:
        return []
    name = f"tradebill {business_date.isoformat()} {kind}"
    return read_bill(file, mchid=merchant.mchid, business_date=business_date, kind=kind, name=name)


def fund_flow_of(*, merchant: Merchant, business_date: date, account: FundAccount = "BASIC") -> Sequence[FundFlow]:
    """Return what moved on one of the merchant's accounts on a date, in the file's order.

    Errors: ChannelSilent, BillUnreadable.
    """
    query = f"bill_date={business_date.isoformat()}&account_type={account}"
    file = _fetched(merchant, FUND_FLOW, query, business_date=business_date)
    if file is None:
        return []
    name = f"fundflowbill {business_date.isoformat()} {account}"
    return read_fund_flow(file, business_date=business_date, name=name)


def _fetched(merchant: Merchant, path: str, query: str, *, business_date: date) -> bytes | None:
    """Return a bill's file, or None when the day has none."""
    answer = merchant.exchange("GET", path, query=query)
    is_ready = merchant.clock.now() >= start_of(business_date + timedelta(days=1)) + READY_AT
    if answer.status == HTTPStatus.BAD_REQUEST and problem(answer) == "NO_STATEMENT_EXIST" and is_ready:
        return None
    if answer.status != HTTPStatus.OK:
        raise ChannelSilent(reason="rejected")
    ready = read(answer, of=_Ready)
    place = merchant.wire.inside(ready.download_url)
    if place is None:
        raise BillUnreadable(fault=BillFault.ELSEWHERE, file=f"{path} {query}")
    # The address is good for half a minute only.
    file = merchant.fetch("GET", place[0], query=place[1], bytes_max=FILE_BYTES_MAX)
    if file.status != HTTPStatus.OK:
        raise ChannelSilent(reason="rejected")
    if hashlib.sha1(file.body, usedforsecurity=False).hexdigest() != ready.hash_value.lower():
        raise BillUnreadable(fault=BillFault.WRONG_HASH, file=f"{path} {query}")
    return file.body


def read_bill(
    file: bytes, *, mchid: str, business_date: date, kind: Kind = "ALL", name: str = "tradebill"
) -> Sequence[StatementLine]:
    """Return the movements of a bill of trades by time. Errors: BillUnreadable when any line is not understood."""
    needed = {"ALL": (*_PAID, *_RETURNED), "SUCCESS": _PAID, "REFUND": (*_PAID, *_RETURNED)}[kind]
    table = _table(file, needed=needed, name=name)
    movements: list[StatementLine] = []
    paid_fen = returned_fen = 0
    for at, row in table.rows:
        if row["商户号"] != mchid:
            raise table.fail(BillFault.OTHER_MERCHANT, row=at, column="商户号")
        if row["交易状态"] not in {"ALL": ("SUCCESS", "REFUND")}.get(kind, (kind,)):
            raise table.fail(BillFault.BROKEN_ROW, row=at, column="交易状态")
        is_return = row["交易状态"] == "REFUND"
        amount_fen = table.cell(at, row, "申请退款金额" if is_return else "订单金额", of=fen_of)
        returned_fen, paid_fen = returned_fen + is_return * amount_fen, paid_fen + (not is_return) * amount_fen
        succeeded_at = table.cell(at, row, "交易时间", of=_moment)
        if is_return and row["退款状态"] != "SUCCESS":
            continue  # under way, or it did not succeed
        if business_date_of(succeeded_at) != business_date:
            raise table.fail(BillFault.OTHER_DAY, row=at, column="交易时间")
        movements.append(
            StatementLine(
                order_number=row["商户退款单号" if is_return else "商户订单号"],
                direction=Direction.OUT if is_return else Direction.IN,
                amount_fen=amount_fen,
                currency=row["货币种类"],
                succeeded_at=succeeded_at,
                reference=row["微信退款单号" if is_return else "微信订单号"],
                fee_fen=0 if is_return else table.cell(at, row, "手续费", of=fee_fen_of),
            )
        )
    table.require_total("总交易单数", len(table.rows), of=_count)
    table.require_total("订单总金额", paid_fen, of=fen_of)
    if kind != "SUCCESS":
        table.require_total("申请退款总金额", returned_fen, of=fen_of)
    return sorted(movements, key=lambda line: (line.succeeded_at, line.order_number))


def read_fund_flow(file: bytes, *, business_date: date, name: str = "fundflowbill") -> Sequence[FundFlow]:
    """Return the movements of a bill of the account. Errors: BillUnreadable when any line is not understood."""
    table = _table(file, needed=_FLOW, name=name)
    flows: list[FundFlow] = []
    for at, row in table.rows:
        direction = {"收入": Direction.IN, "支出": Direction.OUT}.get(row["收支类型"])
        if direction is None:
            raise table.fail(BillFault.BROKEN_ROW, row=at, column="收支类型")
        booked_at = table.cell(at, row, "记账时间", of=_moment)
        if business_date_of(booked_at) != business_date:
            raise table.fail(BillFault.OTHER_DAY, row=at, column="记账时间")
        flows.append(
            FundFlow(
                booked_at=booked_at,
                business_number=row["微信支付业务单号"],
                flow_number=table.cell(at, row, "资金流水单号", of=_named),
                business_name=row["业务名称"],
                business_type=row["业务类型"],
                direction=direction,
                amount_fen=table.cell(at, row, "收支金额(元)", of=fen_of),
                balance_fen=table.cell(at, row, "账户结余(元)", of=_balance),
                remark=row["备注"],
                voucher=row["业务凭证号"],
            )
        )
    table.require_total("资金流水总笔数", len(flows), of=_count)
    for direction, word in ((Direction.IN, "收入"), (Direction.OUT, "支出")):
        amounts = [flow.amount_fen for flow in flows if flow.direction is direction]
        table.require_total(f"{word}笔数", len(amounts), of=_count)
        table.require_total(f"{word}金额", sum(amounts), of=fen_of)
    return flows


def _table(file: bytes, *, needed: tuple[str, ...], name: str) -> _Table:
    try:
        lines = [line for line in file.decode("utf-8-sig").splitlines() if line]
    except UnicodeDecodeError as error:
        row = file.count(b"\n", 0, error.start) + 1
        raise BillUnreadable(fault=BillFault.WRONG_ENCODING, file=name, row=row) from None
    if len(lines) < 1 + TOTALS_LINES:
        raise BillUnreadable(fault=BillFault.BROKEN_ROW, file=name, row=len(lines))
    columns = lines[0].split(",")
    for column in needed:
        if column not in columns:
            raise BillUnreadable(fault=BillFault.NO_COLUMN, file=name, row=1, column=column)
    rows = []
    for at, line in enumerate(lines[1:-TOTALS_LINES], start=2):
        fields = line[1:].split(",`")
        if not line.startswith("`") or len(fields) != len(columns):
            column = columns[min(len(fields), len(columns)) - 1]
            raise BillUnreadable(fault=BillFault.BROKEN_ROW, file=name, row=at, column=column)
        rows.append((at, dict(zip(columns, fields, strict=True))))
    names, values = lines[-2].split(","), lines[-1].removeprefix("`").split(",`")
    if len(names) != len(values):
        raise BillUnreadable(fault=BillFault.WRONG_SUM, file=name, row=len(lines))
    return _Table(file=name, rows=tuple(rows), totals=dict(zip(names, values, strict=True)))


def fen_of(yuan: str) -> int:
    """Return whole fen. Examples: "12.3" → 1230, "0.07" → 7, "5" → 500. Errors: ValueError for anything else."""
    amount_fen = _balance(yuan)
    if amount_fen < 0 or yuan.startswith("-"):
        raise ValueError("an amount is not below zero")
    return amount_fen


def fee_fen_of(yuan: str) -> int:
    """Return a fee in whole fen, half a fen up; bills may write it with five places. Errors: ValueError.

    Examples: "0.01800" → 2, "0.00400" → 0, "0.02" → 2, and nothing written is no fee.
    """
    found = _FIVE_PLACES.fullmatch(yuan)
    if found is None:
        return fen_of(yuan or "0")
    return (int(found[1]) * 100_000 + int(found[2]) + 500) // 1_000


def _balance(yuan: str) -> int:
    found = _YUAN.fullmatch(yuan)
    if found is None:
        raise ValueError("not yuan")
    fen = int(found[2]) * 100 + int((found[3] or "").ljust(2, "0"))
    return -fen if found[1] else fen


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=MARKET_TIME).astimezone(UTC)


def _named(text: str) -> str:
    if not text:
        raise ValueError("a number is not empty")
    return text


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("not a count")
    return int(text)
