"""What we need from whoever pays money out to a person's own card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Protocol

from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutRequest:
    """One payout. `order_number` is 32 hex digits, `amount_fen` at least 1; the card is the holder's own debit card."""

    order_number: str
    amount_fen: int
    currency: str
    card_number: Personal[str]
    holder_name: Personal[str]


class Direction(Enum):
    """Which way a line of a statement moved money, seen from the account we hold at the channel."""

    OUT = "out"
    IN = "in"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """One movement on the account we hold at the channel. `fee_fen` is what the channel keeps for it."""

    order_number: str
    direction: Direction
    amount_fen: int
    currency: str
    succeeded_at: datetime
    reference: str
    fee_fen: int = 0


class PayoutChannel(Protocol):
    """Pays out, tells what became of a payout, and shows its books.

    The channel keeps an order number for at least 30 days. A number said again with the same body is answered
    as the first time and moves no money again; with another body it is answered `NumberTaken`. `Refused` and
    `Failed` are final: no request of that number, however late it arrives, is paid afterwards.
    """

    @property
    def resend_is_safe(self) -> bool:
        """Whether the channel documents the idempotency described above."""
        ...

    def send(self, request: PayoutRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Ask for the payout to be done. Errors: ChannelSilent, after which it may or may not have been done."""
        ...

    def ask(self, order_number: str) -> Paid | Failed | InProgress | NotFound:
        """Tell what became of an order. Errors: ChannelSilent. `NotFound` is not a failure."""
        ...

    def statement(self, business_date: date) -> Sequence[StatementLine]:
        """Return every movement that succeeded on a date in Asia/Shanghai, by time. Errors: ChannelSilent."""
        ...
