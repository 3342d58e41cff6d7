"""The day's bill (交易账单): asked for, fetched, compared with its hash, and read.

Source: pay.weixin.qq.com, APIv3, "申请交易账单" and "下载账单" (2026). Amounts are in yuan, each field of a detail
begins with a back-tick, two lines of totals end the file. The file itself is not signed; the SHA-1 of it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final

import msgspec

from mingqu.channels.wechatpay.speech import Merchant, problem, read
from mingqu.channels.wire import FILE_BYTES_MAX
from mingqu.domain.moment import MARKET_TIME, business_date_of, start_of
from mingqu.ports.bill import BillFault, BillUnreadable
from mingqu.ports.payout import Direction, StatementLine
from mingqu.ports.silence import ChannelSilent

PATH: Final = "/v3/bill/tradebill"
READY_AT: Final = timedelta(hours=10)  # of the next day; before, "there is none" may mean "not yet"
_YUAN: Final = re.compile(r"(\d{1,12})(?:\.(\d{1,2}))?", re.ASCII)
_FEE: Final = "手续费"
_FIVE_PLACES: Final = re.compile(r"(\d{1,12})\.(\d{5})", re.ASCII)
_NEEDED: Final = (
    "交易时间",
    "商户号",
    "微信订单号",
    "商户订单号",
    "交易状态",
    "货币种类",
    "微信退款单号",
    "商户退款单号",
    "退款状态",
    "订单金额",
    "申请退款金额",
    _FEE,
)


class _Ready(msgspec.Struct, frozen=True, kw_only=True):
    hash_type: str
    hash_value: Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{40}$")]
    download_url: str


def bill_of(*, merchant: Merchant, business_date: date) -> Sequence[StatementLine]:
    """Return what was paid and given back on a date in Asia/Shanghai, by time. Errors: ChannelSilent, BillUnreadable.

    A refund stands under its own number, going out. A day without any has no bill, and that is an answer.
    """
    answer = merchant.exchange("GET", PATH, query=f"bill_date={business_date.isoformat()}&bill_type=ALL")
    is_ready = merchant.clock.now() >= start_of(business_date + timedelta(days=1)) + READY_AT
    if answer.status == HTTPStatus.BAD_REQUEST and problem(answer) == "NO_STATEMENT_EXIST" and is_ready:
        return []
    if answer.status != HTTPStatus.OK:
        raise ChannelSilent(reason="rejected")
    ready = read(answer, of=_Ready)
    place = merchant.wire.inside(ready.download_url)
    if ready.hash_type != "SHA1" or place is None:
        raise BillUnreadable(fault=BillFault.ELSEWHERE if place is None else BillFault.WRONG_HASH)
    # The address is good for half a minute only.
    file = merchant.fetch("GET", place[0], query=place[1], bytes_max=FILE_BYTES_MAX)
    if file.status != HTTPStatus.OK:
        raise ChannelSilent(reason="rejected")
    if hashlib.sha1(file.body, usedforsecurity=False).hexdigest() != ready.hash_value.lower():
        raise BillUnreadable(fault=BillFault.WRONG_HASH)
    return read_bill(file.body, mchid=merchant.mchid, business_date=business_date)


def read_bill(file: bytes, *, mchid: str, business_date: date) -> Sequence[StatementLine]:
    """Return the movements of a bill by time. Errors: BillUnreadable when any line is not understood."""
    try:
        lines = [line for line in file.decode("utf-8-sig").splitlines() if line]
    except UnicodeDecodeError:
        raise BillUnreadable(fault=BillFault.WRONG_ENCODING) from None
    details = [line for line in lines[1:-2] if line.startswith("`")]
    if len(lines) < 3 or len(details) != len(lines) - 3 or _count(lines[-1]) != len(details):
        raise BillUnreadable(fault=BillFault.WRONG_SUM)
    names = lines[0].split(",")
    if not set(_NEEDED) <= set(names):
        raise BillUnreadable(fault=BillFault.BROKEN_ROW, row=0)
    movements: list[StatementLine] = []
    for number, detail in enumerate(details, start=1):
        fields = detail[1:].split(",`")
        if len(fields) != len(names):
            raise BillUnreadable(fault=BillFault.BROKEN_ROW, row=number)
        row = dict(zip(names, fields, strict=True))
        movement = _movement(row, number=number)
        if row["商户号"] != mchid:
            raise BillUnreadable(fault=BillFault.OTHER_SELLER, row=number, column="商户号")
        if movement and business_date_of(movement.succeeded_at) != business_date:
            raise BillUnreadable(fault=BillFault.OTHER_DAY, row=number, column="交易时间")
        movements += [movement] if movement else []
    return sorted(movements, key=lambda line: (line.succeeded_at, line.order_number))


def _movement(row: Mapping[str, str], *, number: int) -> StatementLine | None:
    """Return the movement of a detail, or None for a refund that is under way or did not succeed."""

    match row["交易状态"]:
        case "SUCCESS":
            named, reference, amount, direction = "商户订单号", "微信订单号", "订单金额", Direction.IN
        case "REFUND" if row["退款状态"] != "SUCCESS":
            return None
        case "REFUND":
            named, reference, amount, direction = "商户退款单号", "微信退款单号", "申请退款金额", Direction.OUT
        case _:
            raise BillUnreadable(fault=BillFault.BROKEN_ROW, row=number, column="交易状态")
    return StatementLine(
        order_number=row[named],
        direction=direction,
        amount_fen=_fen_in(row, amount, number),
        currency=row["货币种类"],
        succeeded_at=_moment(row["交易时间"], number=number),
        reference=row[reference],
        fee_fen=_fen_in(row, _FEE, number) if direction is Direction.IN else 0,
    )


def fen_of(yuan: str) -> int:
    """Return whole fen. Examples: "12.3" → 1230, "0.07" → 7, "5" → 500. Errors: ChannelSilent for anything else."""
    found = _YUAN.fullmatch(yuan)
    if found is None:
        raise ChannelSilent(reason="unreadable")
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def _fen_in(row: Mapping[str, str], column: str, number: int) -> int:
    try:
        return fee_fen_of(row[column] or "0") if column == _FEE else fen_of(row[column])
    except ChannelSilent:
        raise BillUnreadable(fault=BillFault.BROKEN_ROW, row=number, column=column) from None


def fee_fen_of(yuan: str) -> int:
    """Return a fee in whole fen, half a fen up. The bill writes it with five places: "0.01800" → 2, "0.00400" → 0.

    Errors: ChannelSilent for anything else.
    """
    found = _FIVE_PLACES.fullmatch(yuan)
    if found is None:
        return fen_of(yuan)
    thousandths = int(found[1]) * 100_000 + int(found[2])
    return (thousandths + 500) // 1_000  # half up


def _moment(text: str, *, number: int) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=MARKET_TIME).astimezone(UTC)
    except ValueError:
        raise BillUnreadable(fault=BillFault.BROKEN_ROW, row=number, column="交易时间") from None


def _count(totals: str) -> int:
    first = totals.removeprefix("`").split(",")[0]
    return int(first) if first.isascii() and first.isdigit() else -1
