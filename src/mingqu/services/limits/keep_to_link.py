"""A link that is limited keeps two accounts to a share of the ceiling, together: asked at each hold, of the ledger.

What counts is what both have drawn and what is held of them, as the ledger has it under the cell's lock. Of each two
accounts the last decision holds, so a link asked again and allowed takes the share away; the ceiling over all stays.
What was drawn before the decision may stay, and repaying is never asked.
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from mingqu.domain.decision.link import LinkOutcome
from mingqu.domain.ledger import Account, AccountCode, Balance
from mingqu.domain.rate import PPM
from mingqu.domain.refusal import Refusal
from mingqu.store.ledgers import ledger
from mingqu.store.limits import link
from mingqu.store.server.database import Transaction

CURRENCY = "CNY"


class LinkLimited(Refusal):
    """Two linked accounts may use a share of the limit together, and have: repay one, or ask for the link again."""

    code: ClassVar[str] = "link_limited"
    status: ClassVar[int] = 409


def require_within_links(tx: Transaction, *, person_id: UUID, account_id: UUID, amount_fen: int) -> None:
    """Return when every limited link of an account covers a further amount; the caller holds the cell's lock.

    Errors: LinkLimited.
    """
    left_fen = left_by_links(tx, person_id=person_id).get(account_id)
    if left_fen is not None and amount_fen > left_fen:
        raise LinkLimited(
            "The linked accounts together have a share of your limit, and this is above it: repay one of them first.",
            left_fen=left_fen,
        )


def left_by_links(tx: Transaction, *, person_id: UUID) -> dict[UUID, int]:
    """Return what limited links leave to each account that has one, in fen, never below zero.

    Example: a ceiling of 30,000.00, half of it for two accounts that have drawn 12,000.00: 3,000.00 for each.
    """
    limited = [
        ((first_id, second_id), share_ppm)
        for first_id, second_id, outcome, share_ppm in link.standing(tx, person_id=person_id)
        if outcome == LinkOutcome.LIMITED.value
    ]
    if not limited:
        return {}
    owners = {person_id, *(account for pair, _ in limited for account in pair)}
    held = ledger.balances_of(tx, cell=tx.cell_of(person_id), owners=sorted(owners))

    def balance(owner: UUID, code: AccountCode) -> Balance:
        return held[Account(owner=owner, code=code, currency=CURRENCY)]

    granted_fen = balance(person_id, AccountCode.LIMIT_GRANTED).normal_fen(AccountCode.LIMIT_GRANTED)
    left: dict[UUID, int] = {}
    for pair, share_ppm in limited:
        used_fen = sum(
            balance(owner, AccountCode.LIMIT_DRAWN).normal_fen(AccountCode.LIMIT_DRAWN)
            + balance(owner, AccountCode.LIMIT_AVAILABLE).debits_pending_fen
            for owner in pair
        )
        free_fen = max(0, granted_fen * share_ppm // PPM - used_fen)  # rounded down, like every limit
        for owner in pair:
            left[owner] = min(free_fen, left.get(owner, free_fen))
    return left
