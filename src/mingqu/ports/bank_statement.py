"""What we need from the bank that keeps our account: its statement of a day, line by line, with balances (对账单)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Protocol

from mingqu.ports.payout import Direction


class BankLineKind(Enum):
    """What the bank says a movement was."""

    PAYOUT = "payout"
    ENTRUSTED = "entrusted"
    DEDUCTION = "deduction"
    PAGE = "page"
    RETURNED = "returned"  # a payout or entrusted payment came back (退汇)
    FEE = "fee"
    RECEIPT = "receipt"  # money that came by no order of ours
    TRANSFER = "transfer"  # between our own accounts


@dataclass(frozen=True, slots=True, kw_only=True)
class BankLine:
    """One movement. `sequence` counts from 1 within the day; `order_number` is None where it was by no order of ours.

    `balance_fen` is the account's after the line; amounts are above zero, `direction` seen from our account.
    """

    sequence: int
    kind: BankLineKind
    direction: Direction
    amount_fen: int
    balance_fen: int
    currency: str
    at: datetime
    reference: str
    order_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BankStatement:
    """A whole day of one account: sequences without a gap, and balances that add up from line to line."""

    account: str
    business_date: date
    currency: str
    opening_fen: int
    closing_fen: int
    lines: Sequence[BankLine]


class BankStatementSource(Protocol):
    """Gives the statements of our account at a bank."""

    def account_statement(self, business_date: date) -> BankStatement:
        """Return the statement of a day that is over. Errors: ChannelSilent, also for one that does not add up."""
        ...
