"""Settle what a bill bears out: money in collection clearing becomes the lender's cash, less what the channel keeps.

Only orders that we know as paid, of the very amount on the bill, are settled; each once. A bill posts nothing that a
channel's own word has not ended before: what it says otherwise is a break. Some orders at a time under the cell's lock.

Example: a bill of the 5th has two payments of 100.00 and 50.00 with fees of 0.60 and 0.30, and our orders agree:
lender cash + 150.00 from collection clearing, channel fee + 0.90 from lender cash.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import beside, derived
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.services.house import House
from mingqu.store.bills import settlement
from mingqu.store.bills.settlement import Settlement, Unsettled
from mingqu.store.ledgers import ledger
from mingqu.store.server.database import Transaction

ORDERS_MAX: Final = 500  # in one transaction: some tens of milliseconds under the cell's lock
_PURPOSE: Final = "settlement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What was settled just now, and of how many orders a lender's cash did not suffice to give money back. Fen."""

    orders: int = 0
    gross_fen: int = 0
    fee_fen: int = 0
    held_back: int = 0

    def with_more(self, other: Settled) -> Settled:
        """Return both together."""
        return Settled(
            orders=self.orders + other.orders,
            gross_fen=self.gross_fen + other.gross_fen,
            fee_fen=self.fee_fen + other.fee_fen,
            held_back=self.held_back + other.held_back,
        )


def settle_bill(house: House, *, source: str, on: date) -> Settled:
    """Settle every order that the bill of a day bears out and that is not settled yet; done again it does nothing."""
    done = Settled()
    with house.database.transaction() as tx:
        cells = tx.cells
    for cell in range(cells):
        after = UUID(int=0)
        while True:  # each page moves on to later ids, and orders of a day are so many
            work = partial(_settle_some, house=house, cell=cell, source=source, on=on, after=after)
            page, last = house.database.run(work)
            done = done.with_more(page)
            if last is None:
                break
            after = last
    return done


def _settle_some(
    tx: Transaction, *, house: House, cell: int, source: str, on: date, after: UUID
) -> tuple[Settled, UUID | None]:
    """Settle a page of orders of a cell; return what was done, and the last id where there may be more."""
    tx.lock_cell(cell)
    page = settlement.unsettled(tx, cell=cell, source=source, on=on, after=after, limit=ORDERS_MAX)
    by_lender: dict[tuple[UUID, str], list[Unsettled]] = defaultdict(list)
    for one in page:
        by_lender[one.lender_id, one.currency].append(one)
    done, today = Settled(), house.booking_date(tx, cell=cell)
    for (lender_id, currency), orders in sorted(by_lender.items()):
        made = Settlement(
            settlement_id=beside(orders[0].order_id, purpose=_PURPOSE),
            source=source,
            on=on,
            lender_id=lender_id,
            currency=currency,
            gross_fen=sum(one.amount_fen for one in orders),
            fee_fen=sum(one.fee_fen for one in orders),
            orders=len(orders),
            posted_on=today,
        )
        if not _post(tx, cell, made):
            done = done.with_more(Settled(held_back=len(orders)))
            continue
        settlement.insert(tx, cell=cell, settlement=made, orders=orders)
        done = done.with_more(Settled(orders=made.orders, gross_fen=made.gross_fen, fee_fen=made.fee_fen))
    return done, page[-1].order_id if len(page) == ORDERS_MAX else None


def _post(tx: Transaction, cell: int, made: Settlement) -> bool:
    """Post a settlement; False, with nothing posted, when it would take more cash than the lender has here."""
    cash = Account(owner=made.lender_id, code=AccountCode.LENDER_CASH, currency=made.currency)
    clearing = Account(owner=made.lender_id, code=AccountCode.COLLECTION_CLEARING, currency=made.currency)
    fee = Account(owner=made.lender_id, code=AccountCode.CHANNEL_FEE, currency=made.currency)
    ledger.open_accounts(tx, cell=cell, accounts=[cash, clearing, fee])
    balance = ledger.balance(tx, cell=cell, account=cash)
    free_fen = balance.debits_posted_fen - balance.credits_posted_fen - balance.credits_pending_fen
    if free_fen + made.gross_fen < made.fee_fen:
        return False
    ways = (
        (cash, clearing, made.gross_fen, Reason.SETTLE),
        (clearing, cash, -made.gross_fen, Reason.SETTLE),
        (fee, cash, made.fee_fen, Reason.KEEP_FEE),
    )
    transfers = [
        Transfer(
            id=derived(made.settlement_id, index),
            debit=debit,
            credit=credit,
            amount_fen=amount_fen,
            reason=reason,
            value_date=made.on,
            posted_on=made.posted_on,
            reference=made.settlement_id,
        )
        for index, (debit, credit, amount_fen, reason) in enumerate(ways, start=1)
        if amount_fen > 0
    ]
    if transfers:
        ledger.post(tx, cell=cell, transfers=transfers)
    return True
