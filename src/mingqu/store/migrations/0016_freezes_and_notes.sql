-- Drawing stopped by a person, for a named cause; two people let it go on. Repaying never asks here.
CREATE TABLE drawing_freeze (
    cell       smallint    NOT NULL,
    freeze_id  uuid        NOT NULL,
    person_id  uuid        NOT NULL,
    cause      text        NOT NULL,
    reason     text        NOT NULL,
    frozen_by  uuid        NOT NULL,
    frozen_at  timestamptz NOT NULL,
    thawed_at  timestamptz,
    -- The proposal by which two people ended it.
    thawed_by  uuid,
    PRIMARY KEY (cell, freeze_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id),
    FOREIGN KEY (cell, thawed_by) REFERENCES proposal (cell, proposal_id),
    CHECK ((thawed_at IS NULL) = (thawed_by IS NULL))
);
-- One at a time: who is frozen for two causes is looked at for both before anybody is thawed.
CREATE UNIQUE INDEX drawing_freeze_standing ON drawing_freeze (cell, person_id) WHERE thawed_at IS NULL;
CREATE INDEX drawing_freeze_person ON drawing_freeze (cell, person_id, frozen_at);

CREATE FUNCTION drawing_freeze_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.thawed_at IS NULL
       AND (OLD.freeze_id, OLD.person_id, OLD.cause, OLD.reason, OLD.frozen_by, OLD.frozen_at)
           = (NEW.freeze_id, NEW.person_id, NEW.cause, NEW.reason, NEW.frozen_by, NEW.frozen_at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a freeze is neither changed nor deleted, and ends once';
END
$$;
CREATE TRIGGER drawing_freeze_stays BEFORE UPDATE OR DELETE ON drawing_freeze
    FOR EACH ROW EXECUTE FUNCTION drawing_freeze_stays();
CREATE TRIGGER drawing_freeze_stays_whole BEFORE TRUNCATE ON drawing_freeze
    FOR EACH STATEMENT EXECUTE FUNCTION drawing_freeze_stays();

-- What operators wrote about a customer. Only added to; the words are sealed under the customer's key.
CREATE TABLE customer_note (
    cell       smallint    NOT NULL,
    note_id    uuid        NOT NULL,
    person_id  uuid        NOT NULL,
    written_by uuid        NOT NULL,
    written_at timestamptz NOT NULL,
    PRIMARY KEY (cell, note_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id)
);
CREATE INDEX customer_note_person ON customer_note (cell, person_id, written_at);

CREATE FUNCTION customer_note_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was noted is neither changed nor deleted';
END
$$;
CREATE TRIGGER customer_note_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON customer_note
    FOR EACH STATEMENT EXECUTE FUNCTION customer_note_stays();

ALTER TABLE access_log DROP CONSTRAINT access_log_what_check;
ALTER TABLE access_log ADD CONSTRAINT access_log_what_check CHECK (what IN (
    'customer', 'loan', 'decision', 'unmask', 'proof', 'ask_again', 'order', 'proposal', 'propose', 'approve',
    'decline', 'review', 'answer', 'note', 'freeze'));
