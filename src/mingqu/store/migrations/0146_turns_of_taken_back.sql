-- A loan whose only payout came back is planned again: that is a turn too, or it would stand as it last did, perhaps late,
-- for good. It is of the day on which the money was taken back in the ledger. One that was never paid out did not start.

CREATE OR REPLACE FUNCTION note_turns() RETURNS trigger LANGUAGE plpgsql SET enable_hashjoin = on AS $$
DECLARE
    reached date := (SELECT max(coalesce(as_of, last_posted_on(cell, loan_id))) FROM new_loans);
BEGIN
    INSERT INTO loan_turn AS t (cell, loan_id, on_date, stage, overdue_since, principal_fen, started_on, started_fen)
    SELECT n.cell, n.loan_id, d.on_date, n.stage, n.overdue_since, n.principal_unbilled_fen + n.payable_principal_fen,
           CASE WHEN o.stage = 'planned' AND n.stage <> 'cancelled' THEN d.on_date END,
           CASE WHEN o.stage = 'planned' AND n.stage <> 'cancelled'
                THEN n.principal_unbilled_fen + n.payable_principal_fen END
    FROM new_loans n JOIN old_loans o ON o.cell = n.cell AND o.loan_id = n.loan_id
    JOIN cell c ON c.cell = n.cell CROSS JOIN LATERAL (SELECT greatest(c.last_closed_on + 1, reached) AS on_date) d
    WHERE n.stage <> o.stage OR (n.stage <> 'planned' AND (
        n.overdue_since IS DISTINCT FROM o.overdue_since
        OR (n.overdue_since IS NOT NULL AND n.principal_unbilled_fen + n.payable_principal_fen
                                            <> o.principal_unbilled_fen + o.payable_principal_fen)))
    ON CONFLICT (cell, loan_id, on_date) DO UPDATE
    SET stage = EXCLUDED.stage, overdue_since = EXCLUDED.overdue_since, principal_fen = EXCLUDED.principal_fen,
        started_on = coalesce(t.started_on, EXCLUDED.started_on),
        started_fen = coalesce(t.started_fen, EXCLUDED.started_fen);
    RETURN NULL;
END
$$;

-- Those that are planned again already take the turn now.
INSERT INTO loan_turn AS t (cell, loan_id, on_date, stage, principal_fen)
SELECT l.cell, l.loan_id, greatest(c.last_closed_on + 1, last_posted_on(l.cell, l.loan_id)), 'planned', 0
FROM loan l JOIN cell c ON c.cell = l.cell
WHERE l.stage = 'planned' AND EXISTS (SELECT FROM loan_turn k WHERE k.cell = l.cell AND k.loan_id = l.loan_id)
ON CONFLICT (cell, loan_id, on_date) DO UPDATE SET stage = 'planned', overdue_since = NULL, principal_fen = 0;
