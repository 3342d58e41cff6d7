-- A new version of what a loan's money is bound by, which names another account of the same payee: published for good by
-- two people after the money came back, and agreed to by its hash, or not. What was signed stays as it is (`contract`,
-- `contract_payee`) and counts as version 1. The account is in the vault.
CREATE TABLE funds_version (
    cell         smallint    NOT NULL,
    version_id   uuid        NOT NULL,
    loan_id      uuid        NOT NULL,
    person_id    uuid        NOT NULL,
    number       integer     NOT NULL CHECK (number >= 2),
    body         bytea       NOT NULL,
    hash         text        NOT NULL CHECK (encode(sha256(body), 'hex') = hash),
    account_hash bytea       NOT NULL,
    bank         text        NOT NULL,
    purpose      text        NOT NULL,
    -- The payout that came back: this version lets just that be paid anew.
    returned_id  uuid        NOT NULL,
    proposal_id  uuid        NOT NULL,
    published_at timestamptz NOT NULL,
    lapses_at    timestamptz NOT NULL CHECK (lapses_at > published_at),
    PRIMARY KEY (cell, version_id),
    UNIQUE (cell, loan_id, number),
    FOREIGN KEY (cell, loan_id) REFERENCES loan (cell, loan_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id),
    FOREIGN KEY (cell, returned_id) REFERENCES channel_order (cell, order_id),
    FOREIGN KEY (cell, proposal_id) REFERENCES proposal (cell, proposal_id)
);
CREATE INDEX funds_version_person ON funds_version (cell, person_id);
CREATE INDEX funds_version_returned ON funds_version (cell, returned_id);
CREATE INDEX funds_version_proposal ON funds_version (cell, proposal_id);

-- What became of it, once: its borrower agreed, and `order_id` pays; or declined; or the house took it back before.
CREATE TABLE funds_version_answer (
    cell        smallint    NOT NULL,
    version_id  uuid        NOT NULL,
    person_id   uuid        NOT NULL,
    answer      text        NOT NULL CHECK (answer IN ('agreed', 'declined', 'withdrawn')),
    order_id    uuid,
    answered_at timestamptz NOT NULL,
    PRIMARY KEY (cell, version_id),
    CHECK ((answer = 'agreed') = (order_id IS NOT NULL)),
    FOREIGN KEY (cell, version_id) REFERENCES funds_version (cell, version_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id),
    FOREIGN KEY (cell, order_id) REFERENCES channel_order (cell, order_id)
);
CREATE INDEX funds_version_answer_person ON funds_version_answer (cell, person_id);
CREATE UNIQUE INDEX funds_version_answer_order ON funds_version_answer (cell, order_id) WHERE order_id IS NOT NULL;

CREATE FUNCTION funds_version_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a version of a funds contract and what was answered are neither changed nor deleted';
END
$$;
CREATE TRIGGER funds_version_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON funds_version
    FOR EACH STATEMENT EXECUTE FUNCTION funds_version_stays();
CREATE TRIGGER funds_version_answer_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON funds_version_answer
    FOR EACH STATEMENT EXECUTE FUNCTION funds_version_stays();
