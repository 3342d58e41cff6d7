-- What a cell's closed days add up to: the ledger by day, and the loans by where they stand at the end of each day.
--
-- Everything here follows from transfers and loans, and is made after a day is marked, without the cell's lock: what
-- was booked on a day that is closed never changes. `mingqu verify` makes it again and compares.

-- The transfers of one day lie side by side, so a summary of each stretch of pages finds them, and writing a transfer
-- costs next to nothing more. Only a query that repeats the condition, which is always true, can use it: a lookup by id
-- that is planned while the table is small must not.
CREATE INDEX transfer_posted_on ON transfer USING brin (cell, posted_on) WITH (pages_per_range = 32)
    WHERE amount_fen > 0;

-- How far a cell's days are added up; its row is the lock of whoever adds the next one. `portfolio_from` is the first
-- day whose portfolio is kept: a book that is older than this table did not count its loans before.
CREATE TABLE day_sum (
    cell           smallint NOT NULL PRIMARY KEY,
    summed_to      date     NOT NULL,
    portfolio_from date     NOT NULL
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- What was posted on a day, by whose it is. The product is that of the loan or group on either side of a transfer, so
-- that an income account, which is the lender's, has it too; '' is none. A lender of zeros is none: a person's limit.
CREATE TABLE day_balance (
    cell        smallint NOT NULL,
    on_date     date     NOT NULL,
    lender_id   uuid     NOT NULL,
    product_id  text     NOT NULL,
    currency    text     NOT NULL COLLATE "C",
    code        smallint NOT NULL,
    debits_fen  bigint   NOT NULL,
    credits_fen bigint   NOT NULL,
    PRIMARY KEY (cell, on_date, lender_id, product_id, currency, code)
);

-- Running loans, added up by what they have in common. How late a loan is grows by itself, so it is kept as the day
-- since when ('-infinity': not late); so does what accrues, kept as a line: `accrual_slope` micro-fen a day on top of
-- `accrual_zero` on 2000-01-01.
CREATE TABLE portfolio_class (
    cell                   smallint NOT NULL,
    lender_id              uuid     NOT NULL,
    product_id             text     NOT NULL,
    currency               text     NOT NULL COLLATE "C",
    stage                  text     NOT NULL,
    non_accrual            boolean  NOT NULL,
    overdue_since          date     NOT NULL,
    loans                  bigint   NOT NULL,
    principal_unbilled_fen bigint   NOT NULL,
    principal_billed_fen   bigint   NOT NULL,
    interest_fen           bigint   NOT NULL,
    penalty_fen            bigint   NOT NULL,
    fee_fen                bigint   NOT NULL,
    interest_slope         numeric  NOT NULL,
    interest_zero          numeric  NOT NULL,
    penalty_slope          numeric  NOT NULL,
    penalty_zero           numeric  NOT NULL,
    PRIMARY KEY (cell, lender_id, product_id, currency, stage, non_accrual, overdue_since)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- What loans written on a day add to their classes, and take from those they were in before. Whoever writes loans only
-- appends here; adding the day up takes its rows away.
CREATE TABLE portfolio_delta (
    LIKE portfolio_class,
    on_date  date   NOT NULL,
    delta_id bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (cell, on_date, delta_id)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

-- The classes at the end of a day, by how many days they were late.
CREATE TABLE day_portfolio (
    cell                   smallint NOT NULL,
    on_date                date     NOT NULL,
    lender_id              uuid     NOT NULL,
    product_id             text     NOT NULL,
    currency               text     NOT NULL COLLATE "C",
    stage                  text     NOT NULL,
    non_accrual            boolean  NOT NULL,
    arrears                text     NOT NULL,
    loans                  bigint   NOT NULL,
    principal_unbilled_fen bigint   NOT NULL,
    principal_billed_fen   bigint   NOT NULL,
    principal_overdue_fen  bigint   NOT NULL,
    interest_fen           bigint   NOT NULL,
    penalty_fen            bigint   NOT NULL,
    fee_fen                bigint   NOT NULL,
    accrued_interest_micro numeric  NOT NULL,
    accrued_penalty_micro  numeric  NOT NULL,
    PRIMARY KEY (cell, on_date, lender_id, product_id, currency, stage, non_accrual, arrears)
);

-- Income from a loan stopped because it is long overdue: it owes something, bears nothing, and no morning is left on
-- which its income would stop. (Terms that never stop income are those of no product.)
CREATE FUNCTION bears_no_income(
    stage text, interest_on date, penalty_on date, suspends_on date, owed_fen bigint
) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN
    stage = 'active' AND interest_on IS NULL AND penalty_on IS NULL AND suspends_on IS NULL AND owed_fen > 0;

-- What a line of a loan had on 2000-01-01 if it went back so far; nothing where there is none.
CREATE FUNCTION line_at_zero(base_micro bigint, daily_micro bigint, line_on date) RETURNS numeric LANGUAGE sql IMMUTABLE
    RETURN base_micro - daily_micro::numeric * (line_on - date '2000-01-01');

-- Whatever is written of loans adds to their classes in the same statement, so that nobody can forget it. It belongs to
-- the day on which it is booked: a loan that is written was brought up to that day, which no close has marked yet.
CREATE FUNCTION note_portfolio() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    reached date := (SELECT max(as_of) FROM new_loans);
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO portfolio_delta (
            cell, on_date, lender_id, product_id, currency, stage, non_accrual, overdue_since, loans,
            principal_unbilled_fen, principal_billed_fen, interest_fen, penalty_fen, fee_fen,
            interest_slope, interest_zero, penalty_slope, penalty_zero)
        SELECT l.cell, greatest(c.last_closed_on + 1, reached), l.lender_id, l.product_id, l.currency, l.stage,
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
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8;
    ELSE
        INSERT INTO portfolio_delta (
            cell, on_date, lender_id, product_id, currency, stage, non_accrual, overdue_since, loans,
            principal_unbilled_fen, principal_billed_fen, interest_fen, penalty_fen, fee_fen,
            interest_slope, interest_zero, penalty_slope, penalty_zero)
        SELECT l.cell, greatest(c.last_closed_on + 1, reached), l.lender_id, l.product_id, l.currency, l.stage,
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
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
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

-- Loans that are there already, on the first day of which all that is booked of them is known to come before its end.
INSERT INTO day_sum (cell, summed_to, portfolio_from)
SELECT c.cell, b.opened_on - 1, greatest(c.last_closed_on + 1, t.latest)
FROM cell c CROSS JOIN book b
LEFT JOIN (SELECT cell, max(posted_on) AS latest FROM transfer GROUP BY cell) t ON t.cell = c.cell;
INSERT INTO portfolio_delta (
    cell, on_date, lender_id, product_id, currency, stage, non_accrual, overdue_since, loans,
    principal_unbilled_fen, principal_billed_fen, interest_fen, penalty_fen, fee_fen, interest_slope, interest_zero,
    penalty_slope, penalty_zero)
SELECT l.cell, l.portfolio_from, l.lender_id, l.product_id, l.currency, l.stage,
       bears_no_income(l.stage, l.interest_on, l.penalty_on, l.suspends_on, l.payable_principal_fen
                       + l.payable_interest_fen + l.payable_penalty_fen + l.payable_fee_fen),
       coalesce(l.overdue_since, '-infinity'), sum(times), sum(times * l.principal_unbilled_fen),
       sum(times * l.payable_principal_fen), sum(times * l.payable_interest_fen),
       sum(times * l.payable_penalty_fen), sum(times * l.payable_fee_fen),
       coalesce(sum(times * l.interest_daily_micro) FILTER (WHERE l.interest_on IS NOT NULL), 0),
       coalesce(sum(times * line_at_zero(l.interest_base_micro, l.interest_daily_micro, l.interest_on)), 0),
       coalesce(sum(times * l.penalty_daily_micro) FILTER (WHERE l.penalty_on IS NOT NULL), 0),
       coalesce(sum(times * line_at_zero(l.penalty_base_micro, l.penalty_daily_micro, l.penalty_on)), 0)
FROM (SELECT 1::bigint AS times, s.portfolio_from, n.* FROM loan n JOIN day_sum s ON s.cell = n.cell) l
WHERE l.stage IN ('active', 'charged_off')
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8;

CREATE TRIGGER note_portfolio_of_new AFTER INSERT ON loan REFERENCING NEW TABLE AS new_loans
    FOR EACH STATEMENT EXECUTE FUNCTION note_portfolio();
CREATE TRIGGER note_portfolio_of_changed AFTER UPDATE ON loan REFERENCING OLD TABLE AS old_loans NEW TABLE AS new_loans
    FOR EACH STATEMENT EXECUTE FUNCTION note_portfolio();
