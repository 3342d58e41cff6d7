"""What a person and their sellers wrote down of revolving accounts: their own word, whatever the house says.

A command whose answer did not come is in doubt: it is sent again with its key until there is one. Only then it is
written down, with the first and the last day on which it may have been done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from mingqu.domain.spend import DeductedPart


@dataclass(slots=True, kw_only=True)
class Act:
    """A command with a key of its own: how it is sent, and what is written down when it was answered."""

    name: str
    begun_on: date
    begun_at: datetime
    send: Callable[[], object]
    note: Callable[[object], None]
    tries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """An amount, and the days between which it was moved."""

    fen: int
    first: date
    last: date


@dataclass(slots=True, kw_only=True)
class Bought:
    """A purchase as its seller knows it; `lapses_on` is the day on which what was not captured is free again."""

    account_id: UUID
    purchase_id: UUID
    seller: str
    number: str
    held_fen: int
    lapses_on: date
    captured: Moved | None = None
    released: bool = False
    refunds: dict[str, Moved] = field(default_factory=dict)

    @property
    def left_fen(self) -> int:
        """What can still come back of it."""
        if self.captured is None:
            return 0
        return self.captured.fen - sum(one.fen for one in self.refunds.values())

    def is_held(self, on: date) -> bool:
        """Whether its seller may still capture it."""
        return self.captured is None and not self.released and on < self.lapses_on


@dataclass(slots=True, kw_only=True)
class Agreed:
    """What somebody lets be deducted of an account's bills: from when at the earliest, and until when at the latest."""

    account_id: UUID
    part: DeductedPart
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Instalments that were agreed to."""

    account_id: UUID
    fen: int
    target: UUID | None
    count: int


@dataclass(slots=True, kw_only=True)
class Notebook:
    """Everything of one person's accounts."""

    accounts: dict[str, UUID] = field(default_factory=dict)  # by product
    purchases: list[Bought] = field(default_factory=list)
    draws: dict[UUID, UUID] = field(default_factory=dict)  # orders, and the account of each
    payments: dict[UUID, UUID] = field(default_factory=dict)  # orders whose page was asked for
    agreed: list[Agreed] = field(default_factory=list)
    cuts: dict[UUID, Cut] = field(default_factory=dict)  # by plan
    doubts: list[Act] = field(default_factory=list)
    held_last: UUID | None = None  # the account that something was held of a moment ago, at the first try
    ceiling_fen: int | None = None  # over all products, as the last assessment said; None while it is not known

    def lets(self, account_id: UUID, *, at: datetime) -> DeductedPart | None:
        """Return which part of a bill may be deducted at a moment, or None when nothing may."""
        standing = [
            one
            for one in self.agreed
            if one.account_id == account_id and one.since <= at and (one.until is None or at <= one.until)
        ]
        parts = {one.part for one in standing}
        return DeductedPart.BILL if DeductedPart.BILL in parts else next(iter(parts), None)

    def stops(self, *, at: datetime, account_id: UUID | None = None) -> None:
        """Write down that nothing is deducted any more: of one account, or of any."""
        for one in self.agreed:
            if one.until is None and account_id in (None, one.account_id):
                one.until = at
