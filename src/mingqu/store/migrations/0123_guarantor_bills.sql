-- A bill that a loan's guarantor paid (分期代偿), on the day that the loan's own terms name. Of a bill that lacks again, for a
-- payment on it was taken back, there is another row.
CREATE TABLE guarantor_bill (
    cell            smallint    NOT NULL,
    loan_id         uuid        NOT NULL,
    event_id        uuid        NOT NULL, -- of the loan
    partner         text        NOT NULL COLLATE "C",
    partner_version integer     NOT NULL CHECK (partner_version >= 1),
    due             date        NOT NULL, -- of the bill
    overdue_days    integer     NOT NULL CHECK (overdue_days > 0),
    principal_fen   bigint      NOT NULL CHECK (principal_fen >= 0),
    interest_fen    bigint      NOT NULL CHECK (interest_fen >= 0),
    penalty_fen     bigint      NOT NULL CHECK (penalty_fen >= 0),
    fee_fen         bigint      NOT NULL CHECK (fee_fen >= 0),
    amount_fen      bigint      NOT NULL CHECK (amount_fen > 0),
    value_date      date        NOT NULL,
    paid_at         timestamptz NOT NULL,
    PRIMARY KEY (cell, loan_id, event_id),
    UNIQUE (cell, event_id),
    CHECK (amount_fen = principal_fen + interest_fen + penalty_fen + fee_fen),
    CHECK (value_date = due + overdue_days),
    FOREIGN KEY (cell, loan_id) REFERENCES loan (cell, loan_id)
);
CREATE TRIGGER partner_row_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON guarantor_bill
    FOR EACH STATEMENT EXECUTE FUNCTION partner_row_stays();
