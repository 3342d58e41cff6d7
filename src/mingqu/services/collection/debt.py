"""What is collected: a loan or a revolving account, with what collection asks of either."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from mingqu.domain.loan import Repaid, Reversed, quote
from mingqu.domain.ownership import NotFound
from mingqu.store.loans import loan
from mingqu.store.loans.loan import Loan
from mingqu.store.loans.loan_event import CONCEDED, known_events
from mingqu.store.revolving import late, spend
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.server.database import Transaction

Debt = Loan | SpendAccount


def find_debt(tx: Transaction, *, debt_id: UUID) -> Debt:
    """Return the loan or the revolving account of an id. Errors: NotFound."""
    try:
        return loan.get(tx, cell=tx.cell_of(debt_id), loan_id=debt_id)
    except NotFound:
        return spend.get(tx, account_id=debt_id)


def debt_id_of(debt: Debt) -> UUID:
    """Return the id of a debt."""
    return debt.loan_id if isinstance(debt, Loan) else debt.account_id


def due_fen(debt: Debt, *, on: date) -> int:
    """Return what cures a debt on a day, in fen: what of a loan is payable, what an account's least payments lack.

    Of a day that a loan was brought past, then.
    """
    if isinstance(debt, SpendAccount):
        return debt.state.lacking_fen
    day = on if debt.state.as_of is None else max(on, debt.state.as_of)
    return quote(terms=debt.terms, state=debt.state, on=day).due_fen


def paid_of(tx: Transaction, *, debt_id: UUID, is_account: bool) -> list[tuple[datetime, date, int]]:
    """Return the payments of a debt that stand, as (when booked, its day, fen).

    Money that came and was not taken back; favors left out.
    """
    if is_account:
        return late.paid_of(tx, account_id=debt_id)
    known = known_events(tx, cell=tx.cell_of(debt_id), loan_id=debt_id)
    undone = {one.event.target for one in known if isinstance(one.event, Reversed)}
    return [
        (one.posted_at, one.event.value_date, one.event.amount_fen)
        for one in known
        if isinstance(one.event, Repaid) and one.event.event_id not in undone and one.event.receipt not in CONCEDED
    ]
