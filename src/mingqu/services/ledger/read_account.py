"""Read accounts: what an owner's hold at any moment, and the statement of one of them, a page at a time."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from mingqu.domain.ledger import Account, Balance
from mingqu.domain.refusal import Refusal
from mingqu.store.ledgers import statement
from mingqu.store.ledgers.ledger import AccountUnknown
from mingqu.store.ledgers.statement import DatedBy as DatedBy
from mingqu.store.ledgers.statement import Statement as Statement
from mingqu.store.server.database import Database, Transaction


class AccountInSeveralCells(Refusal):
    """The owner has accounts in several cells, as lenders have: say which cell the statement is of."""

    code = "account_in_several_cells"


def read_balances(
    database: Database, *, owner: UUID, cell: int | None = None, as_of: date | None = None, by: DatedBy
) -> dict[int, dict[Account, Balance]]:
    """Return the balances of an owner's accounts by cell, now or at the end of a day; only of one cell if it is named.

    Errors: AccountUnknown.
    """
    valued_to, posted_to = (as_of, None) if by is DatedBy.VALUE else (None, as_of)
    with database.transaction() as tx:
        return {
            each: statement.balances_at(tx, cell=each, owner=owner, valued_to=valued_to, posted_to=posted_to)
            for each in _cells(tx, owner=owner, cell=cell)
        }


def read_statement(
    database: Database,
    *,
    account: Account,
    cell: int | None = None,
    first_on: date,
    last_on: date,
    by: DatedBy,
    after: str | None = None,
    lines_max: int = statement.LINES_MAX,
) -> Statement:
    """Return a page of an account's statement from one day to another, both included; `after` is a page's `next`.

    Errors: AccountUnknown, AccountInSeveralCells, StatementPeriodEmpty, StatementPageUnknown.
    """
    # One view: the lines must lead from the opening balance to the closing one.
    with database.snapshot() as then, then.transaction() as tx:
        cells = _cells(tx, owner=account.owner, cell=cell)
        if len(cells) > 1:
            raise AccountInSeveralCells(f"This owner has accounts in cells {cells[0]} to {cells[-1]}: name one.")
        return statement.statement(
            tx,
            cell=cells[0],
            account=account,
            by=by,
            first_on=first_on,
            last_on=last_on,
            after=after,
            lines_max=lines_max,
        )


def _cells(tx: Transaction, *, owner: UUID, cell: int | None) -> list[int]:
    cells = [each for each in statement.cells_of(tx, owner=owner) if cell is None or each == cell]
    if not cells:
        raise AccountUnknown("There is no account of this owner.")
    return cells
