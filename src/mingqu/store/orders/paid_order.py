"""Orders that were paid, several of a cell at once: read with what they were meant for, ended, and logged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from mingqu.domain.loan import Intent
from mingqu.domain.order import Order, OrderState
from mingqu.domain.word import Paid, name_of
from mingqu.store.orders.order import COLUMNS, Direction, order_in
from mingqu.store.server import column
from mingqu.store.server.connection import Answer, Statement

_FIND: Final = f"""
    SELECT o.*, r.intent FROM (
        SELECT {COLUMNS} FROM channel_order WHERE cell = $1::smallint AND order_id = ANY ($2::uuid[])
    ) o LEFT JOIN repayment r ON r.cell = $1::smallint AND r.order_id = o.order_id"""  # noqa: S608  Our own columns.
_END: Final = """
    UPDATE channel_order AS o
    SET state = 'PAID', missing = false, paid_at = e.paid_at, value_date = e.value_date, reference = e.reference,
        amount_fen = e.amount_fen, asked_fen = e.asked_fen, version = o.version + 1
    FROM unnest($2::uuid[], $3::text[], $4::bigint[], $5::timestamptz[], $6::date[], $7::text[], $8::bigint[],
                $9::bigint[]) AS e (order_id, state, version, paid_at, value_date, reference, amount_fen, asked_fen)
    WHERE o.cell = $1::smallint AND o.order_id = e.order_id AND o.state = e.state AND o.version = e.version"""
_LOG: Final = """
    INSERT INTO channel_word (cell, order_id, seq, at, direction, word, amount_fen, currency, reference, code, state)
    SELECT $1::smallint, w.order_id,
           1 + coalesce((SELECT max(seq) FROM channel_word AS b WHERE b.cell = $1::smallint
                                                                 AND b.order_id = w.order_id), 1),
           w.at, $2::text, $3::text, w.amount_fen, w.currency, w.reference, NULL, 'PAID'
    FROM unnest($4::uuid[], $5::timestamptz[], $6::bigint[], $7::text[], $8::text[])
         AS w (order_id, at, amount_fen, currency, reference)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An order before and after the word by which it was paid, and when that was heard."""

    before: Order
    after: Order
    word: Paid
    at: datetime


def found(*, cell: int, order_ids: Sequence[UUID]) -> Statement:
    """Return the statement that asks for orders and what they were meant for; `orders_in` reads its answer."""
    return Statement(_FIND, (column.smallint(cell), column.of_uuids(order_ids).packed))


def orders_in(answer: Answer) -> dict[UUID, tuple[Order, Intent | None]]:
    """Return the orders that the answer to `found` holds, by their ids."""
    return {row[0]: (order_in(row), None if row[-1] is None else Intent(row[-1])) for row in answer}


def ended(*, cell: int, orders: Sequence[Ended]) -> list[Statement]:
    """Return the statements that end orders as paid and log the words; `require_ended` takes their answers."""
    assert all(each.before.open and each.after.state is OrderState.PAID for each in orders)
    ids = column.of_uuids([each.before.order_id for each in orders])
    ending = (
        ids,
        column.of_texts([each.before.state.value for each in orders]),
        column.of_bigints([each.before.version for each in orders]),
        column.of_moments([_there(each.after.paid_at) for each in orders]),
        column.of_dates_or_nulls([each.after.value_date for each in orders]),
        column.of_texts_or_nulls([each.after.reference for each in orders]),
        column.of_bigints([each.after.amount_fen for each in orders]),
        column.of_bigints_or_nulls([each.after.asked_fen for each in orders]),
    )
    said = (
        ids,
        column.of_moments([each.at for each in orders]),
        column.of_bigints([each.word.amount_fen for each in orders]),
        column.of_texts_or_nulls([each.word.currency for each in orders]),
        column.of_texts_or_nulls([each.word.reference for each in orders]),
    )
    packed_cell = column.smallint(cell)
    way = (Direction.HEARD.value.encode(), name_of(orders[0].word).encode())
    return [
        Statement(_END, (packed_cell, *(each.packed for each in ending))),
        Statement(_LOG, (packed_cell, *way, *(each.packed for each in said))),
    ]


def require_ended(answers: Sequence[Answer], *, orders: Sequence[Ended]) -> None:
    """Fail an assertion unless each order was still as it was read under the cell's lock."""
    assert answers[0].rowcount == answers[1].rowcount == len(orders), "an order changed under its cell's lock"


def _there(moment: datetime | None) -> datetime:
    assert moment is not None, "what was paid has its moment"
    return moment
