"""Reading a worked line: the words and figures that every table writes alike."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final, TypeAlias

from mingqu.domain.money import format_fen, parse_yuan
from mingqu.domain.rate import Rate

Line: TypeAlias = dict[str, str]
PPM: Final = 1_000_000


def rate(text: str) -> Rate:
    """Read "18 % a year"."""
    percent, unit = text.split(" % a ")
    ppm = int(Decimal(percent) * 10_000)
    return {"year": Rate.per_year, "month": Rate.per_month, "day": Rate.per_day}[unit](ppm=ppm)


def share_ppm(text: str) -> int:
    """Read "10 %"."""
    return int(Decimal(text.removesuffix(" %")) * 10_000)


def multiple_ppm(text: str) -> int:
    """Read "1.5", as a multiple of a rate."""
    return int(Decimal(text) * PPM)


def fen(text: str) -> int:
    """Read "1,000.00"."""
    return parse_yuan(text).fen


def yuan(*amounts_fen: int) -> str:
    """Write amounts, with a plus between them."""
    return " + ".join(map(format_fen, amounts_fen))


def day(text: str) -> date:
    """Read "2026-08-15"."""
    return date.fromisoformat(text)
