-- A borrower lets the bills of a revolving account be deducted: which part of each, under which consent, from when until
-- when. One choice of an account holds at a time; a new one ends the one before.
CREATE TABLE bill_deduction (
    cell       smallint    NOT NULL,
    choice_id  uuid        NOT NULL,
    account_id uuid        NOT NULL,
    person_id  uuid        NOT NULL,
    consent_id uuid        NOT NULL,
    part       text        NOT NULL COLLATE "C" CHECK (part IN ('minimum', 'bill')),
    chosen_at  timestamptz NOT NULL,
    ended_at   timestamptz CHECK (ended_at >= chosen_at),
    PRIMARY KEY (cell, choice_id),
    FOREIGN KEY (cell, account_id) REFERENCES spend_account (cell, account_id),
    FOREIGN KEY (cell, consent_id) REFERENCES consent (cell, consent_id)
);
CREATE UNIQUE INDEX bill_deduction_account ON bill_deduction (cell, account_id) WHERE ended_at IS NULL;
CREATE INDEX bill_deduction_person ON bill_deduction (cell, person_id);

-- Of an order that deducts a bill: under which choice, and which bill.
ALTER TABLE spend_order ADD COLUMN choice_id uuid, ADD COLUMN bill_number integer CHECK (bill_number >= 1);
ALTER TABLE spend_order ADD CONSTRAINT spend_order_deducts CHECK ((choice_id IS NULL) = (bill_number IS NULL));
ALTER TABLE spend_order ADD FOREIGN KEY (cell, choice_id) REFERENCES bill_deduction (cell, choice_id);

-- A deduction rests on an agreement, whether a loan is repaid by it or a revolving account: of the latter `spend_order`
-- says which.
ALTER TABLE repayment ALTER COLUMN loan_id DROP NOT NULL;
