"""What reports read of the days that were added up. All sums are of the whole book or of one lender's part of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.ledger import AccountCode
from mingqu.domain.money import MICRO_PER_FEN
from mingqu.store.server.database import Transaction

_INCOME: Final = {
    "interest": AccountCode.INTEREST_INCOME,
    "penalty": AccountCode.PENALTY_INCOME,
    "fee": AccountCode.FEE_INCOME,
    "rounding": AccountCode.ROUNDING_DIFFERENCE,
    "concession": AccountCode.CONCESSION,
    "loss": AccountCode.CREDIT_LOSS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turnover:
    """One account code of one lender: its balance before the first day, debits above zero, and what moved since."""

    lender_id: UUID
    code: AccountCode
    currency: str
    opening_fen: int
    debits_fen: int
    credits_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Loans that stood alike when a day ended; what accrued and is not billed is rounded down to fen."""

    lender_id: UUID
    product_id: str
    currency: str
    stage: str
    arrears: str
    non_accrual: bool
    loans: int
    principal_unbilled_fen: int
    principal_billed_fen: int
    principal_overdue_fen: int
    interest_fen: int
    penalty_fen: int
    fee_fen: int
    accrued_interest_fen: int
    accrued_penalty_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Income:
    """What one lender earned by one product on one day; what was given up and lost is above zero."""

    on: date
    lender_id: UUID
    product_id: str
    currency: str
    interest_fen: int
    penalty_fen: int
    fee_fen: int
    rounding_fen: int
    concession_fen: int
    loss_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The days there are reports of: the first one, the last one that every cell has closed, if there is any."""

    first: date
    last: date | None
    portfolio_from: date
    turns_from: date


def span(tx: Transaction) -> Span:
    """Return the days there are reports of."""
    row = tx.execute(
        """SELECT b.opened_on, min(c.last_closed_on), coalesce(max(s.portfolio_from), b.opened_on),
                  coalesce(max(s.turns_from), b.opened_on)
           FROM book b CROSS JOIN cell c LEFT JOIN day_sum s ON s.cell = c.cell GROUP BY b.opened_on"""
    ).fetchone()
    assert row is not None
    return Span(
        first=row[0],
        last=row[1] if row[1] >= row[0] else None,
        portfolio_from=row[2],
        turns_from=row[3],
    )


def turnovers(tx: Transaction, *, first: date, last: date, lender_id: UUID | None) -> list[Turnover]:
    """Return what stood before `first` and moved up to `last`, by lender and account code; codes of nothing are out."""
    rows = tx.execute(
        """SELECT lender_id, code, currency,
                  coalesce(sum(debits_fen - credits_fen) FILTER (WHERE on_date < %(first)s), 0),
                  coalesce(sum(debits_fen) FILTER (WHERE on_date >= %(first)s), 0),
                  coalesce(sum(credits_fen) FILTER (WHERE on_date >= %(first)s), 0)
           FROM day_balance
           WHERE on_date <= %(last)s AND (%(lender_id)s::uuid IS NULL OR lender_id = %(lender_id)s)
           GROUP BY 1, 2, 3 ORDER BY 3, 1, 2""",
        {"first": first, "last": last, "lender_id": lender_id},
    )
    found = [
        Turnover(
            lender_id=row[0],
            code=AccountCode(row[1]),
            currency=row[2],
            opening_fen=int(row[3]),
            debits_fen=int(row[4]),
            credits_fen=int(row[5]),
        )
        for row in rows
    ]
    return [one for one in found if one.opening_fen or one.debits_fen or one.credits_fen]


def portfolio(tx: Transaction, *, on: date, lender_id: UUID | None) -> list[Standing]:
    """Return how the running loans stood when a day ended."""
    rows = tx.execute(
        """SELECT lender_id, product_id, currency, stage, arrears, non_accrual, sum(loans)::bigint,
                  sum(principal_unbilled_fen)::bigint, sum(principal_billed_fen)::bigint,
                  sum(principal_overdue_fen)::bigint, sum(interest_fen)::bigint, sum(penalty_fen)::bigint,
                  sum(fee_fen)::bigint, floor(sum(accrued_interest_micro) / %(micro)s)::bigint,
                  floor(sum(accrued_penalty_micro) / %(micro)s)::bigint
           FROM day_portfolio
           WHERE on_date = %(on)s AND (%(lender_id)s::uuid IS NULL OR lender_id = %(lender_id)s)
           GROUP BY 1, 2, 3, 4, 5, 6
           ORDER BY 3, 1, 2, 4, array_position(ARRAY['current', '1-30', '31-60', '61-90', '90+'], arrears), 6""",
        {"on": on, "lender_id": lender_id, "micro": MICRO_PER_FEN},
    )
    return [
        Standing(
            lender_id=row[0],
            product_id=row[1],
            currency=row[2],
            stage=row[3],
            arrears=row[4],
            non_accrual=row[5],
            loans=row[6],
            principal_unbilled_fen=row[7],
            principal_billed_fen=row[8],
            principal_overdue_fen=row[9],
            interest_fen=row[10],
            penalty_fen=row[11],
            fee_fen=row[12],
            accrued_interest_fen=row[13],
            accrued_penalty_fen=row[14],
        )
        for row in rows
    ]


def income(tx: Transaction, *, first: date, last: date, lender_id: UUID | None) -> list[Income]:
    """Return what was earned, given up and lost on each day from `first` to `last`; days of nothing are left out."""
    rows = tx.execute(
        """SELECT on_date, lender_id, product_id, currency,
                  coalesce(sum(credits_fen - debits_fen) FILTER (WHERE code = %(interest)s), 0)::bigint,
                  coalesce(sum(credits_fen - debits_fen) FILTER (WHERE code = %(penalty)s), 0)::bigint,
                  coalesce(sum(credits_fen - debits_fen) FILTER (WHERE code = %(fee)s), 0)::bigint,
                  coalesce(sum(credits_fen - debits_fen) FILTER (WHERE code = %(rounding)s), 0)::bigint,
                  coalesce(sum(debits_fen - credits_fen) FILTER (WHERE code = %(concession)s), 0)::bigint,
                  coalesce(sum(debits_fen - credits_fen) FILTER (WHERE code = %(loss)s), 0)::bigint
           FROM day_balance
           WHERE on_date BETWEEN %(first)s AND %(last)s AND code = ANY (%(codes)s)
             AND (%(lender_id)s::uuid IS NULL OR lender_id = %(lender_id)s)
           GROUP BY 1, 2, 3, 4 ORDER BY 4, 1, 2, 3""",
        {
            "first": first,
            "last": last,
            "lender_id": lender_id,
            "codes": [int(code) for code in _INCOME.values()],
            **{name: int(code) for name, code in _INCOME.items()},
        },
    )
    return [
        Income(
            on=row[0],
            lender_id=row[1],
            product_id=row[2],
            currency=row[3],
            interest_fen=row[4],
            penalty_fen=row[5],
            fee_fen=row[6],
            rounding_fen=row[7],
            concession_fen=row[8],
            loss_fen=row[9],
        )
        for row in rows
    ]
