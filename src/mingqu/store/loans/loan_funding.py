"""Which source funds each loan, and what the funders of a joint loan have had of it so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from mingqu.domain.funding import Funding, Share, Totals
from mingqu.domain.identifier import derived
from mingqu.domain.ledger import AccountCode
from mingqu.store.server import column
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Transaction

_C: Final = AccountCode


def _grown(code: AccountCode) -> str:
    """What all funders together have on an account that grows on the credit side."""
    return f"coalesce(sum(a.credits_posted_fen - a.debits_posted_fen) FILTER (WHERE a.code = {code:d}), 0)::bigint"


def shared_text(*, table: str, key: str) -> str:
    """Return the statement that finds those of some loans ($2), or accounts, that are joint, with their totals."""
    return f"""
    SELECT f.{key}, f.funders, f.shares_ppm, f.slices, s.lent, s.lent + s.owed, s.interest, s.penalty, s.fee
    FROM {table} f CROSS JOIN LATERAL (
        SELECT {_grown(_C.SHARE_LENT)} AS lent, {_grown(_C.SHARE_PRINCIPAL)} AS owed,
               {_grown(_C.SHARE_INTEREST)} AS interest, {_grown(_C.SHARE_PENALTY)} AS penalty,
               {_grown(_C.SHARE_FEE)} AS fee
        FROM account a WHERE a.cell = f.cell AND a.owner = ANY (f.slices)
    ) s
    WHERE f.cell = $1::smallint AND f.{key} = ANY ($2::uuid[]) AND cardinality(f.slices) > 0"""  # noqa: S608


_SHARED: Final = shared_text(table="loan_funding", key="loan_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanFunding:
    """How a loan was routed: product and version of its plan, the source, whose the loan is."""

    loan_id: UUID
    product_id: str
    plan_version: int
    source_id: str
    funding: Funding
    routed_at: datetime

    @property
    def slices(self) -> tuple[UUID, ...]:
        """Whose names the funders' memorandum accounts bear; none where the loan is one lender's."""
        return slices_of(self.loan_id, self.funding)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """The shares of a joint loan or account, the owners of their accounts, and what it came to so far."""

    funding: Funding
    slices: tuple[UUID, ...]
    totals: Totals


def insert(tx: Transaction, *, cell: int, funding: LoanFunding) -> None:
    """Store how a loan was routed; the caller holds the cell's lock."""
    tx.execute(
        """INSERT INTO loan_funding (cell, loan_id, product_id, plan_version, source_id, funders, shares_ppm, slices,
               routed_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            cell,
            funding.loan_id,
            funding.product_id,
            funding.plan_version,
            funding.source_id,
            [share.lender_id for share in funding.funding.shares],
            [share.ppm for share in funding.funding.shares],
            list(funding.slices),
            funding.routed_at,
        ),
    )


def of_loan(tx: Transaction, *, loan_id: UUID) -> LoanFunding | None:
    """Return how a loan was routed, or None where its product has no plan."""
    row = tx.execute(
        """SELECT product_id, plan_version, source_id, funders, shares_ppm, routed_at FROM loan_funding
           WHERE cell = %s AND loan_id = %s""",
        (tx.cell_of(loan_id), loan_id),
    ).fetchone()
    if row is None:
        return None
    return LoanFunding(
        loan_id=loan_id,
        product_id=row[0],
        plan_version=row[1],
        source_id=row[2],
        funding=funding_of(row[3], row[4]),
        routed_at=row[5],
    )


def shared(*, cell: int, loan_ids: Sequence[UUID]) -> Statement:
    """Return the statement that finds those of some loans that are joint."""
    return Statement(_SHARED, (column.smallint(cell), column.of_uuids(loan_ids).packed))


def shared_in(answer: Answer) -> dict[UUID, Shared]:
    """Return the joint loans, or accounts, of an answer to such a statement, by id."""
    return {
        loan_id: Shared(
            funding=funding_of(funders, ppm),
            slices=tuple(slices),
            totals=Totals(lent_fen=lent, gone_fen=gone, interest_fen=interest, penalty_fen=penalty, fee_fen=fee),
        )
        for loan_id, funders, ppm, slices, lent, gone, interest, penalty, fee in answer
    }


def slices_of(owner: UUID, funding: Funding) -> tuple[UUID, ...]:
    """Return whose names the memorandum accounts of a loan's, or an account's, funders bear; none of one lender."""
    places = range(1, len(funding.shares) + 1)
    return tuple(derived(owner, place) for place in places) if len(places) > 1 else ()


def funding_of(funders: Sequence[UUID], ppm: Sequence[int]) -> Funding:
    """Return the shares that stand in two columns."""
    return Funding(shares=tuple(Share(lender_id=who, ppm=part) for who, part in zip(funders, ppm, strict=True)))
