"""What we need from whoever hands out the bill of a day: its movements, or in which place it cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import Enum
from typing import Protocol

from mingqu.ports.payout import StatementLine
from mingqu.ports.silence import ChannelSilent


class BillFault(Enum):
    """What is wrong with a bill that is not read."""

    ELSEWHERE = "elsewhere"  # its link leads to nobody we were told of
    NOT_A_ZIP = "not_a_zip"
    WRONG_HASH = "wrong_hash"
    WRONG_ENCODING = "wrong_encoding"
    NO_COLUMN = "no_column"  # a column that we need is not there
    BROKEN_ROW = "broken_row"
    WRONG_SUM = "wrong_sum"
    OTHER_DAY = "other_day"
    OTHER_SELLER = "other_seller"
    OTHER_MERCHANT = "other_merchant"


class BillUnreadable(ChannelSilent):
    """A bill that says nothing usable: `fault` says why; `file`, `row` (as its channel counts) and `column` where."""

    def __init__(self, *, fault: BillFault, file: str = "", row: int | None = None, column: str | None = None) -> None:
        super().__init__(reason="unreadable")
        self.fault, self.file, self.row, self.column = fault, file, row, column


class BillChannel(Protocol):
    """Hands out the bill of a day that is over. Whole, or not at all: nothing of a broken bill is told."""

    def statement(self, business_date: date) -> Sequence[StatementLine]:
        """Return every movement that succeeded on a date in Asia/Shanghai. Errors: ChannelSilent, BillUnreadable."""
        ...
