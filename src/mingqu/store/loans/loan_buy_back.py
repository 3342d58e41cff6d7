"""Parts of joint loans that were bought back: whose they were, whose they are, since which day, at which price."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, LiteralString
from uuid import UUID

from mingqu.domain.funding import Price
from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyBack:
    """A part (`slice`) that `buyer` has since the morning of `bought_on`, and what two people agreed it cost."""

    loan_id: UUID
    proposal_id: UUID
    slice: UUID
    seller: UUID
    buyer: UUID
    buyer_code: str
    terms_id: str
    terms_version: int
    cause: str
    overdue_days: int
    price: Price
    bought_on: date
    bought_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """What a buyer has of a seller's parts: of how many loans that owe something, what is owed of them, the price."""

    seller: UUID
    buyer: UUID
    loans: int
    principal_fen: int
    price_fen: int


_COLUMNS: Final[LiteralString] = """loan_id, proposal_id, slice, seller, buyer, buyer_code, terms_id, terms_version,
    cause, overdue_days, principal_fen, interest_fen, penalty_fen, bought_on, bought_at"""


def insert(tx: Transaction, *, cell: int, bought: BuyBack) -> None:
    """Store that a part was bought back; the caller holds the cell's lock."""
    tx.execute(
        f"""INSERT INTO loan_buy_back (cell, {_COLUMNS})
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",  # noqa: S608  Our own columns.
        (
            cell,
            bought.loan_id,
            bought.proposal_id,
            bought.slice,
            bought.seller,
            bought.buyer,
            bought.buyer_code,
            bought.terms_id,
            bought.terms_version,
            bought.cause,
            bought.overdue_days,
            bought.price.principal_fen,
            bought.price.interest_fen,
            bought.price.penalty_fen,
            bought.bought_on,
            bought.bought_at,
        ),
    )


def of_loan(tx: Transaction, *, loan_id: UUID, person_id: UUID | None = None) -> BuyBack | None:
    """Return what was bought back of a loan, or None; of a loan that is not a given person's, None."""
    row = tx.execute(
        f"""SELECT {_COLUMNS} FROM loan_buy_back b WHERE cell = %(cell)s AND loan_id = %(loan)s
            AND (%(person)s::uuid IS NULL OR EXISTS (
                SELECT FROM loan l WHERE l.cell = b.cell AND l.loan_id = b.loan_id AND l.person_id = %(person)s))""",  # noqa: S608  Our own columns.
        {"cell": tx.cell_of(loan_id), "loan": loan_id, "person": person_id},
    ).fetchone()
    if row is None:
        return None
    return BuyBack(
        loan_id=row[0],
        proposal_id=row[1],
        slice=row[2],
        seller=row[3],
        buyer=row[4],
        buyer_code=row[5],
        terms_id=row[6],
        terms_version=row[7],
        cause=row[8],
        overdue_days=row[9],
        price=Price(principal_fen=row[10], interest_fen=row[11], penalty_fen=row[12]),
        bought_on=row[13],
        bought_at=row[14],
    )


def moved_on(tx: Transaction, *, cell: int, owner: UUID, on: date) -> bool:
    """Return whether anything was booked on a part's accounts on a day."""
    row = tx.execute(
        """SELECT EXISTS (SELECT FROM transfer WHERE cell = %s AND debit_owner = %s AND posted_on = %s
                          AND amount_fen > 0)""",
        (cell, owner, on),
    ).fetchone()
    assert row is not None
    return bool(row[0])


def held(tx: Transaction, *, funder_id: UUID | None) -> list[Bought]:
    """Return what buyers have of sellers' parts over all cells, or what one funder sold or has.

    9301 is SHARE_PRINCIPAL, what is owed of a part.
    """
    rows = tx.execute(
        """SELECT b.seller, b.buyer, count(*) FILTER (WHERE a.fen > 0), coalesce(sum(a.fen), 0)::bigint,
                  sum(b.principal_fen + b.interest_fen + b.penalty_fen)::bigint
           FROM loan_buy_back b LEFT JOIN (
               SELECT cell, owner, sum(debits_posted_fen - credits_posted_fen) AS fen FROM account
               WHERE code = 9301 GROUP BY 1, 2
           ) a ON a.cell = b.cell AND a.owner = b.slice
           WHERE %(funder)s::uuid IS NULL OR %(funder)s IN (b.seller, b.buyer)
           GROUP BY 1, 2 ORDER BY 1, 2""",
        {"funder": funder_id},
    )
    return [Bought(seller=row[0], buyer=row[1], loans=row[2], principal_fen=row[3], price_fen=row[4]) for row in rows]
