"""What a worker does in one round: take each due order one step, send each due notice."""

from __future__ import annotations

from dataclasses import dataclass

from mingqu.services.house import House
from mingqu.services.run_errand import run_errand
from mingqu.services.send_notice import send_due_notices
from mingqu.store import order


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round did."""

    orders: int
    notices: int

    @property
    def idle(self) -> bool:
        """Whether nothing was due."""
        return self.orders == 0 and self.notices == 0


def run_due_work(house: House) -> Round:
    """Take each order that is due one step, and send each notice that is due; several workers may do so at once."""
    with house.database.transaction() as tx:
        now, cells = house.clock.now(), range(tx.cells)
        due = [order_id for cell in cells for order_id in order.due_orders(tx, cell=cell, now=now)]
    for order_id in due:
        run_errand(house, order_id=order_id)
    return Round(orders=len(due), notices=sum(send_due_notices(house, cell=cell) for cell in cells))
