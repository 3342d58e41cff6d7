"""An acquirer's file of card prefixes, read strictly: what is not right is named by row and column.

There is no official open table of card prefixes (银行卡 BIN); each acquirer gives its own, as CSV here. Credit or debit
does not follow from a number, only from such a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from mingqu.domain.instrument import (
    BINS_MAX,
    CARD_DIGITS_MAX,
    CARD_DIGITS_MIN,
    Bin,
    BinTableMalformed,
    InstrumentKind,
)

COLUMNS: Final = ("prefix", "digits", "issuer", "name_zh", "name_en", "kind")
_PREFIX: Final = re.compile(r"[0-9]{4,10}", re.ASCII)
_ISSUER: Final = re.compile(r"[a-z][a-z0-9_]{1,31}", re.ASCII)
_NAME_LENGTH_MAX: Final = 64
_KINDS: Final = {
    kind.value: kind for kind in (InstrumentKind.DEBIT_CARD, InstrumentKind.CREDIT_CARD, InstrumentKind.PURPOSE_CARD)
}


def read_bin_rows(lines: Iterable[Sequence[str]]) -> tuple[Bin, ...]:
    """Return the rows of a table with the header `prefix,digits,issuer,name_zh,name_en,kind`, in their order.

    `digits` is how long the card's number is, 16 to 19. The same prefix may stand for several lengths. Two rows of one
    length overlap when one prefix begins with the other: a number would be of both.
    Errors: BinTableMalformed, with row (the header is row 1) and column. Example: row 3, "digits", for a length of 20.
    """
    found: dict[tuple[str, int], Bin] = {}
    rows: dict[tuple[str, int], int] = {}
    for number, cells in enumerate(lines, start=1):
        if number == 1:
            if tuple(cells) != COLUMNS:
                raise BinTableMalformed(f"Row 1 names the columns {','.join(COLUMNS)}.", row=1)
            continue
        if len(found) == BINS_MAX:
            raise BinTableMalformed(f"The table of card prefixes has more than {BINS_MAX} rows.")
        one = _row(number, cells)
        assert one.digits is not None
        if (one.prefix, one.digits) in found:
            raise _wrong(number, "prefix", f"it stands in row {rows[one.prefix, one.digits]} already.")
        found[one.prefix, one.digits] = one
        rows[one.prefix, one.digits] = number
    if not found:
        raise BinTableMalformed("The table of card prefixes has no rows.")
    _require_apart(found, rows)
    return tuple(found.values())


def _row(number: int, cells: Sequence[str]) -> Bin:
    if len(cells) != len(COLUMNS):
        raise BinTableMalformed(f"Row {number} of the card prefixes has not {len(COLUMNS)} cells.", row=number)
    prefix, digits, issuer, name_zh, name_en, kind = cells
    if not _PREFIX.fullmatch(prefix):
        raise _wrong(number, "prefix", "a prefix has 4 to 10 digits.")
    if not (digits.isascii() and digits.isdigit() and CARD_DIGITS_MIN <= int(digits) <= CARD_DIGITS_MAX):
        raise _wrong(number, "digits", f"a card number has {CARD_DIGITS_MIN} to {CARD_DIGITS_MAX} digits.")
    if not _ISSUER.fullmatch(issuer):
        raise _wrong(number, "issuer", "an issuer is a word of small letters and digits.")
    for column, name in (("name_zh", name_zh), ("name_en", name_en)):
        if not (name.strip() == name and 0 < len(name) <= _NAME_LENGTH_MAX and name.isprintable()):
            raise _wrong(number, column, f"a bank has a name of up to {_NAME_LENGTH_MAX} letters.")
    if kind not in _KINDS:
        raise _wrong(number, "kind", f"a card is one of {', '.join(_KINDS)}.")
    return Bin(prefix=prefix, issuer=issuer, name_zh=name_zh, name_en=name_en, kind=_KINDS[kind], digits=int(digits))


def _require_apart(found: Mapping[tuple[str, int], Bin], rows: Mapping[tuple[str, int], int]) -> None:
    for prefix, digits in found:
        for length in range(4, len(prefix)):
            if (prefix[:length], digits) in found:
                other = rows[prefix[:length], digits]
                raise _wrong(rows[prefix, digits], "prefix", f"it overlaps with the prefix of row {other}.")


def _wrong(row: int, column: str, why: str) -> BinTableMalformed:
    return BinTableMalformed(f"Row {row} of the card prefixes, {column}: {why}", row=row, column=column)
