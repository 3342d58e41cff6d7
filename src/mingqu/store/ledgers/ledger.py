"""The ledger's rows: accounts opened and closed, transfers posted in batches, balances and statements read.

Every function works in one cell. Posting takes the cell's writer lock; a use case that reads before it
posts takes it first (`tx.lock_cell`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.ledger import (
    AMOUNT_FEN_MAX,
    TRANSFERS_MAX,
    Account,
    AccountCode,
    Balance,
    Reason,
    Result,
    Side,
    Transfer,
    TransferKind,
)
from mingqu.domain.refusal import Refusal
from mingqu.store.ledgers.credited import CREDITED
from mingqu.store.ledgers.ledger_proof import prove, strict_side
from mingqu.store.server import column
from mingqu.store.server.connection import Answer, Packed, Statement
from mingqu.store.server.database import Database, Transaction

__all__ = [
    "ENTRIES_MAX",
    "AccountNotEmpty",
    "AccountUnknown",
    "BatchTooLarge",
    "Entry",
    "StatementTooLong",
    "TransferRefused",
    "balance",
    "balances",
    "close_account",
    "entries",
    "open_accounts",
    "opened",
    "post",
    "post_batch",
    "post_batch_at_once",
    "post_single",
    "posted",
    "prove",
    "require_posted",
]

# A statement of a person or a loan has hundreds of lines; a house account is read by day instead.
ENTRIES_MAX: Final = 10_000

_OPEN: Final = (
    "INSERT INTO account (cell, owner, code, currency, strict_side)"
    " SELECT $1::smallint, t.* FROM unnest($2::uuid[], $3::smallint[], $4::text[], $5::smallint[])"
    " AS t (owner, code, currency, strict_side) ON CONFLICT (cell, owner, code, currency) DO NOTHING"
)
_POST_BATCH: Final = (
    "SELECT post_batch($1::smallint, $2::uuid[], $3::smallint[], $4::uuid[], $5::smallint[], $6::text[],"
    " $7::uuid[], $8::smallint[], $9::text[], $10::bigint[], $11::smallint[], $12::date[], $13::date[],"
    " $14::uuid[], $15::uuid[], $16::date[], $17::boolean[])"
)
_POST_SINGLE: Final = (
    "SELECT post_single($1::smallint, $2::uuid, $3::smallint, $4::uuid, $5::smallint, $6::text,"
    " $7::uuid, $8::smallint, $9::text, $10::bigint, $11::smallint, $12::date, $13::date,"
    " $14::uuid, $15::uuid, $16::date)"
)

_RESULTS: Final = {int(result): result for result in Result}
# What the amounts beyond bigint are sent as; post_one answers AMOUNT_OUT_OF_RANGE and AMOUNT_NEGATIVE.
_ABOVE_RANGE: Final = -AMOUNT_FEN_MAX - 1
_BELOW_ZERO: Final = -1


class TransferRefused(Refusal):
    """A transfer of the batch is not in the books, and so none of the batch is: roll back."""

    code = "transfer_refused"

    def __init__(self, *, transfer: Transfer, result: Result) -> None:
        super().__init__(f"The ledger refused a transfer: {result.name.lower()}.", result=result.name.lower())
        self.transfer = transfer
        self.result = result


class BatchTooLarge(Refusal):
    """More transfers than one batch may hold."""

    code = "batch_too_large"


class AccountUnknown(Refusal):
    """There is no such account in the cell."""

    code = "account_unknown"
    status = 404


class AccountNotEmpty(Refusal):
    """An account is closed only when its balance is zero and nothing is held on it."""

    code = "account_not_empty"
    status = 409


class StatementTooLong(Refusal):
    """The owner has more entries than one statement holds."""

    code = "statement_too_long"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of an account's statement: one side of a transfer, with the account on its other side."""

    transfer_id: UUID
    kind: TransferKind
    account: Account
    other: Account
    side: Side  # DEBIT or CREDIT
    amount_fen: int
    reason: Reason
    value_date: date
    posted_on: date
    reference: UUID


def open_accounts(tx: Transaction, *, cell: int, accounts: Iterable[Account]) -> None:
    """Open the accounts that are not open yet; one that exists, open or closed, stays as it is."""
    tx.together([opened(cell=cell, accounts=accounts)])


def opened(*, cell: int, accounts: Iterable[Account]) -> Statement:
    """Return the statement of `open_accounts`."""
    rows = list(dict.fromkeys(accounts))
    values = (
        column.of_uuids([account.owner for account in rows]),
        column.of_smallints([account.code for account in rows]),
        column.of_texts([account.currency for account in rows]),
        column.of_smallints([strict_side(account.code) for account in rows]),
    )
    return Statement(_OPEN, (column.smallint(cell), *(each.packed for each in values)))


def close_account(tx: Transaction, *, cell: int, account: Account, on: date) -> None:
    """Close an empty account on a business date; transfers to or from it are refused from then on.

    An account that is closed already keeps its date. Errors: AccountUnknown, AccountNotEmpty.
    """
    tx.lock_cell(cell)
    held = balance(tx, cell=cell, account=account)
    if held.posted_fen or held.debits_pending_fen or held.credits_pending_fen:
        raise AccountNotEmpty("The account is not empty: bring it to zero first.", account_code=int(account.code))
    tx.execute(
        "UPDATE account SET closed_on = coalesce(closed_on, %s)"
        " WHERE cell = %s AND owner = %s AND code = %s AND currency = %s",
        (on, cell, account.owner, int(account.code), account.currency),
    )


def post_batch(tx: Transaction, *, cell: int, transfers: Sequence[Transfer]) -> list[Result]:
    """Post what can be posted and return one result per transfer, in order (see `Result`).

    Transfers are taken in order: one may rest on what an earlier one of the batch did. A refused one
    changes nothing and the rest goes on; of a chain (`Transfer.linked`) all or none is posted. At most TRANSFERS_MAX.
    Errors: BatchTooLarge.
    """
    if len(transfers) > TRANSFERS_MAX:
        raise BatchTooLarge(f"A batch holds at most {TRANSFERS_MAX} transfers.", transfers=len(transfers))
    if not transfers:
        return []
    return [_RESULTS[number] for number in column.read_smallints(tx.call(_POST_BATCH, _packed(cell, transfers)))]


def post_batch_at_once(database: Database, *, cell: int, transfers: Sequence[Transfer]) -> list[Result]:
    """Post a batch in a transaction of its own, in one round trip; the results are durable when they are returned.

    For one who has nothing else to write. Errors: BatchTooLarge, DatabaseUnavailable; then the batch may be in the
    books, and asking again tells.
    """
    if len(transfers) > TRANSFERS_MAX:
        raise BatchTooLarge(f"A batch holds at most {TRANSFERS_MAX} transfers.", transfers=len(transfers))
    if len(transfers) == 1 and not transfers[0].linked:
        return [post_single(database, cell=cell, transfer=transfers[0])]
    if not transfers:
        return []
    return [_RESULTS[number] for number in column.read_smallints(database.call(_POST_BATCH, _packed(cell, transfers)))]


def post_single(database: Database, *, cell: int, transfer: Transfer) -> Result:
    """Post one transfer in a transaction of its own, in one round trip; the result is durable when it is returned.

    Errors: DatabaseUnavailable; then the transfer may be in the books, and asking again tells.
    """
    assert not transfer.linked, "a transfer alone has no next one"
    debit, credit = transfer.debit, transfer.credit
    pending, expires = transfer.pending_id, transfer.expires_on
    answer = database.call(
        _POST_SINGLE,
        (
            column.smallint(cell),
            transfer.id.bytes,
            column.smallint(transfer.kind),
            debit.owner.bytes,
            column.smallint(debit.code),
            debit.currency.encode(),
            credit.owner.bytes,
            column.smallint(credit.code),
            credit.currency.encode(),
            column.bigint(_in_range(transfer.amount_fen)),
            column.smallint(transfer.reason),
            column.day(transfer.value_date),
            column.day(transfer.posted_on),
            transfer.reference.bytes,
            None if pending is None else pending.bytes,
            None if expires is None else column.day(expires),
        ),
    )
    return _RESULTS[column.read_smallint(answer)]


def post(tx: Transaction, *, cell: int, transfers: Sequence[Transfer]) -> None:
    """Post all transfers or raise: what the use cases call. A replayed batch is in the books and passes.

    Errors: TransferRefused for the first that is not in the books; the transaction must not be
    committed then. BatchTooLarge.
    """
    for transfer, result in zip(transfers, post_batch(tx, cell=cell, transfers=transfers), strict=True):
        if not result.is_in_books:
            raise TransferRefused(transfer=transfer, result=result)


def posted(*, cell: int, transfers: Sequence[Transfer]) -> Statement:
    """Return the statement of `post`, whose answer `require_posted` takes. Errors: BatchTooLarge."""
    if len(transfers) > TRANSFERS_MAX:
        raise BatchTooLarge(f"A batch holds at most {TRANSFERS_MAX} transfers.", transfers=len(transfers))
    return Statement(_POST_BATCH, _packed(cell, transfers))


def require_posted(answer: Answer, *, transfers: Sequence[Transfer]) -> None:
    """Raise TransferRefused, as `post` does, unless each transfer is in the books by the answer to `posted`."""
    ((numbers,),) = answer.fetchall()
    for transfer, number in zip(transfers, numbers, strict=True):
        if not _RESULTS[number].is_in_books:
            raise TransferRefused(transfer=transfer, result=_RESULTS[number])


def balances(tx: Transaction, *, cell: int, owner: UUID) -> dict[Account, Balance]:
    """Return the balance of each account of an owner, by code."""
    return balances_of(tx, cell=cell, owners=[owner])


def balances_of(tx: Transaction, *, cell: int, owners: Sequence[UUID]) -> dict[Account, Balance]:
    """Return the balance of each account of several owners of one cell, by owner and code, in one round trip."""
    rows = tx.execute(
        "SELECT owner, code, currency, debits_posted_fen, credits_posted_fen, debits_pending_fen, credits_pending_fen"
        " FROM account WHERE cell = %s AND owner = ANY (%s) ORDER BY owner, code, currency",
        (cell, list(owners)),
    )
    return {
        Account(owner=owner, code=AccountCode(code), currency=currency): _balance(sums)
        for owner, code, currency, *sums in rows
    }


def balance(tx: Transaction, *, cell: int, account: Account) -> Balance:
    """Return the balance of one account. Errors: AccountUnknown."""
    row = tx.execute(
        "SELECT debits_posted_fen, credits_posted_fen, debits_pending_fen, credits_pending_fen"
        " FROM account WHERE cell = %s AND owner = %s AND code = %s AND currency = %s",
        (cell, account.owner, int(account.code), account.currency),
    ).fetchone()
    if row is None:
        raise AccountUnknown("There is no such account.", account_code=int(account.code))
    return _balance(row)


def hold_of(tx: Transaction, *, cell: int, debit_owner: UUID, reference: UUID) -> UUID:
    """Return the one pending transfer that debits an owner for a cause, whether it is still open or not."""
    ((found,),) = tx.execute(
        """
        SELECT id FROM transfer
        WHERE cell = %s AND debit_owner = %s AND amount_fen > 0 AND reference = %s AND kind = %s
        """,
        (cell, debit_owner, reference, TransferKind.PENDING),
    ).fetchall()
    return UUID(str(found))


def posted_on(tx: Transaction, *, cell: int, transfer_id: UUID) -> date | None:
    """Return the business date on which a transfer was written, or None if it is not in the books of the cell."""
    row = tx.execute("SELECT posted_on FROM transfer WHERE cell = %s AND id = %s", (cell, transfer_id)).fetchone()
    return row[0] if row else None


def entries(tx: Transaction, *, cell: int, owner: UUID) -> list[Entry]:
    """Return the statement of an owner: each side of each transfer on its accounts, in order of posting.

    Errors: StatementTooLong above ENTRIES_MAX.
    """
    # "amount_fen > 0" holds for every transfer; saying it is what lets the owner's indexes be used.
    rows = tx.execute(
        f"""
        SELECT id, kind, 'debit' AS side, debit_owner, debit_code, credit_owner, credit_code,
               currency, amount_fen, reason, value_date, posted_on, reference
        FROM transfer WHERE cell = %(cell)s AND debit_owner = %(owner)s AND amount_fen > 0
        UNION ALL
        SELECT id, kind, 'credit', credit_owner, credit_code, debit_owner, debit_code,
               currency, amount_fen, reason, value_date, posted_on, reference
        FROM {CREDITED} WHERE cell = %(cell)s AND credit_owner = %(owner)s AND amount_fen > 0
        ORDER BY posted_on, id, side DESC LIMIT %(limit)s
        """,  # noqa: S608  Our own part of a statement.
        {"cell": cell, "owner": owner, "limit": ENTRIES_MAX + 1},
    ).fetchall()
    if len(rows) > ENTRIES_MAX:
        raise StatementTooLong(f"A statement holds at most {ENTRIES_MAX} entries.")
    return [
        Entry(
            transfer_id=row[0],
            kind=TransferKind(row[1]),
            side=Side(row[2]),
            account=Account(owner=row[3], code=AccountCode(row[4]), currency=row[7]),
            other=Account(owner=row[5], code=AccountCode(row[6]), currency=row[7]),
            amount_fen=row[8],
            reason=Reason(row[9]),
            value_date=row[10],
            posted_on=row[11],
            reference=row[12],
        )
        for row in rows
    ]


def _packed(cell: int, transfers: Sequence[Transfer]) -> Packed:
    return (
        column.smallint(cell),
        *(
            one.packed
            for one in (
                column.of_uuids([transfer.id for transfer in transfers]),
                column.of_smallints([transfer.kind for transfer in transfers]),
                column.of_uuids([transfer.debit.owner for transfer in transfers]),
                column.of_smallints([transfer.debit.code for transfer in transfers]),
                column.of_texts([transfer.debit.currency for transfer in transfers]),
                column.of_uuids([transfer.credit.owner for transfer in transfers]),
                column.of_smallints([transfer.credit.code for transfer in transfers]),
                column.of_texts([transfer.credit.currency for transfer in transfers]),
                column.of_bigints([_in_range(transfer.amount_fen) for transfer in transfers]),
                column.of_smallints([transfer.reason for transfer in transfers]),
                column.of_dates([transfer.value_date for transfer in transfers]),
                column.of_dates([transfer.posted_on for transfer in transfers]),
                column.of_uuids([transfer.reference for transfer in transfers]),
                column.of_uuids([transfer.pending_id for transfer in transfers]),
                column.of_dates_or_nulls([transfer.expires_on for transfer in transfers]),
                column.of_booleans([transfer.linked for transfer in transfers]),
            )
        ),
    )


def _in_range(amount_fen: int) -> int:
    if amount_fen > AMOUNT_FEN_MAX:
        return _ABOVE_RANGE
    return amount_fen if amount_fen >= 0 else _BELOW_ZERO


def _balance(sums: Sequence[int]) -> Balance:
    return Balance(
        debits_posted_fen=sums[0],
        credits_posted_fen=sums[1],
        debits_pending_fen=sums[2],
        credits_pending_fen=sums[3],
    )
