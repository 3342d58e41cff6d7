"""Money between cells: each leg has its other one, or work that will post it; clearing nets to what is under way."""

from __future__ import annotations

from typing import Final, LiteralString

from mingqu.store.server.database import Transaction

# Enough to see what kind of break it is; a broken book may have millions.
FINDINGS_MAX: Final = 20

# 2101 is CLEARING, 50 BETWEEN_CELLS. What leaves a cell debits its clearing, what arrives credits it.
_CROSSINGS: Final[LiteralString] = """
    WITH gone AS (
        SELECT cell, reference, credit_owner AS owner, credit_code AS code, currency, amount_fen
        FROM transfer WHERE reason = 50 AND debit_code = 2101 AND kind = 1
    ), come AS (
        SELECT cell, reference, debit_owner AS owner, debit_code AS code, currency, amount_fen
        FROM transfer WHERE reason = 50 AND credit_code = 2101 AND kind = 1
    ), under_way AS (
        SELECT currency, sum(amount_fen) AS amount_fen FROM gone
        WHERE NOT EXISTS (SELECT FROM come WHERE come.reference = gone.reference) GROUP BY currency
    ), net AS (
        SELECT currency, sum(debits_posted_fen::numeric - credits_posted_fen) AS amount_fen,
               sum(debits_pending_fen::numeric + credits_pending_fen) AS held_fen
        FROM account WHERE code = 2101 GROUP BY currency
    )
    SELECT format('crossing %%s has not just one leg that leaves and one that arrives',
                  coalesce(gone.reference, come.reference))
    FROM gone FULL JOIN come ON come.reference = gone.reference
    LEFT JOIN work w ON w.cell = gone.cell AND w.work_id = gone.reference AND w.kind = 'crossing' AND w.done_at IS NULL
    WHERE gone.reference IS NULL
       OR CASE WHEN come.reference IS NULL THEN w.work_id IS NULL
               ELSE gone.cell = come.cell OR (gone.owner, gone.code, gone.currency, gone.amount_fen)
                                          <> (come.owner, come.code, come.currency, come.amount_fen) END
    UNION ALL
    SELECT format('crossing %%s has a leg more than once', reference)
    FROM (SELECT reference, 1 AS leg FROM gone UNION ALL SELECT reference, 2 FROM come) AS leg
    GROUP BY reference, leg HAVING count(*) > 1
    UNION ALL
    SELECT format('clearing nets to %%s fen in %%s, and %%s are under way', net.amount_fen, net.currency,
                  coalesce(under_way.amount_fen, 0))
    FROM net LEFT JOIN under_way ON under_way.currency = net.currency
    WHERE net.amount_fen <> coalesce(under_way.amount_fen, 0) OR net.held_fen <> 0
    """


def crossings(tx: Transaction) -> list[str]:
    """Return a sentence per crossing that has lost or doubled a leg, and per currency whose clearing does not net."""
    return [sentence for (sentence,) in tx.execute(_CROSSINGS, {}).fetchmany(FINDINGS_MAX)]
