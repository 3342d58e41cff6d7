"""Fees of guarantors and insurers as the ledger has them: what borrowers paid of them on a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from mingqu.domain.ledger import AccountCode, Reason
from mingqu.store.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidFee:
    """What was paid of a partner's fee on one loan, booked on a day; below zero where it was taken back."""

    loan_id: UUID
    lender_id: UUID
    product_id: str
    currency: str
    value_date: date
    fee_fen: int


def paid_on(tx: Transaction, *, partner: str, account: AccountCode, on: date) -> list[PaidFee]:
    """Return what a partner (by code, whose fees wait on an account) was paid by borrowers on a day, in fixed order."""
    rows = tx.execute(
        """
        WITH moved AS (
            SELECT cell, credit_owner AS loan_id, value_date, amount_fen FROM transfer
            WHERE posted_on = %(on)s AND reason = %(reason)s AND credit_code = %(account)s
            UNION ALL
            SELECT cell, debit_owner, value_date, -amount_fen FROM transfer
            WHERE posted_on = %(on)s AND reason = %(reason)s AND debit_code = %(account)s
        )
        SELECT l.loan_id, l.lender_id, l.product_id, l.currency, m.value_date, sum(m.amount_fen)::bigint
        FROM moved m JOIN loan l ON l.cell = m.cell AND l.loan_id = m.loan_id
        JOIN loan_snapshot s ON s.cell = m.cell AND s.loan_id = m.loan_id
        WHERE EXISTS (SELECT FROM json_array_elements(s.terms -> 'fees') f WHERE f ->> 'partner' = %(partner)s)
        GROUP BY 1, 2, 3, 4, 5 HAVING sum(m.amount_fen) <> 0 ORDER BY 1, 5
        """,
        {"on": on, "reason": int(Reason.OWE_PARTNER), "account": int(account), "partner": partner},
    )
    return [
        PaidFee(loan_id=row[0], lender_id=row[1], product_id=row[2], currency=row[3], value_date=row[4], fee_fen=row[5])
        for row in rows
    ]
