"""Tables against each other: loans and ledger, groups and loans, orders and postings, limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, LiteralString
from uuid import UUID

from mingqu.domain.evidence import LeafKind
from mingqu.store.loans import loan
from mingqu.store.loans.loan import Loan
from mingqu.store.loans.loan_event import CONCEDED
from mingqu.store.server.database import Transaction

# Enough to see what kind of break it is; a broken book may have millions.
FINDINGS_MAX: Final = 20
# Snapshots are replayed page by page, so that the proof of a large book needs no memory in proportion to it.
LOANS_PER_PAGE: Final = 2_000

_HOLDS: Final[LiteralString] = """
    WITH held AS (
        SELECT h.cell, t.reference, count(*) AS holds, sum(h.amount_fen) AS amount_fen
        FROM hold h JOIN transfer t ON t.cell = h.cell AND t.id = h.id
        WHERE h.state = 1 AND t.reason <> 81 GROUP BY 1, 2
    ), reserved AS (
        SELECT cell, order_id, amount_fen FROM channel_order
        WHERE kind = 'payout' AND state IN ('RESERVED', 'SENT', 'UNKNOWN')
        UNION ALL
        SELECT cell, purchase_id, held_fen FROM spend_purchase WHERE state = 'held'
    )
    SELECT format('order %%s and its holds do not agree', coalesce(held.reference, reserved.order_id))
    FROM held FULL JOIN reserved ON reserved.cell = held.cell AND reserved.order_id = held.reference
    WHERE held.holds IS DISTINCT FROM 3 OR held.amount_fen IS DISTINCT FROM 3 * reserved.amount_fen"""

# Receipts that move no cash: the lender gives something up.
_CONCEDED: Final = sorted(receipt.value for receipt in CONCEDED)

# What each column of a loan's snapshot must be in the ledger: the balance on the normal side of an account, nothing
# where no account was opened yet.
_LOAN_ACCOUNTS: Final[LiteralString] = """
    WITH books AS (
        SELECT cell, owner,
               sum(debits_posted_fen - credits_posted_fen) FILTER (WHERE code = 1101) AS unbilled,
               sum(debits_posted_fen - credits_posted_fen) FILTER (WHERE code = 1102) AS principal,
               sum(debits_posted_fen - credits_posted_fen) FILTER (WHERE code = 1103) AS interest,
               sum(debits_posted_fen - credits_posted_fen) FILTER (WHERE code = 1104) AS penalty,
               sum(debits_posted_fen - credits_posted_fen) FILTER (WHERE code = 1105) AS fee,
               sum(credits_posted_fen - debits_posted_fen) FILTER (WHERE code = 2001) AS overpaid
        FROM account WHERE code BETWEEN 1101 AND 1105 OR code = 2001 GROUP BY cell, owner
    )
    SELECT format('loan %%s and its accounts do not agree', coalesce(l.loan_id, b.owner))
    FROM loan l FULL JOIN books b ON b.cell = l.cell AND b.owner = l.loan_id
    WHERE (l.principal_unbilled_fen, l.payable_principal_fen, l.payable_interest_fen, l.payable_penalty_fen,
           l.payable_fee_fen, l.overpayment_fen)
          IS DISTINCT FROM (coalesce(b.unbilled, 0), coalesce(b.principal, 0), coalesce(b.interest, 0),
                            coalesce(b.penalty, 0), coalesce(b.fee, 0), coalesce(b.overpaid, 0))"""

# What the guarantor may claim; only loans that a guarantor paid for have the account.
_GUARANTOR_CLAIMS: Final[LiteralString] = """
    WITH claim AS (
        SELECT cell, owner, debits_posted_fen - credits_posted_fen AS fen FROM account WHERE code = 9101
    )
    SELECT format('loan %%s and the claim of its guarantor do not agree', coalesce(l.loan_id, c.owner))
    FROM loan_snapshot l FULL JOIN claim c ON c.cell = l.cell AND c.owner = l.loan_id
    WHERE coalesce((l.state ->> 'guarantor_claim_fen')::bigint, 0) <> coalesce(c.fen, 0)"""

_NEXT_EVENTS: Final[LiteralString] = """
    SELECT format('loan %%s has an event on a day that is closed', l.loan_id)
    FROM loan l JOIN cell c ON c.cell = l.cell WHERE l.next_event <= c.last_closed_on"""

# What is not in the diary no close looks at.
_DIARY: Final[LiteralString] = """
    SELECT format('loan %%s has an event that is not in the diary of its day', l.loan_id)
    FROM loan l WHERE l.next_event IS NOT NULL AND NOT EXISTS (
        SELECT FROM loan_diary d WHERE d.cell = l.cell AND d.on_date = l.next_event AND d.loan_id = l.loan_id)
      AND NOT EXISTS (
        SELECT FROM loan_set_aside a WHERE a.cell = l.cell AND a.on_date = l.next_event AND a.loan_id = l.loan_id)"""

_PAID_OUT: Final[LiteralString] = """
    WITH posted AS (
        SELECT cell, reference, sum(amount_fen) AS amount_fen FROM transfer
        WHERE credit_code = 1001 AND (debit_code = 1101 OR reason = 71) AND kind IN (1, 3) GROUP BY cell, reference
    ), paid AS (
        SELECT cell, order_id, amount_fen FROM channel_order WHERE kind = 'payout' AND state = 'PAID'
    )
    SELECT format('payout %%s and its postings do not agree', coalesce(paid.order_id, posted.reference))
    FROM paid FULL JOIN posted ON posted.cell = paid.cell AND posted.reference = paid.order_id
    WHERE paid.amount_fen IS DISTINCT FROM posted.amount_fen"""

# A payment may be told again as a difference: what counts is what clearing gained by it. A reversal is an event
# of its own, which leaves the payment's postings as they were and takes from clearing just what the payment brought;
# so is a charge back. What a lender gives up is a repayment too, of which clearing sees nothing; nor does it see an
# agreement that tells payments again and leaves their sum as it is. Money that was parked and that two people placed
# is told by the receipt they placed it with, as is money that came by no channel; what a guarantor paid is told by its
# own row. What a channel or a partner settled is proved by itself (`settlement`, `partner`).
_COLLECTED: Final[LiteralString] = """
    WITH posted AS (
        SELECT cell, reference,
               sum(CASE WHEN debit_code = 1002 THEN amount_fen ELSE -amount_fen END) AS amount_fen
        FROM transfer
        WHERE (debit_code = 1002 OR credit_code = 1002) AND kind IN (1, 3) AND reason NOT IN (60, 132)
        GROUP BY cell, reference
    ), paid AS (
        SELECT cell, order_id, CASE WHEN kind = 'return' THEN -amount_fen ELSE amount_fen END AS amount_fen
        FROM channel_order o WHERE kind IN ('collection', 'return') AND state = 'PAID' AND NOT EXISTS (
            SELECT FROM placed_receipt p WHERE p.cell = o.cell AND p.order_id = o.order_id)
        UNION ALL
        SELECT cell, proposal_id, amount_fen FROM placed_receipt
        UNION ALL
        SELECT cell, event_id, amount_fen FROM guarantor_payment
        UNION ALL
        SELECT cell, event_id, amount_fen FROM guarantor_bill
        UNION ALL
        SELECT e.cell, e.event_id, CASE target.kind WHEN 'repaid' THEN -target.amount_fen ELSE target.amount_fen END
        FROM loan_event e
        JOIN loan_event target ON target.cell = e.cell AND target.loan_id = e.loan_id AND target.event_id = e.target
        WHERE e.kind = 'reversed' AND target.kind IN ('repaid', 'charged_back', 'overpayment_returned')
          AND coalesce(target.detail ->> 'receipt', 'repayment') <> ALL (%(conceded)s)
        UNION ALL
        SELECT cell, event_id, -amount_fen FROM loan_event WHERE kind = 'charged_back'
        UNION ALL
        SELECT cell, event_id, -amount_fen FROM spend_event WHERE kind LIKE 'reversed%%'
        UNION ALL
        SELECT cell, event_id, amount_fen FROM spend_event WHERE kind = 'came_back'
    )
    SELECT format('collection %%s and its postings do not agree', coalesce(paid.order_id, posted.reference))
    FROM paid FULL JOIN posted ON posted.cell = paid.cell AND posted.reference = paid.order_id
    WHERE coalesce(paid.amount_fen, 0) <> coalesce(posted.amount_fen, 0)"""

# An order that ended is an event of its loan, of the same day and amount; money that no loan could take is parked.
# Only the first payout of a loan is its beginning: when one fails after money was paid out, nothing happened to the
# loan.
_EVENTS: Final[LiteralString] = """
    WITH told AS (
        SELECT cell, event_id, loan_id, kind, value_date, amount_fen, intent FROM loan_event
        WHERE kind IN ('disbursed', 'cancelled', 'overpayment_returned')
           OR (kind = 'repaid' AND coalesce(detail ->> 'receipt', 'repayment') <> ALL (%(conceded)s))
    ), ended AS (
        SELECT o.cell, o.order_id, o.loan_id, o.value_date,
               CASE WHEN o.state = 'PAID' THEN o.amount_fen END AS amount_fen,
               CASE WHEN o.state = 'FAILED' THEN 'cancelled' WHEN o.kind = 'payout' THEN 'disbursed'
                    WHEN o.kind = 'collection' THEN 'repaid' ELSE 'overpayment_returned' END AS kind,
               CASE WHEN o.kind = 'collection' THEN coalesce(r.intent, 'due') END AS intent
        FROM channel_order o LEFT JOIN repayment r ON r.cell = o.cell AND r.order_id = o.order_id
        WHERE o.loan_id IS NOT NULL AND (o.state = 'PAID' AND NOT EXISTS (
                  SELECT FROM placed_receipt p WHERE p.cell = o.cell AND p.order_id = o.order_id))
           OR o.loan_id IS NOT NULL AND (o.state = 'FAILED' AND o.kind = 'payout' AND NOT EXISTS (
            SELECT FROM channel_order p WHERE p.cell = o.cell AND p.loan_id = o.loan_id AND p.kind = 'payout'
                                          AND p.state = 'PAID'))
        UNION ALL
        SELECT cell, proposal_id, loan_id, value_date, amount_fen, 'repaid', intent FROM placed_receipt
        UNION ALL
        SELECT cell, event_id, loan_id, value_date, amount_fen, 'repaid', 'payoff' FROM guarantor_payment
        UNION ALL
        SELECT cell, event_id, loan_id, value_date, amount_fen, 'repaid', 'due' FROM guarantor_bill
        UNION ALL
        SELECT cell, event_id, loan_id, NULL, NULL, 'cancelled', NULL FROM loan_called_off
    )
    SELECT format('order %%s and the event of its loan do not agree', coalesce(ended.order_id, told.event_id))
    FROM told FULL JOIN ended ON ended.cell = told.cell AND ended.order_id = told.event_id
    WHERE ((told.loan_id, told.kind, told.amount_fen, told.intent)
           IS DISTINCT FROM (ended.loan_id, ended.kind, ended.amount_fen,
               -- A loan that was given back too late was repaid early.
               CASE WHEN ended.intent = 'withdraw' AND told.intent = 'prepay' THEN 'prepay' ELSE ended.intent END)
           OR (ended.kind <> 'cancelled' AND told.value_date IS DISTINCT FROM ended.value_date))
      AND NOT (told.event_id IS NULL AND ended.kind = 'repaid' AND EXISTS (
          SELECT FROM transfer t JOIN loan l ON l.cell = t.cell AND l.loan_id = ended.loan_id
          WHERE t.cell = ended.cell AND t.debit_owner = l.lender_id AND t.credit_owner = l.lender_id
            AND t.amount_fen > 0 AND t.credit_code = 2002 AND t.reference = ended.order_id))"""

# Above a limit without a cause: its loans have no payment taken back, and nothing agreed late that told them again.
# A claim that was written off keeps its part of the limit: what was not repaid is not lent again. A loan that was taken
# over was granted elsewhere and draws on no limit here.
_LIMITS: Final[LiteralString] = """
    WITH line AS (
        SELECT cell, owner,
               sum(debits_posted_fen - credits_posted_fen) FILTER (WHERE code = 9001) AS granted,
               sum(credits_posted_fen - debits_posted_fen) FILTER (WHERE code = 9003) AS drawn,
               sum(credits_pending_fen) FILTER (WHERE code = 9003) AS held,
               sum(debits_posted_fen - credits_posted_fen) FILTER (WHERE code = 9004) AS above,
               sum(credits_posted_fen - debits_posted_fen - debits_pending_fen) FILTER (WHERE code = 9002) AS free
        FROM account WHERE code IN (9001, 9002, 9003, 9004) GROUP BY cell, owner
    ), changed AS (
        SELECT DISTINCT ON (cell, owner) cell, owner, after_fen FROM limit_change
        ORDER BY cell, owner, changed_at DESC, decision_id DESC
    )
    SELECT format('facility %%s is above its limit, or its limit above the person''s', f.facility_id)
    FROM facility f
    LEFT JOIN line own ON own.cell = f.cell AND own.owner = f.facility_id
    LEFT JOIN line shared ON shared.cell = f.cell AND shared.owner = f.person_id
    LEFT JOIN changed c ON c.cell = f.cell AND c.owner = f.facility_id
    WHERE NOT coalesce(own.drawn + own.held <= own.granted + own.above
                       AND own.granted = coalesce(c.after_fen, f.granted_fen)
                       AND own.granted <= shared.granted
                       AND shared.drawn + shared.held <= shared.granted + shared.above, false)
    UNION ALL
    SELECT format('limit %%s is exceeded without a cause', line.owner)
    FROM line WHERE line.above <> 0 AND NOT EXISTS (
        SELECT FROM spend_event e JOIN spend_account a ON a.cell = e.cell AND a.account_id = e.account_id
        WHERE e.kind IN ('limited', 'reversed') AND e.cell = line.cell AND line.owner IN (a.account_id, a.person_id))
      AND NOT EXISTS (
        SELECT FROM loan l JOIN loan_event e ON e.cell = l.cell AND e.loan_id = l.loan_id
        WHERE e.kind NOT IN ('disbursed', 'cancelled', 'repaid', 'overpayment_returned')
          AND l.cell = line.cell AND line.owner IN (l.facility_id, l.person_id))
      AND NOT EXISTS (SELECT FROM limit_change c WHERE c.cell = line.cell AND c.owner = line.owner
                      AND c.after_fen < c.before_fen)
    UNION ALL
    SELECT format('limit %%s is exceeded while part of it is free', line.owner)
    FROM line WHERE line.above > 0 AND line.free > 0
    UNION ALL
    SELECT format('limit %%s is not what the last assessment made of it', c.owner)
    FROM changed c LEFT JOIN line ON line.cell = c.cell AND line.owner = c.owner
    WHERE line.granted IS DISTINCT FROM c.after_fen
    UNION ALL
    SELECT format('what loans owe and what limit %%s has drawn do not agree', line.owner)
    FROM line LEFT JOIN (
        SELECT cell, owner, sum(owed) AS owed FROM (
        SELECT a.cell, owner, sum(used_fen) AS owed FROM spend_account a
        CROSS JOIN LATERAL (VALUES (account_id), (person_id)) AS whose (owner) GROUP BY a.cell, owner
        UNION ALL
        SELECT l.cell, owner, sum(principal_unbilled_fen + payable_principal_fen + coalesce(lost.fen, 0))
        FROM loan l LEFT JOIN (
            SELECT cell, CASE WHEN debit_code = 1102 THEN debit_owner ELSE credit_owner END AS loan_id,
                   sum(CASE WHEN credit_code = 1102 THEN amount_fen ELSE -amount_fen END) AS fen
            FROM transfer WHERE reason = 27 AND 1102 IN (debit_code, credit_code) GROUP BY 1, 2
        ) lost ON lost.cell = l.cell AND lost.loan_id = l.loan_id
        CROSS JOIN LATERAL (VALUES (facility_id), (person_id)) AS whose (owner)
        WHERE l.facility_id <> l.loan_id GROUP BY l.cell, owner
        ) each GROUP BY cell, owner
    ) debt ON debt.cell = line.cell AND debt.owner = line.owner
    WHERE line.drawn <> coalesce(debt.owed, 0)"""

# Above a person's own cap lies only what was drawn before it was set, or what a repayment that was undone brought back.
_CAPS: Final[LiteralString] = """
    WITH standing AS (
        SELECT DISTINCT ON (cell, person_id) cell, person_id, amount_fen, used_fen FROM limit_cap
        WHERE starts_at = set_at ORDER BY cell, person_id, number DESC
    ), used AS (
        SELECT cell, owner, sum(credits_posted_fen - debits_posted_fen + credits_pending_fen) AS fen
        FROM account WHERE code = 9003 GROUP BY cell, owner
    )
    SELECT format('person %%s has more drawn and held than their own cap lets them', s.person_id)
    FROM standing s JOIN used u ON u.cell = s.cell AND u.owner = s.person_id
    WHERE u.fen > greatest(s.amount_fen, s.used_fen)
      AND NOT EXISTS (SELECT FROM limit_cap c WHERE c.cell = s.cell AND c.person_id = s.person_id
                      AND c.starts_at > c.set_at)
      AND NOT EXISTS (
        SELECT FROM loan l JOIN loan_event e ON e.cell = l.cell AND e.loan_id = l.loan_id AND e.kind = 'reversed'
        WHERE l.cell = s.cell AND l.person_id = s.person_id)"""

# Money of a loan only ever went to a debit card of the borrower's own, or by Alipay to their own account there, or to
# the payee whom its contract names (and then to no card); what was too much also goes back the way it came.
_PAYEES: Final[LiteralString] = """
    SELECT format('payout %%s went to what is not the borrower''s own debit card or account', o.order_id)
    FROM channel_order o
    LEFT JOIN instrument i ON i.cell = o.cell AND i.instrument_id = o.instrument_id AND i.person_id = o.person_id
    LEFT JOIN loan l ON l.cell = o.cell AND l.loan_id = o.loan_id AND l.person_id = o.person_id
    LEFT JOIN contract_payee p ON p.cell = o.cell AND p.loan_id = o.loan_id AND p.person_id = o.person_id
    LEFT JOIN (
        refund_of f JOIN channel_order c ON c.cell = f.cell AND c.order_id = f.paid_by
    ) ON f.cell = o.cell AND f.order_id = o.order_id AND c.loan_id = o.loan_id AND c.channel = o.channel
        AND c.state = 'PAID' AND f.total_fen = c.amount_fen
    WHERE o.kind IN ('payout', 'return') AND o.state <> 'FAILED' AND CASE
      WHEN o.channel = 'entrusted' OR (o.kind = 'payout' AND p.loan_id IS NOT NULL)
        THEN o.channel <> 'entrusted' OR o.kind <> 'payout' OR p.loan_id IS NULL OR o.instrument_id IS NOT NULL
      WHEN o.kind = 'return' AND o.instrument_id IS NULL THEN f.order_id IS NULL
      ELSE ((i.kind IS DISTINCT FROM 'debit_card'
          AND (i.kind IS DISTINCT FROM 'wallet' OR o.channel <> 'alipay_account'))
        OR i.state = 'added' OR (l.loan_id IS NULL AND NOT EXISTS (
           SELECT FROM spend_order s JOIN spend_account a ON a.cell = s.cell AND a.account_id = s.account_id
           WHERE s.cell = o.cell AND s.order_id = o.order_id AND a.person_id = o.person_id))) END"""

# Whatever must have its leaf of evidence, as SELECTs of (cell, id).
EXPECTED_LEAVES: Final[tuple[tuple[LeafKind, LiteralString], ...]] = (
    (LeafKind.CONSENT, "SELECT cell, consent_id FROM consent"),
    (LeafKind.CONSENT_WITHDRAWN, "SELECT cell, consent_id FROM consent WHERE withdrawn_at IS NOT NULL"),
    (LeafKind.DECISION, "SELECT cell, decision_id FROM decision"),
    (LeafKind.DISCLOSURE, "SELECT cell, disclosure_id FROM disclosure WHERE confirmed_at IS NOT NULL"),
    (LeafKind.CONTRACT, "SELECT cell, contract_id FROM contract"),
    (
        LeafKind.DISBURSEMENT,
        "SELECT cell, order_id FROM channel_order WHERE kind = 'payout' AND state = 'PAID' AND loan_id IS NOT NULL",
    ),
    (
        LeafKind.REPAYMENT,
        """SELECT o.cell, o.order_id FROM channel_order o
           JOIN loan_event e ON e.cell = o.cell AND e.loan_id = o.loan_id AND e.event_id = o.order_id
           WHERE e.kind = 'repaid'""",
    ),
    (
        LeafKind.AMENDMENT,
        """SELECT e.cell, e.event_id FROM loan_event e
           WHERE e.kind NOT IN ('disbursed', 'cancelled', 'overpayment_returned', 'migrated_in')
             AND NOT EXISTS (SELECT FROM channel_order o WHERE o.cell = e.cell AND o.order_id
                             = CASE e.kind WHEN 'reversed' THEN e.target ELSE e.event_id END)""",
    ),
    (LeafKind.TAKING_OVER, "SELECT cell, import_id FROM book_import"),
    (LeafKind.CERTIFICATE, "SELECT cell, certificate_id FROM certificate"),
    (LeafKind.SPEND_ACCOUNT, "SELECT cell, account_id FROM spend_account"),
    (LeafKind.LINK, "SELECT cell, link_id FROM account_link"),
    (LeafKind.SPEND, "SELECT cell, event_id FROM spend_event"),
    (LeafKind.FREEZE, "SELECT cell, freeze_id FROM drawing_freeze"),
    (
        LeafKind.REPORT,
        "SELECT cell, work_id FROM work WHERE kind = 'person_asked' AND payload ->> 'wish' = 'suspicious'",
    ),
    (LeafKind.REVIEW, "SELECT cell, request_id FROM review WHERE answered_at IS NOT NULL"),
    (LeafKind.REFERRAL, "SELECT cell, referral_id FROM referral"),
    (LeafKind.LENDER_ANSWER, "SELECT cell, word_id FROM lender_word"),
    (LeafKind.PURPOSE_CARD, "SELECT cell, card_id FROM purpose_card"),
    (LeafKind.FUNDS_VERSION, "SELECT cell, version_id FROM funds_version"),
    (LeafKind.FUNDS_VERSION_ANSWER, "SELECT cell, version_id FROM funds_version_answer"),
    (LeafKind.PAYEE_WISH, "SELECT cell, wish_id FROM payee_wish"),
    (LeafKind.CALLED_OFF, "SELECT cell, event_id FROM loan_called_off"),
    (LeafKind.CARD_SPEND, "SELECT cell, message_id FROM purpose_message"),
    (LeafKind.PURPOSE_ALERT, "SELECT cell, alert_id FROM purpose_alert"),
    (LeafKind.CAR_QUOTE, "SELECT cell, offer_id FROM purpose_loan"),
    (LeafKind.WALLET_BINDING, "SELECT cell, binding_id FROM wallet_binding"),
    (
        LeafKind.PURPOSE_EVIDENCE,
        "SELECT cell, evidence_id FROM purpose_evidence UNION ALL SELECT cell, paper_id FROM milestone_paper",
    ),
    (LeafKind.BUY_BACK, "SELECT cell, proposal_id FROM loan_buy_back"),
    (LeafKind.POOL_DAY, "SELECT 0, day_id FROM pool_day"),  # the house's own ids route to the first cell
    # An order that ran out is told of where the order lies, and has no person to bear witness for.
    (
        LeafKind.MERCHANT_TOLD,
        """SELECT cell, work_id FROM work WHERE kind = 'merchant_webhook' AND payload ->> 'ended' = 'delivered'
           AND payload ->> 'event' <> 'checkout.expired'""",
    ),
    (LeafKind.PROPOSAL, "SELECT cell, proposal_id FROM proposal WHERE decided_at IS NOT NULL"),
    (LeafKind.SWITCH, "SELECT 0, switch_id FROM policy_switch"),  # the house's own ids route to the first cell
)


def holds(tx: Transaction) -> list[str]:
    """Open holds are just those of payouts that have not ended."""
    return _found(tx, _HOLDS)


def loans_and_ledger(tx: Transaction) -> list[str]:
    """Each loan's payable components equal its accounts; its next event is in the diary and in no closed day."""
    return [
        sentence
        for question in (_LOAN_ACCOUNTS, _GUARANTOR_CLAIMS, _NEXT_EVENTS, _DIARY)
        for sentence in _found(tx, question)
    ]


def orders_and_ledger(tx: Transaction) -> list[str]:
    """What channels say was paid and collected is what was posted, order by order."""
    return _found(tx, _PAID_OUT) + _found(tx, _COLLECTED, conceded=_CONCEDED)


def orders_and_events(tx: Transaction) -> list[str]:
    """Each order that ended is an event of its loan, of the same day, amount and intent; no event comes without one."""
    return _found(tx, _EVENTS, conceded=_CONCEDED)


def limits(tx: Transaction) -> list[str]:
    """Drawn and held within the product's limit, that within the person's; what is drawn is what loans owe."""
    return _found(tx, _LIMITS) + _found(tx, _CAPS)


def payees(tx: Transaction) -> list[str]:
    """Money only ever went to the borrower's own debit card or account."""
    return _found(tx, _PAYEES)


def all_loans(tx: Transaction) -> Iterator[Loan]:
    """Yield every loan of the book, cell by cell, in pages."""
    for cell in range(tx.cells):
        after = UUID(int=0)
        while page := loan.page(tx, cell=cell, after=after, limit=LOANS_PER_PAGE):
            yield from page
            after = page[-1].loan_id


def counts(tx: Transaction) -> dict[str, int]:
    """Return how many people, loans, transfers and leaves the book has."""
    row = tx.execute(
        """SELECT (SELECT count(*) FROM person), (SELECT count(*) FROM loan), (SELECT count(*) FROM transfer),
                  (SELECT count(*) FROM evidence_leaf)"""
    ).fetchone()
    assert row is not None
    return dict(zip(("people", "loans", "transfers", "leaves"), row, strict=True))


def _found(tx: Transaction, check: LiteralString, **parameters: object) -> list[str]:
    return [sentence for (sentence,) in tx.execute(check, parameters).fetchmany(FINDINGS_MAX)]
