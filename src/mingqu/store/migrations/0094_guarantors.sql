-- A loan that its guarantor paid for (代偿): all of it, once, on the day that the guarantor's own rule names.
CREATE TABLE guarantor_payment (
    cell            smallint    NOT NULL,
    loan_id         uuid        NOT NULL,
    event_id        uuid        NOT NULL, -- of the loan
    partner         text        NOT NULL COLLATE "C",
    partner_version integer     NOT NULL CHECK (partner_version >= 1),
    overdue_days    integer     NOT NULL CHECK (overdue_days > 0),
    amount_fen      bigint      NOT NULL CHECK (amount_fen > 0),
    value_date      date        NOT NULL,
    paid_at         timestamptz NOT NULL,
    PRIMARY KEY (cell, loan_id),
    UNIQUE (cell, event_id),
    FOREIGN KEY (cell, loan_id) REFERENCES loan (cell, loan_id)
);

-- What was settled with a partner of one loan and day, once its statement agreed: fees that the borrower paid, what was
-- collected for a guarantor who had paid, and what that guarantor paid. Below zero: more was taken back than came.
CREATE TABLE partner_settled (
    cell            smallint NOT NULL,
    loan_id         uuid     NOT NULL,
    partner         text     NOT NULL COLLATE "C",
    on_date         date     NOT NULL,
    settled_id      uuid     NOT NULL,
    fee_fen         bigint   NOT NULL,
    recovered_fen   bigint   NOT NULL,
    compensated_fen bigint   NOT NULL,
    posted_on       date     NOT NULL,
    PRIMARY KEY (cell, loan_id, partner, on_date),
    UNIQUE (cell, settled_id),
    FOREIGN KEY (cell, loan_id) REFERENCES loan (cell, loan_id)
);

CREATE FUNCTION partner_row_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what a partner paid or was paid is neither changed nor deleted';
END
$$;
CREATE TRIGGER partner_row_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON guarantor_payment
    FOR EACH STATEMENT EXECUTE FUNCTION partner_row_stays();
CREATE TRIGGER partner_row_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON partner_settled
    FOR EACH STATEMENT EXECUTE FUNCTION partner_row_stays();
