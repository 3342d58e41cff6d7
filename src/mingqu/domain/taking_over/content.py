"""The columns of a line, and how each is written: whole numbers, ISO dates, names; nothing is quoted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final

from mingqu.domain.money import AMOUNT_FEN_MAX
from mingqu.domain.schedule import INSTALMENTS_MAX

REFERENCE_CHARACTERS_MAX: Final = 64
NUMBER_MAX: Final = 1_000_000_000  # of what is counted or is a rate; amounts have a bound of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a line: which column, a stable code, and a sentence."""

    column: str
    code: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a line says besides whose loan it is; amounts in fen, balances as they are when `as_of` has ended.

    `instalments_paid` counts the instalments with nothing left; `non_accrual` is 1 where income has stopped. `plan` is
    empty where the instalments that are left are those of the terms, and what is owed less was paid in the oldest.
    The columns behind it are empty in most lines: they are of loans that are paid out in parts or bear another rate
    than their contract's, and of those taken for lost.
    """

    product: str
    product_version: int
    lender: str
    currency: str
    paid_out_fen: int
    disbursed_on: date
    method: str
    instalments: int
    first_due: date
    rate_year_ppm: int
    as_of: date
    instalments_paid: int
    principal_not_due_fen: int
    principal_due_fen: int
    interest_due_fen: int
    penalty_due_fen: int
    fee_due_fen: int
    accrued_interest_fen: int
    overpayment_fen: int
    overdue_since: date | None
    non_accrual: int
    plan: str
    contract_fen: int | None = None
    disbursements: int | None = None
    rate_now_year_ppm: int | None = None
    charged_off_on: date | None = None
    otherwise: str = ""

    def text(self) -> str:
        """Return the line as it is written, without the two references."""
        return ",".join("" if (value := getattr(self, name)) is None else str(value) for name in CONTENT_COLUMNS)


CONTENT_COLUMNS: Final = tuple(field.name for field in fields(Content))
COLUMNS: Final = ("loan_reference", "person_reference", *CONTENT_COLUMNS)
HEADER: Final = ",".join(COLUMNS)
# What stands behind the plan may be left off, in the first line and in any other.
_LEAST: Final = CONTENT_COLUMNS.index("plan") + 1
HEADERS: Final = (HEADER, ",".join(COLUMNS[: len(COLUMNS) - len(CONTENT_COLUMNS) + _LEAST]))

_REFERENCE: Final = re.compile(rf"[A-Za-z0-9._:/-]{{1,{REFERENCE_CHARACTERS_MAX}}}")
# A mobile number, or an identity number (GB 11643): whoever is meant is known here by a number of the other system's.
_PERSONAL: Final = re.compile(r"1[3-9][0-9]{9}|[1-9][0-9]{16}[0-9Xx]")
# Many at once, each on a line of its own. Possessive: a text that fails is not tried again in pieces.
_REFERENCES: Final = re.compile(rf"(?:[A-Za-z0-9._:/-]{{1,{REFERENCE_CHARACTERS_MAX}}}+\n)*+")
_ANY_PERSONAL: Final = re.compile(rf"^(?:{_PERSONAL.pattern})$", re.MULTILINE)
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_SIGNED: Final = re.compile(r"0|-?[1-9][0-9]{0,18}")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DAY_TEXT: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DATE: Final = re.compile(_DAY_TEXT)
_PLAN_TEXT: Final = rf"(?:{_DAY_TEXT}/)?{_DAY_TEXT}(?: {_DAY_TEXT}(?::[0-9]{{1,19}}){{2,8}})+"
_PLAN: Final = re.compile(_PLAN_TEXT)
_OTHERWISE: Final = re.compile(rf"(?:0|[1-9][0-9]{{0,18}}):[01] {_PLAN_TEXT}")


def reference_fault(*, column: str, text: str) -> Fault | None:
    """Return what is wrong with a reference: it is the other system's own number, and says nothing about a person."""
    if not text:
        return Fault(column=column, code="value_missing", sentence="Each loan and each person has a reference.")
    if not _REFERENCE.fullmatch(text):
        sentence = f"A reference has 1 to {REFERENCE_CHARACTERS_MAX} letters, digits or . _ : / - and nothing else."
        return Fault(column=column, code="value_malformed", sentence=sentence)
    if column == "person_reference" and _PERSONAL.fullmatch(text):
        sentence = "This looks like a phone or identity number; give the other system's own number of the person."
        return Fault(column=column, code="reference_personal", sentence=sentence)
    return None


def references_sound(*, column: str, texts: Sequence[str]) -> bool:
    """Return whether none of many references has a fault; which one has, and what, is for `reference_fault` to say."""
    listed = "".join([f"{text}\n" for text in texts])
    if listed.count("\n") != len(texts) or not _REFERENCES.fullmatch(listed):
        return False
    return column != "person_reference" or _ANY_PERSONAL.search(listed) is None


def parse_content(text: str) -> Content | list[Fault]:
    """Return what a line says behind its two references, or every cell that is not written as its column is."""
    cells = text.split(",")
    if len(cells) not in (len(CONTENT_COLUMNS), _LEAST):
        sentence = f"A line has {len(COLUMNS)} columns; this one has {len(cells) + 2}."
        return [Fault(column="line", code="columns_differ", sentence=sentence)]
    said: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, cell in zip(CONTENT_COLUMNS, cells, strict=False):
        found = _cell(name, cell)
        if isinstance(found, Fault):
            faults.append(found)
        else:
            said[name] = found
    return faults or Content(**said)


def _cell(name: str, cell: str) -> int | str | date | Fault | None:
    if not cell and name in _MAY_BE_EMPTY:
        return _MAY_BE_EMPTY[name]
    if not cell:
        return Fault(column=name, code="value_missing", sentence="This column is not left empty.")
    read, written = _KINDS[name]
    found = read(cell)
    if found is None:
        return Fault(column=name, code="value_malformed", sentence=f"{written} is written here.")
    if isinstance(found, int) and abs(found) > _most(name):
        return Fault(column=name, code="value_out_of_range", sentence=f"At most {_most(name)} is written here.")
    return found


def _most(name: str) -> int:
    if name.endswith("_fen"):
        return AMOUNT_FEN_MAX
    if name == "non_accrual":
        return 1
    return INSTALMENTS_MAX if name.startswith("instalments") else NUMBER_MAX


def _signed(cell: str) -> int | None:
    return int(cell) if _SIGNED.fullmatch(cell) else None


def _number(cell: str) -> int | None:
    return int(cell) if _NUMBER.fullmatch(cell) else None


def _date_of(cell: str) -> date | None:
    try:
        return date.fromisoformat(cell) if _DATE.fullmatch(cell) else None
    except ValueError:
        return None


def _name(cell: str) -> str | None:
    return cell if _NAME.fullmatch(cell) else None


def _plan(cell: str) -> str | None:
    return cell if _PLAN.fullmatch(cell) else None


def _otherwise(cell: str) -> str | None:
    return cell if _OTHERWISE.fullmatch(cell) else None


# What is meant by a column that is left empty.
_MAY_BE_EMPTY: Final[dict[str, str | None]] = {
    "overdue_since": None,
    "plan": "",
    "contract_fen": None,
    "disbursements": None,
    "rate_now_year_ppm": None,
    "charged_off_on": None,
    "otherwise": "",
}
_Kind = tuple[Callable[[str], int | str | date | None], str]
_WHOLE: Final[_Kind] = (_number, "A whole number from 0, without sign or separators,")
_DAY: Final[_Kind] = (_date_of, "A date like 2026-08-15")
_WORD: Final[_Kind] = (_name, "A name of letters, digits, _ and -")
_ROWS: Final[_Kind] = (_plan, "A start and rows like 2026-07-15 2026-08-15:83334:10000")
_BALANCE: Final[_Kind] = (_signed, "A whole number, with - before it if it is below 0, without separators,")
_OTHER_ROWS: Final[_Kind] = (
    _otherwise,
    "What is owed back, 0 or 1, and a plan like 0:1 2026-07-15 2026-08-15:834:100,",
)


def _kinds() -> Iterator[tuple[str, _Kind]]:
    for name in CONTENT_COLUMNS:
        if name == "plan":
            yield name, _ROWS
        elif name == "otherwise":
            yield name, _OTHER_ROWS
        elif name == "accrued_interest_fen":
            yield name, _BALANCE
        elif name in ("product", "lender", "currency", "method"):
            yield name, _WORD
        elif name in ("disbursed_on", "first_due", "as_of", "overdue_since", "charged_off_on"):
            yield name, _DAY
        else:
            yield name, _WHOLE


_KINDS: Final = dict(_kinds())
