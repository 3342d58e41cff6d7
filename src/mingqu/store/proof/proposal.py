"""Proposals against what they did: two people for each, and nothing that takes two without them."""

from __future__ import annotations

from typing import Final, LiteralString

from mingqu.store.server.database import Transaction

# Enough to see what kind of break it is; a broken book may have millions.
FINDINGS_MAX: Final = 20

_TWO_PEOPLE: Final[LiteralString] = """
    SELECT format('proposal %%s was carried out by one person, or too late', p.proposal_id)
    FROM proposal p
    LEFT JOIN operator maker ON maker.operator_id = p.maker_id
    LEFT JOIN operator checker ON checker.operator_id = p.checker_id
    WHERE p.state = 'approved'
      AND (maker.operator_id = checker.operator_id OR maker.operator_id IS NULL OR checker.operator_id IS NULL
           OR p.decided_at NOT BETWEEN p.made_at AND p.expires_at)"""

# Each receipt is what its proposal says, of the proposal's own person; parked money is all of what its order brought.
_RECEIPTS: Final[LiteralString] = """
    SELECT format('receipt %%s is not what two people placed', coalesce(r.proposal_id, p.proposal_id))
    FROM placed_receipt r
    FULL JOIN (SELECT * FROM proposal WHERE state = 'approved' AND deed IN ('assign_receipt', 'book_receipt')) p
        ON p.cell = r.cell AND p.proposal_id = r.proposal_id
    LEFT JOIN loan l ON l.cell = r.cell AND l.loan_id = r.loan_id
    LEFT JOIN channel_order o ON o.cell = r.cell AND o.order_id = r.order_id
    WHERE NOT coalesce(
        r.person_id = p.person_id AND l.person_id = r.person_id AND r.currency = l.currency
        AND replace(r.loan_id::text, '-', '') = p.body ->> 'loan_id'
        AND r.intent = p.body ->> 'intent'
        AND r.amount_fen = (p.body ->> 'amount_fen')::bigint AND r.value_date = (p.body ->> 'value_date')::date
        AND CASE p.deed
            WHEN 'assign_receipt' THEN
                r.order_id = p.subject_id AND o.kind = 'collection' AND o.state = 'PAID'
                AND o.person_id = r.person_id AND o.amount_fen = r.amount_fen AND o.currency = r.currency
                AND EXISTS (SELECT FROM transfer t WHERE t.cell = o.cell AND t.reference = o.order_id
                            AND t.credit_code = 2002 AND t.credit_owner = l.lender_id
                            AND t.amount_fen = o.amount_fen)
            ELSE r.order_id IS NULL AND r.loan_id = p.subject_id AND r.source = p.body ->> 'source'
        END, false)"""

# Which word holds was decided when two people did, and as they did.
_DECIDED: Final[LiteralString] = """
    WITH decided AS (
        SELECT cell, order_id, at, code FROM channel_word WHERE direction = 'noted' AND word = 'decide'
    ), approved AS (
        SELECT * FROM proposal WHERE state = 'approved' AND deed = 'decide_order'
    )
    SELECT format('what holds of order %%s was not decided by two people', coalesce(d.order_id, p.subject_id))
    FROM decided d
    FULL JOIN approved p ON p.cell = d.cell AND p.subject_id = d.order_id AND p.decided_at = d.at
                        AND p.body ->> 'verdict' = d.code
    WHERE d.order_id IS NULL OR p.subject_id IS NULL
    UNION ALL
    SELECT format('order %%s is decided, but nobody did', o.order_id) FROM channel_order o
    WHERE o.decided_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM decided d WHERE d.cell = o.cell AND d.order_id = o.order_id AND d.at = o.decided_at)"""

# A freeze ends by the proposal that two people carried out to end just it.
_THAWED: Final[LiteralString] = """
    SELECT format('freeze %%s was not ended by two people', coalesce(f.freeze_id, p.subject_id))
    FROM (SELECT * FROM drawing_freeze WHERE thawed_at IS NOT NULL) f
    FULL JOIN (SELECT * FROM proposal WHERE state = 'approved' AND deed = 'thaw_drawing') p
        ON p.cell = f.cell AND p.proposal_id = f.thawed_by AND p.subject_id = f.freeze_id
       AND p.person_id = f.person_id AND p.decided_at = f.thawed_at
    WHERE f.freeze_id IS NULL OR p.proposal_id IS NULL"""

# What was open about a card was closed by the two who let it go on.
_CARDS: Final[LiteralString] = """
    SELECT format('alert %%s was not closed by two people', a.alert_id)
    FROM purpose_alert a LEFT JOIN proposal p
        ON p.cell = a.cell AND p.proposal_id = a.closed_by AND p.subject_id = a.card_id AND p.state = 'approved'
       AND p.deed = 'thaw_card' AND p.decided_at = a.closed_at
    WHERE a.closed_at IS NOT NULL AND p.proposal_id IS NULL"""

# A refusal was set aside by two people, who decided just that; and no decision says so without them.
_OVERRIDDEN: Final[LiteralString] = """
    WITH approved AS (
        SELECT * FROM proposal WHERE state = 'approved' AND deed = 'override_decision'
    ), said AS (
        SELECT cell, decision_id, person_id, decided_at,
               convert_from(record, 'UTF8')::jsonb -> 'override' ->> 'of' AS overridden,
               convert_from(record, 'UTF8')::jsonb -> 'override' ->> 'limit_fen' AS limit_fen
        FROM decision WHERE convert_from(record, 'UTF8')::jsonb ? 'override'
    )
    SELECT format('refusal %%s was not set aside by two people', coalesce(o.overridden_id, s.decision_id, p.subject_id))
    FROM override o
    FULL JOIN said s ON s.cell = o.cell AND s.decision_id = o.decision_id
    FULL JOIN approved p ON p.cell = coalesce(o.cell, s.cell) AND p.proposal_id = o.proposal_id
    WHERE NOT coalesce(
        replace(o.overridden_id::text, '-', '') = s.overridden AND p.subject_id = o.overridden_id
        AND p.person_id = s.person_id AND o.person_id = s.person_id AND p.body ->> 'limit_fen' = s.limit_fen
        AND p.body ->> 'set_aside_for' = o.cause AND p.decided_at = s.decided_at, false)"""

# A rule is off for longer than one person may, and somebody let pass, by the proposal of two for just that.
_SWITCHED: Final[LiteralString] = """
    SELECT format('rule %%s is off for longer than one person may', coalesce(s.name, p.body ->> 'what'))
    FROM (SELECT * FROM policy_switch WHERE off_by_proposal IS NOT NULL
          OR kind = 'rule' AND ends_on > (off_at AT TIME ZONE 'Asia/Shanghai')::date + 2) s
    FULL JOIN (SELECT * FROM proposal WHERE state = 'approved' AND deed = 'switch_off_rule') p
        ON p.proposal_id = s.off_by_proposal AND p.body ->> 'what' = s.kind || '/' || s.name
       AND p.body ->> 'ends_on' = s.ends_on::text AND p.decided_at = s.off_at AND p.maker_id = s.owner_id
    WHERE s.switch_id IS NULL OR p.proposal_id IS NULL
    UNION ALL
    SELECT format('entry %%s of the white list was not made by two people', coalesce(e.entry_id, p.proposal_id))
    FROM (SELECT * FROM list_entry WHERE entered_by_proposal IS NOT NULL OR list = 'white' AND removed_at IS NULL) e
    FULL JOIN (SELECT * FROM proposal WHERE state = 'approved' AND deed = 'list_white') p
        ON p.proposal_id = e.entered_by_proposal AND e.list = 'white' AND p.body ->> 'kind' = e.kind
       AND p.body ->> 'hash' = encode(e.hash, 'hex') AND p.body ->> 'expires_on' = e.expires_on::text
       AND p.decided_at = e.entered_at
    WHERE e.entry_id IS NULL OR p.proposal_id IS NULL"""

# What is parked with a lender is what waits: parked, and taken back once when it was placed.
_PARKED: Final[LiteralString] = """
    WITH parked AS (
        SELECT cell, reference,
               sum(CASE WHEN credit_code = 2002 THEN amount_fen ELSE -amount_fen END) AS amount_fen
        FROM transfer WHERE (credit_code = 2002 OR debit_code = 2002) AND kind IN (1, 3) GROUP BY cell, reference
    )
    SELECT format('what is parked of order %%s is not what waits', parked.reference)
    FROM parked LEFT JOIN channel_order o ON o.cell = parked.cell AND o.order_id = parked.reference
    LEFT JOIN placed_receipt r ON r.cell = parked.cell AND r.order_id = parked.reference
    WHERE parked.amount_fen IS DISTINCT FROM CASE WHEN r.order_id IS NULL THEN o.amount_fen ELSE 0 END"""


# What became of a break, where no comparison said it, two people did; and what they did became of it.
_WORKED: Final[LiteralString] = """
    SELECT format('break %%s was not worked by two people', b.break_id) FROM reconciliation_break b
    WHERE b.cause NOT IN ('unknown', 'other_day', 'mended') AND NOT EXISTS (
        SELECT FROM proposal p
        WHERE p.proposal_id = b.proposal_id AND p.state = 'approved' AND p.deed = 'work_break'
          AND p.subject_id = b.break_id AND p.body ->> 'break_cause' = b.cause AND p.body ->> 'to' = b.state)
    UNION ALL
    SELECT format('what two people decided of break %%s did not happen', p.subject_id) FROM proposal p
    WHERE p.state = 'approved' AND p.deed = 'work_break' AND NOT EXISTS (
        SELECT FROM reconciliation_break b WHERE b.break_id = p.subject_id AND b.proposal_id IS NOT NULL)"""


# A loan was relieved as two people agreed.
_RELIEVED: Final[LiteralString] = """
    SELECT format('loan %%s was not relieved as two people agreed', p.subject_id) FROM proposal p
    WHERE p.state = 'approved' AND p.deed = 'relieve_loan' AND NOT EXISTS (
        SELECT FROM loan_event e
        WHERE e.cell = p.cell AND e.loan_id = p.subject_id AND e.kind =
              CASE p.body ->> 'relief' WHEN 'waive' THEN 'repaid' ELSE 're_aged' END
          AND e.event_id = (p.body ->> 'event_id')::uuid)"""


# A loan was worked out as two people agreed.
_WORKED_OUT: Final[LiteralString] = """
    SELECT format('loan %%s was not worked out as two people agreed', p.subject_id) FROM proposal p
    WHERE p.state = 'approved' AND p.deed = 'work_out_loan' AND NOT EXISTS (
        SELECT FROM loan_event e
        WHERE e.cell = p.cell AND e.loan_id = p.subject_id AND e.event_id = (p.body ->> 'event_id')::uuid
          AND e.kind = CASE p.body ->> 'work_out' WHEN 'call_in' THEN 'accelerated' WHEN 'charge_off' THEN 'charged_off'
              WHEN 'undo' THEN 'charge_off_undone' ELSE 'written_off' END)"""


# What was recorded of a life is what two people said of just that person; with who was erased the paper went from both.
_LIVED: Final[LiteralString] = """
    SELECT format('life event of %%s was not recorded by two people', coalesce(l.person_id, p.person_id))
    FROM life_event l
    FULL JOIN (SELECT * FROM proposal WHERE state = 'approved' AND deed = 'record_life') p
        ON p.cell = l.cell AND p.proposal_id = l.proposal_id AND p.person_id = l.person_id
       AND p.body ->> 'life' = l.kind AND coalesce(p.body ->> 'paper', '') = l.paper AND p.decided_at = l.recorded_at
    WHERE l.event_id IS NULL OR p.proposal_id IS NULL"""


def proposals(tx: Transaction) -> list[str]:
    """Return a sentence for each deed that two people did not do, and for each receipt that is not what they placed."""
    return [
        sentence
        for check in (
            _TWO_PEOPLE,
            _RECEIPTS,
            _PARKED,
            _DECIDED,
            _THAWED,
            _CARDS,
            _OVERRIDDEN,
            _SWITCHED,
            _WORKED,
            _RELIEVED,
            _WORKED_OUT,
            _LIVED,
        )
        for (sentence,) in tx.execute(check, ()).fetchmany(FINDINGS_MAX)
    ]
