"""Take a lender's own ledger of a day as one side of a reconciliation: a CSV, read whole or refused with its place.

Columns: order_number, direction (in: a repayment the lender counts, out: a drawdown or money given back), amount_fen,
currency, date, reference. UTF-8, a header, lines of one day. See docs/reference/lender-files.md.
"""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import ClassVar, Final

from mingqu.domain.money import AMOUNT_FEN_MAX
from mingqu.domain.reconciliation import Line, Moved
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.reconciliation.compare_day import LENDER, lender_of
from mingqu.services.reconciliation.fetch_bill import require_over, store_bill

COLUMNS: Final = ("order_number", "direction", "amount_fen", "currency", "date", "reference")
BYTES_MAX: Final = 64 << 20  # some half a million lines; a lender with more sends a file a channel
_NUMBER_LENGTH_MAX: Final = 64
_AMOUNT_DIGITS_MAX: Final = 15


class LedgerRefused(Refusal):
    """A lender's ledger cannot be read; nothing of it was taken. The details say in which row and column, and why."""

    code: ClassVar[str] = "lender_ledger_refused"


def take_ledger(house: House, *, lender: str, on: date, name: str, content: bytes) -> int:
    """Store a lender's ledger of a day in place of the one before, and return how many lines it has.

    Errors: SourceUnknown, DayNotOver, LedgerRefused.
    """
    source = f"{LENDER}{lender}"
    lender_of(house, source=source)
    require_over(house, on=on)
    lines = read_ledger(content, name=name, on=on)
    store_bill(house, source=source, on=on, lines=lines)
    return len(lines)


def read_ledger(content: bytes, *, name: str, on: date) -> list[Line]:
    """Return the lines of a ledger. Errors: LedgerRefused with file, row (from 1, of the lines) and column."""
    if len(content) > BYTES_MAX:
        raise _refused(name, "too_long")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused(name, "wrong_encoding") from None
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines: list[Line] = []
    number = 0
    try:
        if tuple(next(rows, ())) != COLUMNS:
            raise _refused(name, "other_columns", row=0)
        for number, row in enumerate(rows, start=1):
            lines.append(_line(row, name=name, number=number, on=on))
    except csv.Error:
        raise _refused(name, "broken_row", row=number + 1) from None
    return lines


def _line(row: list[str], *, name: str, number: int, on: date) -> Line:
    if len(row) != len(COLUMNS):
        raise _refused(name, "broken_row", row=number)
    said = dict(zip(COLUMNS, row, strict=True))
    checks = {
        "order_number": 0 < len(said["order_number"]) <= _NUMBER_LENGTH_MAX and said["order_number"].isprintable(),
        "direction": said["direction"] in {one.value for one in Moved},
        "amount_fen": said["amount_fen"].isascii()
        and said["amount_fen"].isdigit()
        and len(said["amount_fen"]) <= _AMOUNT_DIGITS_MAX
        and 0 < int(said["amount_fen"]) <= AMOUNT_FEN_MAX,
        "currency": len(said["currency"]) == len("CNY") and said["currency"].isascii() and said["currency"].isupper(),
    }
    for column, is_right in checks.items():
        if not is_right:
            raise _refused(name, "broken_row", row=number, column=column)
    if said["date"] != on.isoformat():
        raise _refused(name, "other_day", row=number, column="date")
    return Line(
        order_number=said["order_number"],
        moved=Moved(said["direction"]),
        amount_fen=int(said["amount_fen"]),
        currency=said["currency"],
        on=on,
        reference=said["reference"][:_NUMBER_LENGTH_MAX],
    )


def _refused(name: str, fault: str, *, row: int | None = None, column: str | None = None) -> LedgerRefused:
    where = "" if row is None else f", row {row}" + (f", column {column}" if column else "")
    return LedgerRefused(f"{name}: {fault}{where}.", file=name, fault=fault, row=row, column=column)
