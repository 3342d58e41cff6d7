-- Operators: who works at the console, who is signed in, wrong passwords, and what was looked at.

-- Global: an operator works for the whole book, not for one person of it.
CREATE TABLE operator (
    operator_id     uuid        PRIMARY KEY,
    name            text        NOT NULL UNIQUE COLLATE "C",
    role            text        NOT NULL CHECK (role IN ('operations', 'risk', 'lender', 'auditor', 'admin')),
    lender_id       uuid,
    created_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    -- Of the password: parameters, salt and scrypt hash. Null until the operator has set one.
    password_cost   text,
    password_salt   bytea       CHECK (octet_length(password_salt) = 32),
    password_hash   bytea       CHECK (octet_length(password_hash) = 32),
    -- Of the code by which it is set: its keyed hash, and until when.
    code_hash       bytea       CHECK (octet_length(code_hash) = 32),
    code_expires_at timestamptz,
    CHECK ((role = 'lender') = (lender_id IS NOT NULL)),
    CHECK ((password_salt IS NULL) = (password_hash IS NULL) AND (password_cost IS NULL) = (password_hash IS NULL)),
    CHECK ((code_hash IS NULL) = (code_expires_at IS NULL))
);

-- Global, as its operator. A token is an id and a secret, of which only a hash is kept.
CREATE TABLE operator_session (
    session_id  uuid        PRIMARY KEY,
    operator_id uuid        NOT NULL REFERENCES operator (operator_id),
    secret_hash bytea       NOT NULL CHECK (octet_length(secret_hash) = 32),
    opened_at   timestamptz NOT NULL,
    seen_at     timestamptz NOT NULL,
    ended_at    timestamptz
);
CREATE INDEX operator_session_live ON operator_session (operator_id) WHERE ended_at IS NULL;

-- Global: wrong passwords in a row, by the keyed hash of a name (known or not) or of an address.
CREATE TABLE operator_attempt (
    subject_hash bytea       PRIMARY KEY CHECK (octet_length(subject_hash) = 32),
    failures     integer     NOT NULL CHECK (failures > 0),
    failed_at    timestamptz NOT NULL
);

-- Who saw what of whom, when and why; in the person's cell, beside what was seen. Only added to.
CREATE TABLE access_log (
    cell        smallint    NOT NULL,
    access_id   uuid        NOT NULL,
    person_id   uuid        NOT NULL,
    operator_id uuid        NOT NULL,
    session_id  uuid        NOT NULL,
    what        text        NOT NULL CHECK (what IN ('customer', 'loan', 'decision', 'unmask', 'proof', 'ask_again')),
    subject_id  uuid        NOT NULL,
    reason      text,
    at          timestamptz NOT NULL,
    -- Of an unmasking: the moment at which it is over by itself.
    expires_at  timestamptz,
    PRIMARY KEY (cell, access_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id),
    CHECK ((what = 'unmask') = (expires_at IS NOT NULL) AND (what <> 'unmask' OR reason IS NOT NULL))
);
CREATE INDEX access_log_person ON access_log (cell, person_id, at);
CREATE INDEX access_log_at ON access_log (cell, at);

CREATE FUNCTION access_log_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was looked at is neither changed nor deleted';
END
$$;
CREATE TRIGGER access_log_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON access_log
    FOR EACH STATEMENT EXECUTE FUNCTION access_log_stays();

-- What the console asks each morning: money moved on a day, orders in dispute, receipts that belong to no loan.
CREATE INDEX channel_order_paid ON channel_order (cell, value_date) WHERE state = 'PAID';
CREATE INDEX channel_order_disputed ON channel_order (cell, order_id) WHERE conflict_code IS NOT NULL;
CREATE INDEX transfer_parked ON transfer (cell, id) WHERE credit_code = 2002;
CREATE INDEX work_subject ON work (cell, subject_id);
CREATE INDEX loan_lender ON loan (cell, lender_id, loan_id);
CREATE INDEX loan_overdue ON loan (cell, overdue_since) WHERE overdue_since IS NOT NULL;
