"""Loans by stages against the two people who released each stage: what was paid, to whom, and on whose word."""

from __future__ import annotations

from typing import Final, LiteralString

from mingqu.store.server.database import Transaction

FINDINGS_MAX: Final = 20

# A stage is paid by just the order that two people released, of just the amount that they saw.
_RELEASED: Final[LiteralString] = """
    SELECT format('stage %%s of loan %%s was not released by two people', coalesce(r.stage, p.body ->> 'stage'),
                  coalesce(r.loan_id, p.subject_id))
    FROM milestone_release r
    FULL JOIN (SELECT * FROM proposal WHERE state = 'approved' AND deed = 'release_stage') p
        ON p.cell = r.cell AND p.proposal_id = r.proposal_id
    LEFT JOIN channel_order o ON o.cell = r.cell AND o.order_id = r.order_id
    WHERE NOT coalesce(
        p.subject_id = r.loan_id AND p.person_id = r.person_id AND p.body ->> 'stage' = r.stage
        AND p.decided_at = r.released_at AND o.loan_id = r.loan_id AND o.kind = 'payout' AND o.channel = 'entrusted'
        AND o.amount_fen = (p.body ->> 'amount_fen')::bigint, false)"""
# Of what a payee is paid for one loan, the first is the signature's; whatever else is alive was released.
_UNRELEASED: Final[LiteralString] = """
    SELECT format('more than one payment to the payee of loan %%s was released by nobody', o.loan_id)
    FROM channel_order o
    LEFT JOIN milestone_release r ON r.cell = o.cell AND r.order_id = o.order_id
    WHERE o.kind = 'payout' AND o.channel = 'entrusted' AND o.state <> 'FAILED' AND r.order_id IS NULL
      AND NOT EXISTS (SELECT FROM loan_event e WHERE e.cell = o.cell AND e.loan_id = o.loan_id
                      AND e.kind = 'reversed' AND e.target = o.order_id)
    GROUP BY o.cell, o.loan_id HAVING count(*) > 1"""


def milestones(tx: Transaction) -> list[str]:
    """Return a sentence for each stage that was paid without two people, or otherwise than they agreed."""
    return [
        sentence for check in (_RELEASED, _UNRELEASED) for (sentence,) in tx.execute(check, ()).fetchmany(FINDINGS_MAX)
    ]
