"""The proof of orders: what became of each is what its words say."""

from __future__ import annotations

from typing import Final, LiteralString

from mingqu.store.server.database import Transaction

# Foreign keys would ask this with every row that is written; the proof asks it of the whole book.
_BELONGS: Final[tuple[LiteralString, ...]] = (
    """SELECT format('order %s belongs to nobody, or to a card or loan of somebody else', o.order_id)
       FROM channel_order o
       LEFT JOIN person p ON p.cell = o.cell AND p.person_id = o.person_id
       LEFT JOIN instrument i ON i.cell = o.cell AND i.instrument_id = o.instrument_id AND i.person_id = o.person_id
       LEFT JOIN loan l ON l.cell = o.cell AND l.loan_id = o.loan_id AND l.person_id = o.person_id
       WHERE p.person_id IS NULL OR (o.instrument_id IS NOT NULL AND i.instrument_id IS NULL)
          OR (o.loan_id IS NOT NULL AND l.loan_id IS NULL)
       ORDER BY o.cell, o.order_id""",
    """SELECT format('word %s of order %s was said about no order', w.seq, w.order_id) FROM channel_word w
       WHERE NOT EXISTS (SELECT FROM channel_order o WHERE o.cell = w.cell AND o.order_id = w.order_id)
       ORDER BY w.cell, w.order_id, w.seq""",
    """SELECT format('repayment %s is of no order, or of another loan or agreement than its order', r.order_id)
       FROM repayment r
       LEFT JOIN channel_order o ON o.cell = r.cell AND o.order_id = r.order_id
                                AND o.loan_id IS NOT DISTINCT FROM r.loan_id
       LEFT JOIN repayment_agreement a ON a.cell = r.cell AND a.agreement_id = r.agreement_id
                                      AND a.person_id = o.person_id
       WHERE o.order_id IS NULL OR (r.agreement_id IS NOT NULL AND a.agreement_id IS NULL)
       ORDER BY r.cell, r.order_id""",
)


def prove_belonging(tx: Transaction) -> list[str]:
    """Return one sentence per order, word or repayment that hangs in the air; an empty list is right."""
    return [str(row[0]) for question in _BELONGS for row in tx.execute(question)]


def prove(tx: Transaction) -> list[str]:
    """Return one sentence per order whose words do not bear out its state; an empty list is right.

    An ended order was ended by exactly one kind of explicit word (or withdrawn), of its own amount; an open one
    by none; every order's state is the state after its last word. That it was reserved is said by the order itself.
    """
    rows = tx.execute(
        """
        SELECT o.order_id, o.state, w.paid, w.other_paid, w.failed, w.last_state
        FROM channel_order o
        LEFT JOIN LATERAL (
            SELECT count(*) FILTER (
                       WHERE word = 'paid' AND amount_fen = o.amount_fen AND currency = o.currency) AS paid,
                   count(*) FILTER (WHERE word = 'paid' AND reference IS DISTINCT FROM o.reference) AS other_paid,
                   count(*) FILTER (WHERE word IN ('failed', 'refused', 'withdraw')
                                       OR (word = 'decide' AND code = 'never_paid')) AS failed,
                   coalesce((array_agg(state ORDER BY seq DESC))[1], 'RESERVED') AS last_state
            FROM channel_word WHERE cell = o.cell AND order_id = o.order_id
        ) w ON true
        WHERE w.last_state IS DISTINCT FROM o.state
           OR (o.state = 'PAID' AND w.paid = 0)
           OR (o.state = 'FAILED' AND w.failed = 0)
           OR (o.conflict_code IS NULL AND (
                (o.state = 'PAID' AND (w.failed > 0 OR w.other_paid > 0))
             OR (o.state = 'FAILED' AND w.paid > 0)
             OR (o.state NOT IN ('PAID', 'FAILED') AND w.paid + w.failed > 0)))
        ORDER BY o.cell, o.order_id
        """
    )
    return [f"order {row[0].hex} is {row[1]}, but its words say otherwise" for row in rows]
