"""Loans that were called off against their money: they ended unpaid, after what had been paid out came back."""

from __future__ import annotations

from typing import Final, LiteralString

from mingqu.store.server.database import Transaction

FINDINGS_MAX: Final = 20

# The payout named was paid and taken back before, and nothing of the loan was paid, or may still be, by any other.
_UNPAID: Final[LiteralString] = """
    SELECT format('loan %%s was called off and is not unpaid', c.loan_id)
    FROM loan_called_off c
    LEFT JOIN loan l ON l.cell = c.cell AND l.loan_id = c.loan_id AND l.person_id = c.person_id
    LEFT JOIN channel_order r ON r.cell = c.cell AND r.order_id = c.returned_id AND r.loan_id = c.loan_id
        AND r.kind = 'payout' AND r.state = 'PAID'
    WHERE l.stage IS DISTINCT FROM 'cancelled' OR r.order_id IS NULL OR EXISTS (
        SELECT FROM channel_order o
        WHERE o.cell = c.cell AND o.loan_id = c.loan_id AND o.kind = 'payout' AND o.state <> 'FAILED'
          AND NOT EXISTS (SELECT FROM loan_event e WHERE e.cell = o.cell AND e.loan_id = o.loan_id
                          AND e.kind = 'reversed' AND e.target = o.order_id))"""
# No version of its contract waits for an answer any more, nor was one agreed to afterwards.
_ANSWERED: Final[LiteralString] = """
    SELECT format('version %%s is of a loan that was called off', v.version_id)
    FROM loan_called_off c
    JOIN funds_version v ON v.cell = c.cell AND v.loan_id = c.loan_id
    LEFT JOIN funds_version_answer a ON a.cell = v.cell AND a.version_id = v.version_id
    WHERE v.published_at > c.called_off_at OR (v.lapses_at > c.called_off_at AND a.version_id IS NULL)
       OR a.answered_at > c.called_off_at"""


def called_off(tx: Transaction) -> list[str]:
    """Return a sentence for each loan that was called off and is not unpaid, or of which something still waits."""
    return [sentence for check in (_UNPAID, _ANSWERED) for (sentence,) in tx.execute(check, ()).fetchmany(FINDINGS_MAX)]
