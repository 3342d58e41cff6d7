"""What must hold between a desk's orders and a bank's own book, at each tick and when all is over."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

from mingqu.channels.fake.bank import FakeBank
from mingqu.domain.order import Order, OrderState
from mingqu.simulation.order_desk import Desk
from mingqu.simulation.tally import BrokenError

# What a channel that takes back what it paid may lead to: it said paid, and later that it had failed.
_OF_RETURNS = ("order_failed_after_paid", "order_paid_after_failed")


class Truth:
    """The bank's book beside the desk's."""

    def __init__(self, *, bank: FakeBank, desk: Desk) -> None:
        self._bank, self._desk = bank, desk
        self.returned: set[int] = set()  # payouts that the bank did and took back, by the number that the id is
        self.passed: dict[int, list[OrderState]] = {}

    def look(self) -> None:
        """Compare what the desk believes with what the bank did. Errors: BrokenError."""
        moved: dict[int, int] = {}
        for text, amount_fen in self._bank.moved().items():
            number = int(text[:32], 16)  # whatever a mistaken caller hangs on comes after it
            if number in moved:
                raise BrokenError("the bank moved the money of one order twice")
            moved[number] = amount_fen
        for order in self._desk.orders.values():
            number = order.order_id.int
            if self.passed[number][-1] is not order.state:
                self.passed[number].append(order.state)
            self._look_at(order, number, moved_fen=moved.get(number, 0))

    def look_back(self, *, first: date, last: date) -> None:
        """Compare all days' bills, rightly written, with what is PAID: no break is left. Errors: BrokenError."""
        billed: Counter[str] = Counter()
        day = first - timedelta(days=1)  # a day more at both ends: the bank's clock is off
        while day <= last + timedelta(days=1):
            billed.update({line.order_number: line.amount_fen for line in self._bank.statement(day)})
            day += timedelta(days=1)
        paid = Counter(
            {
                order.number: order.amount_fen
                for order in self._desk.orders.values()
                if order.state is OrderState.PAID and order.order_id.int not in self.returned
            }
        )
        if billed != paid:
            raise BrokenError("all is over, and the bills are not what was paid")

    def _look_at(self, order: Order, number: int, *, moved_fen: int) -> None:
        state, purse, back = order.state, self._desk.purse, number in self.returned
        paid_fen = order.amount_fen if state is OrderState.PAID else 0
        if paid_fen and moved_fen != (0 if back else paid_fen):
            raise BrokenError("an order is PAID and the bank did not pay it")
        if state is OrderState.FAILED and moved_fen:
            raise BrokenError("an order is FAILED and the bank paid it")
        if purse.held[number] != (0 if state.ended else order.amount_fen):
            raise BrokenError("what is held is not what open orders reserve")
        if purse.posted[number] != paid_fen:
            raise BrokenError("what is posted is not what was paid")
        if order.conflict_code is not None and not (back and order.conflict_code in _OF_RETURNS):
            raise BrokenError("a conflict, with a bank that contradicts itself never")
