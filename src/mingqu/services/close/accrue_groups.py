"""A day's accrual of each group of loans: one transfer of income and at times one of rounding, however many loans."""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.accrual import AccrualGroup, DayAccrued, accrue_day
from mingqu.domain.identifier import dated, derived
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.store.ledgers import accrual, ledger
from mingqu.store.server.database import Transaction

_ACCOUNTS: Final = {
    accrual.INTEREST: (AccountCode.ACCRUED_INTEREST, AccountCode.INTEREST_INCOME, Reason.ACCRUE_INTEREST),
    accrual.PENALTY: (AccountCode.ACCRUED_PENALTY, AccountCode.PENALTY_INCOME, Reason.ACCRUE_PENALTY),
}


def accrue_groups(tx: Transaction, *, cell: int, on: date) -> None:
    """Post one day of each group of a cell: whole fen of income and of rounding, what is below a fen is carried.

    What loans changed on later days already is left for those days. The caller holds the cell's lock and commits.
    """
    deltas = accrual.deltas_on(tx, cell=cell, on=on)
    transfers = []
    for group in accrual.groups(tx, cell=cell):
        if group.accrued_to >= on:
            assert not deltas.get((group.group_id, group.kind)), "a closed day has no changes"
            continue
        day = accrue_day(group=group, deltas=deltas.get((group.group_id, group.kind), ()), on=on)
        accrual.save(tx, cell=cell, group=day.group)
        transfers += _day_transfers(group, day, on=on)
    if transfers:
        ledger.post(tx, cell=cell, transfers=transfers)


def _day_transfers(group: AccrualGroup, day: DayAccrued, *, on: date) -> list[Transfer]:
    accrued, income, reason = _ACCOUNTS[group.kind]
    cause = dated(group.group_id, on=on, purpose=group.kind)
    return [
        _move(group, cause, place, accrued, other, fen, why, on)
        for place, other, fen, why in (
            (1, income, day.income_fen, reason),
            (2, AccountCode.ROUNDING_DIFFERENCE, day.rounding_fen, Reason.ROUNDING),
        )
        if fen
    ]


def _move(
    group: AccrualGroup,
    cause: UUID,
    place: int,
    accrued: AccountCode,
    other: AccountCode,
    fen: int,
    why: Reason,
    on: date,
) -> Transfer:
    """A gain goes to the debit of what is accrued; a correction downwards is the same the other way round."""
    own = Account(owner=group.group_id, code=accrued, currency=group.currency)
    against = Account(owner=group.lender_id, code=other, currency=group.currency)
    return Transfer(
        id=derived(cause, place),
        debit=own if fen > 0 else against,
        credit=against if fen > 0 else own,
        amount_fen=abs(fen),
        reason=why,
        value_date=on,
        posted_on=on,
        reference=cause,
    )
