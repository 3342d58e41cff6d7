"""Spends of cards with a purpose that were approved: how each stands, and what its day comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.changed import made
from mingqu.store.server import column
from mingqu.store.server.connection import Answer, Statement

_SPENDS: Final = """
    SELECT spend_id, card_id, merchant, category, currency, amount_fen, clause, spent_on, expires_on, state,
           day_number, day_fen, captured_fen, returned_fen
    FROM purpose_spend WHERE cell = $1::smallint AND spend_id = ANY ($2::uuid[])"""
_KEEP: Final = """
    INSERT INTO purpose_spend (cell, spend_id, card_id, merchant, category, currency, amount_fen, clause, spent_on,
                               expires_on, state, day_number, day_fen)
    SELECT $1::smallint, s.spend_id, s.card_id, s.merchant, s.category, s.currency, s.amount_fen, s.clause, s.spent_on,
           s.expires_on, 'held', s.day_number, s.day_fen
    FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::date[],
                $10::date[], $11::bigint[], $12::bigint[])
         AS s (spend_id, card_id, merchant, category, currency, amount_fen, clause, spent_on, expires_on, day_number,
               day_fen)"""
_FOLLOW: Final = """
    UPDATE purpose_spend s SET state = n.state, captured_fen = n.captured_fen, returned_fen = n.returned_fen
    FROM unnest($2::uuid[], $3::text[], $4::bigint[], $5::bigint[])
         AS n (spend_id, state, captured_fen, returned_fen)
    WHERE s.cell = $1::smallint AND s.spend_id = n.spend_id"""
# What a word took from a day, or gave it back, is told the last spend of that day, which may be the word's own.
_DAYS: Final = """
    UPDATE purpose_spend s SET day_fen = s.day_fen + d.more_fen
    FROM unnest($2::uuid[], $3::date[], $4::bigint[]) AS d (card_id, day, more_fen)
    WHERE s.cell = $1::smallint AND s.card_id = d.card_id AND s.spent_on = d.day
      AND s.day_number = (SELECT max(l.day_number) FROM purpose_spend l
                          WHERE l.cell = $1::smallint AND l.card_id = d.card_id AND l.spent_on = d.day)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSpend:
    """A spend that was approved, and what became of it.

    Of the spends of its card and day it is the `day_number`th; the last of them has in `day_fen` what the day comes to.
    """

    spend_id: UUID
    card_id: UUID
    merchant: str
    category: str
    currency: str
    amount_fen: int
    clause: str
    spent_on: date
    expires_on: date
    state: str
    day_number: int
    day_fen: int
    captured_fen: int = 0
    returned_fen: int = 0

    @property
    def counts_fen(self) -> int:
        """What counts of it for its day: what was given back does, what was reversed does not."""
        if self.state == "held":
            return self.amount_fen
        return 0 if self.state == "reversed" else self.captured_fen


def asked(*, cell: int, spend_ids: Sequence[UUID]) -> Statement:
    """Return the statement that asks for spends; `read` reads its answer."""
    return Statement(_SPENDS, (column.smallint(cell), column.of_uuids(spend_ids).packed))


def read(rows: Answer) -> dict[UUID, KeptSpend]:
    """Return the spends that were asked for, by their ids."""
    return {row[0]: made(KeptSpend, *row) for row in rows}


def kept(*, cell: int, spends: Sequence[KeptSpend]) -> Statement:
    """Return the statement that stores spends that are new, and so held."""
    values = (
        column.of_uuids([each.spend_id for each in spends]),
        column.of_uuids([each.card_id for each in spends]),
        column.of_texts([each.merchant for each in spends]),
        column.of_texts([each.category for each in spends]),
        column.of_texts([each.currency for each in spends]),
        column.of_bigints([each.amount_fen for each in spends]),
        column.of_texts([each.clause for each in spends]),
        column.of_dates([each.spent_on for each in spends]),
        column.of_dates([each.expires_on for each in spends]),
        column.of_bigints([each.day_number for each in spends]),
        column.of_bigints([each.day_fen for each in spends]),
    )
    return Statement(_KEEP, (column.smallint(cell), *(each.packed for each in values)))


def followed(*, cell: int, spends: Sequence[KeptSpend]) -> Statement:
    """Return the statement that stores what became of spends that are there."""
    values = (
        column.of_uuids([each.spend_id for each in spends]),
        column.of_texts([each.state for each in spends]),
        column.of_bigints([each.captured_fen for each in spends]),
        column.of_bigints([each.returned_fen for each in spends]),
    )
    return Statement(_FOLLOW, (column.smallint(cell), *(each.packed for each in values)))


def days_changed(*, cell: int, changes: Sequence[tuple[UUID, date, int]]) -> Statement:
    """Return the statement that adds fen to what cards spent on days, each card at most once."""
    values = (
        column.of_uuids([card_id for card_id, _, _ in changes]),
        column.of_dates([day for _, day, _ in changes]),
        column.of_bigints([more_fen for _, _, more_fen in changes]),
    )
    return Statement(_DAYS, (column.smallint(cell), *(each.packed for each in values)))
