"""Revolving accounts against their events, their bills and the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, LiteralString
from uuid import UUID

from mingqu.domain.refusal import Refusal
from mingqu.domain.spend import SpendKind, next_morning, tell
from mingqu.store.revolving import returned_draw, spend
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.server.database import Transaction

FINDINGS_MAX: Final = 20  # enough to see what kind of break it is; a broken book may have millions
ACCOUNTS_PER_PAGE: Final = 1_000  # so that the proof of a large book needs no memory in proportion to it

_BOOKS: Final[LiteralString] = """
    WITH books AS (
        SELECT cell, owner,
               sum(debits_posted_fen - credits_posted_fen) FILTER (WHERE code = 1201) AS principal,
               sum(debits_posted_fen - credits_posted_fen) FILTER (WHERE code = 1202) AS interest,
               sum(debits_posted_fen - credits_posted_fen) FILTER (WHERE code = 1203) AS fee,
               sum(debits_posted_fen - credits_posted_fen) FILTER (WHERE code = 1204) AS penalty,
               sum(credits_posted_fen - debits_posted_fen) FILTER (WHERE code = 2301) AS own
        FROM account WHERE code BETWEEN 1201 AND 1204 OR code = 2301 GROUP BY cell, owner
    )
    SELECT format('revolving account %s and its accounts do not agree', coalesce(a.account_id, b.owner))
    FROM (SELECT a.*, s.* FROM spend_account a CROSS JOIN LATERAL spend_amounts(a.state) s) a
    FULL JOIN books b ON b.cell = a.cell AND b.owner = a.account_id
    WHERE (a.used_fen, a.interest_fen, a.fee_fen, a.penalty_fen, a.own_fen)
          IS DISTINCT FROM (b.principal, b.interest, b.fee, b.penalty, b.own)"""

_LIMITS: Final[LiteralString] = """
    WITH line AS (
        SELECT cell, owner,
               sum(debits_posted_fen - credits_posted_fen) FILTER (WHERE code = 9001) AS granted,
               sum(credits_posted_fen - debits_posted_fen + credits_pending_fen) FILTER (WHERE code = 9003) AS used,
               sum(debits_posted_fen - credits_posted_fen) FILTER (WHERE code = 9004) AS above
        FROM account WHERE code IN (9001, 9003, 9004) GROUP BY cell, owner
    )
    SELECT format('revolving account %s is above its limit, or its limit above the person''s', a.account_id)
    FROM spend_account a
    LEFT JOIN line own ON own.cell = a.cell AND own.owner = a.account_id
    LEFT JOIN line shared ON shared.cell = a.cell AND shared.owner = a.person_id
    WHERE NOT coalesce(own.used <= own.granted + own.above
                       AND own.granted = (spend_amounts(a.state)).limit_fen
                       AND own.granted <= shared.granted
                       AND shared.used <= shared.granted + shared.above, false)"""

_PURCHASES: Final[LiteralString] = """
    SELECT format('purchase %s and the events of its account do not agree', p.purchase_id)
    FROM spend_purchase p
    LEFT JOIN spend_event e ON e.cell = p.cell AND e.event_id = p.purchase_id AND e.kind = 'purchased'
    LEFT JOIN (SELECT cell, target, sum(amount_fen) AS fen FROM spend_event WHERE kind = 'refunded' GROUP BY 1, 2) r
           ON r.cell = p.cell AND r.target = p.purchase_id
    WHERE (coalesce(e.amount_fen, 0), coalesce(r.fen, 0), e.event_id IS NOT NULL)
          <> (p.captured_fen, p.refunded_fen, p.state = 'captured')"""

_BILLS: Final[LiteralString] = """
    SELECT format('bill %s of %s is of no account', s.number, s.account_id)
    FROM spend_statement s LEFT JOIN spend_account a ON a.cell = s.cell AND a.account_id = s.account_id
    WHERE a.account_id IS NULL"""

# What is taken back of an account is a repayment of it, all of it and once.
_REVERSED: Final[LiteralString] = """
    SELECT format('what was taken back of %s is no repayment of its account', r.target)
    FROM (SELECT cell, account_id, target, sum(amount_fen) AS fen FROM spend_event WHERE kind LIKE 'reversed%'
          GROUP BY 1, 2, 3) r
    LEFT JOIN spend_event e ON e.cell = r.cell AND e.event_id = r.target AND e.account_id = r.account_id
                           AND e.kind = 'repaid'
    WHERE e.amount_fen IS DISTINCT FROM r.fen"""

# What came back of an account is a draw of it, all of it and once: one that its channel paid, and of which two people
# decided that it came back, and no other.
_RETURNED: Final[LiteralString] = """
    WITH came_back AS (
        SELECT cell, account_id, target, sum(amount_fen) AS fen FROM spend_event WHERE kind = 'draw_returned'
        GROUP BY 1, 2, 3
    ), decided AS (
        SELECT DISTINCT s.cell, s.account_id, o.order_id, o.amount_fen
        FROM spend_order s JOIN channel_order o ON o.cell = s.cell AND o.order_id = s.order_id
        JOIN proposal p ON p.cell = o.cell AND p.subject_id = o.order_id AND p.deed = 'decide_order'
        WHERE o.kind = 'payout' AND o.state = 'PAID' AND p.state = 'approved' AND p.body ->> 'verdict' = 'returned'
    )
    SELECT format('what came back of %s is no draw of its account that two people said came back',
                  coalesce(b.target, d.order_id))
    FROM came_back b FULL JOIN decided d
      ON d.cell = b.cell AND d.account_id = b.account_id AND d.order_id = b.target
    LEFT JOIN spend_event e ON e.cell = b.cell AND e.account_id = b.account_id AND e.event_id = b.target
                           AND e.kind = 'drawn'
    WHERE b.fen IS DISTINCT FROM d.amount_fen OR b.fen IS DISTINCT FROM e.amount_fen
    UNION ALL
    SELECT format('bill %s of %s is corrected and no draw came back', c.number, c.account_id)
    FROM spend_bill_corrected c LEFT JOIN spend_event e ON e.cell = c.cell AND e.account_id = c.account_id
                                AND e.number = c.event_number AND e.kind = 'draw_returned'
    WHERE e.event_id IS NULL"""

# A bill is deducted under a choice of its account's owner, under a consent and an agreement of theirs, and by one order
# at a time: an order that may have taken money ends before the next is made.
_DEDUCTIONS: Final[LiteralString] = """
    SELECT format('order %s deducts a bill and nobody agreed to that', s.order_id)
    FROM spend_order s JOIN channel_order o ON o.cell = s.cell AND o.order_id = s.order_id
    LEFT JOIN bill_deduction d ON d.cell = s.cell AND d.choice_id = s.choice_id AND d.account_id = s.account_id
    LEFT JOIN spend_account a ON a.cell = s.cell AND a.account_id = s.account_id AND a.person_id = d.person_id
    LEFT JOIN consent c ON c.cell = d.cell AND c.consent_id = d.consent_id AND c.person_id = d.person_id
                       AND c.purpose = 'bill_repayment'
    LEFT JOIN repayment r ON r.cell = s.cell AND r.order_id = s.order_id
    LEFT JOIN repayment_agreement g ON g.cell = r.cell AND g.agreement_id = r.agreement_id
                                   AND g.person_id = d.person_id AND g.channel = o.channel
    LEFT JOIN spend_statement b ON b.cell = s.cell AND b.account_id = s.account_id AND b.number = s.bill_number
    WHERE s.choice_id IS NOT NULL
      AND (a.account_id IS NULL OR c.consent_id IS NULL OR c.withdrawn_at < o.sent_at OR g.agreement_id IS NULL
           OR b.number IS NULL OR o.kind <> 'collection' OR o.person_id <> d.person_id)
    UNION ALL
    SELECT format('order %s rests on an agreement and pays neither a loan nor a bill', r.order_id)
    FROM repayment r LEFT JOIN spend_order s ON s.cell = r.cell AND s.order_id = r.order_id
    WHERE r.loan_id IS NULL AND s.choice_id IS NULL
    UNION ALL
    SELECT format('account %s has more than one deduction under way', account_id)
    FROM spend_order s JOIN channel_order o ON o.cell = s.cell AND o.order_id = s.order_id
    WHERE s.choice_id IS NOT NULL AND o.state NOT IN ('PAID', 'FAILED')
    GROUP BY s.cell, s.account_id HAVING count(*) > 1"""


# What was an owner's own is sent back by one order, is credit again where that failed or came back (two people said
# so), and lies on the way only as long as nobody knows.
_RETURNS: Final[LiteralString] = """
    WITH asked AS (
        SELECT o.cell, o.order_id, s.account_id, o.amount_fen, o.state,
               o.state = 'PAID' AND EXISTS (
                   SELECT FROM channel_word w WHERE w.cell = o.cell AND w.order_id = o.order_id
                      AND w.word = 'decide' AND w.code = 'returned') AS came_back
        FROM channel_order o JOIN spend_order s ON s.cell = o.cell AND s.order_id = o.order_id WHERE o.kind = 'return'
    ), told AS (
        SELECT cell, coalesce(target, event_id) AS order_id, account_id,
               sum(amount_fen) FILTER (WHERE kind = 'sent_back') AS sent,
               sum(amount_fen) FILTER (WHERE kind = 'not_sent_back') AS kept,
               sum(amount_fen) FILTER (WHERE kind = 'came_back') AS came
        FROM spend_event WHERE kind IN ('sent_back', 'not_sent_back', 'came_back') GROUP BY 1, 2, 3
    )
    SELECT format('return %s of a revolving account and its events do not agree', coalesce(a.order_id, t.order_id))
    FROM asked a FULL JOIN told t ON t.cell = a.cell AND t.order_id = a.order_id AND t.account_id = a.account_id
    WHERE t.sent IS DISTINCT FROM a.amount_fen
       OR t.kept IS DISTINCT FROM CASE WHEN a.state = 'FAILED' THEN a.amount_fen END
       OR t.came IS DISTINCT FROM CASE WHEN a.came_back THEN a.amount_fen END
    UNION ALL
    SELECT format('what is on its way from revolving account %s and its orders do not agree',
                  coalesce(b.owner, w.account_id))
    FROM (SELECT cell, owner, credits_posted_fen - debits_posted_fen AS fen FROM account WHERE code = 2302) b
    FULL JOIN (SELECT cell, account_id, sum(amount_fen) AS fen FROM asked
               WHERE state NOT IN ('PAID', 'FAILED') GROUP BY 1, 2) w ON w.cell = b.cell AND w.account_id = b.owner
    WHERE coalesce(b.fen, 0) <> coalesce(w.fen, 0)"""


def spend_accounts(tx: Transaction) -> list[str]:
    """Return a sentence for each account that is not what its events make of it, or not what the ledger says."""
    found = [
        sentence
        for check in (_BOOKS, _LIMITS, _PURCHASES, _BILLS, _REVERSED, _RETURNED, _DEDUCTIONS, _RETURNS)
        for (sentence,) in tx.execute(check).fetchmany(20)
    ]
    return found + list(islice(_replayed(tx), FINDINGS_MAX))


def _replayed(tx: Transaction) -> Iterator[str]:
    for cell in range(tx.cells):
        after = UUID(int=0)
        while page := spend.page(tx, cell=cell, after=after, limit=ACCOUNTS_PER_PAGE):  # each page moves on
            for account in page:
                if not _is_told(tx, account):
                    yield f"revolving account {account.account_id} is not what its events make of it"
            after = page[-1].account_id


def _is_told(tx: Transaction, account: SpendAccount) -> bool:
    """Whether an account's events, told again, give its state and its bills, as they were issued and as they stand, and
    its next morning is not past."""
    events = spend.events_of(tx, account_id=account.account_id)
    try:
        story = tell(
            terms=account.terms,
            opened_on=account.opened_on,
            limit_fen=account.granted_fen,
            events=events,
            to=account.state.day,
        )
    except Refusal:
        return False
    kept = spend.statements_of(tx, account_id=account.account_id)
    stand = {bill.number: bill for bill in kept}
    if any(event.kind is SpendKind.DRAW_RETURNED for event in events):  # few: of any other a correction has no cause
        stand |= returned_draw.corrected_of(tx, account_id=account.account_id)
    return (
        story.state == account.state
        and list(reversed(story.issued)) == kept
        and {bill.number: bill for bill in story.bills.values()} == stand
        and len(events) == account.events
        and next_morning(account.state) > account.state.day
    )
