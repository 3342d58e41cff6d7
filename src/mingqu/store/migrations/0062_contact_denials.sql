-- Contacts that the gate did not allow, each with the row of the rules that spoke against it and the first moment that
-- allows it: what a supervisor asks for. No number and no name.
CREATE TABLE contact_denial (
    cell      smallint    NOT NULL,
    work_id   uuid        NOT NULL,
    denied_at timestamptz NOT NULL,
    person_id uuid        NOT NULL,
    loan_id   uuid        NOT NULL,
    medium    text        NOT NULL COLLATE "C",
    reason    text        NOT NULL COLLATE "C",
    rule_id   text        NOT NULL COLLATE "C",
    document  text        NOT NULL,
    next_at   timestamptz CHECK (next_at > denied_at),
    PRIMARY KEY (cell, work_id, denied_at),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id)
);
CREATE INDEX contact_denial_person ON contact_denial (cell, person_id, denied_at);

CREATE FUNCTION contact_denial_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a denial is neither changed nor deleted';
END
$$;
CREATE TRIGGER contact_denial_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON contact_denial
    FOR EACH STATEMENT EXECUTE FUNCTION contact_denial_stays();
