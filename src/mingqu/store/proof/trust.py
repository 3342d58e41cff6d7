"""The accounts of pools' trusts: each day moved on them what that day says, and they hold what the pool has."""

from __future__ import annotations

from typing import Final, LiteralString

from mingqu.domain.abs_pool import trust_id
from mingqu.store.server.database import Transaction

FINDINGS_MAX: Final = 20

# What each account gained on a day, debits above zero, against what came in on that day, who had it, and what was
# bought. On the first day the notes came in.
_DAYS: Final[LiteralString] = """
    WITH trust AS (SELECT * FROM unnest(%(pools)s::text[], %(owners)s::uuid[]) AS t (pool_id, owner)
    ), side AS (
        SELECT t.pool_id, m.reference, m.value_date, m.debit_code AS code, m.amount_fen AS fen
        FROM trust t JOIN transfer m ON m.cell = 0 AND m.debit_owner = t.owner AND m.amount_fen > 0
        UNION ALL
        SELECT t.pool_id, m.reference, m.value_date, m.credit_code, -m.amount_fen
        FROM trust t JOIN transfer m ON m.cell = 0 AND m.credit_owner = t.owner AND m.debit_owner <> m.credit_owner
            AND m.amount_fen > 0
        UNION ALL
        SELECT t.pool_id, m.reference, m.value_date, m.credit_code, -m.amount_fen
        FROM trust t JOIN transfer m ON m.cell = 0 AND m.debit_owner = t.owner AND m.credit_owner = t.owner
            AND m.amount_fen > 0
    ), moved AS (
        SELECT pool_id, reference, value_date,
               coalesce(sum(fen) FILTER (WHERE code = 9401), 0) AS cash,
               coalesce(sum(fen) FILTER (WHERE code = 9402), 0) AS loans,
               coalesce(-sum(fen) FILTER (WHERE code = 9403), 0) AS senior,
               coalesce(-sum(fen) FILTER (WHERE code = 9404), 0) AS subordinate,
               coalesce(-sum(fen) FILTER (WHERE code = 9405), 0) AS earned,
               coalesce(sum(fen) FILTER (WHERE code = 9406), 0) AS fee,
               coalesce(sum(fen) FILTER (WHERE code = 9407), 0) AS interest,
               coalesce(sum(fen) FILTER (WHERE code = 9408), 0) AS excess,
               coalesce(sum(fen) FILTER (WHERE code = 9409), 0) AS lost
        FROM side GROUP BY 1, 2, 3
    ), given_up AS (
        SELECT p.pool_id, r.on_date, sum(r.given_up_fen) AS fen
        FROM pool_receipt r JOIN pool_loan p ON p.cell = r.cell AND p.loan_id = r.loan_id GROUP BY 1, 2
    ), said AS (
        SELECT d.pool_id, d.day_id, d.on_date, d.repaid_fen + d.returned_fen AS repaid_fen,
               d.interest_fen + d.returned_other_fen AS interest_fen, d.spent_fen, d.excess_fen,
               d.senior_interest_paid_fen, d.senior_principal_fen, d.subordinate_principal_fen,
               (SELECT coalesce(sum(fen), 0) FROM unnest(d.fees_paid_fen) AS u (fen)) AS fee,
               coalesce(g.fen, 0) AS lost,
               CASE WHEN d.on_date = o.opened_on THEN d.senior_fen + d.senior_principal_fen ELSE 0 END AS senior,
               CASE WHEN d.on_date = o.opened_on THEN d.subordinate_fen + d.subordinate_principal_fen ELSE 0 END
                   AS subordinate
        FROM pool_day d JOIN pool o ON o.pool_id = d.pool_id
        LEFT JOIN given_up g ON g.pool_id = d.pool_id AND g.on_date = d.on_date
    )
    SELECT format('day %%s of pool %%s is not what its accounts moved', coalesce(s.on_date, m.value_date),
                  coalesce(s.pool_id, m.pool_id))
    FROM said s FULL JOIN moved m ON m.pool_id = s.pool_id AND m.reference = s.day_id AND m.value_date = s.on_date
    WHERE s.day_id IS NULL
       OR (coalesce(m.cash, 0), coalesce(m.loans, 0), coalesce(m.senior, 0), coalesce(m.subordinate, 0),
           coalesce(m.earned, 0), coalesce(m.fee, 0), coalesce(m.interest, 0), coalesce(m.excess, 0),
           coalesce(m.lost, 0))
          <> (s.senior + s.subordinate + s.repaid_fen + s.interest_fen - s.fee - s.senior_interest_paid_fen
                  - s.senior_principal_fen - s.subordinate_principal_fen - s.excess_fen - s.spent_fen,
              s.spent_fen - s.repaid_fen - s.lost, s.senior - s.senior_principal_fen,
              s.subordinate - s.subordinate_principal_fen, s.interest_fen, s.fee, s.senior_interest_paid_fen,
              s.excess_fen, s.lost)"""
# As its last day ended: cash, notes, and the principal of its loans by what was paid for them and what came of them.
_STANDS: Final[LiteralString] = """
    WITH held AS (
        SELECT t.pool_id,
               coalesce(sum(a.debits_posted_fen - a.credits_posted_fen) FILTER (WHERE a.code = 9401), 0) AS cash,
               coalesce(sum(a.debits_posted_fen - a.credits_posted_fen) FILTER (WHERE a.code = 9402), 0) AS loans,
               coalesce(sum(a.credits_posted_fen - a.debits_posted_fen) FILTER (WHERE a.code = 9403), 0) AS senior,
               coalesce(sum(a.credits_posted_fen - a.debits_posted_fen) FILTER (WHERE a.code = 9404), 0) AS subordinate
        FROM unnest(%(pools)s::text[], %(owners)s::uuid[]) AS t (pool_id, owner)
        LEFT JOIN account a ON a.cell = 0 AND a.owner = t.owner GROUP BY 1
    ), bought AS (
        SELECT p.pool_id, sum(p.bought_fen - coalesce(r.fen, 0) - p.returned_fen) AS fen
        FROM pool_loan p LEFT JOIN (
            SELECT cell, loan_id, sum(principal_fen + given_up_fen) AS fen FROM pool_receipt GROUP BY 1, 2
        ) r ON r.cell = p.cell AND r.loan_id = p.loan_id GROUP BY 1
    ), last AS (SELECT DISTINCT ON (pool_id) * FROM pool_day ORDER BY pool_id, on_date DESC)
    SELECT format('the accounts of pool %%s do not hold what it has', h.pool_id)
    FROM held h LEFT JOIN last d ON d.pool_id = h.pool_id LEFT JOIN bought b ON b.pool_id = h.pool_id
    WHERE (h.cash, h.loans, h.senior, h.subordinate)
       <> (coalesce(d.cash_fen, 0), coalesce(b.fen, 0), coalesce(d.senior_fen, 0), coalesce(d.subordinate_fen, 0))"""


def trusts(tx: Transaction) -> list[str]:
    """Return a sentence for each day of a pool that its trust's accounts do not bear out, and each that holds else."""
    pools = [pool_id for (pool_id,) in tx.execute("SELECT pool_id FROM pool ORDER BY pool_id", ())]
    asked: dict[str, object] = {"pools": pools, "owners": [trust_id(pool_id=pool_id) for pool_id in pools]}
    return [sentence for check in (_DAYS, _STANDS) for (sentence,) in tx.execute(check, asked).fetchmany(FINDINGS_MAX)]
