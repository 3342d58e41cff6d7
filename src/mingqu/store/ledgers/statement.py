"""What an account held at any moment, and its statement over a period, read from the transfers themselves.

A transfer has two dates: the day it counts from and the business date on which it was written. So a moment is two
dates, too: what was true on one day, as it was known on the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final, LiteralString
from uuid import UUID

from mingqu.domain.ledger import Account, AccountCode, Balance, Reason, Side, TransferKind
from mingqu.domain.refusal import Refusal
from mingqu.store.ledgers.credited import CREDITED
from mingqu.store.ledgers.ledger import AccountUnknown, Entry
from mingqu.store.server.database import Transaction

# A page of a statement; who wants more asks for the next one.
LINES_MAX: Final = 1_000


class StatementPeriodEmpty(Refusal):
    """A statement's last day lies before its first."""

    code = "statement_period_empty"


class StatementPageUnknown(Refusal):
    """A page of a statement is asked for by what the page before it gave as `next`, and this is nothing of the kind."""

    code = "statement_page_unknown"


class DatedBy(Enum):
    """The date by which a statement is ordered and cut."""

    VALUE = "value"
    POSTING = "posting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a statement. `balance_fen` is the posted balance after it: debits less credits."""

    entry: Entry
    balance_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A page of an account's statement. `opening` and `closing` are those of the period, not of the page."""

    cell: int
    account: Account
    by: DatedBy
    first_on: date
    last_on: date
    opening: Balance
    lines: tuple[Line, ...]
    closing: Balance
    next: str | None  # asks for the next page; None on the last


# Every transfer of an owner that counted by two dates, once for each side. "amount_fen > 0" holds for all; saying it is
# what lets the owner's indexes be used. A hold counts until an end of it does.
_SIDES: Final[LiteralString] = f"""
    WITH side AS (
        SELECT debit_code AS code, currency, kind, amount_fen, pending_id, 1 AS debit, 0 AS credit
        FROM transfer WHERE cell = %(cell)s AND debit_owner = %(owner)s AND amount_fen > 0
          AND value_date <= %(valued_to)s AND posted_on <= %(posted_to)s
        UNION ALL
        SELECT credit_code, currency, kind, amount_fen, pending_id, 0, 1
        FROM {CREDITED} WHERE cell = %(cell)s AND credit_owner = %(owner)s AND amount_fen > 0
          AND value_date <= %(valued_to)s AND posted_on <= %(posted_to)s
    ), effect AS (
        SELECT side.code, side.currency, debit, credit,
               CASE WHEN side.kind IN (1, 3) THEN side.amount_fen ELSE 0 END AS posted,
               CASE side.kind WHEN 2 THEN side.amount_fen ELSE 0 END - coalesce(held.amount_fen, 0) AS pending
        FROM side LEFT JOIN transfer held
          ON side.kind >= 3 AND held.cell = %(cell)s AND held.id = side.pending_id
         AND held.value_date <= %(valued_to)s AND held.posted_on <= %(posted_to)s
    )
    SELECT a.code, a.currency,
           coalesce(sum(debit * posted), 0)::bigint, coalesce(sum(credit * posted), 0)::bigint,
           coalesce(sum(debit * pending), 0)::bigint, coalesce(sum(credit * pending), 0)::bigint
    FROM account a LEFT JOIN effect e ON e.code = a.code AND e.currency = a.currency
    WHERE a.cell = %(cell)s AND a.owner = %(owner)s
    GROUP BY a.code, a.currency ORDER BY a.code, a.currency"""  # noqa: S608  Our own part of a statement.

_LINES: Final[LiteralString] = f"""
    WITH line AS (
        SELECT CASE %(by)s WHEN 'value' THEN value_date ELSE posted_on END AS dated, id, kind, 'debit' AS side,
               credit_owner AS other_owner, credit_code AS other_code, amount_fen, reason, value_date, posted_on,
               reference, CASE WHEN kind IN (1, 3) THEN amount_fen ELSE 0 END AS moved
        FROM transfer WHERE cell = %(cell)s AND debit_owner = %(owner)s AND amount_fen > 0
          AND debit_code = %(code)s AND currency = %(currency)s
        UNION ALL
        SELECT CASE %(by)s WHEN 'value' THEN value_date ELSE posted_on END, id, kind, 'credit',
               debit_owner, debit_code, amount_fen, reason, value_date, posted_on,
               reference, CASE WHEN kind IN (1, 3) THEN -amount_fen ELSE 0 END
        FROM {CREDITED} WHERE cell = %(cell)s AND credit_owner = %(owner)s AND amount_fen > 0
          AND credit_code = %(code)s AND currency = %(currency)s
    ), told AS (
        SELECT *, %(opening)s + sum(moved) OVER (ORDER BY dated, id) AS balance
        FROM line WHERE dated BETWEEN %(first_on)s AND %(last_on)s
    )
    SELECT dated, id, kind, side, other_owner, other_code, amount_fen, reason, value_date, posted_on, reference,
           balance::bigint
    FROM told WHERE (dated, id) > (%(after_on)s, %(after_id)s) ORDER BY dated, id LIMIT %(limit)s"""  # noqa: S608  Our own part of a statement.


def balances_at(
    tx: Transaction, *, cell: int, owner: UUID, valued_to: date | None = None, posted_to: date | None = None
) -> dict[Account, Balance]:
    """Return the balance of each account of an owner at the end of a day, by code.

    `valued_to` is the day by value date, `posted_to` by business date; None is "whatever there is". Both together: what
    was true at the end of one, as it was known at the end of the other.
    """
    return {
        Account(owner=owner, code=AccountCode(code), currency=currency): Balance(
            debits_posted_fen=debits,
            credits_posted_fen=credits_,
            debits_pending_fen=debits_held,
            credits_pending_fen=credits_held,
        )
        for code, currency, debits, credits_, debits_held, credits_held in tx.execute(
            _SIDES,
            {"cell": cell, "owner": owner, "valued_to": valued_to or date.max, "posted_to": posted_to or date.max},
        )
    }


def statement(
    tx: Transaction,
    *,
    cell: int,
    account: Account,
    by: DatedBy,
    first_on: date,
    last_on: date,
    after: str | None = None,
    lines_max: int = LINES_MAX,
) -> Statement:
    """Return a page of an account's statement from one day to another, both included; `after` is a page's `next`.

    Errors: AccountUnknown, StatementPeriodEmpty, StatementPageUnknown.
    """
    assert 1 <= lines_max <= LINES_MAX
    if last_on < first_on:
        raise StatementPeriodEmpty("The last day of a statement lies before its first.")
    after_on, after_id = _place(after) if after is not None else (date.min, UUID(int=0))
    opening = Balance()
    if first_on > date.min:
        opening = _balance_at(tx, cell=cell, account=account, by=by, on=date.fromordinal(first_on.toordinal() - 1))
    closing = _balance_at(tx, cell=cell, account=account, by=by, on=last_on)
    rows = tx.execute(
        _LINES,
        {
            "cell": cell,
            "owner": account.owner,
            "code": int(account.code),
            "currency": account.currency,
            "by": by.value,
            "first_on": first_on,
            "last_on": last_on,
            "opening": opening.posted_fen,
            "after_on": after_on,
            "after_id": after_id,
            "limit": lines_max + 1,
        },
    ).fetchall()
    page = rows[:lines_max]
    return Statement(
        cell=cell,
        account=account,
        by=by,
        first_on=first_on,
        last_on=last_on,
        opening=opening,
        lines=tuple(_line(account, *row[1:]) for row in page),
        closing=closing,
        next=f"{page[-1][0].isoformat()}.{page[-1][1].hex}" if len(rows) > lines_max else None,
    )


def cells_of(tx: Transaction, *, owner: UUID) -> list[int]:
    """Return the cells in which an owner has accounts: a person's is one, a lender's may be all of them."""
    return [
        cell
        for (cell,) in tx.execute(
            "SELECT DISTINCT cell FROM account WHERE cell = ANY (%s) AND owner = %s ORDER BY cell",
            (list(range(tx.cells)), owner),
        )
    ]


def _line(
    account: Account, transfer_id: UUID, kind: int, side: str, other_owner: UUID, other_code: int, amount_fen: int,
    reason: int, value_date: date, posted_on: date, reference: UUID, balance_fen: int,
) -> Line:  # fmt: skip
    return Line(
        entry=Entry(
            transfer_id=transfer_id,
            kind=TransferKind(kind),
            account=account,
            other=Account(owner=other_owner, code=AccountCode(other_code), currency=account.currency),
            side=Side(side),
            amount_fen=amount_fen,
            reason=Reason(reason),
            value_date=value_date,
            posted_on=posted_on,
            reference=reference,
        ),
        balance_fen=balance_fen,
    )


def _balance_at(tx: Transaction, *, cell: int, account: Account, by: DatedBy, on: date) -> Balance:
    valued_to, posted_to = (on, None) if by is DatedBy.VALUE else (None, on)
    found = balances_at(tx, cell=cell, owner=account.owner, valued_to=valued_to, posted_to=posted_to)
    if account not in found:
        raise AccountUnknown("There is no such account.", account_code=int(account.code))
    return found[account]


def _place(after: str) -> tuple[date, UUID]:
    on, _, identity = after.partition(".")
    try:
        return date.fromisoformat(on), UUID(identity)
    except ValueError:
        raise StatementPageUnknown("This is not what a page of a statement gave as its next.") from None
