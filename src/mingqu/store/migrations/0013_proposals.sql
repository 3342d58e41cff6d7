-- Maker and checker: what one operator proposes another carries out or declines; and money that two people placed.
CREATE TABLE proposal (
    cell        smallint    NOT NULL,
    proposal_id uuid        NOT NULL,
    deed        text        NOT NULL,
    person_id   uuid        NOT NULL,
    -- What it is done to: an order, a loan, the person.
    subject_id  uuid        NOT NULL,
    body        jsonb       NOT NULL,
    -- What it rests on, as its maker saw it; another when it is checked means that the world went on.
    basis       text        NOT NULL,
    reason      text        NOT NULL,
    maker_id    uuid        NOT NULL,
    made_at     timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL CHECK (expires_at > made_at),
    state       text        NOT NULL CHECK (state IN ('open', 'approved', 'declined', 'expired')),
    checker_id  uuid,
    decided_at  timestamptz,
    answer      text,
    PRIMARY KEY (cell, proposal_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id),
    -- Two people, whatever the program thinks. One's own proposal can be taken back, never carried out.
    CHECK (state <> 'approved' OR maker_id <> checker_id),
    CHECK ((state IN ('approved', 'declined')) = (checker_id IS NOT NULL AND decided_at IS NOT NULL)),
    CHECK (state <> 'approved' OR decided_at < expires_at)
);
-- Two may not wait for the same: the second to be approved would rest on what the first had changed.
CREATE UNIQUE INDEX proposal_waits ON proposal (cell, deed, subject_id) WHERE state = 'open';
CREATE INDEX proposal_ended ON proposal (cell, decided_at) WHERE decided_at IS NOT NULL;
CREATE INDEX proposal_person ON proposal (cell, person_id);

CREATE FUNCTION proposal_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'open'
       AND (OLD.proposal_id, OLD.deed, OLD.person_id, OLD.subject_id, OLD.body, OLD.basis, OLD.reason, OLD.maker_id,
            OLD.made_at, OLD.expires_at)
           = (NEW.proposal_id, NEW.deed, NEW.person_id, NEW.subject_id, NEW.body, NEW.basis, NEW.reason, NEW.maker_id,
              NEW.made_at, NEW.expires_at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was proposed is neither changed nor deleted, and decided once';
END
$$;
CREATE TRIGGER proposal_stays BEFORE UPDATE OR DELETE ON proposal FOR EACH ROW EXECUTE FUNCTION proposal_stays();
CREATE TRIGGER proposal_stays_whole BEFORE TRUNCATE ON proposal FOR EACH STATEMENT EXECUTE FUNCTION proposal_stays();

-- Money that two people placed: a repayment that no order of its loan tells. `order_id` is the order that brought it,
-- if it was parked; `source` says where it is seen, if it came by no channel of ours.
CREATE TABLE placed_receipt (
    cell        smallint NOT NULL,
    -- Also the id of the event.
    proposal_id uuid     NOT NULL,
    loan_id     uuid     NOT NULL,
    person_id   uuid     NOT NULL,
    amount_fen  bigint   NOT NULL CHECK (amount_fen > 0),
    currency    text     NOT NULL,
    value_date  date     NOT NULL,
    intent      text     NOT NULL,
    order_id    uuid,
    source      text     COLLATE "C",
    PRIMARY KEY (cell, proposal_id),
    FOREIGN KEY (cell, proposal_id) REFERENCES proposal (cell, proposal_id),
    FOREIGN KEY (cell, loan_id) REFERENCES loan (cell, loan_id),
    FOREIGN KEY (cell, order_id) REFERENCES channel_order (cell, order_id),
    CHECK ((order_id IS NULL) = (source IS NOT NULL))
);
-- Parked money is placed once, and a line of a statement is booked once.
CREATE UNIQUE INDEX placed_receipt_order ON placed_receipt (cell, order_id) WHERE order_id IS NOT NULL;
CREATE UNIQUE INDEX placed_receipt_source ON placed_receipt (cell, source) WHERE source IS NOT NULL;
CREATE INDEX placed_receipt_loan ON placed_receipt (cell, loan_id);

CREATE FUNCTION placed_receipt_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'money that was placed is neither changed nor deleted';
END
$$;
CREATE TRIGGER placed_receipt_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON placed_receipt
    FOR EACH STATEMENT EXECUTE FUNCTION placed_receipt_stays();

-- What the console lets people do is noted with what they look at.
ALTER TABLE access_log DROP CONSTRAINT access_log_what_check;
ALTER TABLE access_log ADD CONSTRAINT access_log_what_check CHECK (what IN (
    'customer', 'loan', 'decision', 'unmask', 'proof', 'ask_again', 'order', 'proposal', 'propose', 'approve',
    'decline'));
