"""The files a lender gets of a day: their columns, how they are written, and the flag that says that one is complete.

A file is CSV in UTF-8 with a header, rows in a fixed order, amounts in whole fen. Beside it lies its flag, written
last: how many rows, what one named column adds up to, the SHA-256 of the bytes, and the checkpoint of the evidence log
at which it was written, so that a history that was made anew later does not fit the files that are out.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from types import MappingProxyType
from typing import Any, ClassVar, Final

from mingqu.domain.canonical import Canonical, canonical
from mingqu.domain.refusal import Refusal

BYTES_MAX: Final = 1 << 30  # of a file that is read back: some five million rows
_SEPARATOR: Final = ","
_END: Final = "\r\n"
_SPECIAL: Final = frozenset(',"\r\n')
_FLAG_BYTES_MAX: Final = 4_096
_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class FileKind(Enum):
    """What a file tells. Words are part of its name: never changed, never used again."""

    DRAWDOWNS = "drawdowns"  # 借据放款明细
    PLANS = "plans"  # 还款计划
    REPAYMENTS = "repayments"  # 还款明细
    BALANCES = "balances"  # 借据余额
    SETTLEMENT = "settlement"  # 资金结算单
    ACCOUNTS = "accounts"  # 循环账户余额
    SHARES = "shares"  # 联合贷款份额


COLUMNS: Final[Mapping[FileKind, tuple[str, ...]]] = MappingProxyType(
    {
        FileKind.DRAWDOWNS: (
            "loan_id", "event_id", "customer_hash", "product", "value_date", "amount_fen", "currency", "rate",
            "rate_per", "method", "instalments", "first_due", "last_due",
        ),
        FileKind.PLANS: (
            "loan_id", "number", "period_start", "due", "principal_fen", "interest_fen", "penalty_fen", "fee_fen",
            "principal_paid_fen", "interest_paid_fen", "penalty_paid_fen", "fee_paid_fen",
        ),
        FileKind.REPAYMENTS: (
            "loan_id", "event_id", "event", "receipt", "value_date", "due", "type", "principal_fen", "interest_fen",
            "penalty_fen", "fee_fen", "overpaid_fen", "total_fen",
        ),
        FileKind.BALANCES: (
            "loan_id", "customer_hash", "product", "currency", "stage", "principal_fen", "interest_fen", "accrued_fen",
            "penalty_fen", "fee_fen", "overpaid_fen", "overdue_days", "class",
        ),
        FileKind.SETTLEMENT: (
            "settlement_id", "source", "bill_date", "currency", "orders", "gross_fen", "fee_fen", "net_fen",
        ),
        FileKind.ACCOUNTS: (
            "account_id", "customer_hash", "product", "currency", "principal_fen", "interest_fen", "penalty_fen",
            "fee_fen", "credit_fen",
        ),
        FileKind.SHARES: (
            "claim_id", "claim", "opening_fen", "lent_fen", "repaid_fen", "lost_fen", "bought_fen", "sold_fen",
            "closing_fen", "interest_fen", "penalty_fen", "fee_fen", "received_fen", "price_fen",
        ),
    }
)  # fmt: skip
# The column that the flag's sum is of.
SUMMED: Final[Mapping[FileKind, str]] = MappingProxyType(
    {
        FileKind.DRAWDOWNS: "amount_fen",
        FileKind.PLANS: "principal_fen",
        FileKind.REPAYMENTS: "total_fen",
        FileKind.BALANCES: "principal_fen",
        FileKind.SETTLEMENT: "net_fen",
        FileKind.ACCOUNTS: "principal_fen",
        FileKind.SHARES: "closing_fen",
    }
)


class RiskClass(Enum):
    """五级分类 by days past due alone; a lender's own judgement may only be worse."""

    NORMAL = "normal"
    SPECIAL_MENTION = "special_mention"
    SUBSTANDARD = "substandard"
    DOUBTFUL = "doubtful"
    LOSS = "loss"


class LenderFileBroken(Refusal):
    """A lender's file is not what its flag says, or is none at all; the details say which one and why."""

    code: ClassVar[str] = "lender_file_broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """What lies beside a file. `checkpoint` is 0 and its hash empty while the book has none."""

    kind: FileKind
    lender: str
    on: date
    rows: int
    sum_fen: int
    sha256: str
    checkpoint: int
    checkpoint_hash: str

    def written(self) -> bytes:
        """Return the flag as it is stored: canonical JSON and an end of line."""
        said: dict[str, Canonical] = {
            "kind": self.kind.value,
            "lender": self.lender,
            "date": self.on.isoformat(),
            "rows": self.rows,
            "sum_fen": self.sum_fen,
            "sha256": self.sha256,
            "checkpoint": self.checkpoint,
            "checkpoint_hash": self.checkpoint_hash,
        }
        return canonical(said) + b"\n"


def risk_class(*, overdue_days: int) -> RiskClass:
    """Return the class that days past due alone give. Examples: 0 → NORMAL, 1 → SPECIAL_MENTION, 91 → SUBSTANDARD.

    Source: 商业银行金融资产风险分类办法 (CBIRC and PBOC, 2023 No. 1, in force 2023-07-01), articles 9 to 13: overdue at
    all, more than 90, 270 and 360 days.
    """
    bounds = (
        (360, RiskClass.LOSS),
        (270, RiskClass.DOUBTFUL),
        (90, RiskClass.SUBSTANDARD),
        (0, RiskClass.SPECIAL_MENTION),
    )
    return next((found for days, found in bounds if overdue_days > days), RiskClass.NORMAL)


def file_name(*, kind: FileKind, lender: str, on: date) -> str:
    """Return the name of a file. Example: demo_bank_20260815_balances.csv; its flag is called the same and .ok."""
    return f"{lender}_{on:%Y%m%d}_{kind.value}.csv"


def write_rows(*, kind: FileKind, rows: Iterable[Sequence[object]]) -> bytes:
    """Return a file: the header and each row, ends of line as CSV has them (CR LF)."""
    lines = [_SEPARATOR.join(COLUMNS[kind])]
    for row in rows:
        assert len(row) == len(COLUMNS[kind]), "a row has the columns of its file"
        fields = [str(field) for field in row]
        assert not any(set(field) & _SPECIAL for field in fields), "ids, words, dates and numbers need no quotes"
        lines.append(_SEPARATOR.join(fields))
    return "".join(f"{line}{_END}" for line in lines).encode()


def flag_of(content: bytes, *, kind: FileKind, lender: str, on: date, checkpoint: int, checkpoint_hash: str) -> Flag:
    """Return the flag of a file. Errors: LenderFileBroken."""
    rows = read_rows(content, kind=kind)
    return Flag(
        kind=kind,
        lender=lender,
        on=on,
        rows=len(rows),
        sum_fen=sum(int(row[SUMMED[kind]]) for row in rows),
        sha256=hashlib.sha256(content).hexdigest(),
        checkpoint=checkpoint,
        checkpoint_hash=checkpoint_hash,
    )


def read_rows(content: bytes, *, kind: FileKind) -> list[dict[str, str]]:
    """Return the rows of a file by column. Errors: LenderFileBroken, with row and column."""
    name = kind.value
    if len(content) > BYTES_MAX:
        raise broken(name, "too_long")
    try:
        header, *rows = [line.split(_SEPARATOR) for line in content.decode().removesuffix(_END).split(_END)]
    except UnicodeDecodeError:
        raise broken(name, "not_csv") from None
    if tuple(header) != COLUMNS[kind] or not content.endswith(_END.encode()):
        raise broken(name, "other_columns", row=0)
    found = []
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise broken(name, "broken_row", row=number)
        said = dict(zip(header, row, strict=True))
        for column in header:
            if column.endswith("_fen") and not re.fullmatch(r"-?\d{1,18}", said[column], re.ASCII):
                raise broken(name, "broken_row", row=number, column=column)
        found.append(said)
    return found


def read_flag(content: bytes, *, name: str) -> Flag:
    """Return a flag. Errors: LenderFileBroken."""
    try:
        said: dict[str, Any] = json.loads(content) if len(content) <= _FLAG_BYTES_MAX else {}
        flag = Flag(
            kind=FileKind(said["kind"]),
            lender=str(said["lender"]),
            on=date.fromisoformat(said["date"]),
            rows=said["rows"],
            sum_fen=said["sum_fen"],
            sha256=said["sha256"],
            checkpoint=said["checkpoint"],
            checkpoint_hash=said["checkpoint_hash"],
        )
    except (ValueError, KeyError, TypeError):
        raise broken(name, "flag_unreadable") from None
    if flag.written() != content or not _HASH.fullmatch(flag.sha256):
        raise broken(name, "flag_unreadable")
    return flag


def require_fits(content: bytes, *, flag: Flag, name: str) -> None:
    """Return when a file is what its flag says: bytes, rows, sum. Errors: LenderFileBroken."""
    if hashlib.sha256(content).hexdigest() != flag.sha256:
        raise broken(name, "other_hash")
    rows = read_rows(content, kind=flag.kind)
    if len(rows) != flag.rows:
        raise broken(name, "other_count")
    if sum(int(row[SUMMED[flag.kind]]) for row in rows) != flag.sum_fen:
        raise broken(name, "other_sum")


def broken(name: str, fault: str, *, row: int | None = None, column: str | None = None) -> LenderFileBroken:
    """Return the refusal of a file, with its place."""
    where = "" if row is None else f", row {row}" + (f", column {column}" if column else "")
    return LenderFileBroken(f"{name}: {fault}{where}.", file=name, fault=fault, row=row, column=column)
