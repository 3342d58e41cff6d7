"""Orders and their words in the database. The caller holds the lock of the order's cell for every write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final, LiteralString
from uuid import UUID

from psycopg.rows import TupleRow

from mingqu.domain import word as words_of
from mingqu.domain.order import Order, OrderKind, OrderState
from mingqu.domain.ownership import NotFound, require_owner
from mingqu.domain.refusal import Refusal
from mingqu.domain.word import Paid, Word
from mingqu.store.server import column
from mingqu.store.server.database import Transaction

# A worker takes a page of due orders at a time, so that none waits long behind a channel that is slow.
DUE_ORDERS_MAX: Final = 100

COLUMNS: Final[LiteralString] = """
    order_id, kind, state, person_id, loan_id, instrument_id, amount_fen, currency, channel, run_at, next_at,
    sent_at, attempts, asks, missing, alerted_at, conflict_code, paid_at, value_date, reference, refusal_code, version,
    decided_at, least_fen, asked_fen
"""
_TOLD: Final[LiteralString] = f"""
    SELECT {COLUMNS}, array_prepend('RESERVED', w.states), array_prepend(run_at, w.moments) FROM channel_order o
    CROSS JOIN LATERAL (
        SELECT array_agg(state ORDER BY seq) AS states, array_agg(at ORDER BY seq) AS moments
        FROM channel_word WHERE cell = o.cell AND order_id = o.order_id
    ) w
"""  # noqa: S608  Only our own list of columns is put in.
_OPEN: Final[LiteralString] = "state IN ('RESERVED', 'SENT', 'UNKNOWN')"


class Direction(Enum):
    """Who spoke: we to the channel, the channel to us, or we to ourselves."""

    SAID = "said"
    HEARD = "heard"
    NOTED = "noted"


class OrderExists(Refusal):
    """An order of this id exists with another body."""

    code = "order_exists_with_different_body"
    status = 409


class OrderChanged(Refusal):
    """Somebody else changed the order since it was loaded; load it again and decide anew."""

    code = "order_changed"
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedWord:
    """One row of the word log. `state` is the order's state after it."""

    seq: int
    at: datetime
    direction: Direction
    word: str
    amount_fen: int | None
    currency: str | None
    reference: str | None
    code: str | None
    state: OrderState


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An order with the states it went through, each once in a row, and since when."""

    order: Order
    steps: tuple[tuple[OrderState, datetime], ...]


def insert(tx: Transaction, *, order: Order) -> bool:
    """Store a new order, before anything is said. True if it is new, False if it is there with the same body.

    Errors: OrderExists for the same id with another kind, person, loan, card, amount, currency, channel or time.
    """
    return order.order_id in insert_many(tx, orders=[order])


def insert_many(tx: Transaction, *, orders: Sequence[Order]) -> set[UUID]:
    """Store new orders of one cell as `insert` does, and return the ids of those that are new. Errors: OrderExists."""
    if not orders:
        return set()
    cell = tx.cell_of(orders[0].order_id)
    for order in orders:
        assert tx.cell_of(order.order_id) == tx.cell_of(order.person_id) == cell, "an order lives in its person's cell"
        assert order.state is OrderState.RESERVED
        assert order.version == 0
    rows = tx.execute(
        """
        INSERT INTO channel_order (cell, order_id, kind, person_id, loan_id, instrument_id, amount_fen, currency,
                                   channel, run_at, next_at, least_fen, state, attempts, asks, missing, version)
        SELECT %s, o.*, 'RESERVED', 0, 0, false, 0
        FROM unnest(%b::uuid[], %b::text[], %b::uuid[], %b::uuid[], %b::uuid[], %b::bigint[], %b::text[], %b::text[],
                    %b::timestamptz[], %b::timestamptz[], %b::bigint[]) AS o
        ON CONFLICT (cell, order_id) DO NOTHING RETURNING order_id
        """,
        (
            cell,
            column.of_uuids([order.order_id for order in orders]),
            column.of_texts([order.kind.value for order in orders]),
            column.of_uuids([order.person_id for order in orders]),
            column.of_uuids([order.loan_id for order in orders]),
            column.of_uuids([order.instrument_id for order in orders]),
            column.of_bigints([order.amount_fen for order in orders]),
            column.of_texts([order.currency for order in orders]),
            column.of_texts([order.channel for order in orders]),
            column.of_moments([order.run_at for order in orders]),
            column.of_moments([order.next_at for order in orders]),
            column.of_bigints_or_nulls([order.least_fen for order in orders]),
        ),
    )
    new = {row[0] for row in rows}
    for order in orders:
        if order.order_id not in new and _body(load(tx, order_id=order.order_id)) != _body(order):
            raise OrderExists("An order of this id exists with another body.", order_number=order.number)
    return new


def load(tx: Transaction, *, order_id: UUID) -> Order:
    """Return an order. Errors: NotFound."""
    row = tx.execute(
        f"SELECT {COLUMNS} FROM channel_order WHERE cell = %s AND order_id = %s",  # noqa: S608  As above.
        (tx.cell_of(order_id), order_id),
    ).fetchone()
    if row is None:
        raise NotFound
    return order_in(row)


def load_for(tx: Transaction, *, person_id: UUID, order_id: UUID) -> Order:
    """Return an order of this person. Errors: NotFound, in the same words for another person's order."""
    order = load(tx, order_id=order_id)
    require_owner(owner_id=order.person_id, person_id=person_id)
    return order


def update(tx: Transaction, *, before: Order, after: Order) -> None:
    """Replace an order that is still as it was loaded. Errors: OrderChanged, with nothing written."""
    assert after.version == before.version + 1
    assert _body(before) == _body(after), "what an order is for never changes"
    updated = tx.execute(
        """
        UPDATE channel_order
        SET state = %s, next_at = %s, sent_at = %s, attempts = %s, asks = %s, missing = %s, alerted_at = %s,
            conflict_code = %s, paid_at = %s, value_date = %s, reference = %s, refusal_code = %s, version = %s,
            decided_at = %s, amount_fen = %s, asked_fen = %s
        WHERE cell = %s AND order_id = %s AND state = %s AND version = %s
        """,
        (
            after.state.value,
            after.next_at,
            after.sent_at,
            after.attempts,
            after.asks,
            after.missing,
            after.alerted_at,
            after.conflict_code,
            after.paid_at,
            after.value_date,
            after.reference,
            after.refusal_code,
            after.version,
            after.decided_at,
            after.amount_fen,
            after.asked_fen,
            tx.cell_of(before.order_id),
            before.order_id,
            before.state.value,
            before.version,
        ),
    )
    if updated.rowcount != 1:
        raise OrderChanged("The order changed in between; load it again.", order_number=before.number)


def record_word(
    tx: Transaction,
    *,
    order: Order,
    at: datetime,
    direction: Direction,
    word: Word | str,
    code: str | None = None,
    reference: str | None = None,
) -> None:
    """Append one word to the order's log; `order` is the order after the word was taken in.

    The first word of every order, that it was reserved, is the order's own row: the log begins with the second.
    A word of the channel is given as its value, our own ("send", "ask", "alert", "withdraw",
    "conflict", "decide") as text with the reason as `code`, a decision that it was paid with the word's `reference`.
    """
    heard = None if isinstance(word, str) else word
    paid = heard if isinstance(heard, Paid) else None
    tx.execute(
        """
        INSERT INTO channel_word
            (cell, order_id, seq, at, direction, word, amount_fen, currency, reference, code, state)
        SELECT %(cell)s, %(order_id)s, coalesce(max(seq), 1) + 1, %(at)s, %(direction)s, %(word)s, %(amount_fen)s,
               %(currency)s, %(reference)s, %(code)s, %(state)s
        FROM channel_word WHERE cell = %(cell)s AND order_id = %(order_id)s
        """,
        {
            "cell": tx.cell_of(order.order_id),
            "order_id": order.order_id,
            "at": at,
            "direction": direction.value,
            "word": word if isinstance(word, str) else words_of.name_of(word),
            "amount_fen": None if paid is None else paid.amount_fen,
            "currency": None if paid is None else paid.currency,
            "reference": reference if paid is None else paid.reference,
            "code": code if heard is None else words_of.code_of(heard),
            "state": order.state.value,
        },
    )


def words(tx: Transaction, *, order_id: UUID) -> list[RecordedWord]:
    """Return everything said and heard about an order, in order."""
    return [
        RecordedWord(
            seq=row[0],
            at=row[1],
            direction=Direction(row[2]),
            word=row[3],
            amount_fen=row[4],
            currency=row[5],
            reference=row[6],
            code=row[7],
            state=OrderState(row[8]),
        )
        for row in tx.execute(
            """
            SELECT 1, run_at, 'noted', 'reserve', NULL::bigint, NULL, NULL, NULL, 'RESERVED'
            FROM channel_order WHERE cell = %(cell)s AND order_id = %(order_id)s
            UNION ALL
            SELECT seq, at, direction, word, amount_fen, currency, reference, code, state
            FROM channel_word WHERE cell = %(cell)s AND order_id = %(order_id)s AND seq > 1 ORDER BY 1
            """,
            {"cell": tx.cell_of(order_id), "order_id": order_id},
        )
    ]


def load_told(tx: Transaction, *, person_id: UUID, order_id: UUID) -> Told:
    """Return an order of this person with the states it went through. Errors: as `load_for`."""
    row = tx.execute(_TOLD + " WHERE o.cell = %s AND o.order_id = %s", (tx.cell_of(order_id), order_id)).fetchone()
    if row is None:
        raise NotFound
    told = _told(row)
    require_owner(owner_id=told.order.person_id, person_id=person_id)
    return told


def told_of_loans(
    tx: Transaction, *, cell: int, loan_ids: Sequence[UUID], kinds: Sequence[OrderKind] = tuple(OrderKind)
) -> list[Told]:
    """Return the orders of loans of a cell, each with the states it went through, oldest first, in one round trip."""
    rows = tx.execute(
        _TOLD + " WHERE o.cell = %s AND o.loan_id = ANY (%s) AND o.kind = ANY (%s) ORDER BY o.order_id",
        (cell, list(loan_ids), [kind.value for kind in kinds]),
    )
    return [_told(row) for row in rows]


def states(tx: Transaction, *, order_id: UUID) -> list[OrderState]:
    """Return the states an order went through, each once in a row. Example: RESERVED, SENT, UNKNOWN, PAID."""
    passed: list[OrderState] = []
    for recorded in words(tx, order_id=order_id):
        if not passed or passed[-1] is not recorded.state:
            passed.append(recorded.state)
    return passed


def open_orders(tx: Transaction, *, cell: int) -> list[Order]:
    """Return every order of a cell that has not ended, the one due first first."""
    rows = tx.execute(
        f"SELECT {COLUMNS} FROM channel_order WHERE cell = %s AND {_OPEN} ORDER BY next_at, order_id",  # noqa: S608
        (cell,),
    )
    return [order_in(row) for row in rows]


def due_orders(tx: Transaction, *, cell: int, now: datetime, limit: int = DUE_ORDERS_MAX) -> list[UUID]:
    """Return the ids of up to `limit` open orders of a cell with something to do at `now` (UTC)."""
    rows = tx.execute(
        f"""
        SELECT order_id FROM channel_order
        WHERE cell = %s AND {_OPEN} AND next_at <= %s
          AND (conflict_code IS NULL OR alerted_at IS NULL OR decided_at IS NOT NULL)
        ORDER BY next_at, order_id LIMIT %s
        """,  # noqa: S608  Only a constant condition is put in.
        (cell, now, limit),
    )
    return [row[0] for row in rows]


def orders_of_loan(tx: Transaction, *, loan_id: UUID) -> list[Order]:
    """Return every order of a loan, oldest first."""
    rows = tx.execute(
        f"SELECT {COLUMNS} FROM channel_order WHERE cell = %s AND loan_id = %s ORDER BY order_id",  # noqa: S608
        (tx.cell_of(loan_id), loan_id),
    )
    return [order_in(row) for row in rows]


def _body(order: Order) -> tuple[object, ...]:
    return (
        order.order_id,
        order.kind,
        order.person_id,
        order.loan_id,
        order.instrument_id,
        order.ordered_fen,
        order.currency,
        order.channel,
        order.run_at,
    )


def _told(row: TupleRow) -> Told:
    *columns, states_passed, moments = row
    steps: list[tuple[OrderState, datetime]] = []
    for state, at in zip(map(OrderState, states_passed), moments, strict=True):
        if not steps or steps[-1][0] is not state:
            steps.append((state, at))
    return Told(order=order_in(tuple(columns)), steps=tuple(steps))


def order_in(row: TupleRow) -> Order:
    """Return the order of a row that begins with COLUMNS."""
    return Order(
        order_id=row[0],
        kind=OrderKind(row[1]),
        state=OrderState(row[2]),
        person_id=row[3],
        loan_id=row[4],
        instrument_id=row[5],
        amount_fen=row[6],
        currency=row[7],
        channel=row[8],
        run_at=row[9],
        next_at=row[10],
        sent_at=row[11],
        attempts=row[12],
        asks=row[13],
        missing=row[14],
        alerted_at=row[15],
        conflict_code=row[16],
        paid_at=row[17],
        value_date=row[18],
        reference=row[19],
        refusal_code=row[20],
        version=row[21],
        decided_at=row[22],
        least_fen=row[23],
        asked_fen=row[24],
    )


def paid_amounts(tx: Transaction) -> list[tuple[UUID, int]]:
    """Return the id of every paid order of the book, and the amount that moved."""
    return tx.execute("SELECT order_id, amount_fen FROM channel_order WHERE state = 'PAID'").fetchall()


def open_orders_of_person(tx: Transaction, *, person_id: UUID) -> list[Order]:
    """Return a person's orders that have not ended, the oldest first."""
    rows = tx.execute(
        f"SELECT {COLUMNS} FROM channel_order WHERE cell = %s AND person_id = %s AND {_OPEN} ORDER BY order_id",  # noqa: S608  As above.
        (tx.cell_of(person_id), person_id),
    )
    return [order_in(row) for row in rows]
