-- What people asked a person for (work of kind person_asked): who took it, and how it was answered. The answer itself is
-- sealed under the key of whoever asked.
CREATE TABLE review (
    cell        smallint    NOT NULL,
    request_id  uuid        NOT NULL,
    person_id   uuid        NOT NULL,
    -- The decision or the loan that was asked about.
    subject_id  uuid        NOT NULL,
    wish        text        NOT NULL,
    taken_by    uuid        NOT NULL,
    taken_at    timestamptz NOT NULL,
    answered_by uuid,
    answered_at timestamptz,
    outcome     text        CHECK (outcome IN ('upheld', 'reassess', 'answered')),
    PRIMARY KEY (cell, request_id),
    FOREIGN KEY (cell, request_id) REFERENCES work (cell, work_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id),
    CHECK ((answered_at IS NULL) = (answered_by IS NULL) AND (answered_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX review_answered ON review (cell, answered_at) WHERE answered_at IS NOT NULL;

CREATE FUNCTION review_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.answered_at IS NULL THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was answered is neither changed nor deleted';
END
$$;
CREATE TRIGGER review_stays BEFORE UPDATE OR DELETE ON review FOR EACH ROW EXECUTE FUNCTION review_stays();
CREATE TRIGGER review_stays_whole BEFORE TRUNCATE ON review FOR EACH STATEMENT EXECUTE FUNCTION review_stays();

ALTER TABLE access_log DROP CONSTRAINT access_log_what_check;
ALTER TABLE access_log ADD CONSTRAINT access_log_what_check CHECK (what IN (
    'customer', 'loan', 'decision', 'unmask', 'proof', 'ask_again', 'order', 'proposal', 'propose', 'approve',
    'decline', 'review', 'answer'));
