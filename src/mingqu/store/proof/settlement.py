"""Settlements: each is the sum of its orders, which a bill bears out, and is posted as it says; no order twice."""

from __future__ import annotations

from typing import Final, LiteralString

from mingqu.store.server.database import Transaction

# Enough to see what kind of break it is; a broken book may have millions.
FINDINGS_MAX: Final = 20

# 60 is SETTLE, 61 KEEP_FEE, 1001 LENDER_CASH, 1002 COLLECTION_CLEARING, 4004 CHANNEL_FEE.
_POSTED: Final[LiteralString] = """
    WITH posted AS (
        SELECT reference AS settlement_id,
               sum(CASE WHEN reason = 60 AND debit_code = 1001 THEN amount_fen
                        WHEN reason = 60 THEN -amount_fen ELSE 0 END) AS gross_fen,
               sum(CASE WHEN reason = 61 THEN amount_fen ELSE 0 END) AS fee_fen,
               min(posted_on) AS posted_on, max(posted_on) AS posted_last,
               bool_and(debit_owner = credit_owner) AS one_owner, min(debit_owner::text)::uuid AS lender_id
        FROM transfer WHERE reason IN (60, 61) AND kind = 1 GROUP BY reference
    ), made AS (
        SELECT settlement_id, sum(amount_fen) AS gross_fen, sum(fee_fen) AS fee_fen, count(*) AS orders
        FROM settled_order GROUP BY settlement_id
    )
    SELECT format('settlement %%s is not what its orders or its transfers say',
                  coalesce(s.settlement_id, posted.settlement_id, made.settlement_id))
    FROM settlement s
    FULL JOIN posted ON posted.settlement_id = s.settlement_id
    FULL JOIN made ON made.settlement_id = coalesce(s.settlement_id, posted.settlement_id)
    WHERE NOT coalesce(
        s.gross_fen = made.gross_fen AND s.fee_fen = made.fee_fen AND s.orders = made.orders
        AND CASE WHEN posted.settlement_id IS NULL THEN s.gross_fen = 0 AND s.fee_fen = 0
                 ELSE posted.gross_fen = s.gross_fen AND posted.fee_fen = s.fee_fen AND posted.one_owner
                      AND posted.lender_id = s.lender_id AND posted.posted_on = s.posted_on
                      AND posted.posted_last = s.posted_on END, false)"""

_BORNE_OUT: Final[LiteralString] = """
    SELECT format('order %%s is settled, and neither it nor a bill says so', o.order_id)
    FROM settled_order o
    LEFT JOIN channel_order c ON c.cell = o.cell AND c.order_id = o.order_id AND c.state = 'PAID'
    LEFT JOIN loan l ON l.cell = c.cell AND l.loan_id = c.loan_id
    LEFT JOIN (
        spend_order w JOIN spend_account a ON a.cell = w.cell AND a.account_id = w.account_id
    ) ON w.cell = c.cell AND w.order_id = c.order_id
    LEFT JOIN settlement s ON s.settlement_id = o.settlement_id
                          AND s.lender_id = coalesce(l.lender_id, a.lender_id)
                          AND s.currency = c.currency
    WHERE NOT coalesce(
        o.amount_fen = CASE WHEN c.kind = 'return' THEN -c.amount_fen ELSE c.amount_fen END AND s.orders > 0
        AND EXISTS (SELECT FROM bill_line b
                    WHERE b.cell = o.cell AND b.source = s.source AND b.on_date = s.on_date
                      AND b.order_number = replace(o.order_id::text, '-', '') AND b.amount_fen = c.amount_fen
                      AND b.fee_fen = o.fee_fen), false)"""


def settlements(tx: Transaction) -> list[str]:
    """Return a sentence for each settlement, and each order of one, that is not what bill, order and ledger say."""
    return [
        sentence for check in (_POSTED, _BORNE_OUT) for (sentence,) in tx.execute(check, ()).fetchmany(FINDINGS_MAX)
    ]
