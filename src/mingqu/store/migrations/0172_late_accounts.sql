-- What is collected may be a loan or a revolving account: a step of a case names either.
ALTER TABLE collection_step RENAME COLUMN loan_id TO debt_id;
ALTER INDEX collection_step_loan RENAME TO collection_step_debt;

-- The few accounts that are late, the longest first, for the worklist.
CREATE INDEX spend_account_overdue ON spend_account (cell, overdue_since) WHERE overdue_since IS NOT NULL;

-- When somebody was told that a bill is late, and what follows from it: nobody is reported who was not told before.
CREATE TABLE late_bill_told (
    cell       smallint    NOT NULL,
    account_id uuid        NOT NULL,
    number     integer     NOT NULL,
    told_at    timestamptz NOT NULL,
    PRIMARY KEY (cell, account_id, number),
    FOREIGN KEY (cell, account_id) REFERENCES spend_account (cell, account_id)
);

-- What is reported of an account can be disputed as what is reported of a loan.
ALTER TABLE grievance ADD COLUMN account_id uuid;
ALTER TABLE grievance DROP CONSTRAINT grievance_check;
ALTER TABLE grievance ADD CONSTRAINT grievance_about CHECK (
    (loan_id IS NULL OR account_id IS NULL)
    AND (kind = 'complaint' OR (loan_id IS NOT NULL OR account_id IS NOT NULL) AND extended_at IS NULL)
);
CREATE OR REPLACE FUNCTION grievance_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.answered_at IS NULL
       AND (OLD.grievance_id, OLD.person_id, OLD.kind, OLD.loan_id, OLD.account_id, OLD.opened_at)
           IS NOT DISTINCT FROM
           (NEW.grievance_id, NEW.person_id, NEW.kind, NEW.loan_id, NEW.account_id, NEW.opened_at)
       AND (NEW.due_on = OLD.due_on OR OLD.extended_at IS NULL AND NEW.extended_at IS NOT NULL)
       AND NEW.due_on >= OLD.due_on THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was raised stays as it was, takes longer once at most, and is answered once';
END
$$;
