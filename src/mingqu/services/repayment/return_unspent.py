"""What nobody spent of a card's money goes back when its contract is over: it pays its loan, principal early.

The money lies on the bank's own account for the card, so it needs no channel. The monitor stops the card on the day
the contract ends (`unspent_at_end`), and the borrower is told a month before and on the day. Two people then book it
like any money that came by no channel (`book_receipt`), with the card as its source; what the loan does not take,
because it was repaid meanwhile, goes back to the borrower's card as always. Source: 个人贷款管理办法
(国家金融监督管理总局令 2024 年第 3 号): the money of a loan is used for what was agreed, and for nothing else.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.identifier import beside, derived
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.domain.moment import MARKET_TIME
from mingqu.domain.purpose import FundsContract
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.loans.follow_up import notice_of
from mingqu.services.purpose.bind_money import card_of_loan
from mingqu.services.purpose.move_on_card import CURRENCY
from mingqu.services.purpose.spend_card import UNSPENT_TOLD_DAYS, contract_of
from mingqu.store.ledgers import ledger
from mingqu.store.loans.loan import Loan
from mingqu.store.purposes import purpose
from mingqu.store.purposes.purpose import Card
from mingqu.store.server import work
from mingqu.store.server.database import Transaction

_SOURCE: Final = re.compile(r"purpose card ([0-9a-f]{32})")
_SOON, _OVER = "card.unspent_soon", "card.unspent_over"


class UnspentDiffers(Refusal):
    """What is booked is not what lies unspent on the loan's own card, or the card may still be used."""

    code: ClassVar[str] = "unspent_differs"
    status: ClassVar[int] = 409


def source_of(card_id: UUID) -> str:
    """Return the source that names the money of a card."""
    return f"purpose card {card_id.hex}"


def unspent_fen(tx: Transaction, *, card: Card) -> int:
    """Return what lies unspent on a card, in fen; 0 where its money came back, or something is still held."""
    if card.frozen_for == purpose.CAME_BACK or purpose.held_fen(tx, card_id=card.card_id):
        return 0
    return card.limit_fen - card.used_fen


def require_unspent(tx: Transaction, house: House, *, of: Loan, source: str, amount_fen: int) -> UUID | None:
    """Return the card that a source names, or None where it names none. Errors: UnspentDiffers."""
    named = _SOURCE.fullmatch(source)
    if named is None:
        return None
    card_id, today = UUID(named[1]), house.clock.now().astimezone(MARKET_TIME).date()
    card = purpose.standing(tx, card_id=card_id, day=today) if card_id == card_of_loan(of.loan_id) else None
    if card is None:
        raise UnspentDiffers("This is not the card of this loan.")
    contract = contract_of(tx, contract_hash=card.contract_hash).contract
    left_fen = unspent_fen(tx, card=card)
    if today < contract.ends_on and not of.state.ended:
        raise UnspentDiffers("The contract of this card still runs.", ends_on=contract.ends_on.isoformat())
    if left_fen != amount_fen:
        raise UnspentDiffers("Another amount lies unspent on this card.", amount_fen=left_fen)
    return card_id


def take_unspent(tx: Transaction, house: House, *, card_id: UUID, proposal_id: UUID, amount_fen: int) -> None:
    """Take what was unspent off a card, as its loan is told of it; the caller holds the cell's lock and commits."""
    cell, on = tx.cell_of(card_id), house.booking_date(tx, cell=tx.cell_of(card_id))
    transfer = Transfer(
        id=derived(beside(card_id, purpose="unspent"), 1),
        debit=Account(owner=card_id, code=AccountCode.PURPOSE_AVAILABLE, currency=CURRENCY),
        credit=Account(owner=card_id, code=AccountCode.PURPOSE_GRANTED, currency=CURRENCY),
        amount_fen=amount_fen,
        reason=Reason.PURPOSE_END,
        value_date=on,
        posted_on=on,
        reference=proposal_id,
    )
    ledger.post(tx, cell=cell, transfers=[transfer])


def tell_of_unspent(tx: Transaction, house: House, *, of: Loan, card: Card, contract: FundsContract, on: date) -> None:
    """Tell the borrower, once before and once on the day; the caller holds the cell's lock and commits."""
    left_fen = unspent_fen(tx, card=card)
    if not left_fen or on < contract.ends_on - timedelta(days=UNSPENT_TOLD_DAYS):
        return
    notice = notice_of(
        of,
        template=_OVER if on >= contract.ends_on else _SOON,
        on=contract.ends_on,
        mark=card.card_id.hex,
        amount_fen=left_fen,
        at=house.clock.now(),
    )
    work.enqueue_many(tx, cell=of.cell, rows=[notice])
