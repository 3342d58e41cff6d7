"""What lenders that decide by themselves paid in: lent on what was signed, or called off and booked back, once."""

from __future__ import annotations

from typing import Final, LiteralString

from mingqu.store.server.database import Transaction

FINDINGS_MAX: Final = 20

_SIGNED: Final[LiteralString] = """
    SELECT format('the money for offer %%s was called off, and a loan was signed on it', f.offer_id)
    FROM lender_funding f JOIN contract c ON c.cell = f.cell AND c.offer_id = f.offer_id
    LEFT JOIN loan l ON l.cell = c.cell AND l.loan_id = c.loan_id
    WHERE f.called_off_at IS NOT NULL AND l.stage IS DISTINCT FROM 'cancelled'"""
# 1 is FUND_LENDER, 4 RETURN_FUNDING. What a lender puts in without an offer has no row, and is never given back so.
_BACK: Final[LiteralString] = """
    WITH moved AS (
        SELECT reference, coalesce(sum(amount_fen) FILTER (WHERE reason = 1), 0) AS come,
               coalesce(sum(amount_fen) FILTER (WHERE reason = 4), 0) AS gone
        FROM transfer WHERE reason IN (1, 4) AND kind = 1 GROUP BY reference
    )
    SELECT format('what came in under %%s and went back is not what was asked for and called off',
                  coalesce(f.reference, m.reference))
    FROM lender_funding f FULL JOIN moved m ON m.reference = f.reference
    WHERE CASE WHEN f.reference IS NULL THEN m.gone <> 0
               ELSE coalesce(m.come, 0) NOT IN (0, f.amount_fen)
                    OR coalesce(m.gone, 0) <> CASE WHEN f.called_off_at IS NULL THEN 0
                                                   ELSE coalesce(m.come, 0) END END"""


def lender_money(tx: Transaction) -> list[str]:
    """Return a sentence for each offer whose lender's money is neither with what was signed nor back."""
    return [sentence for check in (_SIGNED, _BACK) for (sentence,) in tx.execute(check, ()).fetchmany(FINDINGS_MAX)]
