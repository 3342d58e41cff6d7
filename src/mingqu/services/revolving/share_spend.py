"""A joint revolving account's funders: what its transfers move is theirs by shares, in the same batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from mingqu.domain.funding import moved_by
from mingqu.domain.ledger import Transfer
from mingqu.services.funding.share_loan import share_transfers
from mingqu.store.revolving import spend_funding
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """What one cause brings to an account: its transfers, which refer to `reference`."""

    account: SpendAccount
    cause: UUID
    reference: UUID
    transfers: Sequence[Transfer]


def shares_of(tx: Transaction, *, booked: Sequence[Booked], on: date) -> list[Transfer]:
    """Return what goes between funders' accounts for what is booked on accounts of one cell; none of one lender's.

    Only who was told of joint lenders may have some, so that no other account is asked about.
    """
    moving = [one for one in booked if one.account.named and moved_by(one.transfers)]
    if not moving:
        return []
    ids = [one.account.account_id for one in moving]
    shared = spend_funding.shared_of(tx, cell=moving[0].account.cell, account_ids=ids)
    return [
        transfer
        for one in moving
        if one.account.account_id in shared
        for transfer in share_transfers(
            currency=one.account.currency,
            shared=shared[one.account.account_id],
            transfers=one.transfers,
            cause=one.cause,
            reference=one.reference,
            on=on,
        )
    ]
