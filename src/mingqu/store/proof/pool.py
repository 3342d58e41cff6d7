"""Pools of securities against the loans they hold: bought at their principal, and received what was posted on them."""

from __future__ import annotations

from typing import Final, LiteralString

from mingqu.store.funders.pool_book import MOVED
from mingqu.store.ledgers.credited import CREDITED
from mingqu.store.server.database import Transaction

FINDINGS_MAX: Final = 20

# Its principal as the day before the purchase ended, from its transfers alone.
_BOUGHT: Final[LiteralString] = f"""
    SELECT format('loan %%s was bought by pool %%s for another amount than its principal', p.loan_id, p.pool_id)
    FROM pool_loan p CROSS JOIN LATERAL (
        SELECT coalesce(sum(fen), 0) AS fen FROM (
            SELECT amount_fen AS fen FROM transfer WHERE cell = p.cell AND debit_owner = p.loan_id AND amount_fen > 0
                AND kind IN (1, 3) AND debit_code IN (1101, 1102) AND posted_on < p.bought_on
            UNION ALL
            SELECT -amount_fen FROM {CREDITED} WHERE cell = p.cell AND credit_owner = p.loan_id AND amount_fen > 0
                AND kind IN (1, 3) AND credit_code IN (1101, 1102) AND posted_on < p.bought_on) one) owed
    WHERE owed.fen <> p.bought_fen"""  # noqa: S608  Our own part of a statement.
# Each receipt is what was posted on its day, and no day of a drawn pool on which a loan of it moved has none.
_RECEIVED: Final[LiteralString] = f"""
    WITH moved AS ({MOVED} GROUP BY 1, 2, 3), due AS (
        SELECT m.* FROM moved m JOIN pool_loan p ON p.cell = m.cell AND p.loan_id = m.loan_id
        WHERE m.posted_on <= (SELECT max(on_date) FROM pool_day d WHERE d.pool_id = p.pool_id)
          AND (m.principal_fen, m.other_fen, m.given_up_fen) <> (0, 0, 0)
    )
    SELECT format('what loan %%s brought its pool on %%s is not what was posted',
                  coalesce(r.loan_id, m.loan_id), coalesce(r.on_date, m.posted_on))
    FROM pool_receipt r
    FULL JOIN due m ON m.cell = r.cell AND m.loan_id = r.loan_id AND m.posted_on = r.on_date
    WHERE (r.principal_fen, r.other_fen, r.given_up_fen)
        IS DISTINCT FROM (m.principal_fen, m.other_fen, m.given_up_fen)"""  # noqa: S608  Our own statement, above.
# A holding is what the loan owes: at the last drawn day by its receipts, since then by what was posted.
_HELD: Final[LiteralString] = f"""
    WITH later AS ({MOVED} AND t.posted_on > (SELECT max(on_date) FROM pool_day d WHERE d.pool_id = p.pool_id)
                   GROUP BY 1, 2, 3)
    SELECT format('pool %%s holds of loan %%s another principal than it owes', p.pool_id, p.loan_id)
    FROM pool_loan p CROSS JOIN LATERAL (
        SELECT coalesce(sum(principal_fen + given_up_fen), 0) AS fen FROM pool_receipt
        WHERE cell = p.cell AND loan_id = p.loan_id) r
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(principal_fen + given_up_fen), 0) AS fen FROM later
        WHERE cell = p.cell AND loan_id = p.loan_id) l
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(debits_posted_fen - credits_posted_fen), 0) AS fen FROM account
        WHERE cell = p.cell AND owner = p.loan_id AND code IN (1101, 1102)) a
    WHERE CASE WHEN p.returned_on IS NULL THEN p.bought_fen - r.fen - l.fen <> a.fen
               ELSE p.bought_fen - r.fen <> p.returned_fen END"""  # noqa: S608  Our own statement, above.
_SHARED: Final[LiteralString] = """
    SELECT format('loan %%s is joint, and a pool bought it', p.loan_id) FROM pool_loan p
    JOIN loan_funding f ON f.cell = p.cell AND f.loan_id = p.loan_id WHERE cardinality(f.slices) > 0"""
# Every fen that came, or was there, went somewhere; what is there in the end is what the next day began with.
_DAYS: Final[LiteralString] = """
    WITH day AS (
        SELECT d.*, lag(on_date) OVER w AS last_on, lag(cash_fen) OVER w AS last_cash_fen,
               lag(senior_fen) OVER w AS last_senior_fen, lag(subordinate_fen) OVER w AS last_subordinate_fen
        FROM pool_day d WINDOW w AS (PARTITION BY pool_id ORDER BY on_date)
    ), received AS (
        SELECT p.pool_id, r.on_date, sum(r.principal_fen) AS principal_fen, sum(r.other_fen) AS other_fen
        FROM pool_receipt r JOIN pool_loan p ON p.cell = r.cell AND p.loan_id = r.loan_id GROUP BY 1, 2
    ), returned AS (
        SELECT pool_id, returned_on, sum(returned_fen) AS fen, sum(returned_other_fen) AS other_fen
        FROM pool_loan WHERE returned_on IS NOT NULL GROUP BY 1, 2
    ), spent AS (
        SELECT pool_id, bought_on, count(*) AS loans, sum(bought_fen) AS fen FROM pool_loan GROUP BY 1, 2
    )
    SELECT format('day %%s of pool %%s does not add up', d.on_date, d.pool_id)
    FROM day d JOIN pool o ON o.pool_id = d.pool_id
    LEFT JOIN received r ON r.pool_id = d.pool_id AND r.on_date = d.on_date
    LEFT JOIN spent s ON s.pool_id = d.pool_id AND s.bought_on = d.on_date + 1
    LEFT JOIN returned b ON b.pool_id = d.pool_id AND b.returned_on = d.on_date + 1
    WHERE d.on_date <> coalesce(d.last_on + 1, o.opened_on)
       OR d.opening_cash_fen <> coalesce(d.last_cash_fen, d.senior_fen + d.senior_principal_fen
                                         + d.subordinate_fen + d.subordinate_principal_fen)
       OR (d.senior_fen + d.senior_principal_fen) <> coalesce(d.last_senior_fen, d.senior_fen + d.senior_principal_fen)
       OR (d.subordinate_fen + d.subordinate_principal_fen)
          <> coalesce(d.last_subordinate_fen, d.subordinate_fen + d.subordinate_principal_fen)
       OR (d.repaid_fen, d.interest_fen) <> (coalesce(r.principal_fen, 0), coalesce(r.other_fen, 0))
       OR (d.returned_fen, d.returned_other_fen) <> (coalesce(b.fen, 0), coalesce(b.other_fen, 0))
       OR (d.bought, d.spent_fen) <> (coalesce(s.loans, 0), coalesce(s.fen, 0))
       OR d.opening_cash_fen + d.interest_fen + d.repaid_fen + d.returned_fen + d.returned_other_fen
          <> (SELECT coalesce(sum(fen), 0) FROM unnest(d.fees_paid_fen) AS u (fen)) + d.senior_interest_paid_fen
             + d.senior_principal_fen + d.subordinate_principal_fen + d.excess_fen + d.spent_fen + d.cash_fen"""
_ASTRAY: Final[LiteralString] = """
    SELECT format('loan %%s was bought or returned on a day that its pool does not have', p.loan_id) FROM pool_loan p
    LEFT JOIN pool_day d ON d.pool_id = p.pool_id AND d.on_date = p.bought_on - 1
    LEFT JOIN pool_day b ON b.pool_id = p.pool_id AND b.on_date = p.returned_on - 1
    WHERE d.pool_id IS NULL OR (b.pool_id IS NULL AND p.returned_on IS NOT NULL)"""


def pools(tx: Transaction) -> list[str]:
    """Return a sentence for each loan of a pool that is not what the pool holds, and each day that does not add up."""
    return [
        sentence
        for check in (_BOUGHT, _RECEIVED, _HELD, _SHARED, _DAYS, _ASTRAY)
        for (sentence,) in tx.execute(check, ()).fetchmany(FINDINGS_MAX)
    ]
