"""What the bills of a person's revolving accounts will ask a wallet for on their due days, as things stand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from mingqu.domain.spend import advance, deducted_fen
from mingqu.store.revolving import bill_deduction, spend
from mingqu.store.server.database import Transaction


def bills_due(tx: Transaction, *, person_id: UUID, after: date) -> Sequence[tuple[UUID, date, int]]:
    """Return (account, due day, amount in fen) of each bill behind a day of which its owner lets a part be deducted."""
    return [
        (choice.account_id, *found)
        for choice in bill_deduction.of_person(tx, person_id=person_id)
        if (found := _due(tx, account_id=choice.account_id, after=after)) is not None
    ]


def bill_due_fen(tx: Transaction, *, account_id: UUID, on: date, after: date) -> int:
    """Return what the deduction of an account's bill will ask for on a due day behind `after`; 0 when nothing is."""
    found = _due(tx, account_id=account_id, after=after)
    return found[1] if found is not None and found[0] == on else 0


def _due(tx: Transaction, *, account_id: UUID, after: date) -> tuple[date, int] | None:
    choice = bill_deduction.of_account(tx, account_id=account_id)
    account = spend.get(tx, account_id=account_id)
    if choice is None or (account.state.day < after and spend.is_paying(tx, account_id=account_id)):
        return None  # what is on its way decides
    state = advance(terms=account.terms, state=account.state, to=max(after, account.state.day)).state
    if state.bill is None or state.bill.due <= after:
        return None
    return state.bill.due, deducted_fen(state, choice.part)
