"""Bills that guarantors paid one by one: what is due to be paid, what was, and what of it is claimed still."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from mingqu.domain.ledger import AccountCode, Reason
from mingqu.domain.loan import Payable
from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class BillPayment:
    """A bill that its loan's guarantor paid, by which version of the partner; amounts in fen."""

    loan_id: UUID
    event_id: UUID
    partner: str
    partner_version: int
    due: date
    overdue_days: int
    owed: Payable
    value_date: date
    paid_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimLine:
    """What a guarantor claims of a loan as a day ended, in fen: all it paid, what it had back, and what is left."""

    cell: int
    loan_id: UUID
    lender_id: UUID
    product_id: str
    currency: str
    paid_fen: int
    back_fen: int

    @property
    def left_fen(self) -> int:
        """What the borrower still owes it."""
        return self.paid_fen - self.back_fen


def insert_bill(tx: Transaction, *, cell: int, paid: BillPayment) -> None:
    """Store a bill that was paid; the caller holds the cell's lock."""
    owed = paid.owed
    tx.execute(
        """INSERT INTO guarantor_bill (cell, loan_id, event_id, partner, partner_version, due, overdue_days,
               principal_fen, interest_fen, penalty_fen, fee_fen, amount_fen, value_date, paid_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            cell,
            paid.loan_id,
            paid.event_id,
            paid.partner,
            paid.partner_version,
            paid.due,
            paid.overdue_days,
            owed.principal_fen,
            owed.interest_fen,
            owed.penalty_fen,
            owed.fee_fen,
            owed.total_fen,
            paid.value_date,
            paid.paid_at,
        ),
    )


def bills_paid(tx: Transaction, *, cell: int, loan_id: UUID) -> int:
    """Return for how many bills of a loan its guarantor paid, one twice where it lacked again."""
    row = tx.execute("SELECT count(*) FROM guarantor_bill WHERE cell = %s AND loan_id = %s", (cell, loan_id)).fetchone()
    assert row is not None
    return int(row[0])


def due_bills(tx: Transaction, *, cell: int, partner: str, on: date, after: UUID, limit: int) -> list[UUID]:
    """Return loans of which a guarantor pays bill by bill and a bill's day has come, by the loan's own terms.

    They come by their ids, behind `after`.
    """
    rows = tx.execute(
        """SELECT l.loan_id FROM loan l JOIN loan_snapshot s ON s.cell = l.cell AND s.loan_id = l.loan_id
           WHERE l.cell = %(cell)s AND l.loan_id > %(after)s AND l.stage = 'active' AND l.overdue_since IS NOT NULL
             AND l.overdue_since <= %(on)s::date - (s.terms -> 'bill_guarantee' ->> 'after_days')::integer
             AND EXISTS (SELECT FROM json_array_elements(s.terms -> 'fees') f
                         WHERE f ->> 'partner' = %(partner)s AND f ->> 'taker' = 'guarantor')
           ORDER BY l.loan_id LIMIT %(limit)s""",
        {"cell": cell, "partner": partner, "on": on, "after": after, "limit": limit},
    )
    return [loan_id for (loan_id,) in rows]


def claims_on(tx: Transaction, *, partner: str, on: date) -> list[ClaimLine]:
    """Return what a guarantor claims as a day ended, loan by loan, by what was booked until then; paid back or not."""
    rows = tx.execute(
        """
        WITH moved AS (
            SELECT cell, debit_owner AS loan_id, reason, amount_fen AS fen FROM transfer
            WHERE posted_on <= %(on)s AND debit_code = %(claim)s AND credit_code = %(guarantor)s
            UNION ALL
            SELECT cell, credit_owner, reason, -amount_fen FROM transfer
            WHERE posted_on <= %(on)s AND credit_code = %(claim)s AND debit_code = %(guarantor)s
        )
        SELECT l.cell, l.loan_id, l.lender_id, l.product_id, l.currency,
               coalesce(sum(m.fen) FILTER (WHERE m.reason <> %(recover)s), 0)::bigint,
               coalesce(-sum(m.fen) FILTER (WHERE m.reason = %(recover)s), 0)::bigint
        FROM moved m JOIN loan l ON l.cell = m.cell AND l.loan_id = m.loan_id
        JOIN loan_snapshot s ON s.cell = l.cell AND s.loan_id = l.loan_id
        WHERE EXISTS (SELECT FROM json_array_elements(s.terms -> 'fees') f
                      WHERE f ->> 'partner' = %(partner)s AND f ->> 'taker' = 'guarantor')
        GROUP BY 1, 2, 3, 4, 5 ORDER BY 2
        """,
        {
            "on": on,
            "partner": partner,
            "recover": int(Reason.RECOVER_CLAIM),
            "claim": int(AccountCode.GUARANTOR_CLAIM),
            "guarantor": int(AccountCode.GUARANTOR),
        },
    )
    return [ClaimLine(**dict(zip(ClaimLine.__slots__, row, strict=True))) for row in rows]
