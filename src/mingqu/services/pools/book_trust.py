"""Book a pool's day on the trust's own accounts, in the transaction that draws it; and read what stands on them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from mingqu.domain.abs_pool import TRUST_CODES, TrustMove, trust_id
from mingqu.domain.identifier import derived
from mingqu.domain.ledger import Account, AccountCode, Transfer
from mingqu.services.house import House
from mingqu.store.ledgers import ledger
from mingqu.store.server.database import Transaction


def book_trust(
    tx: Transaction, house: House, *, pool_id: str, day_id: UUID, on: date, moves: Sequence[TrustMove]
) -> None:
    """Post what a day moved, for the reason of that day. The caller holds the lock of the house's cell and commits."""
    owner = trust_id(pool_id=pool_id)
    cell = tx.cell_of(owner)
    today = house.booking_date(tx, cell=cell)
    ledger.open_accounts(tx, cell=cell, accounts=[Account(owner=owner, code=code) for code in TRUST_CODES])
    transfers = [
        Transfer(
            id=derived(day_id, one.place),
            debit=Account(owner=owner, code=one.debit if one.fen > 0 else one.credit),
            credit=Account(owner=owner, code=one.credit if one.fen > 0 else one.debit),
            amount_fen=abs(one.fen),
            reason=one.reason,
            value_date=on,
            posted_on=today,
            reference=day_id,
        )
        for one in moves
    ]
    ledger.post(tx, cell=cell, transfers=transfers)


def read_trust(tx: Transaction, *, pool_id: str) -> dict[AccountCode, int]:
    """Return what stands on a trust's accounts, each on its normal side, in fen; zeros before the first day."""
    owner = trust_id(pool_id=pool_id)
    held = ledger.balances(tx, cell=tx.cell_of(owner), owner=owner)
    found = dict.fromkeys(TRUST_CODES, 0)
    for account, balance in held.items():
        earned = account.code is AccountCode.TRUST_EARNED  # an account of either side, told as what came in
        fen = balance.normal_fen(account.code)
        found[account.code] = -fen if earned else fen
    return found
