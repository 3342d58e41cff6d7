"""Tell merchants of orders whose time is over, unless somebody signed for them in time.

Whoever signs looks at the clock under the lock of their cell. So that lock is taken here before it is asked whether
somebody did: who held it has signed by then, and who gets it later is too late. That the time is over is kept beside
the message, so that it is over for hosts as well whose clocks are behind.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.checkout import CheckoutState
from mingqu.services.checkout.open_checkout import CHECKOUT_ENDS, state_of
from mingqu.services.do_each import do_each
from mingqu.services.house import House
from mingqu.services.messages.tell_merchant import MerchantEvent, tell_merchant
from mingqu.store.merchants import checkout
from mingqu.store.merchants.checkout import Checkout
from mingqu.store.server import work
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import Work

LEASE_SECONDS: Final = 60  # far longer than one look takes
BATCH: Final = 100
AGAIN_AFTER: Final = timedelta(seconds=5)


def end_checkouts(house: House, *, cell: int) -> int:
    """Look at the orders of a cell whose time is over, at most BATCH, and return how many."""
    with house.database.transaction() as tx:
        leased = work.lease(
            tx, cell=cell, kinds=[CHECKOUT_ENDS], now=house.clock.now(), lease_seconds=LEASE_SECONDS, limit=BATCH
        )
        tx.commit()
    return do_each(house, leased, lambda piece: house.database.run(lambda tx: _end(tx, house, piece)))


def _end(tx: Transaction, house: House, piece: Work) -> None:
    known = _locked(tx, checkout_id=piece.subject_id)
    if known is None:
        work.reschedule(tx, work=piece, run_at=house.clock.now() + AGAIN_AFTER)
        return
    if house.clock.now() < known.expires_at:  # another host's clock was ahead when it leased this
        work.reschedule(tx, work=piece, run_at=known.expires_at)
        return
    if state_of(tx, house, known=known) is CheckoutState.EXPIRED:
        checkout.end(tx, checkout_id=known.checkout_id, at=house.clock.now())
        tell_merchant(tx, house, cell=piece.cell, of=known, event=MerchantEvent.EXPIRED, cause=known.checkout_id)
    work.complete(tx, work=piece, now=house.clock.now())


def _locked(tx: Transaction, *, checkout_id: UUID) -> Checkout | None:
    """Return an order under the lock that keeps it as it is: of its taker's cell, or of its own where there is none.

    None where it was taken at this very moment: one transaction locks one cell.
    """
    known = checkout.load(tx, checkout_id=checkout_id)
    assert known is not None, "orders are not taken away"
    if known.person_id is not None:
        tx.lock_cell(tx.cell_of(known.person_id))
        return known
    tx.lock_cell(tx.cell_of(checkout_id))
    known = checkout.load(tx, checkout_id=checkout_id)
    assert known is not None
    return known if known.person_id is None else None
