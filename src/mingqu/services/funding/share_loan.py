"""Funders of a joint loan or account: what its transfers move moves on their memorandum accounts in the same batch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from mingqu.domain.funding import SHARE_CODES, Funding, moved_by, share_moves
from mingqu.domain.identifier import DERIVED_MAX, beside, dated, derived
from mingqu.domain.ledger import Account, AccountCode, Transfer
from mingqu.store.ledgers import ledger
from mingqu.store.loans import loan_funding
from mingqu.store.loans.loan_funding import Shared
from mingqu.store.server.database import Transaction

_SHARES = "shares"


def share_transfers(
    *, currency: str, shared: Shared, transfers: Sequence[Transfer], cause: UUID, reference: UUID, on: date
) -> list[Transfer]:
    """Return the transfers between funders' accounts that follow from those of a joint loan or account; none of a bill.

    Their ids follow from the cause, of which each has one batch.
    """
    moves, _ = share_moves(funding=shared.funding, before=shared.totals, moved=moved_by(transfers))

    def account(place: int, code: AccountCode) -> Account:
        return Account(owner=shared.slices[place], code=code, currency=currency)

    return [
        Transfer(
            id=_nth_id(cause, number, on),
            debit=account(move.place, move.debit),
            credit=account(move.place, move.credit),
            amount_fen=move.amount_fen,
            reason=move.reason,
            value_date=move.value_date,
            posted_on=on,
            reference=reference,
        )
        for number, move in enumerate(moves)
    ]


def open_share_accounts(tx: Transaction, *, cell: int, currency: str, slices: Sequence[UUID], funding: Funding) -> None:
    """Open the memorandum accounts of each funder of a joint loan or account."""
    assert len(slices) in (0, len(funding.shares))
    accounts = [Account(owner=owner, code=code, currency=currency) for owner in slices for code in SHARE_CODES]
    if accounts:
        ledger.open_accounts(tx, cell=cell, accounts=accounts)


def shared_of(tx: Transaction, *, cell: int, loan_ids: Sequence[UUID]) -> dict[UUID, Shared]:
    """Return those of some loans that are joint, as they stand now."""
    (answer,) = tx.together([loan_funding.shared(cell=cell, loan_ids=loan_ids)])
    return loan_funding.shared_in(answer)


def _nth_id(cause: UUID, number: int, on: date) -> UUID:
    """The id of the `number`-th of them, from 0: derived from a parent beside the cause, so it meets no other's."""
    block, index = divmod(number, DERIVED_MAX)
    parent = beside(cause, purpose=_SHARES) if block == 0 else dated(cause, on=on, purpose=f"{_SHARES} {block}")
    return derived(parent, index + 1)
