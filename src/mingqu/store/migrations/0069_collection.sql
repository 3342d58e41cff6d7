-- What was done about overdue loans: who took a case, who was called and whether somebody was spoken with, what was
-- promised, to whom it was handed. Only added to; a case and a promise follow from the rows and from the ledger. Of a
-- number there is a keyed hash, and words of a note lie sealed under the person's key.
CREATE TABLE collection_step (
    cell        smallint    NOT NULL,
    step_id     uuid        NOT NULL,
    loan_id     uuid        NOT NULL,
    person_id   uuid        NOT NULL,
    kind        text        NOT NULL COLLATE "C",
    at          timestamptz NOT NULL,
    operator_id uuid        NOT NULL,
    number_hash bytea,
    effective   boolean,
    amount_fen  bigint      CHECK (amount_fen > 0),
    until       date,
    party       text,
    PRIMARY KEY (cell, step_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id),
    CHECK (kind IN ('assigned', 'called', 'promised', 'noted', 'to_agency', 'to_court', 'called_back')),
    CHECK ((kind = 'called') = (number_hash IS NOT NULL) AND (kind = 'called') = (effective IS NOT NULL)),
    CHECK ((kind = 'promised') = (amount_fen IS NOT NULL)),
    CHECK ((kind IN ('promised', 'to_agency')) = (until IS NOT NULL)),
    CHECK ((kind IN ('to_agency', 'to_court')) = (party IS NOT NULL))
);
CREATE INDEX collection_step_loan ON collection_step (cell, loan_id, at);
CREATE INDEX collection_step_person ON collection_step (cell, person_id, at);

CREATE FUNCTION collection_step_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was done about a debt is neither changed nor deleted';
END
$$;
CREATE TRIGGER collection_step_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON collection_step
    FOR EACH STATEMENT EXECUTE FUNCTION collection_step_stays();
