"""One movement as one side tells it, and the ids that follow from its number."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import SLOTS, fresh

_OURS: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_EPOCH: Final = date(1970, 1, 1)
_DAY_MS: Final = 86_400_000


class Moved(Enum):
    """Which way money went, seen from us."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One movement: amounts in fen above zero, `on` the business date (Asia/Shanghai) of the channel's success time.

    `fee_fen` is what the channel keeps for it, zero or more; only the other side says it.
    """

    order_number: str
    moved: Moved
    amount_fen: int
    currency: str
    on: date
    reference: str = ""
    fee_fen: int = 0


def in_order(line: Line) -> tuple[str, date]:
    """Return what lines are sorted by before they are compared: the number, then the day."""
    return line.order_number, line.on


def is_ours(order_number: str) -> bool:
    """Return whether a number has the form of ours: 32 hexadecimal digits in lower case."""
    return _OURS.fullmatch(order_number) is not None


def key_of(order_number: str) -> UUID:
    """Return the id by which a line finds its cell: the order's own, or for a strange number one made from it."""
    if is_ours(order_number):
        return UUID(hex=order_number)
    digest = int.from_bytes(hashlib.blake2b(order_number.encode(), digest_size=10).digest(), "big")
    return fresh(milliseconds=0, slot=digest % SLOTS, entropy=digest // SLOTS)


def break_id(*, source: str, order_number: str, kind: str, on: date, ordinal: int) -> UUID:
    """Return the id of a break: the same each time it is found. Slot 0 is where the house's own lies."""
    said = f"{source} {order_number} {kind} {on.isoformat()} {ordinal}"
    digest = hashlib.blake2b(said.encode(), digest_size=8).digest()
    days = (on - _EPOCH).days
    return fresh(milliseconds=days * _DAY_MS, slot=0, entropy=int.from_bytes(digest, "big"))
