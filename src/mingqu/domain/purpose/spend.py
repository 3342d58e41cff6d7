"""A spend that somebody asks for, and how the card stands on which it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What the issuer's network says of a spend before any money moves.

    `at` knows its time zone; clauses are compared with the wall clock it says. `vin` is the vehicle that the merchant
    names, or None. `device` and `place` are the network's codes of the terminal and of where it stands.
    """

    merchant: str
    category: str
    amount_fen: int
    currency: str
    channel: str
    device: str
    place: str
    at: datetime
    vin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardState:
    """How a card stands when a spend is asked: amounts in fen, held and captured together, refunds taken off.

    `day` is the day that `day_used_fen` is of. `evidence` are the kinds that are on file; `first_captured_on` is the
    day of the first capture, from which evidence falls due.
    """

    limit_fen: int
    used_fen: int = 0
    day_used_fen: int = 0
    day: date
    frozen: bool = False
    evidence: frozenset[str] = frozenset()
    first_captured_on: date | None = None
