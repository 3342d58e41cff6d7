-- A pool of securities that lives in the book: whose a loan's money is since the pool bought it, and each day's waterfall.
-- The loan itself and its accounts are as they were: only the beneficial owner is another, and its borrower pays as before.
CREATE TABLE pool (
    pool_id   text        PRIMARY KEY COLLATE "C",
    opened_on date        NOT NULL, -- the first day whose money is distributed
    opened_at timestamptz NOT NULL
);

-- One closed day of a pool: what came in, who had it, what was bought for the rest, and where the next day begins. `cash_fen`
-- is what is left after buying; below zero when more was taken back than there was.
CREATE TABLE pool_day (
    pool_id                   text     NOT NULL REFERENCES pool (pool_id),
    on_date                   date     NOT NULL,
    day_id                    uuid     NOT NULL UNIQUE,
    terms_version             integer  NOT NULL CHECK (terms_version >= 1),
    phase                     text     NOT NULL CHECK (phase IN ('buying', 'amortizing', 'amortizing_early')),
    causes                    text[]   NOT NULL,
    opening_cash_fen          bigint   NOT NULL,
    interest_fen              bigint   NOT NULL,
    repaid_fen                bigint   NOT NULL,
    fees                      text[]   NOT NULL,
    fees_due_fen              bigint[] NOT NULL CHECK (cardinality(fees_due_fen) = cardinality(fees)),
    fees_paid_fen             bigint[] NOT NULL CHECK (cardinality(fees_paid_fen) = cardinality(fees)),
    senior_interest_due_fen   bigint   NOT NULL CHECK (senior_interest_due_fen >= 0),
    senior_interest_paid_fen  bigint   NOT NULL CHECK (senior_interest_paid_fen BETWEEN 0 AND senior_interest_due_fen),
    senior_principal_fen      bigint   NOT NULL CHECK (senior_principal_fen >= 0),
    subordinate_principal_fen bigint   NOT NULL CHECK (subordinate_principal_fen >= 0),
    excess_fen                bigint   NOT NULL CHECK (excess_fen >= 0),
    loans                     integer  NOT NULL CHECK (loans >= 0),
    performing_fen            bigint   NOT NULL CHECK (performing_fen >= 0),
    delinquent_fen            bigint   NOT NULL CHECK (delinquent_fen BETWEEN 0 AND performing_fen),
    defaulted_fen             bigint   NOT NULL CHECK (defaulted_fen >= 0),
    bought_ever_fen           bigint   NOT NULL CHECK (bought_ever_fen >= 0),
    bought                    integer  NOT NULL CHECK (bought >= 0),
    spent_fen                 bigint   NOT NULL CHECK (spent_fen >= 0),
    left_out                  jsonb    NOT NULL, -- how many loans for each reason
    senior_fen                bigint   NOT NULL CHECK (senior_fen >= 0),
    subordinate_fen           bigint   NOT NULL CHECK (subordinate_fen >= 0),
    cash_fen                  bigint   NOT NULL,
    amortizing_since          date,
    PRIMARY KEY (pool_id, on_date)
);

-- A loan that a pool bought at its principal, on the morning of `bought_on`. A default is for good: it is written once.
CREATE TABLE pool_loan (
    cell          smallint NOT NULL,
    loan_id       uuid     NOT NULL,
    pool_id       text     NOT NULL COLLATE "C" REFERENCES pool (pool_id),
    bought_on     date     NOT NULL,
    bought_fen    bigint   NOT NULL CHECK (bought_fen > 0),
    defaulted_on  date,
    defaulted_fen bigint   NOT NULL DEFAULT 0 CHECK (defaulted_fen >= 0 AND (defaulted_fen = 0 OR defaulted_on IS NOT NULL)),
    PRIMARY KEY (cell, loan_id),
    FOREIGN KEY (cell, loan_id) REFERENCES loan (cell, loan_id)
);

-- What a loan of a pool brought on a day: principal, all else, and what of the principal was given up for no money.
CREATE TABLE pool_receipt (
    cell          smallint NOT NULL,
    loan_id       uuid     NOT NULL,
    on_date       date     NOT NULL,
    principal_fen bigint   NOT NULL,
    other_fen     bigint   NOT NULL,
    given_up_fen  bigint   NOT NULL,
    PRIMARY KEY (cell, loan_id, on_date),
    FOREIGN KEY (cell, loan_id) REFERENCES pool_loan (cell, loan_id)
);

CREATE FUNCTION pool_row_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what a pool bought, received and paid is neither changed nor deleted';
END
$$;
CREATE TRIGGER pool_row_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON pool FOR EACH STATEMENT EXECUTE FUNCTION pool_row_stays();
CREATE TRIGGER pool_row_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON pool_day
    FOR EACH STATEMENT EXECUTE FUNCTION pool_row_stays();
CREATE TRIGGER pool_row_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON pool_receipt
    FOR EACH STATEMENT EXECUTE FUNCTION pool_row_stays();
CREATE TRIGGER pool_row_stays BEFORE DELETE OR TRUNCATE ON pool_loan
    FOR EACH STATEMENT EXECUTE FUNCTION pool_row_stays();

CREATE FUNCTION pool_default_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.defaulted_on IS NOT NULL OR NEW.defaulted_on IS NULL
       OR (NEW.cell, NEW.loan_id, NEW.pool_id, NEW.bought_on, NEW.bought_fen)
          IS DISTINCT FROM (OLD.cell, OLD.loan_id, OLD.pool_id, OLD.bought_on, OLD.bought_fen) THEN
        RAISE EXCEPTION 'of a loan that a pool bought only its default is added, once';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER pool_default_stays BEFORE UPDATE ON pool_loan FOR EACH ROW EXECUTE FUNCTION pool_default_stays();
