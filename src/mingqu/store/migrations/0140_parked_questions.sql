-- A question that was parked when its time was over stayed so, and nothing followed it any more. It has expired; whom it
-- concerned has long gone elsewhere and is told nothing now.
UPDATE lender_question q SET state = 'expired'
WHERE q.state = 'parked' AND NOT EXISTS (
    SELECT FROM work w
    WHERE w.cell = q.cell AND w.kind = 'ask_lender' AND w.subject_id = q.question_id AND w.done_at IS NULL
);
