"""Deductions of what fell due, for many loans of a cell at once: who agreed, who is being collected, the orders."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

import numpy as np
import numpy.typing as npt

from mingqu.domain.batch.columns import Flags, Integers
from mingqu.domain.loan import Intent
from mingqu.domain.order import OrderKind
from mingqu.store.server import column
from mingqu.store.server.column import Kind
from mingqu.store.server.database import Transaction

Ids = npt.NDArray[np.uint8]  # [n, 16]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NewDeductions:
    """Orders to deduct, n of one channel, currency and moment; ids are bytes [n, 16]."""

    order_id: Ids
    loan_id: Ids
    person_id: Ids
    instrument_id: Ids
    agreement_id: Ids
    amount_fen: Integers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Agreed:
    """Agreements of n people: the place of each person, agreement and card as bytes [n, 16], and whether it is a card
    of the channel that was asked for; where it is not, the card's bytes mean nothing.
    """

    place: Integers
    agreement_id: Ids
    instrument_id: Ids
    by_card: Flags

    def only(self, chosen: Flags) -> Agreed:
        """Return some of them."""
        return Agreed(
            place=self.place[chosen],
            agreement_id=self.agreement_id[chosen],
            instrument_id=self.instrument_id[chosen],
            by_card=self.by_card[chosen],
        )


_FOUND: Final[LiteralString] = """
    FROM unnest(%(person_id)b::uuid[]) WITH ORDINALITY AS u (person_id, place)
    JOIN repayment_agreement a ON a.cell = %(cell)s AND a.person_id = u.person_id AND a.state = 'active'"""
_AGREED: Final[LiteralString] = f"""
    SELECT array_agg(place), array_agg(agreement_id), array_agg(coalesce(instrument_id, agreement_id)),
           array_agg(instrument_id IS NOT NULL AND channel = %(channel)s) {_FOUND}"""
_AGREED_ONE_BY_ONE: Final[LiteralString] = f"SELECT place, agreement_id, instrument_id, channel {_FOUND}"
_COLLECTING: Final[LiteralString] = """
    SELECT u.place, o.over
    FROM unnest(%b::uuid[]) WITH ORDINALITY AS u (loan_id, place)
    CROSS JOIN LATERAL (
        SELECT bool_or(channel = ANY (%s)) AS over FROM channel_order
        WHERE cell = %s AND loan_id = u.loan_id AND kind = 'collection' AND state NOT IN ('PAID', 'FAILED')
    ) AS o WHERE o.over IS NOT NULL"""
# Two tables in one statement, so that a chunk of loans is one round trip. What is new is looked up in a hash of its
# own: IS TRUE keeps the planner from making a join of it, which a close, where joins go by keys alone, would do by
# comparing each of a chunk's orders with each.
_RESERVE: Final[LiteralString] = """
    WITH asked AS (
        SELECT * FROM unnest(%(order_id)b::uuid[], %(loan_id)b::uuid[], %(person_id)b::uuid[],
                             %(instrument_id)b::uuid[], %(agreement_id)b::uuid[], %(amount_fen)b::bigint[])
            AS asked (order_id, loan_id, person_id, instrument_id, agreement_id, amount_fen)
    ), made AS (
        INSERT INTO channel_order (cell, order_id, kind, person_id, loan_id, instrument_id, amount_fen, currency,
                                   channel, run_at, next_at, state, attempts, asks, missing, version)
        SELECT %(cell)s, order_id, %(kind)s, person_id, loan_id, instrument_id, amount_fen, %(currency)s,
               %(channel)s, %(run_at)s, %(run_at)s, 'RESERVED', 0, 0, false, 0 FROM asked
        ON CONFLICT (cell, order_id) DO NOTHING RETURNING order_id
    )
    INSERT INTO repayment (cell, order_id, loan_id, agreement_id, intent)
    SELECT %(cell)s, order_id, loan_id, agreement_id, %(intent)s FROM asked
    WHERE (order_id IN (SELECT order_id FROM made)) IS TRUE"""


def agreed(tx: Transaction, *, cell: int, person_id: Ids, channel: str) -> Agreed:
    """Return the active agreements of people, in order of their place."""
    sent = tx.columns(_AGREED, _asked(cell, person_id) | {"channel": channel})
    place, agreement_id, instrument_id, by_card = (
        column.values_in(values, kind=kind) for values, kind in zip(sent, (">i8", "V16", "V16", "?"), strict=True)
    )
    order = np.argsort(place)
    return Agreed(
        place=place.astype(np.int64)[order] - 1,
        agreement_id=column.ids_in(agreement_id)[order],
        instrument_id=column.ids_in(instrument_id)[order],
        by_card=by_card[order],
    )


def agreed_one_by_one(tx: Transaction, *, cell: int, person_id: Ids) -> dict[int, tuple[UUID, UUID | None, str]]:
    """Return (agreement, card, channel) by the place of each person with an active agreement; a wallet has no card."""
    rows = tx.execute(_AGREED_ONE_BY_ONE, _asked(cell, person_id), binary=True)
    return {place - 1: (agreement, card, channel) for place, agreement, card, channel in rows}


def _asked(cell: int, person_id: Ids) -> dict[str, object]:
    return {"cell": cell, "person_id": column.of_array(person_id, kind=Kind.UUID)}


def collecting(tx: Transaction, *, cell: int, loan_id: Ids, channels: Collection[str]) -> dict[int, bool]:
    """Return, by the place of each loan with a collection whose end is not known, whether one of these deducts it."""
    rows = tx.execute(_COLLECTING, (column.of_array(loan_id, kind=Kind.UUID), list(channels), cell), binary=True)
    return {place - 1: over for place, over in rows}


def reserve_all(
    tx: Transaction, *, cell: int, new: NewDeductions, currency: str, channel: str, run_at: datetime
) -> int:
    """Store deductions with the agreements they rest on, and return how many are new; one that exists stays."""
    return tx.execute(
        _RESERVE,
        {
            "cell": cell,
            "order_id": column.of_array(new.order_id, kind=Kind.UUID),
            "loan_id": column.of_array(new.loan_id, kind=Kind.UUID),
            "person_id": column.of_array(new.person_id, kind=Kind.UUID),
            "instrument_id": column.of_array(new.instrument_id, kind=Kind.UUID),
            "agreement_id": column.of_array(new.agreement_id, kind=Kind.UUID),
            "amount_fen": column.of_array(new.amount_fen, kind=Kind.BIGINT),
            "kind": OrderKind.COLLECTION.value,
            "intent": Intent.DUE.value,
            "currency": currency,
            "channel": channel,
            "run_at": run_at,
        },
    ).rowcount
