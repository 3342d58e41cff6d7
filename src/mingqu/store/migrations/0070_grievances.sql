-- Complaints and credit disputes with the last day for their answer. Words lie sealed under the key of whoever raised it.
CREATE TABLE grievance (
    cell         smallint    NOT NULL,
    grievance_id uuid        NOT NULL,
    person_id    uuid        NOT NULL,
    kind         text        NOT NULL COLLATE "C" CHECK (kind IN ('complaint', 'credit_dispute')),
    loan_id      uuid,
    opened_at    timestamptz NOT NULL,
    due_on       date        NOT NULL,
    document     text        NOT NULL,
    extended_at  timestamptz,
    escalated_at timestamptz,
    answered_by  uuid,
    answered_at  timestamptz,
    outcome      text        COLLATE "C" CHECK (outcome IN ('justified', 'partly', 'unjustified')),
    PRIMARY KEY (cell, grievance_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id),
    CHECK (kind = 'complaint' OR loan_id IS NOT NULL AND extended_at IS NULL),
    CHECK ((answered_at IS NULL) = (answered_by IS NULL) AND (answered_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX grievance_open ON grievance (cell, due_on) WHERE answered_at IS NULL;
CREATE INDEX grievance_answered ON grievance (cell, answered_at) WHERE answered_at IS NOT NULL;
CREATE INDEX grievance_person ON grievance (cell, person_id, opened_at);

CREATE FUNCTION grievance_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.answered_at IS NULL
       AND (OLD.grievance_id, OLD.person_id, OLD.kind, OLD.loan_id, OLD.opened_at)
           IS NOT DISTINCT FROM (NEW.grievance_id, NEW.person_id, NEW.kind, NEW.loan_id, NEW.opened_at)
       AND (NEW.due_on = OLD.due_on OR OLD.extended_at IS NULL AND NEW.extended_at IS NOT NULL)
       AND NEW.due_on >= OLD.due_on THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was raised stays as it was, takes longer once at most, and is answered once';
END
$$;
CREATE TRIGGER grievance_stays BEFORE UPDATE OR DELETE ON grievance FOR EACH ROW EXECUTE FUNCTION grievance_stays();
CREATE TRIGGER grievance_stays_whole BEFORE TRUNCATE ON grievance FOR EACH STATEMENT EXECUTE FUNCTION grievance_stays();
