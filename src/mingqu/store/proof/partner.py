"""Guarantors and insurers: what they paid and were paid is what loans and ledger say, and nothing of it twice."""

from __future__ import annotations

from typing import Final, LiteralString

from mingqu.store.ledgers.credited import CREDITED
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
_MOVED: Final[LiteralString] = f"""
    SELECT format('what was settled with partner %%s of loan %%s is not what moved on %%s',
                  s.partner, s.loan_id, s.on_date)
    FROM partner_settled s CROSS JOIN LATERAL (
        SELECT coalesce(sum(fen) FILTER (WHERE reason = 130), 0) AS fee,
               coalesce(sum(fen) FILTER (WHERE reason = 29), 0) AS recovered,
               coalesce(sum(fen) FILTER (WHERE reason = 28), 0) AS compensated
        FROM (
            SELECT reason, amount_fen AS fen FROM {CREDITED}
            WHERE cell = s.cell AND credit_owner = s.loan_id AND amount_fen > 0 AND posted_on = s.on_date
              AND (reason, credit_code) IN ((130, 2501), (130, 2502), (29, 2003), (28, 9102))
            UNION ALL
            SELECT reason, -amount_fen FROM transfer
            WHERE cell = s.cell AND debit_owner = s.loan_id AND amount_fen > 0 AND posted_on = s.on_date
              AND (reason, debit_code) IN ((130, 2501), (130, 2502), (29, 2003), (28, 9102))
        ) t
    ) m
    WHERE (s.fee_fen, s.recovered_fen, s.compensated_fen) <> (m.fee, m.recovered, m.compensated)"""  # noqa: S608  Our own part of a statement.
_PAID: Final[LiteralString] = """
    SELECT format('guarantor %%s paid for loan %%s, and the loan does not say so', g.partner, g.loan_id)
    FROM guarantor_payment g
    LEFT JOIN loan_event e ON e.cell = g.cell AND e.loan_id = g.loan_id AND e.event_id = g.event_id
                          AND e.kind = 'repaid' AND e.detail ->> 'receipt' = 'compensation'
                          AND e.amount_fen = g.amount_fen AND e.value_date = g.value_date
    WHERE e.event_id IS NULL"""

_BILLS: Final[LiteralString] = """
    SELECT format('guarantor %%s paid the bill of %%s of loan %%s, and the loan does not say so', g.partner, g.due,
                  coalesce(g.loan_id, e.loan_id))
    FROM guarantor_bill g
    FULL JOIN (SELECT * FROM loan_event WHERE kind = 'repaid' AND detail ? 'bill') e
      ON e.cell = g.cell AND e.loan_id = g.loan_id AND e.event_id = g.event_id
    WHERE (e.detail ->> 'receipt', (e.detail ->> 'bill')::date, e.amount_fen, e.value_date)
        IS DISTINCT FROM ('compensation', g.due, g.amount_fen, g.value_date)"""
# All that a guarantor paid of a loan, bill by bill or as a whole, it has back or may claim: 9101 is GUARANTOR_CLAIM;
# what was collected for it, or was more than the loan lacked, came to 2003 by reason 29.
_CREDITORS: Final[LiteralString] = f"""
    WITH paid AS (
        SELECT g.cell, g.loan_id, sum(g.amount_fen) AS fen
        FROM (SELECT cell, loan_id, event_id, amount_fen FROM guarantor_bill
              UNION ALL SELECT cell, loan_id, event_id, amount_fen FROM guarantor_payment) g
        WHERE NOT EXISTS (SELECT FROM loan_event r WHERE r.cell = g.cell AND r.loan_id = g.loan_id
                              AND r.kind = 'reversed' AND r.target = g.event_id)
        GROUP BY 1, 2
    )
    SELECT format('what its guarantor paid of loan %%s is neither claimed nor paid back', p.loan_id)
    FROM paid p CROSS JOIN LATERAL (
        SELECT (SELECT coalesce(sum(debits_posted_fen - credits_posted_fen), 0) FROM account
                WHERE cell = p.cell AND owner = p.loan_id AND code = 9101)
             + (SELECT coalesce(sum(amount_fen), 0) FROM {CREDITED}
                WHERE cell = p.cell AND credit_owner = p.loan_id AND credit_code = 2003 AND amount_fen > 0
                  AND reason = 29)
             - (SELECT coalesce(sum(amount_fen), 0) FROM transfer
                WHERE cell = p.cell AND debit_owner = p.loan_id AND debit_code = 2003 AND amount_fen > 0
                  AND reason = 29) AS fen
    ) held
    WHERE p.fen <> held.fen"""  # noqa: S608  Our own part of a statement.


def partners(tx: Transaction) -> list[str]:
    """Return a sentence for each payment to or from a partner that loans and ledger do not bear out."""
    checks = (_SETTLED, _MOVED, _PAID, _BILLS, _CREDITORS)
    return [sentence for check in checks for (sentence,) in tx.execute(check, ()).fetchmany(FINDINGS_MAX)]
