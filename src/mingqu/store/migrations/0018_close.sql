-- Loans whose morning failed: out of their day's diary until it goes through, and until then the day stays open.
CREATE TABLE loan_set_aside (
    cell     smallint    NOT NULL,
    on_date  date        NOT NULL,
    loan_id  uuid        NOT NULL,
    code     text        NOT NULL, -- a refusal's code, or the kind of a bug and where it showed; nothing personal
    since    timestamptz NOT NULL,
    tried_at timestamptz NOT NULL,
    tries    integer     NOT NULL CHECK (tries > 0),
    PRIMARY KEY (cell, on_date, loan_id)
);

-- How the close of a cell's day went or goes, one row a cell and day, for whoever watches. Its times are of the
-- server's clock: they measure work and decide nothing.
CREATE TABLE closing (
    cell       smallint    NOT NULL,
    on_date    date        NOT NULL,
    began_at   timestamptz NOT NULL,
    touched_at timestamptz NOT NULL,
    loans      bigint      NOT NULL CHECK (loans >= 0),
    -- Whether the day's accrual of all loans was the groups' own, to the micro-fen; null until it was asked.
    proved     boolean,
    PRIMARY KEY (cell, on_date)
) WITH (fillfactor = 50);
