-- A refusal that two people set aside: which, by which decision of their own, and why.
CREATE TABLE override (
    cell          smallint    NOT NULL,
    decision_id   uuid        NOT NULL,
    overridden_id uuid        NOT NULL,
    person_id     uuid        NOT NULL,
    proposal_id   uuid        NOT NULL,
    cause         text        NOT NULL,
    decided_at    timestamptz NOT NULL,
    PRIMARY KEY (cell, decision_id),
    FOREIGN KEY (cell, decision_id) REFERENCES decision (cell, decision_id),
    FOREIGN KEY (cell, overridden_id) REFERENCES decision (cell, decision_id),
    FOREIGN KEY (cell, proposal_id) REFERENCES proposal (cell, proposal_id)
);
-- Once: who was refused again applies again.
CREATE UNIQUE INDEX override_of ON override (cell, overridden_id);

CREATE FUNCTION override_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an override is neither changed nor deleted';
END
$$;
CREATE TRIGGER override_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON override
    FOR EACH STATEMENT EXECUTE FUNCTION override_stays();

ALTER TABLE review DROP CONSTRAINT review_outcome_check;
ALTER TABLE review ADD CONSTRAINT review_outcome_check CHECK (
    outcome IN ('upheld', 'reassess', 'answered', 'overridden'));
