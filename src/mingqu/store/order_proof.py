"""The proof of orders: what became of each is what its words say."""

from __future__ import annotations

from mingqu.store.database import Transaction


def prove(tx: Transaction) -> list[str]:
    """Return one sentence per order whose words do not bear out its state; an empty list is right.

    An ended order was ended by exactly one kind of explicit word (or withdrawn), of its own amount; an open one
    by none; every order's state is the state after its last word.
    """
    rows = tx.execute(
        """
        SELECT o.order_id, o.state, w.paid, w.other_paid, w.failed, w.last_state
        FROM channel_order o
        LEFT JOIN LATERAL (
            SELECT count(*) FILTER (
                       WHERE word = 'paid' AND amount_fen = o.amount_fen AND currency = o.currency) AS paid,
                   count(*) FILTER (WHERE word = 'paid' AND reference IS DISTINCT FROM o.reference) AS other_paid,
                   count(*) FILTER (WHERE word IN ('failed', 'refused', 'withdraw')) AS failed,
                   (array_agg(state ORDER BY seq DESC))[1] AS last_state
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
