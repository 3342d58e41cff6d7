-- A funder's part of a joint loan that was bought back (回购): from `bought_on` on whatever is booked on the part's
-- memorandum accounts (`slice`) is the buyer's, before it the seller's. The loan and its own accounts are as they were.
-- The price is settled for good by what was known on the day; two people agreed to it (`proposal`).
CREATE TABLE loan_buy_back (
    cell          smallint    NOT NULL,
    loan_id       uuid        NOT NULL,
    proposal_id   uuid        NOT NULL,
    slice         uuid        NOT NULL,
    seller        uuid        NOT NULL,
    buyer         uuid        NOT NULL CHECK (buyer <> seller),
    buyer_code    text        NOT NULL COLLATE "C",
    terms_id      text        NOT NULL COLLATE "C",
    terms_version integer     NOT NULL CHECK (terms_version >= 1),
    cause         text        NOT NULL CHECK (cause IN ('overdue', 'fraud', 'representation')),
    overdue_days  integer     NOT NULL CHECK (overdue_days >= 0),
    principal_fen bigint      NOT NULL CHECK (principal_fen > 0),
    interest_fen  bigint      NOT NULL CHECK (interest_fen >= 0),
    penalty_fen   bigint      NOT NULL CHECK (penalty_fen >= 0),
    bought_on     date        NOT NULL,
    bought_at     timestamptz NOT NULL,
    PRIMARY KEY (cell, loan_id),
    UNIQUE (cell, proposal_id),
    FOREIGN KEY (cell, loan_id) REFERENCES loan_funding (cell, loan_id)
);

CREATE FUNCTION loan_buy_back_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'who bought back a part of a loan is neither changed nor deleted';
END
$$;
CREATE TRIGGER loan_buy_back_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON loan_buy_back
    FOR EACH STATEMENT EXECUTE FUNCTION loan_buy_back_stays();
