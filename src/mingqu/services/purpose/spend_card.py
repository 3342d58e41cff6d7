"""Hear what an issuer's network asks and says of a card whose money is bound to a purpose.

Words that come to a cell at the same moment are one transaction (`take_turns`): cards, spends and what was answered
before are read in one round trip under the lock, each word is worked out by itself, and holds, spends, answers and
leaves are written in one more. A word is known by the network's own reference: sent again, it is answered as it was.
A "no" is an answer, not an error: it is kept and has its leaf like a "yes".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import canonical
from mingqu.domain.evidence import LeafKind
from mingqu.domain.identifier import beside
from mingqu.domain.ledger import Transfer
from mingqu.domain.moment import MARKET_TIME, start_of
from mingqu.domain.ownership import NotFound
from mingqu.domain.policy_file import Document
from mingqu.domain.purpose import Approved, CardState, Compiled, Spend, authorise, compiled, read_contract
from mingqu.domain.purpose.follow import Followed, Following, Move, Standing, follow
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.purpose.move_on_card import held, moved
from mingqu.services.take_turns import Not
from mingqu.store import evidence
from mingqu.store.ledgers import whole_batch
from mingqu.store.purposes import purpose, purpose_spend
from mingqu.store.purposes.purpose import AtHand, Card, Message
from mingqu.store.purposes.purpose_spend import KeptSpend
from mingqu.store.server import work
from mingqu.store.server.connection import Answer as Answered
from mingqu.store.server.connection import Statement
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import NewWork

Answer = dict[str, object]
Writing = Callable[[Sequence[Statement]], Sequence[Answered]]
Heard = Answer | Refusal
AUTHORISE: Final = "authorise"
ADVISE: Final = "advise"  # the network said yes in our place, and tells
WATCH: Final = "watch_card"  # the work of looking at a card after what was said of it
# A paper that is late freezes the card the day after it was due, and a month later the loan falls due, by policy file.
LOOKS_AFTER_DAYS: Final = (1, 31)
UNSPENT_TOLD_DAYS: Final = 30  # before a contract is over: long enough to buy what was meant to be bought
# Compiled contracts that a process keeps; a bank has few, and each takes some megabytes at most.
CONTRACTS_KEPT_MAX: Final = 64
_kept: dict[str, Compiled] = {}


class CardReferenceReused(Refusal):
    """The network's reference came with another word before."""

    code: ClassVar[str] = "card_reference_reused"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Where and by whom money is asked for, as the network says; when is by our own clock."""

    merchant: str
    category: str
    currency: str
    channel: str
    device: str
    place: str
    vin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word of the network. `of` is the reference of the authorisation it follows, `to` where a refund goes."""

    card_id: UUID
    kind: str
    reference: str
    amount_fen: int
    asked: Asked | None = None
    of: str | None = None
    to: str | None = None

    @property
    def message_id(self) -> UUID:
        """The id of the word, made of the card and the network's reference."""
        return message_id_of(self.card_id, self.reference)

    def said(self) -> dict[str, str | int | None]:
        """Return the word as it is kept and told apart by."""
        told: dict[str, str | int | None] = {"reference": self.reference, "amount_fen": self.amount_fen}
        told |= {"of": self.of, "to": self.to}
        if self.asked is not None:
            told |= {name: getattr(self.asked, name) for name in Asked.__dataclass_fields__}
        return told


@dataclass(slots=True, kw_only=True)
class _Written:
    """What a turn will write."""

    messages: list[Message] = field(default_factory=list)
    spends: list[KeptSpend] = field(default_factory=list)
    followed: list[KeptSpend] = field(default_factory=list)
    days: list[tuple[UUID, date, int]] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    drafts: list[evidence.Draft] = field(default_factory=list)
    captured: list[UUID] = field(default_factory=list)
    watched: list[NewWork] = field(default_factory=list)


def message_id_of(card_id: UUID, reference: str) -> UUID:
    """Return the id of a word of the network; that of an authorisation is also its spend's."""
    return beside(card_id, purpose=f"card word {reference}")


def hear_card(house: House, *, word: Word) -> Answer:
    """Answer a word of the network once what follows from it is durable.

    Errors: NotFound (no such card), CardReferenceReused.
    """

    def turn(listed: Sequence[Word]) -> Sequence[Heard | Not]:
        def hear(tx: Transaction) -> Sequence[Heard | Not]:  # the book may have been recut since the turn was taken
            return hear_in(tx, house, cell=tx.cell_of(listed[0].card_id), listed=listed, ends=True)

        return house.database.run(hear, planned=True)

    heard: Any = house.turns.take(("card", house.database.cell_of(word.card_id)), word, turn=turn)
    if heard is None:
        alone = turn([word])[0]
        assert not isinstance(alone, Not), "one word alone has its turn"
        heard = alone
    if isinstance(heard, Refusal):
        raise heard
    answer: Answer = heard
    return answer


def contract_of(tx: Transaction, *, contract_hash: str) -> Compiled:
    """Return a published contract ready to decide. Errors: NotFound."""
    known = _kept.get(contract_hash)
    if known is None:
        body = purpose.contract_body(tx, contract_hash=contract_hash)
        read = read_contract(Document(file=f"contract {contract_hash[:12]}", body=json.loads(body)))
        assert read.hash == contract_hash, "a contract is read back as it was published"
        if len(_kept) >= CONTRACTS_KEPT_MAX:
            _kept.clear()
        known = _kept[contract_hash] = compiled(read)
    return known


def hear_in(
    tx: Transaction, house: House, *, cell: int, listed: Sequence[Word], ends: bool = False
) -> list[Heard | Not]:
    """Hear words of cards of one cell in the caller's transaction, and write what follows.

    The caller commits, but where this `ends` the transaction and anything is written.
    """
    assert all(tx.cell_of(word.card_id) == cell for word in listed), "the book was recut meanwhile"
    answers: list[Heard | Not | None] = []
    cards: set[UUID] = set()
    for word in listed:  # of a card one word at a time: the next one sees what the first one did
        answers.append(Not.YET if word.card_id in cards else None)
        cards.add(word.card_id)
    now = house.clock.now()
    mine = [word for word, answer in zip(listed, answers, strict=True) if answer is None]
    message_ids = [word.message_id for word in mine]
    at_hand = purpose.locked(
        tx,
        cell=cell,
        cards=[(word.card_id, now.astimezone(MARKET_TIME).date()) for word in mine],
        message_ids=message_ids,
        spend_ids=[message_id_of(word.card_id, word.of) for word in mine if word.of is not None],
    )
    on, written = house.booking_day(at_hand.last_closed_on), _Written()
    told = iter(
        [_hear(tx, at_hand, word, named, now, on, written) for word, named in zip(mine, message_ids, strict=True)]
    )
    plain = [next(told) if answer is None else answer for answer in answers]
    if written.messages:
        _write(tx.finish if ends else tx.together, cell, at_hand, written, now, on)
    return plain


def _hear(
    tx: Transaction, at_hand: AtHand, word: Word, message_id: UUID, now: datetime, on: date, written: _Written
) -> Heard:
    card = at_hand.cards.get(word.card_id)
    if card is None:
        return NotFound()
    said = word.said()
    body_hash = hashlib.sha256(canonical({"kind": word.kind, **said})).digest()
    before = at_hand.answered.get(message_id)
    if before is not None:
        if before[0] != body_hash:
            return CardReferenceReused("This reference came with another word: take a new one for a new word.")
        return before[1]
    if word.asked is not None:
        answer = _authorised(tx, card, word, message_id, word.asked, now, on, written)
    else:
        answer = _followed(tx, at_hand, card, word, message_id, on, written)
    message = Message(
        message_id=message_id, card_id=word.card_id, kind=word.kind, body_hash=body_hash, said={**said}, answer=answer
    )
    written.messages.append(message)
    if answer["outcome"] != "approved":  # a plain "yes" moved nothing yet; what takes the money is looked at
        written.watched.append(_watch(card, message_id, at=now))
    written.drafts.append(_draft(card, word, message_id, answer))
    return answer


def _draft(card: Card, word: Word, message_id: UUID, answer: Answer) -> evidence.Draft:
    """Return the leaf of a word. Where money was refused stays out of it: a leaf outlives an erasure."""
    approved = answer["outcome"] == "approved" and word.asked is not None
    return evidence.Draft(
        person_id=card.person_id,
        kind=LeafKind.CARD_SPEND,
        subject_id=message_id,
        facts={
            "card_id": card.card_id.hex,
            "contract": card.contract_hash,
            "kind": word.kind,
            "amount_fen": word.amount_fen,
            "outcome": str(answer["outcome"]),
            "clause": str(answer["clause"]),
            "reason": str(answer["reason"]),
            "merchant": word.asked.merchant if approved and word.asked is not None else None,
        },
    )


def _answer(outcome: str, **said: object) -> Answer:
    told: Answer = {"outcome": outcome, "clause": "", "reason": "", "remedy": "", "from_on": None, "held_until": None}
    told["flagged"] = False
    told.update(said)
    return told


def _authorised(
    tx: Transaction,
    card: Card,
    word: Word,
    message_id: UUID,
    asked: Asked,
    now: datetime,
    on: date,
    written: _Written,
) -> Answer:
    contract = contract_of(tx, contract_hash=card.contract_hash)
    here = now.astimezone(MARKET_TIME)
    state = CardState(
        limit_fen=card.limit_fen,
        used_fen=card.used_fen,
        day_used_fen=card.day_used_fen,
        day=here.date(),
        frozen=card.frozen_for is not None,
        evidence=card.evidence,
        first_captured_on=card.first_captured_on,
    )
    spend = Spend(
        merchant=asked.merchant,
        category=asked.category,
        amount_fen=word.amount_fen,
        currency=asked.currency,
        channel=asked.channel,
        device=asked.device,
        place=asked.place,
        at=here,
        vin=asked.vin,
    )
    decided = authorise(contract, state=state, spend=spend)
    if not isinstance(decided, Approved):
        from_on = None if decided.from_on is None else decided.from_on.isoformat()
        said = {"clause": decided.clause, "reason": decided.reason, "remedy": decided.remedy, "from_on": from_on}
        return _answer("declined", **said, flagged=word.kind == ADVISE)
    lapses = on + timedelta(days=contract.contract.hold_days)
    written.spends.append(
        KeptSpend(
            spend_id=message_id,
            card_id=card.card_id,
            merchant=asked.merchant,
            category=asked.category,
            currency=asked.currency,
            amount_fen=word.amount_fen,
            clause=decided.clause,
            spent_on=here.date(),
            expires_on=lapses,
            state="held",
            day_number=card.day_spends + 1,
            day_fen=card.day_used_fen + word.amount_fen,
        )
    )
    written.transfers.append(held(card, message_id, word.amount_fen, on=on, expires_on=lapses))
    return _answer("approved", clause=decided.clause, held_until=lapses.isoformat())


def looks_before_end(card_id: UUID, ends_on: date) -> NewWork:
    """Return the work of looking at a card a month before its contract is over: what is unspent then is told."""
    at = start_of(ends_on - timedelta(days=UNSPENT_TOLD_DAYS))
    return NewWork(
        work_id=beside(card_id, purpose="a month before the end"), kind=WATCH, subject_id=card_id, run_at=at, payload={}
    )


def looks_at_end(card_id: UUID, ends_on: date) -> NewWork:
    """Return the work of looking at a card on the day its contract is over; it has the card's own id."""
    return NewWork(work_id=card_id, kind=WATCH, subject_id=card_id, run_at=start_of(ends_on), payload={})


def _watch(card: Card, cause: UUID, *, at: datetime) -> NewWork:
    work_id = beside(cause, purpose=f"{WATCH} {at.isoformat()}")
    return NewWork(work_id=work_id, kind=WATCH, subject_id=card.card_id, run_at=at, payload={})


def _papers_due(tx: Transaction, card: Card, on: date) -> list[NewWork]:
    """Return the work of looking at a card when its papers are late: the day after, and a month after that."""
    if card.first_captured_on is not None:
        return []
    evidence_due = contract_of(tx, contract_hash=card.contract_hash).contract.evidence
    days = sorted({due.days + later for due in evidence_due for later in LOOKS_AFTER_DAYS})
    return [_watch(card, card.card_id, at=start_of(on + timedelta(days=day))) for day in days]


def _followed(
    tx: Transaction, at_hand: AtHand, card: Card, word: Word, message_id: UUID, on: date, written: _Written
) -> Answer:
    spend = None if word.of is None else at_hand.spends.get(message_id_of(word.card_id, word.of))
    if spend is None:
        return _answer("refused", reason="authorisation_unknown", remedy="authorise_first", flagged=True)
    standing = Standing(
        amount_fen=spend.amount_fen,
        expires_on=spend.expires_on,
        state=spend.state,
        captured_fen=spend.captured_fen,
        returned_fen=spend.returned_fen,
    )
    elsewhere = word.to is not None and word.to != word.card_id.hex
    came = follow(
        standing=standing, saying=Following(word.kind), amount_fen=word.amount_fen, on=on, elsewhere=elsewhere
    )
    if not isinstance(came, Followed):
        return _answer("refused", clause=spend.clause, reason=came.reason, remedy=came.remedy, flagged=came.flagged)
    if came.standing != standing:
        after = came.standing
        stands = replace(spend, state=after.state, captured_fen=after.captured_fen, returned_fen=after.returned_fen)
        written.followed.append(stands)
        if more_fen := stands.counts_fen - spend.counts_fen:
            written.days.append((card.card_id, spend.spent_on, more_fen))
    if came.move is not None:
        written.transfers.append(moved(card, message_id, spend, came, on=on))
    if came.move is Move.POST:
        written.captured.append(card.card_id)
        written.watched += _papers_due(tx, card, on)
    return _answer(came.outcome, clause=spend.clause)


def _write(write: Writing, cell: int, at_hand: AtHand, written: _Written, now: datetime, on: date) -> None:
    """Write all that a turn came to in one round trip. Errors: TransferRefused (a bug)."""
    leaves = evidence.appended(cell=cell, first=at_hand.leaf_count, at=now, drafts=written.drafts)
    statements = [*leaves, purpose.said(cell=cell, messages=written.messages, at=now)]
    if written.spends:
        statements.append(purpose_spend.kept(cell=cell, spends=written.spends))
    if written.followed:
        statements.append(purpose_spend.followed(cell=cell, spends=written.followed))
    if written.days:
        statements.append(purpose_spend.days_changed(cell=cell, changes=written.days))
    if written.captured:
        statements.append(purpose.first_captured(cell=cell, card_ids=written.captured, on=on))
    if written.transfers:
        statements.append(whole_batch.posted(cell=cell, transfers=written.transfers))
    if written.watched:
        statements.append(work.enqueued(cell=cell, rows=written.watched))
    with whole_batch.refusals(transfers=written.transfers):
        write(statements)  # each fails unless it did what it should, for the commit may go along
