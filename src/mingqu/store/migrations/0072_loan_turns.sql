-- When a loan's standing took another turn: it was paid out, became late, caught up, paid something while late, ended, was
-- lost. Between two turns how late it is grows by the day, so nothing is written. Vintages and roll rates read this and
-- no loan is told again for them. Days are those on which it was booked, as in every report; of several turns of a day
-- the last stays. `started_on` and `started_fen` stand on the row with which a loan begins.
CREATE TABLE loan_turn (
    cell          smallint NOT NULL,
    loan_id       uuid     NOT NULL,
    on_date       date     NOT NULL,
    stage         text     NOT NULL,
    overdue_since date,
    principal_fen bigint   NOT NULL,
    started_on    date,
    started_fen   bigint   CHECK ((started_fen IS NULL) = (started_on IS NULL)),
    PRIMARY KEY (cell, loan_id, on_date)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

-- A book that is older did not keep turns: they are whole from this day on.
ALTER TABLE day_sum ADD COLUMN turns_from date;
UPDATE day_sum s SET turns_from = greatest(c.last_closed_on + 1, t.latest)
FROM cell c LEFT JOIN (SELECT cell, max(posted_on) AS latest FROM transfer GROUP BY cell) t ON t.cell = c.cell
WHERE c.cell = s.cell;
INSERT INTO loan_turn (cell, loan_id, on_date, stage, overdue_since, principal_fen, started_on, started_fen)
SELECT l.cell, l.loan_id, coalesce(s.turns_from, c.last_closed_on + 1), l.stage, l.overdue_since,
       l.principal_unbilled_fen + l.payable_principal_fen, e.started_on, e.started_fen
FROM loan l JOIN cell c ON c.cell = l.cell LEFT JOIN day_sum s ON s.cell = l.cell
LEFT JOIN (
    SELECT cell, loan_id, min(coalesce((detail ->> 'disbursed_on')::date, value_date)) AS started_on,
           (array_agg(coalesce((detail ->> 'disbursed_fen')::bigint, amount_fen) ORDER BY value_date, event_id))[1]
               AS started_fen
    FROM loan_event WHERE kind IN ('disbursed', 'migrated_in') GROUP BY cell, loan_id
) e ON e.cell = l.cell AND e.loan_id = l.loan_id
WHERE l.stage <> 'planned';

-- A loan that begins here is planned until its money went out; one that was taken over comes with its first turn.
CREATE FUNCTION note_turns() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    reached date := (SELECT max(as_of) FROM new_loans);
BEGIN
    INSERT INTO loan_turn AS t (cell, loan_id, on_date, stage, overdue_since, principal_fen, started_on, started_fen)
    SELECT n.cell, n.loan_id, d.on_date, n.stage, n.overdue_since, n.principal_unbilled_fen + n.payable_principal_fen,
           CASE WHEN o.stage = 'planned' THEN d.on_date END,
           CASE WHEN o.stage = 'planned' THEN n.principal_unbilled_fen + n.payable_principal_fen END
    FROM new_loans n JOIN old_loans o ON o.cell = n.cell AND o.loan_id = n.loan_id
    JOIN cell c ON c.cell = n.cell CROSS JOIN LATERAL (SELECT greatest(c.last_closed_on + 1, reached) AS on_date) d
    WHERE n.stage <> 'planned' AND (
        n.stage <> o.stage OR n.overdue_since IS DISTINCT FROM o.overdue_since
        OR (n.overdue_since IS NOT NULL AND n.principal_unbilled_fen + n.payable_principal_fen
                                            <> o.principal_unbilled_fen + o.payable_principal_fen))
    ON CONFLICT (cell, loan_id, on_date) DO UPDATE
    SET stage = EXCLUDED.stage, overdue_since = EXCLUDED.overdue_since, principal_fen = EXCLUDED.principal_fen,
        started_on = coalesce(t.started_on, EXCLUDED.started_on),
        started_fen = coalesce(t.started_fen, EXCLUDED.started_fen);
    RETURN NULL;
END
$$;
CREATE TRIGGER note_turns_of_changed AFTER UPDATE ON loan REFERENCING OLD TABLE AS old_loans NEW TABLE AS new_loans
    FOR EACH STATEMENT EXECUTE FUNCTION note_turns();
