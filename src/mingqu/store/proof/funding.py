"""Joint loans and accounts: what their funders' memorandum accounts say is their own, split by shares to the fen."""

from __future__ import annotations

from typing import Final, LiteralString

from mingqu.store.ledgers.credited import CREDITED
from mingqu.store.server.database import Transaction

FINDINGS_MAX: Final = 20

# The last funder has what rounding leaves over; of two that is the whole less the first one's part, rounded down.
_PARTS: Final[LiteralString] = """
    , slice AS (
        SELECT f.cell, f.claim_id, u.place, f.shares_ppm[1] AS ppm,
               coalesce(sum(a.debits_posted_fen - a.credits_posted_fen) FILTER (WHERE a.code = 9301), 0) AS owed,
               coalesce(sum(a.credits_posted_fen - a.debits_posted_fen) FILTER (WHERE a.code = 9302), 0) AS lent,
               coalesce(sum(a.debits_posted_fen - a.credits_posted_fen) FILTER (WHERE a.code = 9303), 0) AS received,
               coalesce(sum(a.debits_posted_fen - a.credits_posted_fen) FILTER (WHERE a.code = 9304), 0) AS lost,
               coalesce(sum(a.credits_posted_fen - a.debits_posted_fen) FILTER (WHERE a.code = 9305), 0) AS interest,
               coalesce(sum(a.credits_posted_fen - a.debits_posted_fen) FILTER (WHERE a.code = 9306), 0) AS penalty,
               coalesce(sum(a.credits_posted_fen - a.debits_posted_fen) FILTER (WHERE a.code = 9307), 0) AS fee
        FROM routed f CROSS JOIN LATERAL unnest(f.slices) WITH ORDINALITY AS u (owner, place)
        LEFT JOIN account a ON a.cell = f.cell AND a.owner = u.owner AND a.code BETWEEN 9301 AND 9307
        GROUP BY 1, 2, 3, 4
    ), whole AS (
        SELECT cell, claim_id, ppm, sum(owed) AS owed, sum(lent) AS lent, sum(interest) AS interest,
               sum(penalty) AS penalty, sum(fee) AS fee, sum(received) AS received, sum(lost) AS lost
        FROM slice GROUP BY 1, 2, 3
    )"""
_SPLIT: Final[LiteralString] = """
    SELECT format('the parts of joint %%s %%s are not its shares of the whole', %(word)s::text, s.claim_id)
    FROM slice s JOIN whole w ON w.cell = s.cell AND w.claim_id = s.claim_id
    WHERE s.place = 1 AND (
        s.lent <> div(w.lent * w.ppm, 1000000)
        OR s.owed <> div(w.lent * w.ppm, 1000000) - div((w.lent - w.owed) * w.ppm, 1000000)
        OR s.interest <> div(w.interest * w.ppm, 1000000)
        OR s.penalty <> div(w.penalty * w.ppm, 1000000)
        OR s.fee <> div(w.fee * w.ppm, 1000000))"""
# What a loan, or an account, owes, and its transfers: on which account of its own, against which other, how much more
# it has of it; what it has less is below zero.
_OWN: Final[LiteralString] = f"""
    , own AS (
        SELECT f.cell, f.claim_id, coalesce(sum(a.debits_posted_fen - a.credits_posted_fen), 0) AS owed
        FROM routed f LEFT JOIN account a ON a.cell = f.cell AND a.owner = f.claim_id AND a.code IN (1101, 1102, 1201)
        WHERE cardinality(f.slices) > 0 GROUP BY 1, 2
    ), line AS (
        SELECT f.cell, f.claim_id, t.own, t.other, t.reason, t.fen
        FROM routed f LEFT JOIN LATERAL (
            SELECT debit_code AS own, credit_code AS other, reason, amount_fen AS fen FROM transfer
            WHERE cell = f.cell AND debit_owner = f.claim_id AND kind IN (1, 3) AND amount_fen > 0
            UNION ALL
            SELECT credit_code, debit_code, reason, -amount_fen FROM {CREDITED}
            WHERE cell = f.cell AND credit_owner = f.claim_id AND kind IN (1, 3) AND amount_fen > 0
        ) t ON t.own BETWEEN 1101 AND 1105 OR t.own BETWEEN 1201 AND 1204
        WHERE cardinality(f.slices) > 0
    )"""  # noqa: S608  Our own part of a statement.
_OF_LOAN: Final[LiteralString] = """
    , moved AS (
        SELECT cell, claim_id,
               coalesce(sum(fen) FILTER (WHERE own = 1101 AND other = 1001), 0) AS lent,
               coalesce(-sum(fen) FILTER (WHERE own = 1103 AND other IN (1002, 2001)), 0) AS interest,
               coalesce(-sum(fen) FILTER (WHERE own = 1104 AND other IN (1002, 2001)), 0) AS penalty,
               coalesce(-sum(fen) FILTER (WHERE own = 1105 AND other IN (1002, 2001)), 0) AS fee,
               coalesce(-sum(fen) FILTER (WHERE other IN (1002, 2001)), 0) AS received,
               coalesce(-sum(fen) FILTER (WHERE own <= 1102 AND other IN (4101, 4201)), 0) AS lost
        FROM line GROUP BY 1, 2
    )"""
# What a seller gave back of principal (72) was received; a draw that came back was never lent. Nothing of an account is
# given up.
_OF_ACCOUNT: Final[LiteralString] = """
    , moved AS (
        SELECT cell, claim_id,
               coalesce(sum(fen) FILTER (WHERE own = 1201 AND other = 1001 AND reason <> 72), 0) AS lent,
               coalesce(-sum(fen) FILTER (WHERE own = 1202 AND other = 1002), 0) AS interest,
               coalesce(-sum(fen) FILTER (WHERE own = 1204 AND other = 1002), 0) AS penalty,
               coalesce(-sum(fen) FILTER (WHERE own = 1203 AND other = 1002), 0) AS fee,
               coalesce(-sum(fen) FILTER (WHERE other IN (1002, 2301, 2302) OR (other = 1001 AND reason = 72)), 0)
                   AS received,
               0 AS lost
        FROM line GROUP BY 1, 2
    )"""
_SUMS: Final[LiteralString] = """
    SELECT format('the parts of joint %%s %%s do not sum to it', %(word)s::text, w.claim_id)
    FROM whole w JOIN own o ON o.cell = w.cell AND o.claim_id = w.claim_id
    JOIN moved m ON m.cell = w.cell AND m.claim_id = w.claim_id
    WHERE (w.owed, w.lent, w.interest, w.penalty, w.fee, w.received, w.lost)
        IS DISTINCT FROM (o.owed, m.lent, m.interest, m.penalty, m.fee, m.received, m.lost)"""
_ROUTED: Final[dict[str, tuple[LiteralString, LiteralString]]] = {
    "loan": ("WITH routed AS (SELECT cell, loan_id AS claim_id, shares_ppm, slices FROM loan_funding)", _OF_LOAN),
    "account": (
        "WITH routed AS (SELECT cell, account_id AS claim_id, shares_ppm, slices FROM spend_funding)",
        _OF_ACCOUNT,
    ),
}
_UNSEEN: Final[LiteralString] = """
    SELECT format('loan %%s was routed and no leaf says so', f.loan_id)
    FROM loan_funding f JOIN channel_order o ON o.cell = f.cell AND o.loan_id = f.loan_id AND o.kind = 'payout'
    LEFT JOIN evidence_leaf e ON e.kind = 'funding' AND e.subject_id = o.order_id
    WHERE e.subject_id IS NULL"""

_UNSEEN_SPEND: Final[LiteralString] = """
    SELECT format('account %%s was routed and no leaf says so', f.account_id)
    FROM spend_funding f LEFT JOIN evidence_leaf e ON e.kind = 'funding' AND e.subject_id = f.account_id
    WHERE e.subject_id IS NULL"""
# Behind what it owes and holds an account uses a line for nothing less: what was repaid is given back later. Of what it
# owes again, for a repayment bounced, it uses as much as the line had room for.
_USES: Final[LiteralString] = """
    SELECT format('account %%s uses less of its line than it owes and holds', f.account_id)
    FROM spend_funding f JOIN headroom h ON h.name = format('line %%s/%%s', f.product_id, f.source_id)
    JOIN headroom_use u ON u.cell = f.cell AND u.headroom_id = h.headroom_id AND u.use_id = f.account_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(debits_posted_fen - credits_posted_fen + debits_pending_fen), 0) AS fen
        FROM account a WHERE a.cell = f.cell AND a.owner = f.account_id AND a.code = 1201) owed
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount_fen), 0) AS fen FROM spend_event e
        WHERE e.cell = f.cell AND e.account_id = f.account_id AND e.kind = 'reversed') again
    WHERE u.amount_fen + again.fen < owed.fen"""


# Nobody gets a lender who was not named with what they agreed to.
_UNNAMED: Final[LiteralString] = """
    SELECT format('account %%s has joint lenders that were not named when it was opened', f.account_id)
    FROM spend_funding f JOIN spend_account a ON a.cell = f.cell AND a.account_id = f.account_id
    WHERE cardinality(f.slices) > 0 AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(coalesce(a.named, '[]')::jsonb) AS source
        WHERE (SELECT (array_agg((one ->> 'lender_id')::uuid ORDER BY place),
                       array_agg((one ->> 'share_ppm')::bigint ORDER BY place))
               FROM jsonb_array_elements(source -> 'lenders') WITH ORDINALITY AS l (one, place))
            = (f.funders, f.shares_ppm))"""


def fundings(tx: Transaction) -> list[str]:
    """Return a sentence for each joint loan or account whose parts are not its own, and each choice without a leaf."""
    found: list[str] = []
    for word, (routed, moved) in _ROUTED.items():
        for check in (routed + _PARTS + _SPLIT, routed + _PARTS + _OWN + moved + _SUMS):
            found += [sentence for (sentence,) in tx.execute(check, {"word": word}).fetchmany(FINDINGS_MAX)]
    for check in (_UNSEEN, _UNSEEN_SPEND, _UNNAMED, _USES):
        found += [sentence for (sentence,) in tx.execute(check, ()).fetchmany(FINDINGS_MAX)]
    return found
