"""Loans with all that is asked about them before something happens to them, read in one round trip under the lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.ledger import Account, AccountCode, Balance
from mingqu.domain.loan.event import Event
from mingqu.store.loans.loan import Loan, found, histories_in, loans_in, told
from mingqu.store.loans.loan_funding import Shared, shared, shared_in
from mingqu.store.server import column
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Transaction

_LOCK: Final = "SELECT last_closed_on, leaf_count FROM cell WHERE cell = $1::smallint FOR UPDATE"
_DAY: Final = "SELECT last_closed_on FROM cell WHERE cell = $1::smallint"
# What is left of the limits that loans were drawn from, and by how much they are over: the product's and the person's.
_LIMITS: Final = f"""
    SELECT a.owner, a.code, a.currency, a.debits_posted_fen, a.credits_posted_fen, a.debits_pending_fen,
           a.credits_pending_fen
    FROM loan l CROSS JOIN LATERAL (VALUES (l.facility_id), (l.person_id)) AS o (owner)
    JOIN account a ON a.cell = l.cell AND a.owner = o.owner
     AND a.code IN ({AccountCode.LIMIT_AVAILABLE:d}, {AccountCode.LIMIT_OVER:d})
    WHERE l.cell = $1::smallint AND l.loan_id = ANY ($2::uuid[]) AND l.facility_id <> l.loan_id"""  # noqa: S608

Limits = dict[Account, Balance]


@dataclass(frozen=True, slots=True, kw_only=True)
class AtHand:
    """A loan with its history, the balances of its limits and its funders' part, as they stand under the lock."""

    loan: Loan
    events: tuple[Event, ...]
    limits: Limits = field(default_factory=dict)
    shared: Shared | None = None  # None: the loan is one lender's


@dataclass(frozen=True, slots=True, kw_only=True)
class CellAtHand:
    """A cell that is locked: its last closed day, how many leaves it has, and loans of it by their ids."""

    cell: int
    last_closed_on: date
    leaf_count: int
    loans: dict[UUID, AtHand]


def locked(
    tx: Transaction,
    *,
    cell: int,
    loan_ids: Sequence[UUID],
    first: Sequence[Statement] = (),
    beside: Sequence[Statement] = (),
) -> tuple[CellAtHand, list[Answer]]:
    """Wait for the cell's lock and return these loans of it as they stand then; what is not there is left out.

    In the same round trip `first` is run before the lock and `beside` under it; their answers are returned, too.
    """
    asked = [Statement(_LOCK, (column.smallint(cell),)), found(cell=cell, loan_ids=loan_ids), *_beside(cell, loan_ids)]
    answers = tx.together([*first, *asked, *beside])
    lock, loans, events, balances, joint = answers[len(first) : len(first) + len(asked)]
    others = answers[: len(first)] + answers[len(first) + len(asked) :]
    row = lock.fetchone()
    assert row is not None, "a cell is locked that the book does not have"
    histories, limits = _read([events, balances], loan_ids)
    shares = shared_in(joint)
    at_hand = CellAtHand(
        cell=cell,
        last_closed_on=row[0],
        leaf_count=row[1],
        loans={
            of.loan_id: AtHand(
                loan=of,
                events=histories[of.loan_id],
                limits=_of_loan(of, limits),
                shared=shares.get(of.loan_id),
            )
            for of in loans_in(loans)
        },
    )
    return at_hand, others


def with_history(tx: Transaction, *, loan: Loan) -> tuple[AtHand, date]:
    """Return a loan, as the caller has it, with what stands beside it, and its cell's last closed day."""
    day, *answers = tx.together([Statement(_DAY, (column.smallint(loan.cell),)), *_beside(loan.cell, [loan.loan_id])])
    ((last_closed_on,),) = day.fetchall()
    *read, joint = answers
    histories, limits = _read(read, [loan.loan_id])
    shares = shared_in(joint).get(loan.loan_id)
    return AtHand(loan=loan, events=histories[loan.loan_id], limits=limits, shared=shares), last_closed_on


def _beside(cell: int, loan_ids: Sequence[UUID]) -> list[Statement]:
    ids = column.of_uuids(loan_ids).packed
    return [
        told(cell=cell, loan_ids=loan_ids),
        Statement(_LIMITS, (column.smallint(cell), ids)),
        shared(cell=cell, loan_ids=loan_ids),
    ]


def _read(answers: Sequence[Answer], loan_ids: Sequence[UUID]) -> tuple[dict[UUID, tuple[Event, ...]], Limits]:
    events, limits = answers
    balances = {
        Account(owner=owner, code=AccountCode(code), currency=currency): Balance(
            debits_posted_fen=sums[0],
            credits_posted_fen=sums[1],
            debits_pending_fen=sums[2],
            credits_pending_fen=sums[3],
        )
        for owner, code, currency, *sums in limits
    }
    return histories_in(events, loan_ids=loan_ids), balances


def _of_loan(of: Loan, limits: Limits) -> Limits:
    return {account: balance for account, balance in limits.items() if account.owner in (of.facility_id, of.person_id)}
