"""The day's bills: asked for, fetched, unpacked and read. A zip of CSV files in GBK; amounts are in yuan.

Source: opendocs.alipay.com, "alipay.data.dataservice.bill.downloadurl.query" (2026). The link is good for 30 seconds
and the file is not signed, so nothing in it is believed over a question: it is compared, and its own sums must hold.
Two kinds: of trades (业务明细), and of the account (账务明细), where transfers stand.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from http import HTTPStatus
from typing import Annotated, Final

import msgspec

from mingqu.channels.alipay.amount import fen_of, moment_of
from mingqu.channels.alipay.speech import OK, Application
from mingqu.channels.wire import FILE_BYTES_MAX
from mingqu.domain.moment import business_date_of, start_of
from mingqu.ports.bill import BillFault, BillUnreadable
from mingqu.ports.payout import Direction, StatementLine
from mingqu.ports.silence import ChannelSilent

QUERY: Final = "alipay.data.dataservice.bill.downloadurl.query"
TRADES: Final = "trade"
ACCOUNT: Final = "signcustomer"
READY_AT: Final = timedelta(hours=10)  # of the next day; before, "there is none" may mean "not yet"
FILES_MAX: Final = 8  # in one zip: the details, and sums of them by shop and by kind
UNPACKED_BYTES_MAX: Final = 4 * FILE_BYTES_MAX  # GBK of figures packs ten to one; more is a bomb
_NONE: Final = ("isp.bill_not_exist", "isv.bill-not-exist")
_COUNT: Final = re.compile(r"#(\S+?)合计：(\d+)笔，[^共]*共(-?[\d.]+)元")


class _Link(msgspec.Struct, frozen=True, kw_only=True):
    bill_download_url: Annotated[str, msgspec.Meta(max_length=2048)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """How a kind of bill looks: the word in its file's name, its columns, and the sums that end it."""

    name: str
    needed: tuple[str, ...]
    sums: tuple[str, str]  # what came in, and what went out


_SHAPES: Final = {
    TRADES: _Shape(
        name="业务明细",
        needed=(
            "支付宝交易号",
            "商户订单号",
            "业务类型",
            "完成时间",
            "商家实收（元）",
            "退款批次号/请求号",
            "服务费（元）",
        ),
        sums=("交易", "退款"),
    ),
    ACCOUNT: _Shape(
        name="账务明细",
        needed=("账务流水号", "商户订单号", "发生时间", "收入金额（+元）", "支出金额（-元）", "业务类型"),
        sums=("收入", "支出"),
    ),
}


def bill_of(*, application: Application, business_date: date, kind: str) -> Sequence[StatementLine]:
    """Return what a bill of a date in Asia/Shanghai says was moved, by time. Errors: ChannelSilent, BillUnreadable.

    A refund stands under its own number, going out. A day without any has no bill, and that is an answer.
    """
    said = application.ask(QUERY, {"bill_type": kind, "bill_date": business_date.isoformat()})
    is_ready = application.clock.now() >= start_of(business_date + timedelta(days=1)) + READY_AT
    if said.sub_code in _NONE and is_ready:
        return []
    if said.code != OK:
        raise ChannelSilent(reason="rejected")
    place = application.bills.inside(said.read(_Link).bill_download_url)
    if place is None:
        raise BillUnreadable(fault=BillFault.ELSEWHERE)
    # The link is the secret: nothing of ours goes with it.
    file = application.bills.exchange(
        method="GET", path=place[0], query=place[1], headers={"User-Agent": "mingqu"}, bytes_max=FILE_BYTES_MAX
    )
    if file.status != HTTPStatus.OK:
        raise ChannelSilent(reason="rejected")
    return read_bill(file.body, kind=kind, seller_id=application.seller_id, business_date=business_date)


def read_bill(file: bytes, *, kind: str, seller_id: str, business_date: date) -> Sequence[StatementLine]:
    """Return the movements of a bill by time. Errors: BillUnreadable when any part of it is not understood."""
    shape = _SHAPES[kind]
    lines = [line.strip() for line in _unpacked(file, shape).splitlines() if line.strip()]
    account = next((line for line in lines if line.startswith("#账号：")), "")
    if seller_id not in account:
        raise BillUnreadable(fault=BillFault.OTHER_SELLER)
    table = [line for line in lines if not line.startswith("#")]
    if not table:
        raise BillUnreadable(fault=BillFault.BROKEN_ROW)
    names = [name.strip() for name in table[0].split(",")]
    if not set(shape.needed) <= set(names):
        raise BillUnreadable(fault=BillFault.BROKEN_ROW, row=0)
    movements: list[StatementLine] = []
    for row, line in enumerate(table[1:], start=1):
        fields = [field.strip() for field in line.split(",")]
        if len(fields) != len(names):
            raise BillUnreadable(fault=BillFault.BROKEN_ROW, row=row)
        movement = _movement(dict(zip(names, fields, strict=True)), kind=kind, row=row)
        if business_date_of(movement.succeeded_at) != business_date:
            raise BillUnreadable(fault=BillFault.OTHER_DAY, row=row)
        movements.append(movement)
    _require_sums(lines, movements, shape)
    return sorted(movements, key=lambda line: (line.succeeded_at, line.order_number))


def _unpacked(file: bytes, shape: _Shape) -> str:
    """Return the text of the details; the zip may hold sums beside them, and its names may be in GBK as well."""
    try:
        with zipfile.ZipFile(io.BytesIO(file), metadata_encoding="gbk") as packed:
            entries = packed.infolist()
            details = [one for one in entries if shape.name in one.filename and "汇总" not in one.filename]
            if len(entries) > FILES_MAX or len(details) != 1 or details[0].file_size > UNPACKED_BYTES_MAX:
                raise BillUnreadable(fault=BillFault.NOT_A_ZIP)
            content = packed.read(details[0])  # its length and its checksum are compared as it is read
    except (zipfile.BadZipFile, zlib.error, UnicodeDecodeError, NotImplementedError, RuntimeError, EOFError):
        raise BillUnreadable(fault=BillFault.NOT_A_ZIP) from None
    try:
        return content.decode("gbk")
    except UnicodeDecodeError:
        raise BillUnreadable(fault=BillFault.WRONG_ENCODING) from None


def _movement(row_of: Mapping[str, str], *, kind: str, row: int) -> StatementLine:
    try:
        return _trade(row_of) if kind == TRADES else _entry(row_of)
    except (ChannelSilent, _Broken):
        raise BillUnreadable(fault=BillFault.BROKEN_ROW, row=row) from None


class _Broken(Exception):  # noqa: N818  It never leaves this module.
    """A row that is of no kind the document names."""


def _trade(row: Mapping[str, str]) -> StatementLine:
    match row["业务类型"]:
        case "交易":
            number, direction, amount = row["商户订单号"], Direction.IN, row["商家实收（元）"]
        case "退款":
            number, direction, amount = row["退款批次号/请求号"], Direction.OUT, row["商家实收（元）"].removeprefix("-")
        case _:
            raise _Broken
    fee_fen = fen_of(row["服务费（元）"].removeprefix("-") or "0") if direction is Direction.IN else 0
    return _line(number, direction, amount, row["完成时间"], row["支付宝交易号"], fee_fen=fee_fen)


def _entry(row: Mapping[str, str]) -> StatementLine:
    gone, come = row["支出金额（-元）"].removeprefix("-"), row["收入金额（+元）"]
    out = fen_of(gone or "0") > 0
    if out == (fen_of(come or "0") > 0):
        raise _Broken
    return _line(
        row["商户订单号"],
        Direction.OUT if out else Direction.IN,
        gone if out else come,
        row["发生时间"],
        row["账务流水号"],
    )


def _line(
    number: str, direction: Direction, amount: str, moment: str, reference: str, *, fee_fen: int = 0
) -> StatementLine:
    at, amount_fen = moment_of(moment), fen_of(amount)
    if not number or not reference or amount_fen == 0:
        raise _Broken
    return StatementLine(
        order_number=number,
        direction=direction,
        amount_fen=amount_fen,
        currency="CNY",
        succeeded_at=at,
        reference=reference,
        fee_fen=fee_fen,
    )


def _require_sums(lines: Sequence[str], movements: Sequence[StatementLine], shape: _Shape) -> None:
    """Refuse a bill that has lost a row or changed an amount since its sums were made."""
    told = {found[1]: (int(found[2]), found[3]) for line in lines if (found := _COUNT.match(line))}
    for name, direction in zip(shape.sums, (Direction.IN, Direction.OUT), strict=True):
        ours = [one.amount_fen for one in movements if one.direction is direction]
        count, total = told.get(name, (-1, ""))
        if (count, _sum_of(total)) != (len(ours), sum(ours)):
            raise BillUnreadable(fault=BillFault.WRONG_SUM)


def _sum_of(total: str) -> int:
    try:
        return fen_of(total.removeprefix("-"))
    except ChannelSilent:
        return -1
