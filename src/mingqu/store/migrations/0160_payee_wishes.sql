-- The account that a borrower names anew for the payee of their loan by stages, after a stage came back: of the same
-- company, whose name stays. Two people look at it, and its borrower agrees to the version that follows. The account is in
-- the vault.
CREATE TABLE payee_wish (
    cell         smallint    NOT NULL,
    wish_id      uuid        NOT NULL,
    loan_id      uuid        NOT NULL,
    person_id    uuid        NOT NULL,
    account_hash bytea       NOT NULL,
    bank         text        NOT NULL,
    wished_at    timestamptz NOT NULL,
    PRIMARY KEY (cell, wish_id),
    FOREIGN KEY (cell, loan_id) REFERENCES loan (cell, loan_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id)
);
CREATE INDEX payee_wish_loan ON payee_wish (cell, loan_id, wished_at);
CREATE INDEX payee_wish_person ON payee_wish (cell, person_id);

CREATE TRIGGER payee_wish_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON payee_wish
    FOR EACH STATEMENT EXECUTE FUNCTION funds_version_stays();

-- Of a loan by stages nothing is paid by the answer: two people release the stage that came back.
ALTER TABLE funds_version_answer DROP CONSTRAINT funds_version_answer_check;
ALTER TABLE funds_version_answer ADD CHECK (order_id IS NULL OR answer = 'agreed');
