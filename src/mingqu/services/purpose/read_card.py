"""What a card with a purpose may be used for, what is left on it, what is owed as proof, and what was said no to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from mingqu.domain.moment import MARKET_TIME
from mingqu.domain.ownership import NotFound
from mingqu.domain.purpose import FundsContract
from mingqu.services.house import House
from mingqu.services.purpose.bind_money import card_of_loan
from mingqu.services.purpose.quote_car import dealers_of, product_of_quote
from mingqu.services.purpose.spend_card import contract_of
from mingqu.store.purposes import purpose, purpose_loan
from mingqu.store.purposes.purpose import Card
from mingqu.store.purposes.purpose_loan import PurposeLoan
from mingqu.store.server.database import Transaction

WORDS_SHOWN_MAX: Final = 50  # of a card's network, the newest first
CARDS_SHOWN_MAX: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperView:
    """A paper that is owed: by which day (None: nothing was bought yet), and whether it is on file."""

    kind: str
    days: int
    due_on: date | None
    brought: bool
    overdue: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StageView:
    """Up to how much is released, in fen, once which papers are on file, and whether they are."""

    up_to_fen: int
    needs: tuple[str, ...]
    released: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WordView:
    """A word of the network and its answer; a "no" names the clause, the reason, what helps and from when."""

    kind: str
    at: datetime
    amount_fen: int
    merchant: str
    outcome: str
    clause: str
    reason: str
    remedy: str
    from_on: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardView:
    """A card as it stands: amounts in fen, what is held and what was captured apart."""

    card_id: UUID
    loan_id: UUID | None
    way: str
    contract: FundsContract
    companies: Mapping[str, str]  # who may be paid, by their merchant code, where a file names them
    limit_fen: int
    used_fen: int
    held_fen: int
    left_fen: int
    left_today_fen: int
    frozen_for: str | None
    stages: tuple[StageView, ...]
    papers: tuple[PaperView, ...]
    words: tuple[WordView, ...]


def card_views(house: House, *, person_id: UUID) -> list[CardView]:
    """Return a person's cards, the newest first."""
    with house.database.transaction() as tx:
        found = purpose.ids_of(tx, person_id=person_id, limit=CARDS_SHOWN_MAX)
        return [_view(tx, house, person_id=person_id, card_id=card_id) for card_id in found]


def has_cards(house: House, *, person_id: UUID) -> bool:
    """Return whether a person has a card with a purpose."""
    with house.database.transaction() as tx:
        return bool(purpose.ids_of(tx, person_id=person_id, limit=1))


def card_view(house: House, *, person_id: UUID, card_id: UUID) -> CardView:
    """Return a person's own card. Errors: NotFound (another's too)."""
    with house.database.transaction() as tx:
        return _view(tx, house, person_id=person_id, card_id=card_id)


def _view(tx: Transaction, house: House, *, person_id: UUID, card_id: UUID) -> CardView:
    today = house.clock.now().astimezone(MARKET_TIME).date()
    card = purpose.standing(tx, card_id=card_id, day=today)
    if card is None or card.person_id != person_id:
        raise NotFound
    contract = contract_of(tx, contract_hash=card.contract_hash).contract
    quotes = purpose_loan.signed_of(tx, person_id=person_id)
    quoted = next((one for one in quotes if one.loan_id is not None and card_of_loan(one.loan_id) == card_id), None)
    left_fen = min(card.limit_fen, contract.total_fen) - card.used_fen
    released_fen = _released(contract, card) - card.used_fen
    return CardView(
        card_id=card_id,
        loan_id=None if quoted is None else quoted.loan_id,
        way="card" if quoted is None else quoted.way,
        contract=contract,
        companies={} if quoted is None else _companies(house, quoted),
        limit_fen=card.limit_fen,
        used_fen=card.used_fen,
        held_fen=purpose.held_fen(tx, card_id=card_id),
        left_fen=left_fen,
        left_today_fen=max(0, min(left_fen, released_fen, contract.per_day_fen - card.day_used_fen)),
        frozen_for=card.frozen_for,
        stages=tuple(
            StageView(up_to_fen=one.up_to_fen, needs=tuple(sorted(one.needs)), released=one.needs <= card.evidence)
            for one in contract.stages
        ),
        papers=papers_owed(contract=contract, card=card, on=today),
        words=tuple(_word(one) for one in purpose.messages_of(tx, card_id=card_id, limit=WORDS_SHOWN_MAX)),
    )


def _companies(house: House, quoted: PurposeLoan) -> dict[str, str]:
    payees = dealers_of(house, of=product_of_quote(house, quoted))
    return {merchant: payee.name for merchant, payee in payees.items()}


def papers_owed(*, contract: FundsContract, card: Card, on: date) -> tuple[PaperView, ...]:
    """Return the papers that a contract asks for, as they stand on a day."""
    found = []
    for due in contract.evidence:
        due_on = None if card.first_captured_on is None else due.by(first_captured_on=card.first_captured_on)
        brought = due.kind in card.evidence
        found.append(
            PaperView(
                kind=due.kind,
                days=due.days,
                due_on=due_on,
                brought=brought,
                overdue=not brought and due_on is not None and due_on < on,
            )
        )
    return tuple(found)


def _released(contract: FundsContract, card: Card) -> int:
    """Return how much of the total the papers on file release, in fen."""
    released = [stage.up_to_fen for stage in contract.stages if stage.needs <= card.evidence]
    return max(released, default=0 if contract.stages else contract.total_fen)


def _word(one: purpose.Message) -> WordView:
    said, answer = one.said, one.answer
    amount = said.get("amount_fen")
    assert one.at is not None
    return WordView(
        kind=one.kind,
        at=one.at,
        amount_fen=amount if isinstance(amount, int) else 0,
        merchant=str(said.get("merchant") or ""),
        outcome=str(answer["outcome"]),
        clause=str(answer["clause"]),
        reason=str(answer["reason"]),
        remedy=str(answer["remedy"]),
        from_on=None if answer["from_on"] is None else str(answer["from_on"]),
    )
