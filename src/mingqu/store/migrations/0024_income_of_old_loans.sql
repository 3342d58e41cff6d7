-- Loans from before 0017 that no morning and no event has written since (`terms_kind` is 0) do not know on which day their
-- income would stop. 0022 takes a loan that owes something, bears nothing and has no such day for one whose income has
-- stopped; of these, those with everything billed and the grace still running were counted so by mistake. They get the
-- day that `LoanState.suspends_on` gives them: 90 days behind the oldest unpaid due date, and one. Their snapshots are as
-- their last morning left them. The trigger of 0022 moves them to their class on the first open day; what was added up
-- for a closed day stays as it was reported.
UPDATE loan SET suspends_on = late.due + 91
FROM (
    SELECT DISTINCT ON (s.cell, s.loan_id) s.cell, s.loan_id, (line ->> 'due')::date AS due
    FROM loan l JOIN loan_snapshot s USING (cell, loan_id)
    CROSS JOIN LATERAL json_array_elements(s.state -> 'instalments') WITH ORDINALITY AS i (line, place)
    WHERE l.terms_kind = 0 AND l.suspends_on IS NULL AND l.stage = 'active'
      AND l.interest_on IS NULL AND l.penalty_on IS NULL
      AND l.payable_principal_fen + l.payable_interest_fen + l.payable_penalty_fen + l.payable_fee_fen > 0
      AND coalesce((s.terms ->> 'suspends_income')::boolean, false)
      AND NOT coalesce((s.state ->> 'suspended')::boolean, false)
      AND coalesce((line ->> 'billed')::boolean, false) AND line ->> 'paid_on' IS NULL
      AND (line ->> 'principal_fen')::bigint + (line ->> 'interest_fen')::bigint
          + coalesce((line ->> 'penalty_fen')::bigint, 0) + coalesce((line ->> 'fee_fen')::bigint, 0)
          - coalesce((line ->> 'principal_paid_fen')::bigint, 0) - coalesce((line ->> 'interest_paid_fen')::bigint, 0)
          - coalesce((line ->> 'penalty_paid_fen')::bigint, 0) - coalesce((line ->> 'fee_paid_fen')::bigint, 0) > 0
    ORDER BY s.cell, s.loan_id, place
) AS late
WHERE loan.cell = late.cell AND loan.loan_id = late.loan_id;
