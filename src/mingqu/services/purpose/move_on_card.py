"""The transfers of a card whose money is bound to a purpose: from what is free to what is spent, and back."""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import derived
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer, TransferKind
from mingqu.domain.purpose.follow import Followed, Move
from mingqu.store.purposes.purpose import Card
from mingqu.store.purposes.purpose_spend import KeptSpend

CURRENCY: Final = "CNY"


def held(card: Card, spend_id: UUID, amount_fen: int, *, on: date, expires_on: date) -> Transfer:
    """Return the transfer that holds fen of a card for a spend, from a day until before another."""
    return _transfer(card, spend_id, spend_id, amount_fen, on, kind=TransferKind.PENDING, expires_on=expires_on)


def moved(card: Card, message_id: UUID, spend: KeptSpend, came: Followed, *, on: date) -> Transfer:
    """Return the transfer of a word that takes, lets go or gives back what a spend holds or took."""
    if came.move is Move.RETURN:
        return _transfer(card, message_id, spend.spend_id, came.amount_fen, on, reason=Reason.PURPOSE_RETURN)
    kind = TransferKind.POST if came.move is Move.POST else TransferKind.VOID
    pending_id = derived(spend.spend_id, 1)
    return _transfer(card, message_id, spend.spend_id, came.amount_fen, on, kind=kind, pending_id=pending_id)


def _transfer(
    card: Card,
    message_id: UUID,
    spend_id: UUID,
    amount_fen: int,
    on: date,
    *,
    reason: Reason = Reason.PURPOSE_SPEND,
    kind: TransferKind = TransferKind.POSTED,
    pending_id: UUID | None = None,
    expires_on: date | None = None,
) -> Transfer:
    free = Account(owner=card.card_id, code=AccountCode.PURPOSE_AVAILABLE, currency=CURRENCY)
    spent = Account(owner=card.card_id, code=AccountCode.PURPOSE_SPENT, currency=CURRENCY)
    back = reason is Reason.PURPOSE_RETURN
    return Transfer(
        id=derived(message_id, 1),
        kind=kind,
        debit=spent if back else free,
        credit=free if back else spent,
        amount_fen=amount_fen,
        reason=reason,
        value_date=on,
        posted_on=on,
        reference=spend_id,
        pending_id=pending_id,
        expires_on=expires_on,
    )
