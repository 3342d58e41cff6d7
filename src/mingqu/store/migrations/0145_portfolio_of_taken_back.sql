-- A loan that is told again without its only payout has reached no day: it is planned. What it adds to its classes belongs
-- to the day on which its money was taken back in the ledger, which was posted before it is written, and not to the first
-- day that is not closed: by night, or behind a close that waits, that is another one.

CREATE FUNCTION last_posted_on(loan_cell smallint, whose uuid) RETURNS date LANGUAGE sql STABLE AS $$
    SELECT max(posted_on) FROM transfer
    WHERE cell = loan_cell AND credit_owner = whose AND amount_fen > 0 AND debit_owner <> credit_owner
$$;

CREATE OR REPLACE FUNCTION note_portfolio() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    reached date;
BEGIN
    IF TG_OP = 'INSERT' THEN
        reached := (SELECT max(as_of) FROM new_loans);
        INSERT INTO portfolio_delta (
            cell, on_date, lender_id, product_id, currency, stage, non_accrual, overdue_since, loans,
            principal_unbilled_fen, principal_billed_fen, interest_fen, penalty_fen, fee_fen,
            interest_slope, interest_zero, penalty_slope, penalty_zero)
        SELECT l.cell, greatest(c.last_closed_on + 1, reached), any_value(l.lender_id), any_value(l.product_id),
               any_value(l.currency), l.stage,
               bears_no_income(l.stage, l.interest_on, l.penalty_on, l.suspends_on, l.payable_principal_fen
                               + l.payable_interest_fen + l.payable_penalty_fen + l.payable_fee_fen),
               coalesce(l.overdue_since, '-infinity'), sum(times), sum(times * l.principal_unbilled_fen),
               sum(times * l.payable_principal_fen), sum(times * l.payable_interest_fen),
               sum(times * l.payable_penalty_fen), sum(times * l.payable_fee_fen),
               coalesce(sum(times * l.interest_daily_micro) FILTER (WHERE l.interest_on IS NOT NULL), 0),
               coalesce(sum(times * line_at_zero(l.interest_base_micro, l.interest_daily_micro, l.interest_on)), 0),
               coalesce(sum(times * l.penalty_daily_micro) FILTER (WHERE l.penalty_on IS NOT NULL), 0),
               coalesce(sum(times * line_at_zero(l.penalty_base_micro, l.penalty_daily_micro, l.penalty_on)), 0)
        FROM (SELECT 1::bigint AS times, n.* FROM new_loans n) l JOIN cell c ON c.cell = l.cell
        WHERE l.stage IN ('active', 'charged_off')
        GROUP BY l.group_id, 8, l.stage, 7, l.cell, c.last_closed_on;
    ELSE
        reached := (SELECT max(coalesce(as_of, last_posted_on(cell, loan_id))) FROM new_loans);
        INSERT INTO portfolio_delta (
            cell, on_date, lender_id, product_id, currency, stage, non_accrual, overdue_since, loans,
            principal_unbilled_fen, principal_billed_fen, interest_fen, penalty_fen, fee_fen,
            interest_slope, interest_zero, penalty_slope, penalty_zero)
        SELECT l.cell, greatest(c.last_closed_on + 1, reached), any_value(l.lender_id), any_value(l.product_id),
               any_value(l.currency), l.stage,
               bears_no_income(l.stage, l.interest_on, l.penalty_on, l.suspends_on, l.payable_principal_fen
                               + l.payable_interest_fen + l.payable_penalty_fen + l.payable_fee_fen),
               coalesce(l.overdue_since, '-infinity'), sum(times), sum(times * l.principal_unbilled_fen),
               sum(times * l.payable_principal_fen), sum(times * l.payable_interest_fen),
               sum(times * l.payable_penalty_fen), sum(times * l.payable_fee_fen),
               coalesce(sum(times * l.interest_daily_micro) FILTER (WHERE l.interest_on IS NOT NULL), 0),
               coalesce(sum(times * line_at_zero(l.interest_base_micro, l.interest_daily_micro, l.interest_on)), 0),
               coalesce(sum(times * l.penalty_daily_micro) FILTER (WHERE l.penalty_on IS NOT NULL), 0),
               coalesce(sum(times * line_at_zero(l.penalty_base_micro, l.penalty_daily_micro, l.penalty_on)), 0)
        FROM (SELECT 1::bigint AS times, n.* FROM new_loans n UNION ALL SELECT -1, o.* FROM old_loans o) l
        JOIN cell c ON c.cell = l.cell
        WHERE l.stage IN ('active', 'charged_off')
        GROUP BY l.group_id, 8, l.stage, 7, l.cell, c.last_closed_on
        HAVING (sum(times), sum(times * l.principal_unbilled_fen), sum(times * l.payable_principal_fen),
                sum(times * l.payable_interest_fen), sum(times * l.payable_penalty_fen),
                sum(times * l.payable_fee_fen), sum(times * l.interest_daily_micro),
                sum(times * l.penalty_daily_micro),
                sum(times * line_at_zero(l.interest_base_micro, l.interest_daily_micro, l.interest_on)),
                sum(times * line_at_zero(l.penalty_base_micro, l.penalty_daily_micro, l.penalty_on)))
               IS DISTINCT FROM (0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    END IF;
    RETURN NULL;
END
$$;
