"""Amounts and moments as Alipay writes them: yuan in a text, and the wall clock of Beijing without its zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from mingqu.domain.moment import MARKET_TIME
from mingqu.domain.money import AMOUNT_FEN_MAX
from mingqu.ports.silence import ChannelSilent

_YUAN: Final = re.compile(r"(\d{1,18})(?:\.(\d{1,2}))?", re.ASCII)
_SHAPE: Final = "%Y-%m-%d %H:%M:%S"
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)


def yuan_of(fen: int) -> str:
    """Return whole fen as a text in yuan. Examples: 1230 → "12.30", 7 → "0.07"."""
    assert fen > 0
    return f"{fen // 100}.{fen % 100:02d}"  # both exact: nothing is rounded


def fen_of(yuan: str) -> int:
    """Return whole fen, 0 or more. Examples: "12.3" → 1230, "0.07" → 7, "5" → 500.

    Errors: ChannelSilent for anything else: a third decimal, a sign, an exponent, more than a book can hold.
    """
    found = _YUAN.fullmatch(yuan)
    fen = -1 if found is None else int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))
    if not 0 <= fen <= AMOUNT_FEN_MAX:
        raise ChannelSilent(reason="unreadable")
    return fen


def written(moment: datetime) -> str:
    """Return a moment as Alipay writes it. Example: 02:00 UTC of 2026-08-15 is "2026-08-15 10:00:00"."""
    return moment.astimezone(MARKET_TIME).strftime(_SHAPE)


def moment_of(text: str) -> datetime:
    """Return the moment, in UTC, that a text of Alipay's means. Errors: ChannelSilent."""
    try:
        if _MOMENT.fullmatch(text):
            return datetime.fromisoformat(f"{text}+08:00").astimezone(UTC)
    except ValueError:
        pass  # the thirteenth month
    raise ChannelSilent(reason="unreadable")
