"""What happened to a loan: dated facts in one total order. Everything else follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import ClassVar
from uuid import UUID


class Intent(Enum):
    """What the payer meant the money for; money that came is never refused for its intent."""

    DUE = "due"  # what is due now; a surplus is owed back to the payer
    PREPAY = "prepay"  # what is due, then principal early; later instalments become smaller, or none are left
    PAYOFF = "payoff"  # everything; if it falls short it counts as PREPAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Disbursed:
    """The channel said that the principal arrived on the borrower's card on `value_date`."""

    rank: ClassVar[int] = 0
    event_id: UUID
    value_date: date
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The payout was refused for good, or withdrawn: nothing was lent and nothing is owed."""

    rank: ClassVar[int] = 1
    event_id: UUID
    value_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaid:
    """The borrower paid `amount_fen`; `value_date` is the channel's success date, not the day we heard of it."""

    rank: ClassVar[int] = 5
    event_id: UUID
    value_date: date
    amount_fen: int
    intent: Intent = Intent.DUE


@dataclass(frozen=True, slots=True, kw_only=True)
class OverpaymentReturned:
    """Money paid beyond what was owed went back to the payer."""

    rank: ClassVar[int] = 7
    event_id: UUID
    value_date: date
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversed:
    """An earlier repayment turned out not to have happened (it bounced): the loan is told again without it."""

    rank: ClassVar[int] = 9
    event_id: UUID
    value_date: date
    target: UUID


Event = Disbursed | Cancelled | Repaid | OverpaymentReturned | Reversed
OrderKey = tuple[date, int, UUID]


def order_key(event: Event) -> OrderKey:
    """Return the place of an event in the total order: value date, kind, id."""
    return (event.value_date, event.rank, event.event_id)
