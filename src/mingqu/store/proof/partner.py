"""Guarantors and insurers: what they paid and were paid is what loans and ledger say, and nothing of it twice."""

from __future__ import annotations

from typing import Final, LiteralString

from mingqu.store.server.database import Transaction

FINDINGS_MAX: Final = 20

# 131 is PAY_PARTNER, 132 PARTNER_PAYS; 1001 LENDER_CASH, 2003 DUE_TO_GUARANTOR.
_SETTLED: Final[LiteralString] = """
    WITH posted AS (
        SELECT cell, reference,
               sum(CASE WHEN debit_code = 1001 THEN -amount_fen ELSE amount_fen END)
                   FILTER (WHERE reason = 131 AND 2003 NOT IN (debit_code, credit_code)) AS fee,
               sum(CASE WHEN debit_code = 1001 THEN -amount_fen ELSE amount_fen END)
                   FILTER (WHERE reason = 131 AND 2003 IN (debit_code, credit_code)) AS recovered,
               sum(CASE WHEN debit_code = 1001 THEN amount_fen ELSE -amount_fen END)
                   FILTER (WHERE reason = 132) AS compensated
        FROM transfer WHERE reason IN (131, 132) GROUP BY 1, 2
    )
    SELECT format('what was settled with partner %%s of loan %%s is not what was posted', s.partner, s.loan_id)
    FROM partner_settled s FULL JOIN posted p ON p.cell = s.cell AND p.reference = s.settled_id
    WHERE (s.fee_fen, s.recovered_fen, s.compensated_fen)
        IS DISTINCT FROM (coalesce(p.fee, 0), coalesce(p.recovered, 0), coalesce(p.compensated, 0))"""
# Of what was settled each day is what moved on it: fees (130), what was recovered (29), what a guarantor paid (28).
_MOVED: Final[LiteralString] = """
    SELECT format('what was settled with partner %%s of loan %%s is not what moved on %%s',
                  s.partner, s.loan_id, s.on_date)
    FROM partner_settled s CROSS JOIN LATERAL (
        SELECT coalesce(sum(fen) FILTER (WHERE reason = 130), 0) AS fee,
               coalesce(sum(fen) FILTER (WHERE reason = 29), 0) AS recovered,
               coalesce(sum(fen) FILTER (WHERE reason = 28), 0) AS compensated
        FROM (
            SELECT reason, amount_fen AS fen FROM transfer
            WHERE cell = s.cell AND credit_owner = s.loan_id AND amount_fen > 0 AND posted_on = s.on_date
              AND (reason, credit_code) IN ((130, 2501), (130, 2502), (29, 2003), (28, 9102))
            UNION ALL
            SELECT reason, -amount_fen FROM transfer
            WHERE cell = s.cell AND debit_owner = s.loan_id AND amount_fen > 0 AND posted_on = s.on_date
              AND (reason, debit_code) IN ((130, 2501), (130, 2502), (29, 2003), (28, 9102))
        ) t
    ) m
    WHERE (s.fee_fen, s.recovered_fen, s.compensated_fen) <> (m.fee, m.recovered, m.compensated)"""
_PAID: Final[LiteralString] = """
    SELECT format('guarantor %%s paid for loan %%s, and the loan does not say so', g.partner, g.loan_id)
    FROM guarantor_payment g
    LEFT JOIN loan_event e ON e.cell = g.cell AND e.loan_id = g.loan_id AND e.event_id = g.event_id
                          AND e.kind = 'repaid' AND e.detail ->> 'receipt' = 'compensation'
                          AND e.amount_fen = g.amount_fen AND e.value_date = g.value_date
    WHERE e.event_id IS NULL"""


def partners(tx: Transaction) -> list[str]:
    """Return a sentence for each payment to or from a partner that loans and ledger do not bear out."""
    return [
        sentence for check in (_SETTLED, _MOVED, _PAID) for (sentence,) in tx.execute(check, ()).fetchmany(FINDINGS_MAX)
    ]
