"""Days that were added up, against what they were made of, and against each other."""

from __future__ import annotations

from typing import Final, LiteralString

from mingqu.store.days.day_sum import PLACED_BY_DAY, WHOSE
from mingqu.store.server.database import Transaction

# Enough to see what kind of break it is; a broken book may have millions.
FINDINGS_MAX: Final = 20

# Each day's rows are the transfers that were booked on it. A day that is closed takes no more of them. All cells
# together: when a book is cut anew, transfers go to other cells, and what is added up stays.
_DAYS: Final[LiteralString] = f"""
    WITH moved AS (
        SELECT t.cell, t.posted_on, debit_owner, debit_code, credit_owner, credit_code, currency,
               sum(amount_fen) AS fen
        FROM transfer t JOIN book b ON true LEFT JOIN day_sum s ON s.cell = t.cell
        WHERE kind IN (1, 3) AND t.posted_on <= coalesce(
            s.summed_to,
            CASE WHEN t.cell >= b.cells THEN (SELECT summed_to FROM day_sum WHERE cell = 0) END, b.opened_on - 1)
        GROUP BY 1, 2, 3, 4, 5, 6, 7
    ){PLACED_BY_DAY}, now AS (
        SELECT posted_on, lender_id, product_id, currency, code, sum(debits) AS debits, sum(credits) AS credits
        FROM day GROUP BY 1, 2, 3, 4, 5
    ), kept AS (
        SELECT on_date, lender_id, product_id, currency, code, sum(debits_fen) AS debits, sum(credits_fen) AS credits
        FROM day_balance GROUP BY 1, 2, 3, 4, 5
    )
    SELECT DISTINCT format('the balances of %%s are not what was booked on it', coalesce(k.on_date, n.posted_on))
    FROM kept k FULL JOIN now n
      ON n.posted_on = k.on_date AND n.lender_id = k.lender_id AND n.product_id = k.product_id
         AND n.currency = k.currency AND n.code = k.code
    WHERE (k.debits, k.credits) IS DISTINCT FROM (n.debits, n.credits)
    ORDER BY 1"""  # noqa: S608  Our own text.

# What loans owe at the end of each day is what the accounts of loans hold then; what accrued is what its accounts hold,
# but for the two carries of its group in each cell, which are below a fen each.
_TIED: Final[LiteralString] = """
    WITH moved AS (
        SELECT lender_id, product_id, currency, on_date,
               sum(debits_fen - credits_fen) FILTER (WHERE code = 1101) AS unbilled,
               sum(debits_fen - credits_fen) FILTER (WHERE code = 1102) AS billed,
               sum(debits_fen - credits_fen) FILTER (WHERE code = 1103) AS interest,
               sum(debits_fen - credits_fen) FILTER (WHERE code = 1104) AS penalty,
               sum(debits_fen - credits_fen) FILTER (WHERE code = 1105) AS fee,
               sum(debits_fen - credits_fen) FILTER (WHERE code = 1131) AS accrued_interest,
               sum(debits_fen - credits_fen) FILTER (WHERE code = 1132) AS accrued_penalty
        FROM day_balance WHERE code BETWEEN 1101 AND 1132 GROUP BY 1, 2, 3, 4
    ), stood AS (
        SELECT lender_id, product_id, currency, on_date, sum(principal_unbilled_fen) AS unbilled,
               sum(principal_billed_fen) AS billed, sum(interest_fen) AS interest, sum(penalty_fen) AS penalty,
               sum(fee_fen) AS fee, sum(accrued_interest_micro) AS accrued_interest,
               sum(accrued_penalty_micro) AS accrued_penalty
        FROM day_portfolio GROUP BY 1, 2, 3, 4
    ), done AS (
        SELECT b.opened_on, max(s.portfolio_from) AS kept_from, min(s.summed_to) AS summed_to,
               2000000 * greatest(b.cells, (SELECT max(greatest(from_cells, to_cells)) FROM recut)) AS carry
        FROM day_sum s CROSS JOIN book b GROUP BY b.opened_on, b.cells HAVING count(*) = b.cells
    ), line AS (
        SELECT k.*, d.day::date AS on_date
        FROM (SELECT lender_id, product_id, currency FROM moved
              UNION SELECT lender_id, product_id, currency FROM stood) k
        CROSS JOIN done CROSS JOIN LATERAL generate_series(opened_on, summed_to, interval '1 day') AS d (day)
    ), held AS (
        SELECT l.lender_id, l.product_id, l.currency, l.on_date,
               coalesce(sum(m.unbilled) OVER upto, 0) AS unbilled, coalesce(sum(m.billed) OVER upto, 0) AS billed,
               coalesce(sum(m.interest) OVER upto, 0) AS interest, coalesce(sum(m.penalty) OVER upto, 0) AS penalty,
               coalesce(sum(m.fee) OVER upto, 0) AS fee,
               coalesce(sum(m.accrued_interest) OVER upto, 0) * 1000000 AS accrued_interest,
               coalesce(sum(m.accrued_penalty) OVER upto, 0) * 1000000 AS accrued_penalty
        FROM line l LEFT JOIN moved m ON m.lender_id = l.lender_id AND m.product_id = l.product_id
            AND m.currency = l.currency AND m.on_date = l.on_date
        WINDOW upto AS (PARTITION BY l.lender_id, l.product_id, l.currency ORDER BY l.on_date)
    )
    SELECT format('the portfolio of %%s on %%s is not what its accounts held', h.product_id, h.on_date)
    FROM held h JOIN done ON h.on_date >= done.kept_from
    LEFT JOIN stood p ON p.lender_id = h.lender_id AND p.product_id = h.product_id AND p.currency = h.currency
        AND p.on_date = h.on_date
    WHERE (h.unbilled, h.billed, h.interest, h.penalty, h.fee) IS DISTINCT FROM
          (coalesce(p.unbilled, 0), coalesce(p.billed, 0), coalesce(p.interest, 0), coalesce(p.penalty, 0),
           coalesce(p.fee, 0))
       OR NOT coalesce(p.accrued_interest, 0) - h.accrued_interest BETWEEN 0 AND done.carry - 1
       OR NOT coalesce(p.accrued_penalty, 0) - h.accrued_penalty BETWEEN 0 AND done.carry - 1
    ORDER BY h.on_date, h.product_id"""

# The classes, with what was written since the last day that was added up, are all running loans as they stand.
_CLASSES: Final[LiteralString] = """
    WITH kept AS (
        SELECT lender_id, product_id, currency, stage, overdue_since, loans,
               principal_unbilled_fen + principal_billed_fen AS principal,
               interest_fen + penalty_fen + fee_fen AS other,
               interest_slope + penalty_slope AS slope
        FROM portfolio_class
        UNION ALL
        SELECT lender_id, product_id, currency, stage, overdue_since, loans,
               principal_unbilled_fen + principal_billed_fen, interest_fen + penalty_fen + fee_fen,
               interest_slope + penalty_slope
        FROM portfolio_delta
    ), sums AS (
        SELECT lender_id, product_id, currency, stage, overdue_since, sum(loans) AS loans,
               sum(principal) AS principal, sum(other) AS other, sum(slope) AS slope
        FROM kept GROUP BY 1, 2, 3, 4, 5
        HAVING (sum(loans), sum(principal), sum(other), sum(slope)) IS DISTINCT FROM (0, 0, 0, 0)
    ), now AS (
        SELECT lender_id, product_id, currency, stage, coalesce(overdue_since, '-infinity') AS overdue_since,
               count(*) AS loans, sum(principal_unbilled_fen + payable_principal_fen) AS principal,
               sum(payable_interest_fen + payable_penalty_fen + payable_fee_fen) AS other,
               sum(interest_daily_micro + penalty_daily_micro) AS slope
        FROM loan WHERE stage IN ('active', 'charged_off') GROUP BY 1, 2, 3, 4, 5
    )
    SELECT DISTINCT format('the running loans of %%s are not those of its portfolio',
                           coalesce(s.product_id, n.product_id))
    FROM sums s FULL JOIN now n ON n.lender_id = s.lender_id AND n.product_id = s.product_id
        AND n.currency = s.currency AND n.stage = s.stage AND n.overdue_since = s.overdue_since
    WHERE (s.loans, s.principal, s.other, s.slope) IS DISTINCT FROM (n.loans, n.principal, n.other, n.slope)
    ORDER BY 1"""

# A loan that was ever paid out stands as its last turn says; one that began here or came over says when, on its first.
_TURNS: Final[LiteralString] = """
    SELECT DISTINCT format('the turns of loan %%s are not how it stands', replace(l.loan_id::text, '-', ''))
    FROM loan l LEFT JOIN (
        SELECT DISTINCT ON (cell, loan_id) cell, loan_id, stage, overdue_since, principal_fen,
               max(started_on) OVER (PARTITION BY cell, loan_id) AS started_on
        FROM loan_turn ORDER BY cell, loan_id, on_date DESC
    ) t ON t.cell = l.cell AND t.loan_id = l.loan_id
    WHERE (l.stage <> 'planned' OR t.stage IS NOT NULL)
        AND ((t.stage, t.overdue_since) IS DISTINCT FROM (l.stage, l.overdue_since)
        OR (t.started_on IS NULL AND l.stage <> 'cancelled')
        OR (l.overdue_since IS NOT NULL AND t.principal_fen <> l.principal_unbilled_fen + l.payable_principal_fen))
    ORDER BY 1"""


def day_balances(tx: Transaction) -> list[str]:
    """The balances of each day that was added up are those of the transfers booked on it."""
    return _found(tx, _DAYS)


def day_portfolios(tx: Transaction) -> list[str]:
    """What loans owed at the end of each day is what their accounts held; classes and turns are the loans'."""
    return _found(tx, _TIED) + _found(tx, _CLASSES) + _found(tx, _TURNS)


def _found(tx: Transaction, question: LiteralString) -> list[str]:
    return [sentence for (sentence,) in tx.execute(question, WHOSE).fetchmany(FINDINGS_MAX)]
