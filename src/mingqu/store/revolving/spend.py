"""Revolving accounts in the book. The caller holds the lock of the account's cell for every write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Final, LiteralString
from uuid import UUID

import msgspec
from psycopg.rows import TupleRow

from mingqu.domain.changed import changed
from mingqu.domain.funding import JointSource
from mingqu.domain.identifier import dated
from mingqu.domain.ownership import NotFound
from mingqu.domain.spend import SpendEvent, SpendKind, SpendState, SpendTerms, next_morning
from mingqu.domain.spend import Statement as Bill
from mingqu.domain.spend.packed import packed, packed_bill, unpacked, unpacked_bill
from mingqu.store.server import column
from mingqu.store.server.connection import Statement
from mingqu.store.server.database import Transaction

_terms: Final = msgspec.json.Decoder(SpendTerms)
_named: Final = msgspec.json.Decoder(tuple[JointSource, ...])
_TERMS_KEPT_MAX: Final = 256  # terms kept decoded: versions of products in use at once
_COLUMNS: Final[LiteralString] = """
    SELECT cell, account_id, person_id, product_id, product_version, lender_id, decision_id, currency, granted_fen,
           terms, opened_on, opened_at, state, events, named FROM spend_account"""

# An account waits while a payment of it is on its way: whether its bill was paid in time is not known before that ends.
# One whose morning failed waits for its next try.
FALLS_DUE: Final[LiteralString] = """
    next_morning <= %(to)s AND NOT EXISTS (
        SELECT FROM work_set_aside x
        WHERE x.cell = a.cell AND x.work_id = a.account_id AND x.kind = 'account' AND x.again_at > %(now)s
    ) AND NOT EXISTS (
        SELECT FROM spend_order s JOIN channel_order o ON o.cell = s.cell AND o.order_id = s.order_id
        WHERE s.cell = a.cell AND s.account_id = a.account_id AND o.kind = 'collection'
              AND o.state IN ('SENT', 'UNKNOWN'))"""
_SAVE: Final[LiteralString] = """
    UPDATE spend_account a SET state = n.state, used_fen = n.used_fen, overdue_since = n.overdue_since,
           next_morning = n.next_morning, events = n.events
    FROM unnest($2::uuid[], $3::bytea[], $4::bigint[], $5::date[], $6::date[], $7::bigint[])
         AS n (account_id, state, used_fen, overdue_since, next_morning, events)
    WHERE a.cell = $1::smallint AND a.account_id = n.account_id"""
_ISSUE: Final[LiteralString] = """
    INSERT INTO spend_statement (cell, account_id, number, billed_on, body)
    SELECT $1::smallint, n.* FROM unnest($2::uuid[], $3::bigint[], $4::date[], $5::bytea[]) AS n"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendAccount:
    """A revolving account as it stands; `granted_fen` is the limit that it was opened with.

    `named` are the joint sources that were told with its terms: no other joint source funds it.
    """

    cell: int
    account_id: UUID
    person_id: UUID
    product_id: str
    product_version: int
    lender_id: UUID
    decision_id: UUID
    currency: str
    granted_fen: int
    terms: SpendTerms
    opened_on: date
    opened_at: datetime
    state: SpendState
    events: int
    named: tuple[JointSource, ...] = ()

    def with_state(self, state: SpendState, *, events: int = 0) -> SpendAccount:
        """Return the account with another state, after so many more events."""
        return changed(self, state=state, events=self.events + events)


def insert(tx: Transaction, *, account: SpendAccount) -> None:
    """Store a new account."""
    tx.execute(
        """INSERT INTO spend_account (cell, account_id, person_id, product_id, product_version, lender_id, decision_id,
               currency, granted_fen, terms, opened_on, opened_at, state, used_fen, overdue_since, next_morning, events,
               named)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0, NULL, %s, 0, %s)""",
        (
            account.cell,
            account.account_id,
            account.person_id,
            account.product_id,
            account.product_version,
            account.lender_id,
            account.decision_id,
            account.currency,
            account.granted_fen,
            msgspec.json.encode(account.terms).decode(),
            account.opened_on,
            account.opened_at,
            packed(account.state),
            next_morning(account.state),
            msgspec.json.encode(account.named).decode() if account.named else None,
        ),
    )


def of_person(tx: Transaction, *, person_id: UUID) -> list[SpendAccount]:
    """Return a person's accounts, by product."""
    rows = tx.execute(
        _COLUMNS + " WHERE cell = %s AND person_id = %s ORDER BY product_id", (tx.cell_of(person_id), person_id)
    )
    return [_account(row) for row in rows]


def get_for(tx: Transaction, *, person_id: UUID, account_id: UUID) -> SpendAccount:
    """Return an account of a person. Errors: NotFound (also for another person's)."""
    row = tx.execute(
        _COLUMNS + " WHERE cell = %s AND account_id = %s AND person_id = %s",
        (tx.cell_of(person_id), account_id, person_id),
    ).fetchone()
    if row is None:
        raise NotFound
    return _account(row)


def get(tx: Transaction, *, account_id: UUID) -> SpendAccount:
    """Return an account. Errors: NotFound."""
    row = tx.execute(_COLUMNS + " WHERE cell = %s AND account_id = %s", (tx.cell_of(account_id), account_id)).fetchone()
    if row is None:
        raise NotFound
    return _account(row)


def save_all(tx: Transaction, *, accounts: Sequence[SpendAccount]) -> None:
    """Store how accounts of one cell stand now, in one statement."""
    if accounts:
        tx.together([saved(accounts)])


def saved(accounts: Sequence[SpendAccount]) -> Statement:
    """Return the statement of `save_all`: a column an array."""
    columns = (
        column.of_uuids([account.account_id for account in accounts]),
        column.of_bytes_or_nulls([packed(account.state) for account in accounts]),
        column.of_bigints([account.state.used_fen for account in accounts]),
        column.of_dates_or_nulls([account.state.overdue_since for account in accounts]),
        column.of_dates([next_morning(account.state) for account in accounts]),
        column.of_bigints([account.events for account in accounts]),
    )
    return Statement(_SAVE, (column.smallint(accounts[0].cell), *(each.packed for each in columns)))


def append_event(tx: Transaction, *, account: SpendAccount, event: SpendEvent, at: datetime) -> None:
    """Store an event as the account's next."""
    tx.execute(
        """INSERT INTO spend_event (cell, event_id, account_id, number, kind, on_date, amount_fen, target, count,
               posted_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            account.cell,
            event.event_id,
            account.account_id,
            account.events + 1,
            event.kind.value,
            event.on,
            event.amount_fen,
            event.target,
            event.count,
            at,
        ),
    )


def events_of(tx: Transaction, *, account_id: UUID) -> list[SpendEvent]:
    """Return what happened to an account, in order."""
    rows = tx.execute(
        """SELECT event_id, kind, on_date, amount_fen, target, count FROM spend_event
           WHERE cell = %s AND account_id = %s ORDER BY number""",
        (tx.cell_of(account_id), account_id),
    )
    return [
        SpendEvent(event_id=row[0], kind=SpendKind(row[1]), on=row[2], amount_fen=row[3], target=row[4], count=row[5])
        for row in rows
    ]


def statement_id(account_id: UUID, *, billed_on: date) -> UUID:
    """Return a bill's id: the same however often it is made."""
    return dated(account_id, on=billed_on, purpose="bill")


def issued(*, cell: int, bills: Sequence[tuple[UUID, Bill]]) -> Statement:
    """Return the statement that stores bills, each with the account's id."""
    columns = (
        column.of_uuids([account_id for account_id, _ in bills]),
        column.of_bigints([bill.number for _, bill in bills]),
        column.of_dates([bill.billed_on for _, bill in bills]),
        column.of_bytes_or_nulls([packed_bill(bill) for _, bill in bills]),
    )
    return Statement(_ISSUE, (column.smallint(cell), *(each.packed for each in columns)))


def statements_of(tx: Transaction, *, account_id: UUID) -> list[Bill]:
    """Return the bills of an account, the newest first."""
    rows = tx.execute(
        """SELECT body FROM spend_statement WHERE cell = %s AND account_id = %s ORDER BY number DESC""",
        (tx.cell_of(account_id), account_id),
    )
    return [unpacked_bill(row[0]) for row in rows]


def some(tx: Transaction, *, cell: int, account_ids: Sequence[UUID]) -> list[SpendAccount]:
    """Return accounts of a cell, in order of ids."""
    rows = tx.execute(
        _COLUMNS + " WHERE cell = %s AND account_id = ANY (%s) ORDER BY account_id", (cell, list(account_ids))
    )
    return [_account(row) for row in rows]


def terms_of(tx: Transaction, *, cell: int, account_ids: Sequence[UUID]) -> list[SpendTerms]:
    """Return the terms of accounts of a cell, as they are asked for."""
    rows = tx.execute(
        """SELECT a.terms FROM unnest(%s::uuid[]) WITH ORDINALITY AS n (account_id, place)
           JOIN spend_account a ON a.cell = %s AND a.account_id = n.account_id ORDER BY n.place""",
        (list(account_ids), cell),
    )
    return [_terms_of(row[0]) for row in rows]


def any_morning(tx: Transaction, *, cell: int, to: date, now: datetime) -> bool:
    """Return whether something falls on an account of a cell by a day's morning, and can be done now."""
    row = tx.execute(
        f"SELECT EXISTS (SELECT FROM spend_account a WHERE cell = %(cell)s AND {FALLS_DUE})",  # noqa: S608  Our own text.
        {"cell": cell, "to": to, "now": now},
    ).fetchone()
    assert row is not None
    return bool(row[0])


def with_mornings(tx: Transaction, *, cell: int, to: date, now: datetime, limit: int) -> list[UUID]:
    """Return accounts of a cell on which something falls by a day's morning and can be done now, the earliest first."""
    rows = tx.execute(
        f"""SELECT account_id FROM spend_account a WHERE cell = %(cell)s AND {FALLS_DUE}
            ORDER BY next_morning, account_id LIMIT %(limit)s""",  # noqa: S608  Our own text.
        {"cell": cell, "to": to, "now": now, "limit": limit},
    )
    return [row[0] for row in rows]


def take_back(tx: Transaction, *, cell: int, to: date) -> None:
    """Take back the accounts of a cell that were set aside and have their mornings up to a day behind them."""
    tx.execute(
        """DELETE FROM work_set_aside x USING spend_account a
           WHERE x.cell = %s AND x.kind = 'account' AND a.cell = x.cell AND a.account_id = x.work_id
             AND a.next_morning > %s""",
        (cell, to),
    )


def any_brought_up(tx: Transaction, *, cell: int, account_ids: Sequence[UUID], to: date) -> bool:
    """Return whether any of some accounts of a cell has its mornings up to a day behind it."""
    row = tx.execute(
        """SELECT EXISTS (SELECT FROM spend_account
               WHERE cell = %s AND account_id = ANY (%s) AND next_morning > %s)""",
        (cell, list(account_ids), to),
    ).fetchone()
    assert row is not None
    return bool(row[0])


def is_paying(tx: Transaction, *, account_id: UUID) -> bool:
    """Return whether a payment of an account is on its way."""
    row = tx.execute(
        """SELECT EXISTS (SELECT FROM spend_order s JOIN channel_order o ON o.cell = s.cell AND o.order_id = s.order_id
               WHERE s.cell = %s AND s.account_id = %s AND o.kind = 'collection' AND o.state IN ('SENT', 'UNKNOWN'))""",
        (tx.cell_of(account_id), account_id),
    ).fetchone()
    assert row is not None
    return bool(row[0])


def has_page(tx: Transaction, *, account_id: UUID, since: datetime) -> bool:
    """Return whether a page on which an account is paid by hand was asked for after a moment and is not opened yet."""
    row = tx.execute(
        """SELECT EXISTS (SELECT FROM spend_order s JOIN channel_order o ON o.cell = s.cell AND o.order_id = s.order_id
               WHERE s.cell = %s AND s.account_id = %s AND s.choice_id IS NULL AND o.kind = 'collection'
                 AND o.state = 'RESERVED' AND o.run_at > %s)""",
        (tx.cell_of(account_id), account_id, since),
    ).fetchone()
    assert row is not None
    return bool(row[0])


def insert_order(tx: Transaction, *, account: SpendAccount, order_id: UUID) -> None:
    """Store that an order to a channel is an account's."""
    tx.execute(
        "INSERT INTO spend_order (cell, order_id, account_id) VALUES (%s, %s, %s)",
        (account.cell, order_id, account.account_id),
    )


def account_of_order(tx: Transaction, *, order_id: UUID) -> SpendAccount:
    """Return whose an order is. Errors: NotFound."""
    row = tx.execute(
        "SELECT account_id FROM spend_order WHERE cell = %s AND order_id = %s", (tx.cell_of(order_id), order_id)
    ).fetchone()
    if row is None:
        raise NotFound
    return get(tx, account_id=row[0])


def overdue_of(tx: Transaction, *, person_id: UUID, on: date) -> int:
    """Return for how many days at most an account of a person is overdue on a day, by what is booked."""
    row = tx.execute(
        "SELECT coalesce(max(%s - overdue_since + 1), 0) FROM spend_account WHERE cell = %s AND person_id = %s",
        (on, tx.cell_of(person_id), person_id),
    ).fetchone()
    assert row is not None
    return max(0, int(row[0]))


@lru_cache(maxsize=_TERMS_KEPT_MAX)
def _named_of(text: str) -> tuple[JointSource, ...]:
    """Return the joint sources that were named; nearly all accounts of a product were told the same."""
    return _named.decode(text)


@lru_cache(maxsize=_TERMS_KEPT_MAX)
def _terms_of(text: str) -> SpendTerms:
    """Return terms; nearly all accounts of a product version have the same."""
    return _terms.decode(text)


def _account(row: TupleRow) -> SpendAccount:
    return SpendAccount(
        cell=row[0],
        account_id=row[1],
        person_id=row[2],
        product_id=row[3],
        product_version=row[4],
        lender_id=row[5],
        decision_id=row[6],
        currency=row[7],
        granted_fen=row[8],
        terms=_terms_of(row[9]),
        opened_on=row[10],
        opened_at=row[11],
        state=unpacked(row[12]),
        events=row[13],
        named=() if row[14] is None else _named_of(row[14]),
    )


def page(tx: Transaction, *, cell: int, after: UUID, limit: int) -> list[SpendAccount]:
    """Return the accounts of a cell behind an id, in order of ids."""
    rows = tx.execute(
        _COLUMNS + " WHERE cell = %s AND account_id > %s ORDER BY account_id LIMIT %s", (cell, after, limit)
    )
    return [_account(row) for row in rows]
