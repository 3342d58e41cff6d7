"""Fees of guarantors and insurers as the ledger has them: what borrowers paid of them on a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from mingqu.domain.ledger import AccountCode, Reason
from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidFee:
    """What was paid of a partner's fee on one loan, booked on a day; below zero where it was taken back."""

    loan_id: UUID
    lender_id: UUID
    product_id: str
    currency: str
    value_date: date
    fee_fen: int


def paid_on(tx: Transaction, *, partner: str, on: date) -> list[PaidFee]:
    """Return what a partner (by code) was paid by borrowers on a day, in fixed order.

    As what a partner is paid, each loan's signed terms say; they never change, and a transfer of that day does not
    either. So nothing that a partner, a policy or a loan became later moves a line.
    """
    rows = tx.execute(
        """
        WITH moved AS (
            SELECT cell, credit_owner AS loan_id, credit_code AS account, value_date, amount_fen FROM transfer
            WHERE posted_on = %(on)s AND reason = %(reason)s AND credit_code IN (%(guarantor)s, %(insurer)s)
            UNION ALL
            SELECT cell, debit_owner, debit_code, value_date, -amount_fen FROM transfer
            WHERE posted_on = %(on)s AND reason = %(reason)s AND debit_code IN (%(guarantor)s, %(insurer)s)
        )
        SELECT l.loan_id, l.lender_id, l.product_id, l.currency, m.value_date, sum(m.amount_fen)::bigint
        FROM moved m JOIN loan l ON l.cell = m.cell AND l.loan_id = m.loan_id
        JOIN loan_snapshot s ON s.cell = m.cell AND s.loan_id = m.loan_id
        WHERE EXISTS (SELECT FROM json_array_elements(s.terms -> 'fees') f
                      WHERE f ->> 'partner' = %(partner)s
                        AND m.account = CASE f ->> 'taker' WHEN 'guarantor' THEN %(guarantor)s ELSE %(insurer)s END)
        GROUP BY 1, 2, 3, 4, 5 HAVING sum(m.amount_fen) <> 0 ORDER BY 1, 5
        """,
        {
            "on": on,
            "reason": int(Reason.OWE_PARTNER),
            "guarantor": int(AccountCode.DUE_GUARANTEE_FEE),
            "insurer": int(AccountCode.DUE_PREMIUM),
            "partner": partner,
        },
    )
    return [
        PaidFee(loan_id=row[0], lender_id=row[1], product_id=row[2], currency=row[3], value_date=row[4], fee_fen=row[5])
        for row in rows
    ]
