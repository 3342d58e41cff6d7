"""The proof of the whole ledger: read everything, believe nothing, name each break."""

from __future__ import annotations

from typing import Final, LiteralString

from mingqu.domain.ledger import AccountCode, Side
from mingqu.store.server.database import Transaction

# Enough to see what kind of break it is; a broken book may have millions.
FINDINGS_MAX: Final = 20

# Each returns one sentence per break (a doubled percent sign is PostgreSQL's own). Sums are numeric, so that
# a forged amount cannot overflow them.
_BALANCES: Final[tuple[LiteralString, ...]] = (
    # Every balance equals the sum of its transfers, and every transfer has its accounts.
    """
    WITH side AS (
        SELECT t.cell, t.debit_owner AS owner, t.debit_code AS code, t.currency,
               CASE WHEN t.kind IN (1, 3) THEN t.amount_fen ELSE 0 END AS debits, 0 AS credits,
               CASE WHEN t.kind = 2 AND h.state = 1 THEN t.amount_fen ELSE 0 END AS debits_held, 0 AS credits_held
        FROM transfer t LEFT JOIN hold h ON t.kind = 2 AND h.cell = t.cell AND h.id = t.id
        UNION ALL
        SELECT t.cell, t.credit_owner, t.credit_code, t.currency,
               0, CASE WHEN t.kind IN (1, 3) THEN t.amount_fen ELSE 0 END,
               0, CASE WHEN t.kind = 2 AND h.state = 1 THEN t.amount_fen ELSE 0 END
        FROM transfer t LEFT JOIN hold h ON t.kind = 2 AND h.cell = t.cell AND h.id = t.id
    ), total AS (
        SELECT cell, owner, code, currency, sum(debits) AS debits, sum(credits) AS credits,
               sum(debits_held) AS debits_held, sum(credits_held) AS credits_held
        FROM side GROUP BY cell, owner, code, currency
    )
    SELECT format('account %%s/%%s/%%s/%%s has balances that are not the sum of its transfers',
                  coalesce(a.cell, t.cell), coalesce(a.owner, t.owner), coalesce(a.code, t.code),
                  coalesce(a.currency, t.currency))
    FROM account a FULL JOIN total t
      ON t.cell = a.cell AND t.owner = a.owner AND t.code = a.code AND t.currency = a.currency
    WHERE a.cell IS NULL
       OR (a.debits_posted_fen, a.credits_posted_fen, a.debits_pending_fen, a.credits_pending_fen)
          IS DISTINCT FROM (coalesce(t.debits, 0), coalesce(t.credits, 0),
                            coalesce(t.debits_held, 0), coalesce(t.credits_held, 0))
    """,
    # Debits equal credits in each cell and currency.
    """
    SELECT format('cell %%s has debits that are not equal to its credits in %%s', cell, currency)
    FROM account GROUP BY cell, currency
    HAVING sum(debits_posted_fen) <> sum(credits_posted_fen) OR sum(debits_pending_fen) <> sum(credits_pending_fen)
    """,
)

_SIDES: Final[tuple[LiteralString, ...]] = (
    # No account breaks its normal side, also when the constraints that say so were taken away.
    """
    SELECT format('account %%s/%%s/%%s/%%s breaks its normal side', cell, owner, code, currency)
    FROM account
    WHERE least(debits_posted_fen, credits_posted_fen, debits_pending_fen, credits_pending_fen) < 0
       OR CASE strict_side
            WHEN 1 THEN credits_posted_fen::numeric + credits_pending_fen > debits_posted_fen
            WHEN 2 THEN debits_posted_fen::numeric + debits_pending_fen > credits_posted_fen
            ELSE false
          END
       OR strict_side IS DISTINCT FROM (SELECT c.side FROM unnest(%(codes)s::smallint[], %(sides)s::smallint[])
                                        AS c (code, side) WHERE c.code = account.code)
    """,
)

_HOLDS: Final[tuple[LiteralString, ...]] = (
    # Every pending transfer has one hold, and every hold one pending transfer of the same amount above zero.
    """
    SELECT format('hold %%s/%%s is not the hold of a pending transfer', coalesce(h.cell, t.cell), coalesce(h.id, t.id))
    FROM hold h FULL JOIN (SELECT * FROM transfer WHERE kind = 2) t ON t.cell = h.cell AND t.id = h.id
    WHERE h.id IS NULL OR t.id IS NULL OR h.amount_fen <> t.amount_fen OR h.amount_fen <= 0
       OR h.expires_on IS DISTINCT FROM t.expires_on
    """,
    # A hold's state is what the one transfer that ended it says.
    """
    WITH ended AS (
        SELECT e.cell, e.pending_id, count(*) AS times, min(e.kind) AS kind, sum(e.amount_fen) AS amount_fen,
               bool_and((e.debit_owner, e.debit_code, e.credit_owner, e.credit_code, e.currency)
                        = (p.debit_owner, p.debit_code, p.credit_owner, p.credit_code, p.currency)) IS TRUE AS is_same
        FROM transfer e LEFT JOIN transfer p ON p.cell = e.cell AND p.id = e.pending_id AND p.kind = 2
        WHERE e.kind IN (3, 4, 5) GROUP BY e.cell, e.pending_id
    )
    SELECT format('hold %%s/%%s is not in the state its transfers say', coalesce(h.cell, e.cell),
                  coalesce(h.id, e.pending_id))
    FROM hold h FULL JOIN ended e ON e.cell = h.cell AND e.pending_id = h.id
    WHERE h.id IS NULL
       OR CASE h.state
            WHEN 1 THEN e.times IS NOT NULL OR h.posted_fen <> 0
            WHEN 2 THEN (e.times, e.kind, e.is_same) IS DISTINCT FROM (1::bigint, 3::smallint, true)
                        OR e.amount_fen <> h.posted_fen OR h.posted_fen NOT BETWEEN 1 AND h.amount_fen
            -- Voided by a transfer of kind 4, expired by one of kind 5.
            ELSE (e.times, e.kind, e.is_same) IS DISTINCT FROM (1::bigint, h.state + 1::smallint, true)
                 OR e.amount_fen <> h.amount_fen OR h.posted_fen <> 0
          END
    """,
)


_STRICT_SIDE: Final = {Side.EITHER: 0, Side.DEBIT: 1, Side.CREDIT: 2}


def strict_side(code: AccountCode) -> int:
    """Return what an account's row says of it: 0 not strict, 1 credits may not exceed debits, 2 the reverse."""
    return _STRICT_SIDE[code.side] if code.strict else 0


def prove(tx: Transaction) -> list[str]:
    """Read the whole ledger and return one sentence per break; an empty list is the proof.

    Balances equal the sums of their transfers, debits equal credits, no account breaks its normal
    side, holds equal open pending transfers. At most FINDINGS_MAX breaks of each kind are named.
    """
    return prove_balances(tx) + prove_sides(tx) + prove_holds(tx)


def prove_balances(tx: Transaction) -> list[str]:
    """Return a sentence per balance that is not the sum of its transfers, and per cell out of balance."""
    return _found(tx, _BALANCES)


def prove_sides(tx: Transaction) -> list[str]:
    """Return a sentence per account that breaks its normal side, or whose row says another side than the chart."""
    return _found(tx, _SIDES)


def prove_holds(tx: Transaction) -> list[str]:
    """Return a sentence per hold that is not just one pending transfer in the state its end says."""
    return _found(tx, _HOLDS)


def _found(tx: Transaction, checks: tuple[LiteralString, ...]) -> list[str]:
    chart: dict[str, object] = {
        "codes": [int(code) for code in AccountCode],
        "sides": [strict_side(code) for code in AccountCode],
    }
    return [sentence for check in checks for (sentence,) in tx.execute(check, chart).fetchmany(FINDINGS_MAX)]
