"""Money with a purpose against its contracts: who was paid, how much, and what is still held."""

from __future__ import annotations

from typing import Final, LiteralString

from mingqu.store.purposes.purpose import CAME_BACK
from mingqu.store.purposes.purpose_loan import card_of_loan
from mingqu.store.server.database import Transaction

FINDINGS_MAX: Final = 20

# The payees are read from the bytes that were published, not from what the program made of them.
_PAYEES: Final[LiteralString] = """
    WITH payee AS (
        SELECT k.hash, p.merchant
        FROM purpose_contract k, jsonb_array_elements_text(convert_from(k.body, 'UTF8')::jsonb -> 'payees') p (merchant)
    )
    SELECT format('spend %%s went to whom its contract does not name', s.spend_id)
    FROM purpose_spend s JOIN purpose_card c ON c.cell = s.cell AND c.card_id = s.card_id
    LEFT JOIN payee p ON p.hash = c.contract_hash AND p.merchant = s.merchant
    WHERE p.merchant IS NULL"""
_AGREED: Final[LiteralString] = """
    SELECT format('card %%s is agreed on a contract that was never published', c.card_id)
    FROM purpose_card c LEFT JOIN purpose_contract k ON k.hash = c.contract_hash WHERE k.hash IS NULL"""
# What a foreign key would ask with each word.
_CARDS: Final[LiteralString] = """
    SELECT format('%%s is of a card that is not there', said.what)
    FROM (SELECT cell, card_id, 'spend ' || spend_id AS what FROM purpose_spend
          UNION ALL SELECT cell, card_id, 'word ' || message_id FROM purpose_message) said
    LEFT JOIN purpose_card c ON c.cell = said.cell AND c.card_id = said.card_id WHERE c.card_id IS NULL"""
_MOVED: Final[LiteralString] = """
    WITH moved AS (
        SELECT cell, reference, coalesce(sum(amount_fen) FILTER (WHERE reason = 81), 0) AS spent,
               coalesce(sum(amount_fen) FILTER (WHERE reason = 82), 0) AS returned
        FROM transfer WHERE reason IN (81, 82) AND kind IN (1, 3) GROUP BY cell, reference
    )
    SELECT format('spend %%s and its postings do not agree', coalesce(s.spend_id, m.reference))
    FROM purpose_spend s FULL JOIN moved m ON m.cell = s.cell AND m.reference = s.spend_id
    WHERE (s.spend_id IS NULL) OR (s.captured_fen, s.returned_fen) <> (coalesce(m.spent, 0), coalesce(m.returned, 0))"""
# A loan whose money is bound has a contract that names the funds contract, a payee, and the line it was quoted with.
_BOUND: Final[LiteralString] = """
    SELECT format('loan %%s is not bound as it was quoted', q.loan_id)
    FROM purpose_loan q
    LEFT JOIN contract k ON k.cell = q.cell AND k.offer_id = q.offer_id AND k.loan_id = q.loan_id
    LEFT JOIN contract_payee p ON p.cell = q.cell AND p.loan_id = q.loan_id
    WHERE q.loan_id IS NOT NULL AND (p.loan_id IS NULL OR k.loan_id IS NULL
       OR convert_from(k.body, 'UTF8')::jsonb ->> 'funds_contract' IS DISTINCT FROM q.contract_hash)
    UNION ALL
    SELECT format('line %%s is bound to a purpose and was not quoted like this', f.facility_id)
    FROM facility f LEFT JOIN purpose_loan q ON q.cell = f.cell AND q.facility_id = f.facility_id
    WHERE f.purpose_bound
      AND (f.person_id, f.product_id, f.product_version, f.granted_fen, f.rate_year_ppm)
          IS DISTINCT FROM (q.person_id, q.product_id, q.product_version, q.amount_fen, q.rate_year_ppm)"""
# A hold that lapsed leaves its spend as it was: a capture that comes for it is too late.
_HELD: Final[LiteralString] = """
    WITH open AS (
        SELECT h.cell, t.reference, sum(h.amount_fen) AS fen
        FROM hold h JOIN transfer t ON t.cell = h.cell AND t.id = h.id
        WHERE h.state = 1 AND t.reason = 81 GROUP BY 1, 2
    ), lapsed AS (
        SELECT cell, reference FROM transfer WHERE reason = 81 AND kind = 5
    )
    SELECT format('spend %%s and its hold do not agree', coalesce(s.spend_id, o.reference))
    FROM (SELECT * FROM purpose_spend WHERE state = 'held') s
    FULL JOIN open o ON o.cell = s.cell AND o.reference = s.spend_id
    LEFT JOIN lapsed l ON l.cell = s.cell AND l.reference = s.spend_id
    WHERE s.amount_fen IS DISTINCT FROM o.fen AND l.reference IS NULL"""
# The last spend of a card's day has what counts of that day: what is held and captured, without what was reversed.
_DAYS: Final[LiteralString] = """
    SELECT format('card %%s spent another sum on %%s than is kept of that day', card_id, spent_on)
    FROM purpose_spend GROUP BY cell, card_id, spent_on
    HAVING (array_agg(day_fen ORDER BY day_number DESC))[1]
           <> sum(CASE state WHEN 'held' THEN amount_fen WHEN 'reversed' THEN 0 ELSE captured_fen END)"""
# What of a card's money paid its loan lies on the card no more.
_ENDED: Final[LiteralString] = """
    SELECT format('receipt %%s is of a card whose money is still there', r.proposal_id)
    FROM placed_receipt r LEFT JOIN transfer t ON t.cell = r.cell AND t.reference = r.proposal_id AND t.reason = 83
    WHERE r.source LIKE 'purpose card %%' AND t.amount_fen IS DISTINCT FROM r.amount_fen"""
# A version was published by two people for just that loan, and says of its payee and its payout what its row does.
_VERSIONS: Final[LiteralString] = """
    SELECT format('version %%s of a funds contract is not what two people published',
                  coalesce(v.version_id, p.proposal_id))
    FROM funds_version v
    FULL JOIN (SELECT * FROM proposal WHERE state = 'approved' AND deed = 'correct_payee') p
        ON p.cell = v.cell AND p.proposal_id = v.proposal_id
    LEFT JOIN contract k ON k.cell = v.cell AND k.loan_id = v.loan_id
    LEFT JOIN channel_order r ON r.cell = v.cell AND r.order_id = v.returned_id
    CROSS JOIN LATERAL (SELECT convert_from(v.body, 'UTF8')::jsonb AS said) b
    WHERE NOT coalesce(
        p.subject_id = v.loan_id AND p.person_id = v.person_id AND p.decided_at = v.published_at
        AND r.loan_id = v.loan_id AND r.kind = 'payout' AND r.state = 'PAID'
        AND b.said ->> 'contract_hash' = encode(sha256(k.body), 'hex')
        AND b.said ->> 'version' = v.number::text
        AND b.said ->> 'returned_payout' = replace(v.returned_id::text, '-', '')
        AND b.said ->> 'returned_payout' = p.body ->> 'returned'
        AND b.said ->> 'amount_fen' = r.amount_fen::text
        AND b.said -> 'payee' ->> 'hash' = encode(v.account_hash, 'hex')
        AND b.said -> 'payee' ->> 'hash' = p.body ->> 'payee'
        AND b.said -> 'payee' ->> 'bank' = v.bank, false)"""
# What was agreed to paid just what had come back: its amount, once, after it was taken back, and to the payee. Of a
# loan by stages it paid nothing, and the account is one that its borrower had named.
_CORRECTED: Final[LiteralString] = """
    SELECT format('order %%s was not let be paid by the version that names its payee', a.order_id)
    FROM funds_version_answer a JOIN funds_version v ON v.cell = a.cell AND v.version_id = a.version_id
    LEFT JOIN channel_order o ON o.cell = a.cell AND o.order_id = a.order_id
    LEFT JOIN channel_order r ON r.cell = v.cell AND r.order_id = v.returned_id
    WHERE a.answer = 'agreed' AND (NOT coalesce(CASE
        WHEN convert_from(v.body, 'UTF8')::jsonb ? 'by_stages' THEN a.order_id IS NULL AND EXISTS (
            SELECT FROM payee_wish w WHERE w.cell = v.cell AND w.loan_id = v.loan_id AND w.bank = v.bank
              AND w.account_hash = v.account_hash AND w.wished_at <= v.published_at)
        ELSE o.loan_id = v.loan_id AND o.channel = 'entrusted' AND o.kind = 'payout' AND o.amount_fen = r.amount_fen
        END AND a.answered_at BETWEEN v.published_at AND v.lapses_at, false)
        OR NOT EXISTS (
            SELECT FROM loan_event e WHERE e.cell = v.cell AND e.loan_id = v.loan_id AND e.kind = 'reversed'
              AND e.target = v.returned_id))"""
# A loan that waits to be paid out, was, or was called off, with the stops of its person's cards: which card is its own,
# its id says.
_STOPS: Final[LiteralString] = """
    SELECT q.loan_id, l.stage, c.card_id, c.frozen_for
    FROM purpose_loan q JOIN loan l ON l.cell = q.cell AND l.loan_id = q.loan_id
    JOIN purpose_card c ON c.cell = q.cell AND c.person_id = q.person_id
    WHERE l.stage IN ('planned', 'cancelled') OR c.frozen_for = %(came_back)s"""


def purposes(tx: Transaction) -> list[str]:
    """Return a sentence for each spend that left its purpose or is not as posted, and each day with another sum."""
    return [
        sentence
        for check in (_PAYEES, _AGREED, _CARDS, _BOUND, _MOVED, _HELD, _DAYS, _ENDED, _VERSIONS, _CORRECTED)
        for (sentence,) in tx.execute(check, {}).fetchmany(FINDINGS_MAX)
    ] + _stops(tx)


def _stops(tx: Transaction) -> list[str]:
    """Return a sentence for each card that spends money which came back, or is stopped while its money is there."""
    own = [row for row in tx.execute(_STOPS, {"came_back": CAME_BACK}) if card_of_loan(row[0]) == row[2]]
    found = [
        f"card {card_id} is not stopped as its loan stands"
        for _, stage, card_id, cause in own
        if (stage in ("planned", "cancelled")) != (cause == CAME_BACK)
    ]
    return sorted(found)[:FINDINGS_MAX]
