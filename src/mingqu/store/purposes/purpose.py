"""Funds contracts, the cards that were agreed on them, their spends, and the words of the issuer's network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec

from mingqu.domain.changed import made
from mingqu.domain.ownership import NotFound
from mingqu.store.purposes import purpose_spend
from mingqu.store.purposes.purpose_spend import KeptSpend
from mingqu.store.server import column
from mingqu.store.server.connection import Statement
from mingqu.store.server.database import Transaction

CAME_BACK: Final = "payout_came_back"  # what a card is frozen for whose money was paid and is not there
_LOCK: Final = "SELECT last_closed_on, leaf_count FROM cell WHERE cell = $1::smallint FOR UPDATE"
# Each card is looked up by its key, and so is its account: in a young book the planner takes a walk over all accounts
# of this code for as cheap, keeps that plan, and each word then reads every card of its cell.
_CARDS: Final = """
    SELECT c.card_id, c.person_id, c.contract_hash, c.limit_fen, c.frozen_for, c.first_captured_on,
           c.limit_fen - (SELECT a.credits_posted_fen - a.debits_posted_fen - a.debits_pending_fen FROM account a
                          WHERE a.cell = $1::smallint AND a.owner = asked.card_id AND a.code = 9202
                            AND a.currency = 'CNY'),
           coalesce(d.day_fen, 0), coalesce(d.day_number, 0),
           ARRAY(SELECT e.kind FROM purpose_evidence e WHERE e.cell = c.cell AND e.card_id = c.card_id)
    FROM unnest($2::uuid[], $3::date[]) AS asked (card_id, day)
    CROSS JOIN LATERAL (SELECT * FROM purpose_card p WHERE p.cell = $1::smallint AND p.card_id = asked.card_id
                        OFFSET 0) c
    LEFT JOIN LATERAL (SELECT s.day_fen, s.day_number FROM purpose_spend s
                       WHERE s.cell = $1::smallint AND s.card_id = asked.card_id AND s.spent_on = asked.day
                       ORDER BY s.day_number DESC LIMIT 1) d ON true"""
_ANSWERED: Final = """
    SELECT message_id, body_hash, answer::text FROM purpose_message
    WHERE cell = $1::smallint AND message_id = ANY ($2::uuid[])"""
_SAY: Final = """
    INSERT INTO purpose_message (cell, message_id, card_id, kind, body_hash, said, answer, at)
    SELECT $1::smallint, m.message_id, m.card_id, m.kind, m.body_hash, m.said::jsonb, m.answer::jsonb, $2::timestamptz
    FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::bytea[], $7::text[], $8::text[])
         AS m (message_id, card_id, kind, body_hash, said, answer)"""
_CAPTURED: Final = """
    UPDATE purpose_card SET first_captured_on = $3::date
    WHERE cell = $1::smallint AND card_id = ANY ($2::uuid[]) AND first_captured_on IS NULL"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card as it stands on a day: amounts in fen, held and captured together, what was returned taken off."""

    card_id: UUID
    person_id: UUID
    contract_hash: str
    limit_fen: int
    frozen_for: str | None
    first_captured_on: date | None
    used_fen: int
    day_used_fen: int
    day_spends: int
    evidence: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One word of the network and what was answered."""

    message_id: UUID
    card_id: UUID
    kind: str
    body_hash: bytes
    said: dict[str, object]
    answer: dict[str, object]
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AtHand:
    """What a turn reads in one round trip, under the cell's lock."""

    last_closed_on: date
    leaf_count: int
    cards: dict[UUID, Card]
    answered: dict[UUID, tuple[bytes, dict[str, object]]]
    spends: dict[UUID, KeptSpend]


def locked(
    tx: Transaction,
    *,
    cell: int,
    cards: Sequence[tuple[UUID, date]],
    message_ids: Sequence[UUID],
    spend_ids: Sequence[UUID],
) -> AtHand:
    """Wait for the cell's lock and return what stands under it of cards (each with a day), messages and spends."""
    of, days = column.smallint(cell), column.of_dates([day for _, day in cards]).packed
    asked = [
        Statement(_LOCK, (of,)),
        Statement(_CARDS, (of, column.of_uuids([card for card, _ in cards]).packed, days)),
        Statement(_ANSWERED, (of, column.of_uuids(message_ids).packed)),
    ]
    if spend_ids:  # most words ask for a new spend
        asked.append(purpose_spend.asked(cell=cell, spend_ids=spend_ids))
    lock, found, answered, *spends = tx.together(asked)
    ((last_closed_on, leaf_count),) = lock.fetchall()
    return AtHand(
        last_closed_on=last_closed_on,
        leaf_count=leaf_count,
        cards={row[0]: _card(row) for row in found},
        answered={row[0]: (bytes(row[1]), json.loads(row[2])) for row in answered},
        spends=purpose_spend.read(spends[0]) if spends else {},
    )


def said(*, cell: int, messages: Sequence[Message], at: datetime) -> Statement:
    """Return the statement that keeps words and their answers."""
    values = (
        column.of_uuids([each.message_id for each in messages]),
        column.of_uuids([each.card_id for each in messages]),
        column.of_texts([each.kind for each in messages]),
        column.of_bytes_or_nulls([each.body_hash for each in messages]),
        column.of_utf8([msgspec.json.encode(each.said) for each in messages]),
        column.of_utf8([msgspec.json.encode(each.answer) for each in messages]),
    )
    return Statement(_SAY, (column.smallint(cell), column.moment(at), *(each.packed for each in values)))


def first_captured(*, cell: int, card_ids: Sequence[UUID], on: date) -> Statement:
    """Return the statement that notes the day of a first capture, from which evidence falls due."""
    return Statement(_CAPTURED, (column.smallint(cell), column.of_uuids(card_ids).packed, column.day(on)))


def contract_body(tx: Transaction, *, contract_hash: str) -> bytes:
    """Return the bytes of a published contract. Errors: NotFound."""
    row = tx.execute("SELECT body FROM purpose_contract WHERE hash = %s", (contract_hash,)).fetchone()
    if row is None:
        raise NotFound
    return bytes(row[0])


def published_hash(tx: Transaction, *, contract_id: str, version: int) -> str | None:
    """Return the hash of a published version, or None."""
    row = tx.execute(
        "SELECT hash FROM purpose_contract WHERE contract_id = %s AND version = %s", (contract_id, version)
    ).fetchone()
    return None if row is None else str(row[0])


def publish(tx: Transaction, *, contract_id: str, version: int, body: bytes, contract_hash: str, at: datetime) -> None:
    """Store a contract; one that somebody else published at the same moment stays as it is."""
    tx.execute(
        """INSERT INTO purpose_contract (hash, contract_id, version, body, published_at) VALUES (%s, %s, %s, %s, %s)
           ON CONFLICT DO NOTHING""",
        (contract_hash, contract_id, version, body, at),
    )


def insert_card(
    tx: Transaction, *, card_id: UUID, person_id: UUID, contract_hash: str, limit_fen: int, at: datetime
) -> None:
    """Store a card that its person agreed on."""
    tx.execute(
        """INSERT INTO purpose_card (cell, card_id, person_id, contract_hash, limit_fen, agreed_at)
           VALUES (%s, %s, %s, %s, %s, %s)""",
        (tx.cell_of(person_id), card_id, person_id, contract_hash, limit_fen, at),
    )


def owner_of(tx: Transaction, *, card_id: UUID) -> UUID:
    """Return whose card it is. Errors: NotFound."""
    row = tx.execute(
        "SELECT person_id FROM purpose_card WHERE cell = %s AND card_id = %s", (tx.cell_of(card_id), card_id)
    ).fetchone()
    if row is None:
        raise NotFound
    return UUID(str(row[0]))


def exists(tx: Transaction, *, card_id: UUID) -> bool:
    """Return whether there is a card of this id."""
    row = tx.execute("SELECT FROM purpose_card WHERE cell = %s AND card_id = %s", (tx.cell_of(card_id), card_id))
    return row.fetchone() is not None


def freeze(tx: Transaction, *, card_id: UUID, reason: str | None) -> None:
    """Freeze a card for a reason, or let it go on with None. The caller holds the cell's lock."""
    tx.execute(
        "UPDATE purpose_card SET frozen_for = %s WHERE cell = %s AND card_id = %s",
        (reason, tx.cell_of(card_id), card_id),
    )


def frozen_for(tx: Transaction, *, card_id: UUID) -> str | None:
    """Return what a card is frozen for, or None."""
    row = tx.execute(
        "SELECT frozen_for FROM purpose_card WHERE cell = %s AND card_id = %s", (tx.cell_of(card_id), card_id)
    ).fetchone()
    return None if row is None else row[0]


def spend_exists(tx: Transaction, *, card_id: UUID, spend_id: UUID) -> bool:
    """Return whether a card has this spend."""
    row = tx.execute(
        "SELECT FROM purpose_spend WHERE cell = %s AND spend_id = %s AND card_id = %s",
        (tx.cell_of(card_id), spend_id, card_id),
    )
    return row.fetchone() is not None


def forget_first_capture(tx: Transaction, *, card_id: UUID) -> None:
    """Let papers fall due anew from the next capture, where all that was captured came back."""
    tx.execute(
        """UPDATE purpose_card c SET first_captured_on = NULL WHERE c.cell = %s AND c.card_id = %s
           AND NOT EXISTS (SELECT FROM purpose_spend s WHERE s.cell = c.cell AND s.card_id = c.card_id
                           AND s.captured_fen > s.returned_fen)""",
        (tx.cell_of(card_id), card_id),
    )


def bring(tx: Transaction, *, evidence_id: UUID, card_id: UUID, kind: str, number_hash: bytes, at: datetime) -> None:
    """Store that a paper was brought."""
    tx.execute(
        """INSERT INTO purpose_evidence (cell, evidence_id, card_id, kind, number_hash, brought_at)
           VALUES (%s, %s, %s, %s, %s, %s)""",
        (tx.cell_of(card_id), evidence_id, card_id, kind, number_hash, at),
    )


def ids_of(tx: Transaction, *, person_id: UUID, limit: int) -> list[UUID]:
    """Return the cards of a person, the newest first."""
    rows = tx.execute(
        """SELECT card_id FROM purpose_card WHERE cell = %s AND person_id = %s ORDER BY agreed_at DESC, card_id DESC
           LIMIT %s""",
        (tx.cell_of(person_id), person_id, limit),
    )
    return [row[0] for row in rows]


def forget_places(tx: Transaction, *, person_id: UUID) -> None:
    """Forget where the cards of a person who was erased were tried, and with what; what was answered stays.

    Whom an approved spend paid stands in the spend itself: it is the contract's payee, and the bank's record.
    """
    cell = tx.cell_of(person_id)
    tx.execute(
        """UPDATE purpose_message SET said = said - ARRAY['merchant', 'device', 'place', 'vin']
           WHERE cell = %s AND card_id IN (SELECT card_id FROM purpose_card WHERE cell = %s AND person_id = %s)""",
        (cell, cell, person_id),
    )
    tx.execute(
        "UPDATE purpose_alert SET facts = facts - 'merchant' WHERE cell = %s AND person_id = %s", (cell, person_id)
    )


def standing(tx: Transaction, *, card_id: UUID, day: date) -> Card | None:
    """Return a card as it stands on a day, or None; nothing is locked."""
    packed = (column.of_uuids([card_id]).packed, column.of_dates([day]).packed)
    (found,) = tx.together([Statement(_CARDS, (column.smallint(tx.cell_of(card_id)), *packed))])
    return next((_card(row) for row in found), None)


def held_fen(tx: Transaction, *, card_id: UUID) -> int:
    """Return what is held on a card, in fen."""
    row = tx.execute(
        """SELECT debits_pending_fen FROM account WHERE cell = %s AND owner = %s AND code = 9202""",
        (tx.cell_of(card_id), card_id),
    ).fetchone()
    return 0 if row is None else int(row[0])


def messages_of(tx: Transaction, *, card_id: UUID, limit: int) -> list[Message]:
    """Return the newest words about a card with their answers, the newest first."""
    rows = tx.execute(
        """SELECT message_id, card_id, kind, body_hash, said, answer, at FROM purpose_message
           WHERE cell = %s AND card_id = %s ORDER BY at DESC, message_id DESC LIMIT %s""",
        (tx.cell_of(card_id), card_id, limit),
    )
    return [
        Message(
            message_id=row[0],
            card_id=row[1],
            kind=row[2],
            body_hash=bytes(row[3]),
            said=row[4],
            answer=row[5],
            at=row[6],
        )
        for row in rows
    ]


def _card(row: Sequence[object]) -> Card:
    *known, evidence = row
    assert isinstance(evidence, list)
    return made(Card, *known, frozenset(evidence))


def kinds_of(tx: Transaction, *, card_id: UUID) -> set[str]:
    """Return the kinds of papers that were brought for a card."""
    rows = tx.execute(
        "SELECT kind FROM purpose_evidence WHERE cell = %s AND card_id = %s", (tx.cell_of(card_id), card_id)
    )
    return {str(kind) for (kind,) in rows}
