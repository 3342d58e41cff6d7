"""What a cell means: a number as people write it, a missing value, a date; the same in training and in scoring."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

NAN: Final = float("nan")
# What programs and people write where there is nothing. A dash or "none" may be a category; among numbers it is none.
MISSING: Final = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "?", "\\n", "<na>", ".", "#null!", "(null)"})
MISSING_AMONG_NUMBERS: Final = MISSING | frozenset(
    {"none", "-", "--", "—", "unknown", "missing", "nil", "未知", "缺失", "无", "空", "不详"}
)
# How numbers are written: 1234.5; 1,234.5; 1.234,5 or 1234,5; 12.5 %. A card remembers which, column by column.
PLAIN, THOUSANDS, DECIMAL_COMMA, PERCENT = "plain", "thousands", "decimal_comma", "percent"
READINGS: Final = (PLAIN, PERCENT, THOUSANDS, DECIMAL_COMMA)
WHOLE_MAX: Final = 2**53 - 1  # numbers that a float64 represents exactly
_MONEY: Final = "¥￥$€£元 "
_THOUSANDS: Final = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?|[+-]?\d+(\.\d+)?", re.ASCII)
_DECIMAL_COMMA: Final = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?", re.ASCII)
_MONTHS: Final = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DATE: Final = re.compile(
    r"(?P<y>(19|20)\d\d)[-/.年](?P<m>0?[1-9]|1[0-2])([-/.月](?P<d>0?[1-9]|[12]\d|3[01])?日?)?([ T]\d\d?:.*)?"
    r"|(?P<d2>0?[1-9]|[12]\d|3[01])[-/.](?P<m2>0?[1-9]|[12]\d|3[01])[-/.](?P<y2>(19|20)\d\d)([ T]\d\d?:.*)?"
    rf"|((?P<d3>0?[1-9]|[12]\d|3[01])[- ])?(?P<m3>{_MONTHS})[a-z]*[- ](?P<y3>(19|20)?\d\d)"
    rf"|(?P<y4>(19|20)\d\d)[- ](?P<m4>{_MONTHS})[a-z]*",
    re.ASCII | re.IGNORECASE,
)


def number(*, text: str, reading: str) -> float | None:
    """Return the number a cell holds, NaN where it holds none, None where it is not a number in this reading.

    Example: "1,234.50" is 1234.5 read as thousands, None read plain. "inf" is taken: it lies in the last bin.
    """
    text = text.strip()
    if text.lower() in MISSING_AMONG_NUMBERS:
        return NAN
    if reading == PERCENT:
        text = text.removesuffix("%").removesuffix("％")
    elif reading != PLAIN:
        text = text.strip(_MONEY)
        pattern = _THOUSANDS if reading == THOUSANDS else _DECIMAL_COMMA
        if not pattern.fullmatch(text):
            return None
        text = text.replace(",", "") if reading == THOUSANDS else text.replace(".", "").replace(",", ".")
    try:
        return float(text)
    except ValueError:
        return None


def numbers(*, cells: Sequence[str], reading: str) -> NDArray[np.float64] | int:
    """Return a column of cells as numbers, NaN where missing; or the place of the first cell that is no number."""
    if reading == PLAIN:
        try:
            return np.array(list(map(float, cells)))  # most columns are whole; this is the quick way
        except ValueError:
            pass
    known = {text: number(text=text, reading=reading) for text in dict.fromkeys(cells)}
    if None in known.values():
        return next(at for at, text in enumerate(cells) if known[text] is None)
    return np.array([known[text] for text in cells], dtype=np.float64)


def scale_digits(*, values: NDArray[np.float64], most: int) -> int:
    """Return the fewest decimal digits that hold every value, at most so many as stay exact in whole numbers.

    Example: 0.5 and 1.25 need 2. Numbers like 1/3 need all there are.
    """
    present = values[np.isfinite(values)]
    if not len(present):
        return 0
    sample = present if len(present) <= 20_000 else present[:: len(present) // 20_000]
    largest = float(np.abs(present).max())
    for digits in range(most + 1):
        if largest * 10.0 ** (digits + 1) > WHOLE_MAX:
            return digits
        scaled = sample * 10.0**digits
        if np.all(np.abs(scaled - np.rint(scaled)) <= 1e-9 * np.maximum(1, np.abs(scaled))):
            return digits
    return most


def whole(*, values: NDArray[np.float64], digits: int) -> NDArray[np.float64]:
    """Return the values as whole numbers at a scale, halves to even, held within ±(2^53 − 1); NaN stays."""
    scaled = np.clip(values * 10.0**digits, -float(WHOLE_MAX), float(WHOLE_MAX))
    return np.asarray(np.rint(scaled))


def day_number(*, text: str) -> int | None:
    """Return a date as a number that rises with time (the first of the month where only a month is known), or None.

    Example: 2015-12-01, 2015/12, 2015年12月1日, Dec-2015 and 1.12.2015 are all the same day.
    """
    found = _DATE.fullmatch(text.strip())
    if found is None:
        return None
    part = found.groupdict()
    year = next(int(part[key]) for key in ("y", "y2", "y3", "y4") if part[key])
    year = year if year > 99 else year + (2000 if year < 70 else 1900)
    month = part["m"] or part["m2"] or part["m3"] or part["m4"]
    assert month is not None
    number_of_month = int(month) if month.isdigit() else _MONTHS.split("|").index(month.lower()) + 1
    day = int(part["d"] or part["d2"] or part["d3"] or 1)
    if number_of_month > 12:  # written month first, as in the United States
        number_of_month, day = day, number_of_month
    try:
        return date(year, number_of_month, day).toordinal()
    except ValueError:
        return None


def is_compact_date(*, values: NDArray[np.float64]) -> bool:
    """Return whether all numbers look like 20151201 or 201512: dates without separators."""
    present = values[np.isfinite(values)]
    if not len(present) or np.any(present != np.rint(present)) or len(np.unique(present[:5_000])) < 3:
        return False
    short = bool(np.all((present >= 190_001) & (present <= 210_012)))
    long = bool(np.all((present >= 19_000_101) & (present <= 21_001_231)))
    months = present % 100 if short else present // 100 % 100
    days = np.ones(1) if short else present % 100
    fits = bool(np.all((months >= 1) & (months <= 12)) and np.all((days >= 1) & (days <= 31)))
    return fits and (short or long)
