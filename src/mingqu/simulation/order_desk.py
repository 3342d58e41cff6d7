"""The desk that keeps orders in memory, with the decisions of the services and a purse in place of the ledger."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final
from uuid import UUID

from mingqu.domain import order as life
from mingqu.domain.order import Action, AlertHuman, Ask, Order, OrderConflict, OrderState, Send, Verdict
from mingqu.domain.word import Failed, Paid, Word
from mingqu.ports.payout import StatementLine

OURS: Final = "the channel's key"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedNotice:
    """A notice as it comes over the wire: whose word it is shows in its signature alone."""

    order_id: UUID
    word: Paid | Failed
    signature: str


def signature_of(*, order_id: UUID, word: Paid | Failed, key: str) -> str:
    """Return what whoever holds a key signs a notice with."""
    return hashlib.blake2b(f"{order_id.hex}{word!r}".encode(), key=key.encode(), digest_size=16).hexdigest()


@dataclass(slots=True)
class Purse:
    """Money held and money posted, by the number that an order's id is: the simplest ledger that can be wrong."""

    held: Counter[int] = field(default_factory=Counter)
    posted: Counter[int] = field(default_factory=Counter)

    def hold(self, order: Order) -> None:
        """Hold what an order reserves."""
        self.held[order.order_id.int] += order.amount_fen

    def post(self, order: Order) -> None:
        """Post what an order moved; nothing is held any more."""
        self.held[order.order_id.int] = 0
        self.posted[order.order_id.int] += order.amount_fen

    def void(self, order: Order) -> None:
        """Let go of what an order held."""
        self.held[order.order_id.int] = 0


class Desk:
    """Keeps the orders, as the services do. `settle`, `understood`, `read_bill` and `is_genuine` are where mistakes
    are planted."""

    def __init__(self) -> None:
        self.orders: dict[UUID, Order] = {}
        self.purse = self.new_purse()
        self.alerts: list[tuple[UUID, str]] = []
        self.breaks: set[UUID] = set()  # orders of which a bill said something else than we had

    def reserve(self, order: Order) -> None:
        """Store a new order, its money held."""
        self.orders[order.order_id] = order
        self.purse.hold(order)

    def announce(self, *, order_id: UUID, now: datetime, resend_is_safe: bool) -> tuple[Order, Action]:
        """Decide the next action and store that it will be done."""
        order = self.orders[order_id]
        action = life.next_action(order, now=now, resend_is_safe=resend_is_safe)
        if isinstance(action, Send | Ask | AlertHuman):
            order = self.orders[order_id] = life.announce(order, action, at=now)
        if isinstance(action, AlertHuman):
            self.alerts.append((order_id, action.code))
        return order, action

    def hear(self, *, order_id: UUID, word: Word, at: datetime) -> Order:
        """Store what a word does to an order and to the purse."""
        before, word = self.orders[order_id], self.understood(word)
        try:
            after = life.apply(before, word, at=at)
        except OrderConflict as conflict:
            after = life.dispute(before, conflict)
        self.orders[order_id] = after
        self.settle(before=before, after=after, word=word)
        return after

    def take(self, notice: SignedNotice, *, at: datetime) -> bool:
        """Hear a notice if it is the channel's own; return whether it was."""
        if not self.is_genuine(notice):
            return False
        self.hear(order_id=notice.order_id, word=notice.word, at=at)
        return True

    def is_genuine(self, notice: SignedNotice) -> bool:
        """Return whether a notice bears the channel's signature."""
        return notice.signature == signature_of(order_id=notice.order_id, word=notice.word, key=OURS)

    def read_bill(self, lines: Sequence[StatementLine], *, on: date, at: datetime) -> None:
        """Compare a day's bill with the orders: an open order on it is asked about at once, a difference is a break.

        A bill ends no order and moves no money: it comes late, and the channel's own answer is nearer to the truth.
        """
        said = {line.order_number: line for line in lines}
        for order_id, order in self.orders.items():
            line = said.get(order.number)
            if line is not None and order.open and order.sent_at is not None:
                self.hasten(order_id=order_id, at=at)
                continue
            had_fen = order.amount_fen if order.state is OrderState.PAID and order.value_date == on else 0
            if had_fen != (0 if line is None else line.amount_fen):
                self.breaks.add(order_id)

    def hasten(self, *, order_id: UUID, at: datetime) -> None:
        """Let an open order that was sent be asked about at once."""
        order = self.orders[order_id]
        if order.open and order.sent_at is not None:
            self.orders[order_id] = replace(order, next_at=min(order.next_at, at), version=order.version + 1)

    def decide(self, *, order_id: UUID, at: datetime) -> Order:
        """Let people decide that an order in dispute stays as it is booked."""
        decided = life.decide(self.orders[order_id], Verdict.AS_BOOKED, at=at)
        self.orders[order_id] = decided
        return decided

    def understood(self, word: Word) -> Word:
        """Return what a word is taken for: itself."""
        return word

    def settle(self, *, before: Order, after: Order, word: Word) -> None:  # noqa: ARG002 (a planted mistake reads it)
        """Post or void once, by the word that ended the order."""
        if before.open and after.state is OrderState.PAID:
            self.purse.post(after)
        if before.open and after.state is OrderState.FAILED:
            self.purse.void(after)

    def new_purse(self) -> Purse:
        """Return the purse of a new desk."""
        return Purse()
