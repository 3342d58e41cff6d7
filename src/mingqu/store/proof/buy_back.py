"""Parts that were bought back: by two people, at a price that is booked for what the seller had."""

from __future__ import annotations

from typing import Final, LiteralString

from mingqu.store.ledgers.credited import CREDITED
from mingqu.store.server.database import Transaction

FINDINGS_MAX: Final = 20

_TWO_PEOPLE: Final[LiteralString] = """
    SELECT format('the part of loan %%s was not bought back as two people agreed', coalesce(b.loan_id, p.subject_id))
    FROM loan_buy_back b
    FULL JOIN (SELECT * FROM proposal WHERE state = 'approved' AND deed = 'buy_back') p
        ON p.cell = b.cell AND p.proposal_id = b.proposal_id
    WHERE NOT coalesce(
        p.subject_id = b.loan_id AND p.body ->> 'buy_back' = b.cause AND p.body ->> 'buyer' = b.buyer_code
        AND (p.body ->> 'principal_fen')::bigint = b.principal_fen
        AND (p.body ->> 'interest_fen')::bigint = b.interest_fen
        AND (p.body ->> 'penalty_fen')::bigint = b.penalty_fen
        AND (p.body ->> 'value_date')::date = b.bought_on AND p.decided_at = b.bought_at, false)"""
# The part is one of the loan's, and was its seller's.
_WHOSE: Final[LiteralString] = """
    SELECT format('what was bought back of loan %%s was not its seller''s', b.loan_id)
    FROM loan_buy_back b LEFT JOIN loan_funding f ON f.cell = b.cell AND f.loan_id = b.loan_id
    WHERE b.seller IS DISTINCT FROM f.funders[array_position(f.slices, b.slice)]"""
# 106 is SHARE_SELL; 9308 SHARE_PRICE, 9309 SHARE_SOLD.
_BOOKED: Final[LiteralString] = """
    SELECT format('the price of the part of loan %%s is not what is booked', b.loan_id)
    FROM loan_buy_back b CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount_fen), 0) AS fen, bool_and(posted_on = b.bought_on) AS then FROM transfer t
        WHERE t.cell = b.cell AND t.debit_owner = b.slice AND t.debit_code = 9308 AND t.credit_owner = b.slice
          AND t.credit_code = 9309 AND t.reason = 106 AND t.reference = b.proposal_id
    ) booked
    WHERE booked.fen <> b.principal_fen + b.interest_fen + b.penalty_fen OR booked.then IS NOT TRUE"""
# Principal that was paid for is what the seller still had by all that was booked before that day: 9301 is the claim.
_HAD: Final[LiteralString] = f"""
    SELECT format('the principal that was bought back of loan %%s is not what its seller had', b.loan_id)
    FROM loan_buy_back b CROSS JOIN LATERAL (
        SELECT (SELECT coalesce(sum(amount_fen), 0) FROM transfer
                WHERE cell = b.cell AND debit_owner = b.slice AND debit_code = 9301 AND kind IN (1, 3)
                  AND posted_on < b.bought_on)
             - (SELECT coalesce(sum(amount_fen), 0) FROM {CREDITED}
                WHERE cell = b.cell AND credit_owner = b.slice AND credit_code = 9301 AND kind IN (1, 3)
                  AND posted_on < b.bought_on) AS fen
    ) had
    WHERE had.fen <> b.principal_fen"""  # noqa: S608  Our own part of a statement.


def bought_back(tx: Transaction) -> list[str]:
    """Return a sentence for each part that was bought back and is not what proposals, shares and ledger say."""
    checks = (_TWO_PEOPLE, _WHOSE, _BOOKED, _HAD)
    return [sentence for check in checks for (sentence,) in tx.execute(check, ()).fetchmany(FINDINGS_MAX)]
