"""Revolving accounts as a night of bills reads and writes them: a chunk in columns, without a look at each.

The caller holds the cell's lock. Ids are bytes [n, 16].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, LiteralString

import numpy as np

from mingqu.domain.batch.columns import Integers
from mingqu.domain.batch.ids import Ids
from mingqu.domain.batch.revolving_columns import HEAD, RevolvingColumns, bills_of, read_columns, sized_bytes
from mingqu.store.revolving.spend import FALLS_DUE
from mingqu.store.server import column
from mingqu.store.server.column import Kind
from mingqu.store.server.connection import Statement
from mingqu.store.server.database import Transaction

_READ: Final[LiteralString] = f"""
    SELECT array_agg(account_id), array_agg(lender_id), array_agg(currency::char(3)),
           array_agg(hashtextextended(terms, 0)), array_agg(substr(state, 1, 202)),
           array_agg(octet_length(state) - 202), string_agg(substr(state, 203), '')
    FROM (SELECT * FROM spend_account a WHERE cell = %(cell)s AND {FALLS_DUE}
          ORDER BY next_morning, account_id LIMIT %(limit)s) AS one"""  # noqa: S608  Our own text.
assert HEAD.itemsize == 202, "the statement above counts the bytes of a head"
_SAVE: Final[LiteralString] = """
    UPDATE spend_account a SET state = n.state, overdue_since = nullif(n.overdue_since, '-infinity'),
           next_morning = n.next_morning
    FROM unnest($2::uuid[], $3::bytea[], $4::date[], $5::date[]) AS n (account_id, state, overdue_since, next_morning)
    WHERE a.cell = $1::smallint AND a.account_id = n.account_id"""
_ISSUE: Final[LiteralString] = """
    INSERT INTO spend_statement (cell, account_id, number, billed_on, body)
    SELECT $1::smallint, n.* FROM unnest($2::uuid[], $3::bigint[], $4::date[], $5::bytea[]) AS n"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AccountChunk:
    """A chunk of n accounts of a cell; those of the same terms have the same number in `terms_key`."""

    cell: int
    account_id: Ids
    lender_id: Ids
    currency: Sequence[str]
    terms_key: Integers
    accounts: RevolvingColumns

    def __len__(self) -> int:
        return len(self.accounts)


def mornings(tx: Transaction, *, cell: int, to: date, now: datetime, limit: int) -> AccountChunk | None:
    """Return accounts on which something falls by a day's morning, the earliest first; None where there are none."""
    sent = tx.columns(_READ, {"cell": cell, "to": to, "now": now, "limit": limit})
    if not sent[0]:
        return None
    ids, lenders, currencies, keys, heads, sizes = (
        column.values_in(values, kind=kind)
        for values, kind in zip(sent, ("V16", "V16", "S3", ">i8", f"V{HEAD.itemsize}", ">i4"), strict=False)
    )
    return AccountChunk(
        cell=cell,
        account_id=column.ids_in(ids),
        lender_id=column.ids_in(lenders),
        currency=[code.decode("ascii") for code in currencies.tolist()],
        terms_key=keys.astype(np.int64),
        accounts=read_columns(
            heads=np.ascontiguousarray(heads).view(HEAD), sizes=sizes.astype(np.int64), tails=sent[6]
        ),
    )


def saved(*, cell: int, account_id: Ids, accounts: RevolvingColumns, next_morning: Integers) -> Statement:
    """Return the statement that stores how accounts stand after a morning that changed nothing of what they use.

    `next_morning`: days from 2000-01-01.
    """
    columns = (
        column.of_array(account_id, kind=Kind.UUID),
        column.of_sized_bytes(sized_bytes(accounts), length=len(accounts)),
        column.of_array(accounts.head["overdue_since"].astype(np.int64), kind=Kind.DATE),
        column.of_array(next_morning, kind=Kind.DATE),
    )
    return Statement(_SAVE, (column.smallint(cell), *(each.packed for each in columns)))


def issued(*, cell: int, account_id: Ids, accounts: RevolvingColumns) -> Statement:
    """Return the statement that stores the bill of each account, which stands in its head."""
    columns = (
        column.of_array(account_id, kind=Kind.UUID),
        column.of_array(accounts.head["number"].astype(np.int64), kind=Kind.BIGINT),
        column.of_array(accounts.head["billed_on"].astype(np.int64), kind=Kind.DATE),
        column.of_fixed_bytes(bills_of(accounts)),
    )
    return Statement(_ISSUE, (column.smallint(cell), *(each.packed for each in columns)))
